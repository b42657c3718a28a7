"""An event as it lies in the log, in the database and in its archives alike."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Row(NamedTuple):
    """An event as stored."""

    position: int
    recorded_at: datetime
    stream: UUID
    version: int
    name: str
    state: bytes
