"""What a command calls a time of the log: a day up to its end, or a time, in Beijing."""

from datetime import date, datetime, time

from services.application import BEIJING


def time_of(told: str) -> datetime:
    """The time meant; a day, however ISO 8601 writes it, is up to its end. Raises `ValueError` for what is neither."""
    try:
        return datetime.combine(date.fromisoformat(told), time.max, BEIJING)
    except ValueError:
        at = datetime.fromisoformat(told)
        return at if at.tzinfo else at.replace(tzinfo=BEIJING)
