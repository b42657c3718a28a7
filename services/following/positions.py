"""What a command calls a time of the log: a day up to its end, or a time, in Beijing."""

from datetime import date, datetime, time, timedelta

from services.application import BEIJING


def time_of(told: str) -> datetime:
    """The time meant; a day is up to its end. Raises `ValueError` for what is neither."""
    if len(told) == len("2024-04-10"):
        return datetime.combine(date.fromisoformat(told) + timedelta(days=1), time(), BEIJING) - timedelta(
            microseconds=1
        )
    at = datetime.fromisoformat(told)
    return at if at.tzinfo else at.replace(tzinfo=BEIJING)
