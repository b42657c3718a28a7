"""What stands in the log: every kind of event under its stored name, and the entry that gives it its place."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from domain.accounts import (
    AccountChanged,
    AccountDisabled,
    AccountEnabled,
    AccountRegistered,
    AccountUnlocked,
    CredentialChanged,
)
from domain.completeness import (
    BatchClosed,
    BatchComplete,
    BatchIncomplete,
    Finding,
    Report,
    SequencesUnused,
    SourceForkFound,
    SourceGapClosed,
    SourceGapFound,
    SourceHeard,
    SourceHeartbeat,
    SourceJumpFound,
    SourceSilent,
)
from domain.consumers import ConsumerChanged, ConsumerEnded, ConsumerRegistered, ConsumerReplayed, DeliveryGivenUp
from domain.disclosures import (
    AccessDenied,
    DataDelivered,
    DataDisclosed,
    LogRead,
    RegisterExported,
    UnusualAccessFlagged,
)
from domain.dispositions import DeadLetterClosed, SubmissionRefused
from domain.erasing import LegalHoldLifted, LegalHoldPlaced, PersonErased
from domain.facts import LIFE_EVENTS, Department, Known, LifeEvent, Reference
from domain.links import RecordsJoined, RecordsParted
from domain.pausing import IntakePaused, IntakeResumed
from domain.proposals import (
    ProposalApproved,
    ProposalDone,
    ProposalExpired,
    ProposalMade,
    ProposalRefused,
    ProposalWithdrawn,
)
from domain.rotation import KeyRotated
from domain.sources import SourceKeyAdded, SourceKeyRevoked, SourceNumbersSet, SourcePolicySet, SourceRegistered
from domain.told import AlertEscalated, AlertRaised, AlertWithdrawn


class FactPublished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A life event as a publisher told it. Stored under the name of its fact.

    `sealed`: the person, and what was sent, byte for byte, encrypted under the retiree's key (`infra/sealed.py`).
    `signed_by`: the key whose signature was checked; empty: it bore none. `learnt`: the business day on which we were told.
    `digest`: of the content as published, so that the same id with other content is known for what it is.
    `parked`: the retiree was not registered yet when it came. `under`: the record of the number that was given, where
    that is not the stream's: the person is encrypted under the key of that record. `sequence`: the source's own number of it;
    `batch`: the one that it is of, where the source says so.
    """

    source: str
    id: str
    department: Department
    published_by: str
    channel: str
    learnt: date
    fact: LifeEvent
    sealed: bytes
    digest: bytes
    time: datetime | None = None
    parked: bool = False
    under: UUID | None = None
    sequence: int | None = None
    batch: str | None = None
    signed_by: str = ""

    def known(self, name_tag: str | None) -> Known:
        """The fact as decisions know it."""
        return Known(
            reference=Reference(self.source, self.id),
            department=self.department,
            learnt=self.learnt,
            fact=self.fact,
            name_tag=name_tag,
            under=self.under,
        )


class FactMoved(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="name", tag="fact-moved.v1"):
    """A fact that came to another record of the same person is this one's too; where it was told, it stays.

    `of`: the record it comes from, for as long as the two are joined; this very one: it goes with it when they part.
    `published` is as it was told. `at_once`: it came while they were joined, and takes effect by itself.
    """

    of: UUID
    published: FactPublished
    at_once: bool = False


class DayPassed(Struct, frozen=True, kw_only=True, tag_field="name", tag="day-passed.v1"):
    """Everything that fell due on `day` (Beijing) is in the log before this.

    `law`: the digest of the law that everybody was last looked at under; empty before that was told.
    """

    day: date
    law: str = ""


Event = (
    FactPublished
    | FactMoved
    | RecordsJoined
    | RecordsParted
    | DayPassed
    | AlertRaised
    | AlertWithdrawn
    | AlertEscalated
    | DataDisclosed
    | RegisterExported
    | DataDelivered
    | LogRead
    | AccessDenied
    | UnusualAccessFlagged
    | Report
    | Finding
    | SourceRegistered
    | SourcePolicySet
    | SourceNumbersSet
    | SourceKeyAdded
    | SourceKeyRevoked
    | SubmissionRefused
    | DeadLetterClosed
    | ConsumerRegistered
    | ConsumerChanged
    | ConsumerEnded
    | ConsumerReplayed
    | DeliveryGivenUp
    | IntakePaused
    | IntakeResumed
    | AccountRegistered
    | AccountChanged
    | AccountDisabled
    | AccountEnabled
    | CredentialChanged
    | AccountUnlocked
    | ProposalMade
    | ProposalApproved
    | ProposalRefused
    | ProposalWithdrawn
    | ProposalExpired
    | ProposalDone
    | PersonErased
    | LegalHoldPlaced
    | LegalHoldLifted
    | KeyRotated
)

STORED_NAMES: dict[str, type[Event]] = {
    **dict.fromkeys(LIFE_EVENTS, FactPublished),
    "fact-moved.v1": FactMoved,
    "records-joined.v1": RecordsJoined,
    "records-parted.v1": RecordsParted,
    "pension-alert-raised.v1": AlertRaised,
    "pension-alert-withdrawn.v1": AlertWithdrawn,
    "pension-alert-escalated.v1": AlertEscalated,
    "personal-data-disclosed.v2": DataDisclosed,
    "register-exported.v1": RegisterExported,
    "personal-data-delivered.v1": DataDelivered,
    "log-read.v1": LogRead,
    "access-denied.v1": AccessDenied,
    "unusual-access-flagged.v1": UnusualAccessFlagged,
    "consumer-registered.v1": ConsumerRegistered,
    "consumer-changed.v1": ConsumerChanged,
    "consumer-ended.v1": ConsumerEnded,
    "consumer-replayed.v1": ConsumerReplayed,
    "delivery-given-up.v1": DeliveryGivenUp,
    "day-passed.v1": DayPassed,
    "source-heartbeat.v1": SourceHeartbeat,
    "batch-closed.v1": BatchClosed,
    "sequences-unused.v1": SequencesUnused,
    "source-gap-found.v1": SourceGapFound,
    "source-gap-closed.v1": SourceGapClosed,
    "source-jump-found.v1": SourceJumpFound,
    "source-fork-found.v1": SourceForkFound,
    "source-silent.v1": SourceSilent,
    "source-heard.v1": SourceHeard,
    "batch-incomplete.v1": BatchIncomplete,
    "batch-complete.v1": BatchComplete,
    "source-registered.v1": SourceRegistered,
    "source-policy-set.v1": SourcePolicySet,
    "source-numbers-set.v1": SourceNumbersSet,
    "source-key-added.v1": SourceKeyAdded,
    "source-key-revoked.v1": SourceKeyRevoked,
    "submission-refused.v1": SubmissionRefused,
    "dead-letter-closed.v1": DeadLetterClosed,
    "intake-paused.v1": IntakePaused,
    "intake-resumed.v1": IntakeResumed,
    "account-registered.v1": AccountRegistered,
    "account-changed.v1": AccountChanged,
    "account-disabled.v1": AccountDisabled,
    "account-enabled.v1": AccountEnabled,
    "credential-changed.v1": CredentialChanged,
    "account-unlocked.v1": AccountUnlocked,
    "proposal-made.v1": ProposalMade,
    "proposal-approved.v1": ProposalApproved,
    "proposal-refused.v1": ProposalRefused,
    "proposal-withdrawn.v1": ProposalWithdrawn,
    "proposal-expired.v1": ProposalExpired,
    "proposal-done.v1": ProposalDone,
    "person-erased.v1": PersonErased,
    "legal-hold-placed.v1": LegalHoldPlaced,
    "legal-hold-lifted.v1": LegalHoldLifted,
    "key-rotated.v1": KeyRotated,
}


class Entry(Struct, frozen=True):
    """An event at its place: `position` in the one log (from 1, without gaps), `version` in its stream."""

    position: int
    recorded_at: datetime
    stream: UUID
    version: int
    name: str
    event: Event

    @property
    def originator_id(self) -> UUID:
        """The stream, in the words of the eventsourcing library."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, likewise."""
        return self.version


_ALERTS = AlertRaised | AlertWithdrawn | AlertEscalated
PURPOSE, BASIS = "核对待遇 checking a benefit", "个人信息保护法 第三十四条"
"""What events about people are handed over for, and on which basis."""


def delivery(department: str, outlet: str, entries: Iterable[Entry]) -> DataDelivered | None:
    """The record of handing over the alerts among some entries; None when there are none."""
    alerts = [(entry, str(entry.position)) for entry in entries if isinstance(entry.event, _ALERTS)]
    return handing_over(department, outlet, alerts)


def handing_over(
    department: str, outlet: str, handed: Iterable[tuple[Entry, str]], fields: Sequence[str] = ()
) -> DataDelivered | None:
    """The record of handing over what entries became: each with the id of a CloudEvent that it became. None: nothing about people.

    `fields`: the members of each that go out, where these are not all.
    """
    found = [(entry, id_, group) for entry, id_ in handed if (group := _group(entry, id_))]
    if not found:
        return None
    return DataDelivered(
        department=department,
        outlet=outlet,
        alerts=tuple(entry.event.alert for entry, _, _ in found if isinstance(entry.event, _ALERTS)),
        retirees=tuple(dict.fromkeys(one for entry, _, _ in found for one in _of(entry))),
        events=tuple(id_ for _, id_, _ in found),
        fields=tuple(fields) or tuple(dict.fromkeys(group for _, _, group in found)),
        purpose=PURPOSE,
        legal_basis=BASIS,
    )


def _group(entry: Entry, id_: str) -> str | None:
    """Which group a CloudEvent of ours is of; None: it is about nobody, or a receipt. Their ids are given in `services/bus/outgoing.py`."""
    match entry.event:
        case AlertRaised() | AlertWithdrawn() | AlertEscalated():
            return "alerts"
        case RecordsJoined() | RecordsParted():
            return "records"
        case FactPublished() if id_ == str(entry.position):
            return "life-events"
        case FactPublished() if id_.startswith(f"{entry.position}-"):
            return "contests"
        case _:
            return None


def _of(entry: Entry) -> tuple[UUID, ...]:
    """Whom an entry is about."""
    match entry.event:
        case AlertRaised() | AlertWithdrawn() | AlertEscalated() as alert:
            return (alert.retiree,)
        case RecordsJoined(other=other) | RecordsParted(other=other):
            return (entry.stream, other)
        case _:
            return (entry.stream,)


class Outcome(StrEnum):
    """How a submission ended, when it was not refused."""

    ACCEPTED = "accepted"
    PARKED = "parked"


class Taken(Struct, frozen=True, kw_only=True):
    """The answer to what was taken in, the same however often and by whichever way it is sent, but for `known`.

    That is all that a report of a source is answered. `known`: it was here before.
    """

    source: str
    id: str
    status: Outcome
    position: int
    recorded_at: datetime
    known: bool = False


class Receipt(Taken, frozen=True, kw_only=True):
    """The answer to an accepted submission.

    Parked: the retiree is not registered yet, and the fact takes effect when that happens.
    """

    retiree: UUID
