"""Room for the log ahead of need: partitions of `ledger.event`, made by the append that comes near the end of them."""

from psycopg import Connection

from infra.database import Rows


def make_room(connection: Connection[Rows], until: int) -> int:
    """Make the partitions that the log needs to hold `until`, and a whole one more; gives the last position with room.

    To be called in a transaction that took positions beyond `head.room`, before it writes them: a few milliseconds,
    once a partition. It holds up no other reader or writer, and is gone again if the transaction is. While somebody holds
    the table for long (an index being built) it makes nothing, as long as there is room for `until`.
    """
    row = connection.execute("select ledger.make_partitions(%s)", [until]).fetchone()
    assert row is not None
    return int(row[0])
