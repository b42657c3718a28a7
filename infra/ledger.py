"""The write side of the log: submissions in, receipts out, a batch in one transaction."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from threading import Event as Flag
from uuid import UUID

from psycopg import Connection

from domain.completeness import Report
from domain.history import DayPassed, Event, Receipt, Taken
from domain.law import Law
from domain.proposals import Act
from domain.refusals import Refused
from infra import codec
from infra.batch import AloneError, Batch, FasterError, InDoubtError, NoRoomError
from infra.clocks import Clocks, GapError
from infra.copying import TEXT, array
from infra.database import Database, DatabaseError, Rows
from infra.days import AT_A_TIME, CLOCK, NOBODY, last_day, pass_some
from infra.keys import KeyRing, WrongKeyError
from infra.log import SQL, Appended, append_all, last_position, lock_streams, with_room
from infra.partitions import make_room
from infra.proposals import approved, spend
from infra.reports import accept_reports, known_reports
from infra.submissions import Prepared, Submission, prepare
from infra.together import Together

_EVENTS_EACH = 10
"""Events that follow from one submission, at the most."""
_CLOCK = "clock"
"""Who carries out a change of the law."""
RESOLVE_SECONDS = 30.0
"""How long we ask what became of a commit whose answer was lost, before the sender is left to send again."""


class Ledger:
    """The write side of the log."""

    def __init__(self, database: Database, keys: KeyRing, law: Law) -> None:
        self.database = database
        self._keys = keys
        self._law = law
        self._key_checked = False
        self.clocks = Clocks(database)
        self._together = Together(database)

    def accept(self, submissions: Sequence[Submission], today: date) -> list[Receipt | Refused]:
        """Prepare a batch and commit it: see there."""
        return self.commit(self.prepare(submissions), today)

    def prepare(self, submissions: Sequence[Submission]) -> list[Prepared | Refused]:
        """What can be done without the database, so that it can be done while another batch is committed."""
        return prepare(self._keys, submissions)

    def commit(self, batch: Sequence[Prepared | Refused], today: date) -> list[Receipt | Refused]:
        """Accept a batch in one transaction; the answers are in the order of the batch.

        A refused one never fails its neighbours. The same (source, id) with the same content gets the receipt it had;
        with other content it is refused as `id-conflict`. When this returns, what is accepted is on disk.
        Where the connection is lost while committing, the inbox is asked what became of the batch: what is there has
        its receipt, and only what is not is decided on again.
        Raises `WrongKeyError`, and `DatabaseError`: nothing of the batch is then known to be stored, and sending it again is safe.
        """
        good = [one for one in batch if isinstance(one, Prepared)]
        answers = iter([answer for part in _parts(good) for answer in self._commit(part, today)])
        return [one if isinstance(one, Refused) else next(answers) for one in batch]

    def _commit(self, batch: Sequence[Prepared], today: date) -> list[Receipt | Refused]:
        answers: list[Receipt | Refused] = []
        size = len(batch)
        while len(answers) < len(batch):
            part = batch[len(answers) : len(answers) + size]
            try:
                answers += self._commit_at_once(part, today)
                size = len(batch)
            except AloneError as error:  # at the latest when it comes first, it is alone
                size = max(1, part.index(error.prepared))
        return answers

    def _commit_at_once(self, batch: Sequence[Prepared], today: date) -> list[Receipt | Refused]:
        """Raises `AloneError`."""
        asking_until = 0.0
        while True:
            try:
                self.check_key()
                with self.database.transaction() as connection:
                    return Batch(connection, self._keys, self._law, today).accept(batch)
            except FasterError:
                continue  # what it wrote is committed now, so the next round sees it
            except NoRoomError as error:
                with self.database.transaction() as connection:
                    make_room(connection, last_position(connection) + max(error.events, _EVENTS_EACH * len(batch)))
            except (InDoubtError, DatabaseError) as error:
                if isinstance(error, InDoubtError):
                    asking_until = asking_until or time.monotonic() + RESOLVE_SECONDS
                if time.monotonic() > asking_until:
                    raise
                time.sleep(0.1)  # the next round begins by asking the inbox

    def knows(self, submissions: Sequence[Submission]) -> list[bool]:
        """Whether each was accepted before with the same content. Raises `DatabaseError`."""
        prepared = self.prepare(submissions)
        keys = [(one.source, one.id) for one in submissions]
        sources, ids = (array(TEXT, [text.encode() for text in texts]) for texts in zip(*keys, strict=True))
        with self.database.transaction() as connection:
            _, inbox = connection.exchange([(SQL["begin"], ()), (SQL["inbox_known"], (sources, ids))])
        found = {(source.decode(), id_.decode()): digest for source, id_, digest, *_ in inbox}
        return [isinstance(one, Prepared) and found.get(one.key) == one.digest for one in prepared]

    def pass_days(
        self, today: date, until_told: Flag, say: Callable[[date, int], None], longest: timedelta | None = None
    ) -> None:
        """Let every day since the last one pass that is over for us, one after the other; the first time only `today`.

        On the last of them everybody is looked at under a law that is another than it was, which takes a second person: until a
        proposal `law.change` of its digest is approved, nobody is looked at for that, and the day says the law of before. Where
        no day is left to pass, what became due since on one that has is dealt with. `say` is told each day and for how many retirees something fell due.
        Raises `GapError` when more time than `longest` has gone by, `ClocksApartError`, `DatabaseError`, `WrongKeyError`.
        """
        self.check_key()
        self.clocks.check()
        with self.database.transaction() as connection:
            last = last_day(connection)
        if last and last.day >= today:
            self._deal_with(today)
            return
        if last and longest and today - last.day > longest:
            raise GapError(
                f"clock-gap: the last day that passed is {last.day}, and here it is {today}; when that is right, "
                "let `changqing clock --catch-up` run once"
            )
        day = last.day + timedelta(days=1) if last else today
        while day <= today and not until_told.is_set():
            say(day, self._pass_day(day, today, last))
            day += timedelta(days=1)

    def look_at_everybody(self, today: date) -> int:
        """Decide anew by today on all for whom anything ever fell due; how many there are.

        What was decided by days that had not come, or under another law, is made good as far as it can be: what was told
        too early is withdrawn. Raises `ClocksApartError`, `DatabaseError`, `WrongKeyError`, and `Refused("needs-approval")` under a
        law that is another than it was: what follows from that is the clock's, on the first day after it is approved.
        """
        self.check_key()
        self.clocks.check()
        if (law := self.law_to_follow()) is not None:
            raise Refused("needs-approval", "", f"propose {Act.LAW} of {law}; the clock then looks at everybody")
        return self._deal_with(today, everybody=True)

    def law_to_follow(self) -> str | None:
        """The digest of our law, where everybody was last looked at under another; None where not, and before the first day."""
        with self.database.transaction() as connection:
            last = last_day(connection)
        return self._law.digest if last and last.law != self._law.digest else None

    def _pass_day(self, day: date, today: date, last: DayPassed | None) -> int:
        dealt_with = self._deal_with(day)
        law = last.law if last else self._law.digest
        followed = day == today and law != self._law.digest and self._may_follow(day)
        if followed:  # a crash before the day is over, and whoever comes next begins again
            dealt_with += self._deal_with(day, everybody=True)
        with self.database.transaction() as connection:
            lock_streams(connection, [CLOCK])
            passed = last_day(connection)
            if passed is None or passed.day < day:  # another clock may have been faster
                if followed and approved(connection, Act.LAW, self._law.digest, day):  # it may be withdrawn by now
                    spend(connection, Act.LAW, self._law.digest, _CLOCK, day)
                    law = self._law.digest
                append_plain(connection, CLOCK, DayPassed(day=day, law=law))
        return dealt_with

    def _may_follow(self, day: date) -> bool:
        """Whether a second person approved that everybody is looked at under our law."""
        with self.database.transaction() as connection:
            return approved(connection, Act.LAW, self._law.digest, day) is not None

    def _deal_with(self, day: date, *, everybody: bool = False) -> int:
        """Decide on those for whom something falls due on a day or fell due before, or on everybody; how many there were."""
        dealt_with, after = 0, NOBODY if everybody else None
        pass_them = partial(pass_some, keys=self._keys, law=self._law, day=day)
        while some := with_room(self.database, _EVENTS_EACH * AT_A_TIME, partial(pass_them, after=after)):
            dealt_with += len(some)
            after = some[-1] if everybody else None
        return dealt_with

    def check_key(self) -> None:
        """Raise `WrongKeyError` unless this is the ledger's key: under another one everybody would become somebody new."""
        if self._key_checked:
            return
        with self.database.transaction() as connection:
            connection.execute(SQL["master_key_claim"], {"fingerprint": self._keys.fingerprint})
            found = connection.execute(SQL["master_key_find"]).fetchone()
        if found is None or found[0] not in self._keys.fingerprints:
            raise WrongKeyError("the key is not the one this ledger was written under")
        self._key_checked = True

    def report(self, reports: Sequence[Report]) -> list[Taken | Refused]:
        """Accept what sources report of themselves: see `accept_reports`. Raises also `WrongKeyError`."""
        self.check_key()
        return accept_reports(self.database, self._keys, reports)

    def knows_reports(self, reports: Sequence[Report]) -> list[bool]:
        """Whether each was accepted before with the same content. Raises `DatabaseError`."""
        return known_reports(self.database, self._keys, reports)

    def append(self, stream: UUID, event: Event) -> None:
        """Append an event that needs no decision (a disclosure, a delivery) to a stream of its own, in one commit with those of other threads."""
        self._together.append(stream, event)


def _parts(batch: Sequence[Prepared]) -> Iterator[Sequence[Prepared]]:
    """The batch, but for links of two numbers, which need a transaction each."""
    for alone, part in groupby(batch, key=lambda one: one.other is not None):
        together = list(part)
        yield from ([one] for one in together) if alone else [together]


def append_plain(connection: Connection[Rows], stream: UUID, event: Event) -> Appended:
    """Append one event that needs no decision, within the caller's transaction; where it went."""
    return append_all(connection, [(stream, codec.stored_name(event), codec.encode(event))])
