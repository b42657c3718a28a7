"""What comes in: a submission, and what can be made of it before the database is asked.

Preparing is apart from the transaction, so that one batch can be prepared while the one before it is being committed.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from domain.facts import Department, IdentityLinked, Known, LifeEvent, Person, Reference
from domain.identity import check_day, normal, normal_name
from domain.refusals import Refused
from infra.keys import KeyRing


class Submission(Struct, frozen=True, kw_only=True):
    """A life event as it came in, parsed and with a publisher whose right to its source was checked.

    `digest` is of the content: two submissions of one (source, id) with other digests are in conflict. `original`: what
    was sent, as `infra/sealed.py` keeps it. `signed_by`: the key whose signature was checked, if it bore one. `traceparent`: of
    the trace that it belongs to, if any.
    """

    source: str
    id: str
    department: Department
    published_by: str
    channel: str
    fact: LifeEvent
    person: Person
    digest: bytes
    time: datetime | None = None
    sequence: int | None = None
    batch: str | None = None
    original: bytes = b""
    signed_by: str = ""
    traceparent: str = ""


Key = tuple[str, str]
"""The publisher's own identification: source and id."""


class Prepared(NamedTuple):
    """A submission with what could be made of it: the person under the normal number, and keyed hashes.

    `tag` stands for the identity number, `digest` for the content, `name` for the name that was given; `other` for the
    number that is linked to it.
    """

    submission: Submission
    key: Key
    person: Person
    tag: bytes
    digest: bytes
    name: str | None
    other: bytes | None = None

    def known(self, learnt: date) -> Known:
        """The fact as decisions know it."""
        return Known(
            reference=Reference(self.submission.source, self.submission.id),
            department=self.submission.department,
            learnt=learnt,
            fact=self.submission.fact,
            name_tag=self.name,
        )


def prepare(keys: KeyRing, submissions: Sequence[Submission]) -> list[Prepared | Refused]:
    """The submissions, prepared or refused, in their order."""
    numbers = [_number(submission) for submission in submissions]
    good = [(one, number) for one, number in zip(submissions, numbers, strict=True) if isinstance(number, str)]
    # The content's hash is keyed, as a plain one would give away the identity number by trying them all.
    made = zip(
        good,
        keys.tags("identity-number", [number for _, number in good]),
        keys.tags("content", [one.digest.hex() for one, _ in good]),
        name_tags(keys, [one.person for one, _ in good]),
        strict=True,
    )
    prepared = iter(
        Prepared(one, (one.source, one.id), _under(one.person, number), tag, digest, name)
        if one.person.other_identity_number is None
        else _linking(keys, one, number, tag, digest, name)
        for (one, number), tag, digest, name in made
    )
    return [number if isinstance(number, Refused) else next(prepared) for number in numbers]


def name_tags(keys: KeyRing, people: Sequence[Person]) -> list[str | None]:
    """What stands for the names that were given, where one was."""
    tags = keys.tags("name", [normal_name(person.name or "") for person in people])
    return [tag.hex() if person.name else None for person, tag in zip(people, tags, strict=True)]


def _linking(keys: KeyRing, one: Submission, number: str, tag: bytes, digest: bytes, name: str | None) -> Prepared:
    other = normal(one.person.other_identity_number or "", _OTHER)
    person = replace(_under(one.person, number), other_identity_number=other)
    return Prepared(one, (one.source, one.id), person, tag, digest, name, keys.tag("identity-number", other))


def _under(person: Person, number: str) -> Person:
    return person if person.identity_number == number else replace(person, identity_number=number)


_OTHER = "data.person.other_identity_number"


def check_other(submission: Submission, number: str) -> str | None:
    """The normal form of the number that is linked to one. Raises `Refused` unless two are given where they must be, and nowhere else."""
    other = submission.person.other_identity_number
    if not isinstance(submission.fact, IdentityLinked):
        if other is None:
            return None
        raise Refused("unknown-field", _OTHER)
    if other is None:
        raise Refused("missing-field", _OTHER)
    if submission.fact.corrects:
        raise Refused("invalid-field", "data.corrects", "take the other link back by fact-retracted.v1 first")
    if (found := normal(other, _OTHER)) == number:
        raise Refused("same-number", _OTHER)
    return found


def _number(submission: Submission) -> str | Refused:
    try:
        number = normal(submission.person.identity_number)
        check_day(number, submission.fact.effective)
        if submission.person.other_identity_number is not None or isinstance(submission.fact, IdentityLinked):
            check_other(submission, number)
    except Refused as refusal:
        return refusal
    return number
