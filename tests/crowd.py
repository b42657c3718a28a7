"""A writing process among many: what it sends follows from a seed, and what it is answered goes into its journal.

    python -m tests.crowd DSN SEED WRITER JOURNAL

One that takes the place of a killed one sends the batch again that was not answered, as a publisher would, and goes on.
A file `finish` beside the journal ends it after its batch.
"""

import math
import sys
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random

import msgspec
from stdnum.cn import ric

from domain.facts import DeathReported, DeathRetracted, Department, LifeEvent, RetirementRegistered
from domain.history import Receipt
from domain.refusals import Refused
from infra.database import Database, DatabaseError
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.statutes import the_law
from infra.submissions import Submission
from tests.building import SHENZHEN, retirement, submission

TODAY = date(2024, 4, 10)
LARGEST = 200
_NEW = 0.70
_NAMES = (None, "王小明", "王小明", "李小明")
_WITNESSES = (Department.CIVIL_AFFAIRS, Department.POLICE, Department.COMMUNITY, Department.FAMILY)


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """What a writer was told of one submission. `place`: of its writer's own, which place in their order."""

    source: str
    id: str
    digest: bytes
    place: tuple[int, int] | None
    code: str | None = None
    receipt: Receipt | None = None


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """A line of a journal: a batch, when it was answered. `failures`: how often it was sent in vain before."""

    step: int
    failures: int
    answers: list[Answered]


def journal(path: Path) -> list[Batch]:
    """The batches in a journal; a line that was cut short by a kill is none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [_decoder.decode(line) for line in lines]


_decoder = msgspec.json.Decoder(Batch)


# What is sent


class Sent(msgspec.Struct, frozen=True):
    """A submission, and its place in the order of its writer's own; None: not its own, or never to be accepted."""

    submission: Submission
    place: tuple[int, int] | None = None


def chance(*of: object) -> Random:
    return Random("/".join(map(str, of)))  # noqa: S311 - a seed, not secrecy


def batch(seed: int, writer: int, step: int) -> list[Sent]:
    """What a writer sends at a step: of its own things, and of the things that others send as well."""
    return [_one(seed, writer, step, n) for n in range(_size(seed, writer, step))]


def _size(seed: int, writer: int, step: int) -> int:
    return round(math.exp(math.log(LARGEST) * chance(seed, writer, step).random()))


def _one(seed: int, writer: int, step: int, n: int) -> Sent:
    rng = chance(seed, writer, step, n, "kind")
    kind = rng.random()
    if kind < _NEW:
        return Sent(_own(seed, writer, step, n), (step, n))
    if kind < 0.80 and step:
        again = rng.randrange(max(0, step - 20), step)
        nth = rng.randrange(_size(seed, writer, again))
        if chance(seed, writer, again, nth, "kind").random() < _NEW:
            return Sent(_own(seed, writer, again, nth), (again, nth))
    if kind < 0.97:
        return Sent(_shared(seed, rng.randrange(60 + 25 * step), other=rng.random() < 0.1))
    return Sent(_refused(rng, writer, step, n))


def _own(seed: int, writer: int, step: int, n: int) -> Submission:
    """About somebody whom others write of at about the same time, perhaps for the first time."""
    rng = chance(seed, writer, step, n)
    retracts = rng.random() < 0.2 and step > 0
    if retracts:
        before = step - rng.randint(1, min(step, 5))
        report = _own(seed, writer, before, rng.randrange(4))
        if isinstance(report.fact, DeathReported):
            back = DeathRetracted(effective=TODAY, retracts=report.id)
            number = report.person.identity_number
            return submission(back, f"{writer}-{step}-{n}", number=number, department=report.department)
    fact, department = _fact(rng)
    who = rng.randrange(20) if rng.random() < 0.03 else rng.randrange(40 + 4 * step)
    return submission(
        fact, f"{writer}-{step}-{n}", number=somebody(who), name=rng.choice(_NAMES), department=department
    )


def _shared(seed: int, n: int, *, other: bool) -> Submission:
    """What several send under the same source and id; the other content is in conflict with the one."""
    rng = chance(seed, "shared", n)
    fact, department = _fact(rng)
    number, name = somebody(rng.randrange(40 + n // 10)), rng.choice(_NAMES)
    if other:
        fact = msgspec.structs.replace(fact, effective=fact.effective - timedelta(days=1))
    return submission(fact, f"shared-{n}", number=number, name=name, department=department)


def _refused(rng: Random, writer: int, step: int, n: int) -> Submission:
    id_ = f"refused-{writer}-{step}-{n}"
    match rng.randrange(3):
        case 0:
            return submission(retirement(), id_, number="110105194912310021")
        case 1:
            return submission(retirement(TODAY + timedelta(days=1)), id_, number=somebody(rng.randrange(10_000)))
        case _:
            died = DeathReported(effective=TODAY)
            number = somebody(rng.randrange(10_000))
            return submission(died, id_, number=number, department=Department.ENTERPRISE)


def _fact(rng: Random) -> tuple[LifeEvent, Department]:
    on = TODAY - timedelta(days=rng.randrange(500))
    if rng.random() < 0.35:
        pension = rng.choice(["2500.00", "3456.78", "12000.00"])
        registered = RetirementRegistered(effective=on, monthly_pension=pension, residence_division=SHENZHEN)
        return registered, rng.choice((Department.AGENCY, Department.ENTERPRISE))
    document = rng.choice((None, "1号", f"{rng.randrange(1_000)}号"))
    return DeathReported(effective=on, document=document), rng.choice(_WITNESSES)


@lru_cache(maxsize=50_000)
def somebody(n: int) -> str:
    """The identity number of the n-th invented person, of twenty thousand."""
    stem = f"440304{1940 + n // 999 % 20}0101{n % 999 + 1:03d}"
    return stem + ric.calc_check_digit(stem + "0")


# Sending it


def main(dsn: str, seed: int, writer: int, path: Path) -> None:
    ledger = Ledger(Database(dsn, max_size=2), KeyRing(bytes(range(32))), the_law())
    done = journal(path)
    with path.open("ab") as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)
        step = done[-1].step + 1 if done else 0
        while True:  # once at least: the batch that was not answered is in doubt
            answered = _send(ledger, batch(seed, writer, step), step)
            file.write(msgspec.json.encode(answered) + b"\n")
            file.flush()
            if path.with_name("finish").exists():
                break
            step += 1
    ledger.database.close()


def _send(ledger: Ledger, sent: list[Sent], step: int) -> Batch:
    """Until it is answered."""
    failures = 0
    while True:
        try:
            answers = ledger.accept([one.submission for one in sent], TODAY)
        except DatabaseError:
            failures += 1
            continue
        return Batch(step, failures, [_answered(one, answer) for one, answer in zip(sent, answers, strict=True)])


def _answered(sent: Sent, answer: Receipt | Refused) -> Answered:
    one = sent.submission
    if isinstance(answer, Refused):
        return Answered(one.source, one.id, one.digest, sent.place, code=answer.code)
    return Answered(one.source, one.id, one.digest, sent.place, receipt=answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
