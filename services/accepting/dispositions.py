"""What became of a submission, asked for by its publisher or an auditor: one disposition at a time, and the refusals before it."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from domain.dispositions import SubmissionRefused
from domain.facts import Department
from domain.history import Outcome, Receipt, Taken
from domain.refusals import Refused
from infra import codec, log
from infra.database import Database
from infra.reading import Reading
from infra.refused import SQL
from infra.reports import stream_of_reports
from services.accepting.cloudevents import department_of
from services.accepting.intake import refusal_of
from services.accepting.receipts import Notary, SignedRefusal
from services.accounts import Account, Act
from services.reading.who import who

REFUSALS = 100
"""So many of the newest refusals of one id are told."""
_EITHER = Meta(
    extra_json_schema={
        "anyOf": [
            {"$ref": f"#/components/schemas/{name}"} for name in ("SignedReceipt", "SignedReport", "SignedRefusal")
        ]
    }
)


class Disposition(Struct, frozen=True, kw_only=True):
    """What became of what was sent under an id.

    `disposition`: as it is now. A parked submission is accepted as soon as its retiree is registered, though its receipt stays
    as it was given. `receipt`: that of the submission, or of its last refusal. `refusals`: earlier ones and those of other content
    sent under the same id, the newest first.
    """

    disposition: Literal["accepted", "parked", "refused"]
    receipt: Annotated[Any, _EITHER]  # `Signed`: msgspec has no schema of a union without tags
    refusals: list[SignedRefusal]


class Dispositions:
    """Looks up what became of submissions."""

    def __init__(self, database: Database, notary: Notary) -> None:
        self._database = database
        self._notary = notary

    def find(self, account: Account, source: str, id_: str) -> Disposition:
        """The disposition of a submission: a publisher asks for its own department's, an auditor for any.

        Raises `Refused`: `forbidden`, `receipt-unknown`.
        """
        account.allow(Act.RECEIPTS)
        whose = None if account.may(Act.RECEIPTS_ALL) else account.department
        refused = self._refusals(account, source, id_, whose)
        if (taken := self._taken(account, source, id_, whose)) is not None:
            now, receipt = taken
            return Disposition(disposition=now, receipt=self._notary.signed(receipt), refusals=refused)
        if not refused:
            raise Refused("receipt-unknown", "id")
        return Disposition(disposition="refused", receipt=refused[0], refusals=refused[1:])

    def _taken(
        self, account: Account, source: str, id_: str, whose: Department | None
    ) -> tuple[Literal["accepted", "parked"], Taken] | None:
        given = {"source": source, "id": id_}
        with Reading(self._database, who(account)).transaction() as connection:
            if connection.execute(SQL["inbox_seen"], given).fetchone() is None:
                return None
        with self._database.transaction() as connection:
            row = connection.execute(SQL["inbox_of"], given).fetchone()
        if row is None or (whose is not None and department_of(source) is not whose):
            return None
        status, position, retiree, recorded_at, stored = row
        if retiree == stream_of_reports(source):
            taken = Taken(source=source, id=id_, status=Outcome.ACCEPTED, position=position, recorded_at=recorded_at)
            return "accepted", taken
        receipt = Receipt(
            source=source, id=id_, status=Outcome(status), position=position, retiree=retiree, recorded_at=recorded_at
        )
        state = codec.decode_state(stored)
        parked = receipt.status is Outcome.PARKED and not (state and state.registered)
        return "parked" if parked else "accepted", receipt

    def _refusals(self, account: Account, source: str, id_: str, whose: Department | None) -> list[SignedRefusal]:
        given: dict[str, Any] = {"source": source, "id": id_, "department": whose, "limit": REFUSALS}
        with Reading(self._database, who(account)).transaction() as connection:
            positions = [position for (position,) in connection.execute(SQL["refused_of"], given)]
        with self._database.transaction() as connection:
            rows = [row for at in positions for row in log.read(connection, at - 1, 1, until=at)]
        found: list[SignedRefusal] = []
        for entry in codec.entries(rows):
            assert isinstance(entry.event, SubmissionRefused)
            signed = self._notary.signed(refusal_of(entry.event, entry.position, entry.recorded_at))
            assert isinstance(signed, SignedRefusal)
            found.append(signed)
        return found
