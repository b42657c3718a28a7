"""What the inbox knows of ids that begin alike: rows of a table that are told of the same."""

from collections import defaultdict
from collections.abc import Sequence

from infra.database import Database
from infra.sql import statements

SQL = statements("known")


def beginning_with(
    database: Database, begins: Sequence[tuple[str, str]], length: int
) -> dict[tuple[str, str], list[str]]:
    """The ids, of `length` letters and digits, that each (source, beginning) has, 20 at most. Raises `DatabaseError`."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    ends = [(begin + "2" * (length - len(begin)), begin + "z" * (length - len(begin))) for _, begin in begins]
    given = {
        "sources": [source for source, _ in begins],
        "begins": [begin for _, begin in begins],
        "lows": [low for low, _ in ends],
        "highs": [high for _, high in ends],
    }
    with database.transaction() as connection:
        connection.execute(SQL["by_key"])
        for source, begin, id_ in connection.execute(SQL["inbox_beginning"], given).fetchall():
            found[source, begin].append(id_)
    return found
