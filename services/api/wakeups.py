"""Wakes the waiting event streams of this process when the log grows: one listening connection for all of them."""

import asyncio
from threading import Event as Flag
from threading import Thread

from infra.database import POLL_SECONDS, Database, DatabaseError


class Wakeups:
    """Somebody waits; the log grows; they wake. A missed notification costs one slow poll, never an event."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = Flag()
        self._grown = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    async def wait(self) -> None:
        """Until the log grows, or for one poll."""
        grown = self._grown
        try:
            await asyncio.wait_for(grown.wait(), POLL_SECONDS)
        except TimeoutError:
            return

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with self._database.listen() as connection:
                    while not self._stop.is_set():
                        if list(connection.notifies(timeout=POLL_SECONDS, stop_after=1)):
                            self._loop.call_soon_threadsafe(self._wake)
            except DatabaseError:
                self._stop.wait(POLL_SECONDS)
            except RuntimeError:  # the loop is closed: this process ends
                return

    def _wake(self) -> None:
        """All who wait now; who comes later waits for the next."""
        self._grown.set()
        self._grown = asyncio.Event()
