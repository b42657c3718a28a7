"""What can go wrong on the way. None of these is a verdict on an event: that is a receipt, a refusal included."""


class ClientError(Exception):
    """The way to the ledger is wrong and will not mend itself; the message is one sentence that names nobody."""


class UnreachableError(ClientError):
    """The ledger cannot be reached now; whether it took what was sent is not known, and sending it again is safe.

    `after`: the seconds after which it asked to be tried again, 0 when it did not say.
    """

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class NotAllowedError(ClientError):
    """The credentials are wrong, or may not publish."""


class UntrustedError(ClientError):
    """A receipt is not signed by the ledger whose key is known. Nothing is believed of it; the event stays waiting."""


class OutboxBusyError(ClientError):
    """Another process has the outbox: two at a time would number the events of one source twice."""
