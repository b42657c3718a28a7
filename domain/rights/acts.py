"""What there is to be done, and what accounts are for. Who may do which is in `rights.toml`."""

from enum import StrEnum


class Role(StrEnum):
    """What an account is for. An administrator keeps accounts, sources and consumers, and sees nobody.

    A guardian answers for the protection of personal data (个人信息保护法 第五十二条): erasure, who saw whom.
    """

    PUBLISHER = "publisher"
    OFFICER = "officer"
    COMMUNITY = "community"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    GUARDIAN = "guardian"


class Act(StrEnum):
    """What somebody wants to do. One that ends in `-all` is of every department; the same without it, of one's own."""

    PUBLISH = "publish"
    RECEIPTS = "receipts.read"
    RECEIPTS_ALL = "receipts.read-all"
    LETTERS = "letters.read"
    LETTERS_ALL = "letters.read-all"
    LETTERS_ORIGINAL = "letters.original"
    LETTERS_ORIGINAL_ALL = "letters.original-all"
    LETTERS_SEND = "letters.send"
    LETTERS_SEND_ALL = "letters.send-all"
    SOURCES = "sources.read"
    SOURCES_ALL = "sources.read-all"
    SOURCES_MANAGE = "sources.manage"
    CONSUMERS = "consumers.read"
    CONSUMERS_ALL = "consumers.read-all"
    CONSUMERS_WATCH = "consumers.watch"
    CONSUMERS_MANAGE = "consumers.manage"
    CONSUMERS_REPLAY = "consumers.replay"
    FEEDS = "feeds.read"
    FOLLOWERS = "followers.read"
    ALERTS = "alerts.read"
    ALERTS_BULK = "alerts.answer-bulk"
    ROSTER = "roster.read"
    RETIREE = "retirees.read"
    SEARCH = "search"
    UNMASK = "unmask"
    EXPORT = "export"
    EXPORT_UNMASKED = "export.unmasked"
    BULLETIN = "bulletin.read"
    SHARING = "sharing.read"
    AUDIT = "audit.read"
    LOOKS = "looks.read"
    FLAGS = "flags.read"
    ACCOUNTS = "accounts.read"
    ACCOUNTS_MANAGE = "accounts.manage"
    ACCOUNTS_RAISE = "accounts.raise"
    LAW = "law.read"
    LAW_CHANGE = "law.change"
    PROPOSALS = "proposals.read"
    PROPOSALS_ALL = "proposals.read-all"
    ERASE = "person.erase"
    HOLDS = "hold.read"
    HOLD = "hold.set"
    HOLD_LIFT = "hold.lift"
