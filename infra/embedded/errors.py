"""The one error that embedded servers raise."""

MISSING_EXTRA = "Install the extra: pip install 'changqing[embedded]'."


class EmbeddedError(Exception):
    """What went wrong in one sentence, and the one thing to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy
