"""Where a reader stands: what it reads, as of which time, who asks, and how its looks are recorded."""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import date, datetime, time
from typing import Any, Self

from domain.disclosures import Way
from domain.law import Law
from domain.lineage import Lineage
from domain.refusals import Refused
from domain.rights.fields import View
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from infra.reading import Reading
from infra.views import KnownViews, Selects, Views
from services.accounts import Account
from services.application import BEIJING, today
from services.reading.cards import (
    MASKABLE,
)
from services.reading.looks import Looks
from services.reading.purposes import view_of
from services.reading.who import who


class Standing:
    """What every reader has.

    `known`: the time (Beijing) as of which; None: now. `reason`: why everything that is masked is asked for plain; empty: it is not.
    """

    def __init__(
        self,
        ledger: Ledger,
        views: Views | KnownViews,
        keys: KeyRing,
        lineage: Lineage,
        law: Law,
        known: datetime | None = None,
        looks: Looks | None = None,
    ) -> None:
        self.known = known
        self.reason = ""
        self.looks = looks or Looks(ledger)
        self._ledger = ledger
        self._views = views
        self._keys = keys
        self._lineage = lineage
        self._law = law

    def as_known(self, at: datetime) -> Self:
        """A reader of what the read models said at a time, and what followed from it on that day. A look is recorded as any other."""
        return self._but(_views=Views(self._ledger.database).as_known(at), known=at.astimezone(BEIJING))

    def by_end_of(self, on: date | None) -> Self:
        """A reader of what was recorded by the end of a day too, of what is true when it is recorded: there the two times are one."""
        if on is None:
            return self
        end = datetime.combine(on, time.max, BEIJING)
        return self.as_known(end) if end < (self.known or datetime.now(BEIJING)) else self

    def by(self, way: Way) -> Self:
        """The same reader, whose looks are recorded as of that way."""
        return self._but(looks=self.looks.by(way))

    def steady(self, use: str, way: Way = Way.EXPORT, export: str = "") -> Self:
        """The same reader held to the position of now, for whatever is read page by page and must be of one moment.

        `use`: what for, which the record of each look says after its purpose; `export`: the file that it goes into.
        """
        views = self._views
        if isinstance(views, Views):
            views = KnownViews(self._ledger.database, views.position())
        return self._but(_views=views, looks=self.looks.by(way, use, export))

    def at(self, position: int) -> Self:
        """The same reader held to a position of the log."""
        return self._but(_views=KnownViews(self._ledger.database, position))

    def unmasking(self, reason: str) -> Self:
        """The same reader, who shows plain what the purpose masks; the record of each look says why."""
        return self._but(reason=reason)

    def counting(self) -> Self:
        """The same reader, for who only counts what it reads and shows nothing of it: no look is recorded."""
        return self._but(looks=self.looks.none(), reason="")

    def _but(self, **other: object) -> Self:
        """The same reader, but for some of what it holds."""
        one = copy(self)
        vars(one).update(other)
        return one

    def view(self, account: Account) -> View:
        """What an account is shown. Raises `Refused("purpose-not-allowed")`."""
        view = view_of(account)
        return view.opening(view.masked(MASKABLE)) if self.reason else view

    def carried(self, account: Account, group: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of a group as the account is shown them. Raises `Refused("not-of-purpose")` where it is shown nothing of them."""
        view = self.view(account)
        view.demand(group)
        return [view.shown(group, row) for row in rows]

    @property
    def live(self) -> bool:
        """Whether the answers are of the read models as they are, and of no time or position before."""
        return isinstance(self._views, Views)

    @property
    def position(self) -> int:
        """The position of the log that the answers are of."""
        return self._views.position if isinstance(self._views, KnownViews) else self._views.position()

    def _seen(self, account: Account) -> Selects:
        """The views as an account may see them: what a query forgets to ask, PostgreSQL does not show."""
        return self._views.seen_by(who(account, self._lineage))

    def _reading(self, account: Account) -> Reading:
        """The ledger, likewise."""
        return Reading(self._ledger.database, who(account, self._lineage))

    def _hidden(self, what: str, query: str, given: Mapping[str, Any]) -> Refused:
        """Why an account is not shown what it asked for by its id: it is somebody else's, or there is none."""
        return Refused("forbidden" if self._views.select(query, given) else "not-found", what)

    @property
    def law(self) -> Law:
        """The law that answers follow from."""
        return self._law

    def day(self, on: date | None) -> date:
        """The day as of which is asked: that of the time as known, today by default."""
        return on or self._today

    @property
    def _today(self) -> date:
        return self.known.date() if self.known else today()

    @property
    def database(self) -> Database:
        """Where all of it stands, for what is no answer yet."""
        return self._ledger.database

    def seen(self, account: Account) -> Selects:
        """The read models as an account may see them, of whoever counts people and shows nobody."""
        return self._seen(account)

    def rows(self, account: Account, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a read model says of nobody by name, out of the rows that an account may see."""
        return self._seen(account).select(query, given)

    def _may_see(self, account: Account, code: str) -> bool:
        """Whether a code is of the account's division, as it is or by what became of it."""
        return code.startswith(account.division) or self._lineage.placed(code, today()).startswith(account.division)
