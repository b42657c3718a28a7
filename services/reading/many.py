"""Many people unmasked in one file take a second person: they are counted before anything of them is shown."""

from domain.proposals import Act
from infra.database import Database
from infra.proposals import spend
from infra.statutes import the_rights
from services.accounts import Account
from services.accounts import Act as Right
from services.application import today
from services.reading.reader import Reader
from services.reading.sheets import Asked, Sheet, masked_in


def approved(database: Database, sheet: Sheet, reader: Reader, account: Account, asked: Asked) -> None:
    """Use up what a second person approved for this file, where it is of more people than one person may take unmasked alone.

    The proposal is of a register, a division and an account. `reader`: one that masks. Raises `Refused`: `forbidden`,
    `needs-approval`, and whatever the register refuses. A file that breaks off has used it up all the same.
    """
    account.allow(Right.EXPORT)
    if masked_in(sheet, reader, account) and _more(sheet, reader, account, asked, the_rights().alone(Act.EXPORT.right)):
        account.allow(Act.EXPORT.right)
        subject = f"{sheet.key} {asked.division or account.division or 'all'} {account.name}"
        with database.transaction() as connection:
            spend(connection, Act.EXPORT, subject, account.name, today())


def _more(sheet: Sheet, reader: Reader, account: Account, asked: Asked, alone: int) -> bool:
    """Whether a register is of more than so many people."""
    people: set[object] = set()
    after: str | None = ""
    counting = reader.counting()
    while after is not None and len(people) <= alone:
        page = sheet.page(counting, account, asked, after, alone + 1)
        people.update(row["retiree"] for row in page.rows if row.get("retiree"))
        after = page.after
    return len(people) > alone
