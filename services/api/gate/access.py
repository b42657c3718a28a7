"""A line of the process's log for each answer: what was asked by its template, never by its address, and of whom only the role.

Written by hand in the form that structlog gives all others, as that takes a tenth of what a small answer takes altogether.
"""

import sys
from datetime import UTC, datetime

import msgspec

from services.api.gate.passing import Passing


class AccessLog:
    """Writes to standard error, as the log of every process goes there."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def answered(self, passing: Passing) -> None:
        """Tell of an answer. No address, no query, no name of an account, no header of whoever asked but its `X-Request-ID`."""
        account = passing.account
        line = {
            "level": "info",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "event": "answered",
            "request": passing.name,
            "method": passing.method,
            "route": passing.route,
            "status": passing.status,
            "code": passing.code or None,
            "role": account.role if account else None,
            "department": account.department if account else None,
            "milliseconds": round(passing.seconds * 1_000, 1),
            "bytes": passing.size,
        }
        sys.stderr.write(self._encode(line).decode() + "\n")
