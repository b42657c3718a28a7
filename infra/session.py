"""A connection that sends statements together: one round trip, whatever their number, each planned once a connection.

psycopg takes 60 to 100 µs for a statement, most of them to find out how to send what Python has. Here values are bytes
already, in the binary form of their type, as `infra/copying.py` makes them.
"""

from collections.abc import Iterable, Iterator, Sequence
from select import POLLIN, POLLOUT, poll
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

Asked = tuple[LiteralString, Sequence[bytes | None]]
"""A statement with `$1` and so on, and their values."""
Answer = list[list[Any]]
"""The rows that a statement gave, their values as binary as those it was asked with; None for null."""


class Session(Connection[tuple[Any, ...]]):
    """A connection of psycopg's, and `exchange` besides."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._planned: dict[LiteralString, bytes] = {}

    def exchange(self, asked: Iterable[Asked | None], *, commit: bool = False) -> list[Answer]:
        """Ask it all in the transaction that is open, or that the first statement begins. `commit` ends it.

        Where `asked` is still being made, PostgreSQL begins at a None with what stands before it.
        The first that fails keeps those after it, the commit too, from being done, and is raised as psycopg's error.
        Where the connection is lost, it is closed and `OperationalError` raised: the commit may have been done.
        """
        planning: list[LiteralString | None] = []  # what each result is of: a plan, or else a statement
        to = self.pgconn
        to.enter_pipeline_mode()
        try:
            for one in asked:
                if one is None:
                    to.flush()
                else:
                    planning += self._send(*one)
            if commit:
                to.send_query_params(b"COMMIT", None)
            to.pipeline_sync()
            results = list(self._results())
            to.exit_pipeline_mode()
        except BaseException:
            self.close()  # whatever is still to come would be taken for the answer to something else
            raise
        for result, planned in zip(results, planning, strict=False):
            if planned is not None and result.status != ExecStatus.COMMAND_OK:
                del self._planned[planned]  # always the later ones, so that names go on where they stopped
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise error_from_result(result)
            if result.status == ExecStatus.PIPELINE_ABORTED:  # and nothing was told of the failure before it
                self.close()
                raise psycopg.OperationalError("the connection is lost")
        return [_rows(result) for result, plan in zip(results, planning, strict=False) if plan is None]

    def _send(self, statement: LiteralString, values: Sequence[bytes | None]) -> Iterator[LiteralString | None]:
        if statement not in self._planned:
            self._planned[statement] = b"s%d" % len(self._planned)
            self.pgconn.send_prepare(self._planned[statement], statement.encode())
            yield statement
        self.pgconn.send_query_prepared(self._planned[statement], values, [1] * len(values), 1)
        yield None

    def rollback(self) -> None:
        """Roll back, and plan anew: psycopg then forgets what it has planned, and may have PostgreSQL forget all."""
        super().rollback()
        if self._planned:
            self.exchange([("deallocate all", ())])
            self._planned.clear()

    def _results(self) -> Iterator[PGresult]:
        """Everything up to the end of the exchange. Other threads run while it waits."""
        to, ready = self.pgconn, poll()
        ready.register(to.socket, POLLIN | POLLOUT)
        while to.flush():  # too much for the socket at once; and PostgreSQL may wait for us to read
            if ready.poll()[0][1] & POLLIN:
                to.consume_input()
        ready.modify(to.socket, POLLIN)
        while True:
            while to.is_busy():
                ready.poll()
                to.consume_input()
            result = to.get_result()
            if result is None:  # between two statements, or there is nobody any more who would answer
                if to.status == ConnStatus.BAD:
                    raise psycopg.OperationalError(to.get_error_message())
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return
            else:
                yield result


def _rows(result: PGresult) -> Answer:
    get, columns = result.get_value, range(result.nfields)
    return [[get(row, column) for column in columns] for row in range(result.ntuples)]
