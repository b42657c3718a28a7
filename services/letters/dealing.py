"""Dealing with dead letters: looking at them, sending them through the one handler again as they were or mended, giving up.

A letter is sent in its publisher's name: its own department mends it, and the agency may send it again unchanged, as after
a fault of ours. Everything of it is told to the log, with the name of whoever did it.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.disclosures import DataDisclosed, Look, Way
from domain.facts import Department
from domain.history import Taken
from domain.identity import names_a_person, normal
from domain.refusals import Refused
from infra.keys import KeyRing
from infra.letters import DeadLetter, Letters, Wanted
from infra.refused import Headers, Original
from services.accepting.bounds import bound_of
from services.accepting.cloudevents import Publisher
from services.accepting.intake import Answer, Received, accept
from services.accounts import Account, Act
from services.application import Changqing
from services.bus.worker import envelope_of
from services.reading.who import who

AT_A_TIME = 50
"""Letters that are open at once, of half a mebibyte at the most."""
NOBODY = UUID(int=0)
"""Who a message is about that cannot be read, in the record of a look at it."""
_PURPOSE = "处理死信 dealing with a dead letter"
_BASIS = "个人信息保护法 第三十四条"
_LONGEST_REASON = 500


class Tried(Struct, frozen=True, kw_only=True):
    """A letter that was sent again, and its answer; None: its bytes were never kept, as they were too many."""

    place: str
    answer: Answer | None


class DeadLetters:
    """The dead letters of a ledger, for those who deal with them."""

    def __init__(self, application: Changqing, keys: KeyRing) -> None:
        self._application = application
        self.letters = Letters(application.database, keys)

    def find(self, place: str, account: Account | None = None) -> DeadLetter:
        """One letter, as an account may see it; None: an operator. Raises `Refused`: `dead-letter-unknown`, `forbidden`."""
        letter = self.letters.find(place)
        if letter is None:
            raise Refused("dead-letter-unknown", "place")
        if account is not None and self.seen(account).find(place) is None:
            raise Refused("forbidden", "place")
        return letter

    def seen(self, account: Account) -> Letters:
        """The letters that an account may see."""
        return self.letters.seen_by(who(account))

    def original(self, account: Account, place: str, way: Way = Way.PAGE) -> Original:
        """The message as it came, for its own department or an auditor. The look is recorded before: no record, no data.

        Raises `Refused`: `forbidden`, `dead-letter-unknown`, `dead-letter-closed`, `original-not-kept`.
        """
        letter = self._open(place, account)
        account.allow(Act.LETTERS_ORIGINAL)
        if not account.may(Act.LETTERS_ORIGINAL_ALL) and account.department is not letter.department:
            raise Refused("forbidden", "place")
        original = self._kept(place)
        disclosed = DataDisclosed(
            department=account.department,
            actor=account.name,
            purpose=_PURPOSE,
            legal_basis=_BASIS,
            fields=("original", f"dead-letter:{place}"),
            retirees=(self._about(original) or NOBODY,),
            way=way,
            look=Look.OPENED,
        )
        self.letters.disclosed(place, disclosed)
        return original

    def replay(self, account: Account, place: str) -> Answer:
        """Send one letter again as it was. Raises `Refused` as `original`."""
        letter = self._open(place, account)
        self._may_send(account, letter)
        tried = self._send(account, [letter])
        self._closed(place, bool(tried))
        if tried[0].answer is None:
            raise Refused("original-not-kept", "place")
        return tried[0].answer

    def replay_all(self, account: Account, wanted: Wanted) -> Iterator[Tried]:
        """Send again, in the order they came, all letters of a kind that the account may; each is tried once.

        Interrupted anywhere, the same again goes on: what is closed is no longer waiting.
        """
        account.allow(Act.LETTERS_SEND)
        if not account.may(Act.LETTERS_SEND_ALL):
            wanted = msgspec.structs.replace(wanted, department=account.department)
        wanted, after = msgspec.structs.replace(wanted, state="waiting"), (0, "")
        while page := self.seen(account).page(wanted, after, AT_A_TIME):
            after = page[-1].position, page[-1].place
            yield from self._send(account, page)

    def mend(self, account: Account, place: str, mended: bytes) -> Answer:
        """Send mended bytes in the place of a letter: an event in structured mode, or else a value under the old headers.

        A letter whose mended bytes are refused goes on waiting. Raises `Refused` as `original`.
        """
        letter = self._open(place, account)
        account.allow(Act.LETTERS_SEND)
        if account.department is not letter.department:
            raise Refused("forbidden", "place")
        with self.letters.held([place]):
            self._open(place, account)  # somebody may have been faster
            original = self.letters.original(place)
            headers: Headers = () if original is None or _structured(mended) else original.named
            read = partial(envelope_of, headers, mended)
            bound = bound_of(account, mended)
            received = Received(read, _publisher(letter), mended, f"mended:{place}", bound=bound)
            (answer,) = accept(self._application, [received])
            if isinstance(answer, Taken):
                self._closed(place, self.letters.close(place, "mended", account.name, receipt=answer))
        return answer

    def give_up(self, account: Account, place: str, reason: str) -> None:
        """Let a letter be; its publisher has the refusal. Raises `Refused` as `original`, and for a reason that is none."""
        self._may_send(account, self._open(place, account))
        reason = reason.strip()
        if not reason:
            raise Refused("missing-field", "reason")
        if len(reason) > _LONGEST_REASON:
            raise Refused("invalid-field", "reason", f"at most {_LONGEST_REASON} characters")
        if not reason.isprintable():
            raise Refused("invalid-field", "reason", "control characters")
        if names_a_person(reason):
            raise Refused("identity-number-in-id", "reason")
        with self.letters.held([place]):
            self._closed(place, self.letters.close(place, "given-up", account.name, reason=reason))

    def _send(self, account: Account, letters: Sequence[DeadLetter]) -> list[Tried]:
        """Send those that nobody else has brought to an end meanwhile."""
        with self.letters.held(letter.place for letter in letters):
            return self._sent(account, [letter for letter in letters if self.find(letter.place).state == "waiting"])

    def _sent(self, account: Account, letters: Sequence[DeadLetter]) -> list[Tried]:
        originals = [(letter, self.letters.original(letter.place)) for letter in letters]
        there = [(letter, original) for letter, original in originals if original is not None]
        answers = (
            accept(self._application, [_received(letter, original) for letter, original in there]) if there else []
        )
        told: dict[str, Answer] = {}
        for (letter, _), answer in zip(there, answers, strict=True):
            told[letter.place] = answer
            if isinstance(answer, Taken):
                self.letters.close(letter.place, "replayed", account.name, receipt=answer)
            else:
                self.letters.fails(letter.place, account.name, answer.code, answer.path, answer.detail)
        return [Tried(place=letter.place, answer=told.get(letter.place)) for letter in letters]

    def _open(self, place: str, account: Account) -> DeadLetter:
        letter = self.find(place, account)
        self._closed(place, letter.state == "waiting")
        return letter

    def _kept(self, place: str) -> Original:
        original = self.letters.original(place)
        if original is None:
            raise Refused("original-not-kept", "place")
        return original

    @staticmethod
    def _closed(place: str, waiting: bool) -> None:  # noqa: FBT001 - what was found out about the place
        if not waiting:
            raise Refused("dead-letter-closed", "place", place)

    @staticmethod
    def _may_send(account: Account, letter: DeadLetter) -> None:
        account.allow(Act.LETTERS_SEND)
        if not account.may(Act.LETTERS_SEND_ALL) and account.department is not letter.department:
            raise Refused("forbidden", "place")

    def _about(self, original: Original) -> UUID | None:
        """Whom a message is about, as far as it can be read."""
        try:
            found = _glance(bytes(envelope_of(original.named, original.value).data))
            return self.letters.retiree(normal(found.person.identity_number))
        except (Refused, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def seen_by(account: Account) -> Department | None:
    """Whose letters an account may see; None: all. Raises `Refused("forbidden")`."""
    account.allow(Act.LETTERS)
    return None if account.may(Act.LETTERS_ALL) else account.department


def outcome(answer: Answer | None) -> str:
    """How a letter that was sent again ended, in one word."""
    if answer is None:
        return "not-kept"
    return "known" if isinstance(answer, Taken) and answer.known else str(answer.status)


class _Who(Struct):
    identity_number: str


class _About(Struct):
    person: _Who


_glance = msgspec.json.Decoder(_About).decode


def _structured(body: bytes) -> bool:
    """Whether it is an event whole, with its attributes."""
    try:
        given: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(given, dict) and "specversion" in given


def _publisher(letter: DeadLetter) -> Publisher:
    return Publisher(letter.published_by, letter.department, letter.channel)


def _received(letter: DeadLetter, original: Original) -> Received:
    read = partial(envelope_of, original.named, original.value)
    place = f"{letter.channel}:{letter.place}"
    return Received(read, _publisher(letter), original.value, place, at=letter.recorded_at)
