"""A subscription to the log: nothing missed, doubled or out of order, woken by notification and by a slow poll always."""

from collections.abc import Sequence
from contextlib import suppress
from queue import Full
from selectors import EVENT_READ, DefaultSelector
from socket import socketpair
from typing import TYPE_CHECKING

import structlog
from eventsourcing.persistence import ListenNotifySubscription, ShutDown
from psycopg_pool import PoolClosed

from infra import log
from infra.database import POLL_SECONDS, DatabaseError

if TYPE_CHECKING:
    from infra.recorder import LedgerRecorder

RETRY_SECONDS = 1.0

_logger = structlog.get_logger()


class LedgerSubscription(ListenNotifySubscription["LedgerRecorder"]):
    """The library's subscription, with one thread that listens first and reads then.

    What is committed between the two wakes it, so nothing is waited for in vain. It reads up to the head that it saw and
    goes on from there, so what belongs to others or has other topics is passed over once. A bell wakes it to stop. A lost
    database is waited for; any other error, as that of a closed application, is handed to the thread that iterates.
    """

    def __init__(self, recorder: "LedgerRecorder", gt: int | None = None, topics: Sequence[str] = ()) -> None:
        self._bell, self._rope = socketpair()
        super().__init__(recorder=recorder, gt=gt, topics=topics)

    def stop(self) -> None:
        """Stop, at once. May be called again, and by any thread."""
        super().stop()
        with suppress(OSError):  # the thread has ended, and closed it
            self._rope.send(b"!")

    def _loop_on_pull(self) -> None:
        with self._bell, self._rope:
            try:
                while not self._has_been_stopped:
                    self._follow()
            except BaseException as error:  # noqa: BLE001 - handed to the thread that iterates, as the library does
                self._thread_error = error
                self.stop()

    def _follow(self) -> None:
        try:
            with self._recorder.database.listen() as connection, DefaultSelector() as wake_up:
                wake_up.register(self._bell, EVENT_READ)
                wake_up.register(connection, EVENT_READ)
                while not self._has_been_stopped:
                    self._pull()
                    wake_up.select(POLL_SECONDS)
                    list(connection.notifies(timeout=0))
        except DatabaseError as error:
            if isinstance(error.__cause__, PoolClosed):
                raise
            _logger.warning("subscription begins again from its position", error=str(error))
            self._has_been_notified.wait(RETRY_SECONDS)  # set when stopped, and never otherwise

    def _pull(self) -> None:
        """Hand on what stands between the last look and the head."""
        while not self._has_been_stopped:
            after = self._last_notification_id or 0
            with self._recorder.transaction() as connection:
                head = log.last_position(connection)
            if head <= after:
                return
            found = self._recorder.select_notifications(
                after, self._select_limit, head, self._topics, inclusive_of_start=False
            )
            if found:
                try:
                    self._notifications_queue.put(found, timeout=POLL_SECONDS)
                except (Full, ShutDown):
                    return  # whoever iterates is slow: the same again later, as notifications must be taken meanwhile
            self._last_notification_id = head if len(found) < self._select_limit else found[-1].id
