"""To a ledger over HTTP: batches of CloudEvents, and a receipt for each in the answer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Raw, Struct

from services.client.channel import Waiting
from services.client.errors import ClientError, NotAllowedError, UnreachableError
from services.client.receipts import LedgerKeys, Receipt, receipt_of
from services.client.tokens import Bearer

_BATCH: Final = "application/cloudevents-batch+json"
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_OF_ONE: Final = frozenset({"malformed-json", "invalid-field", "body-too-large", "not-cloudevents"})
"""Refusals of a whole batch that one event of it may have caused."""

_answers = msgspec.json.Decoder(list[Raw])


class Standing(Struct, frozen=True):
    """What became of an event as it is now, its receipt, and earlier refusals under its id, the newest first.

    A parked event is accepted as soon as its retiree is registered, though its receipt stays as it was given.
    """

    disposition: str
    receipt: Receipt
    refusals: list[Receipt]


class _Standing(Struct):
    disposition: str
    receipt: Raw
    refusals: list[Raw] = []


class _Problem(Struct):
    code: str = ""


class HttpChannel:
    """A ledger's address (`https://...`) and the account that publishes there, as `name:secret`, which gets its tokens by itself.

    `token_url`: where tokens are got, when not at the ledger; `certificate`: a file of the client's certificate and key (PEM)
    for a ledger that wants one.
    Secrets and people travel in what is sent: plain `http` is for this machine alone unless `plain` says otherwise, and
    nothing is ever sent where a redirect points. Raises `ClientError` for an address that will not do.
    """

    most = 500
    most_bytes = 4 * 1024 * 1024

    def __init__(
        self,
        url: str,
        account: str,
        *,
        keys: LedgerKeys | None = None,
        plain: bool = False,
        timeout: float = 30.0,
        token_url: str = "",
        certificate: str | None = None,
    ) -> None:
        local = _checked(url, plain=plain)
        tokens = token_url or f"{url.rstrip('/')}/oauth/token"
        _checked(tokens, plain=plain)
        if not all(account.partition(":")):
            raise ClientError("the account must be given as name:secret")
        self._keys = keys
        self._client = httpx.Client(
            base_url=url,
            auth=Bearer(tokens, account),
            cert=certificate,
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            follow_redirects=False,
            trust_env=not local,  # no proxy stands between this machine and itself
        )

    def send(self, events: Sequence[Waiting]) -> list[Receipt | None]:
        """Send a batch. Raises `UnreachableError`, `NotAllowedError`, `UntrustedError`, `ClientError`."""
        body = b"[" + b",".join(event.body for event in events) + b"]"
        try:
            answer = self._client.post("/v1/events", content=body, headers={"content-type": _BATCH})
        except httpx.RequestError as error:
            raise UnreachableError(f"the ledger does not answer: {type(error).__name__}") from error
        if answer.status_code == httpx.codes.OK:
            return list(self._receipts(answer.content, events))
        too_large = answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE  # for a proxy, which has no code of ours
        if len(events) > 1 and (too_large or _code(answer) in _OF_ONE):  # one of them spoils the others: find it
            half = len(events) // 2
            return self.send(events[:half]) + self.send(events[half:])
        return [self._refusal(answer, events[0])]

    def ask(self, source: str, id_: str) -> Standing | None:
        """What became of an event, whoever sent it and by which way; None when the ledger knows of none.

        Raises `UnreachableError`, `NotAllowedError` for another department's, `UntrustedError`, `ClientError`.
        """
        try:
            answer = self._client.get("/v1/receipts", params={"source": source, "id": id_})
        except httpx.RequestError as error:
            raise UnreachableError(f"the ledger does not answer: {type(error).__name__}") from error
        if answer.status_code == httpx.codes.NOT_FOUND and _code(answer) == "receipt-unknown":
            return None
        if answer.status_code != httpx.codes.OK:
            _raise(answer)
        try:
            told = msgspec.json.decode(answer.content, type=_Standing)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ClientError("the answer holds no receipt: is this the address of a ledger?") from None
        receipt, *refusals = (receipt_of(bytes(one), self._keys) for one in (told.receipt, *told.refusals))
        return Standing(told.disposition, receipt, refusals)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _receipts(self, body: bytes, events: Sequence[Waiting]) -> list[Receipt]:
        try:
            answers = _answers.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answers = []
        if len(answers) != len(events):
            raise ClientError("the answer holds no receipts: is this the address of a ledger?")
        receipts = [receipt_of(bytes(answer), self._keys) for answer in answers]
        for receipt, event in zip(receipts, events, strict=True):
            if (receipt.source or event.source, receipt.id or event.id) != (event.source, event.id):
                raise ClientError("the answer holds the receipts of other events")
        return receipts

    def _refusal(self, answer: httpx.Response, event: Waiting) -> Receipt:
        """The refusal in an answer about one event, unless it says something about the way."""
        if _code(answer) not in _OF_ONE:
            _raise(answer)
        problem = msgspec.json.decode(answer.content, type=dict[str, Raw])
        problem |= {"status": Raw(b'"refused"'), "source": Raw(msgspec.json.encode(event.source))}
        problem |= {"id": Raw(msgspec.json.encode(event.id))}
        return receipt_of(msgspec.json.encode(problem), self._keys)


def _checked(url: str, *, plain: bool) -> bool:
    """Whether an address is on this machine. Raises `ClientError` for one that nothing must be sent to."""
    address = urlsplit(url)
    local = address.hostname in _LOOPBACK
    if address.scheme not in {"http", "https"} or not address.hostname or address.username or address.query:
        raise ClientError("the ledger's address must be https://host, without a name, a password or a query")
    if address.scheme == "http" and not (local or plain):
        raise ClientError("over plain http everybody on the way reads along: the ledger's address must be https://host")
    return local


def _raise(answer: httpx.Response) -> NoReturn:
    """Raise what an answer says about the way to the ledger."""
    status, code = answer.status_code, _code(answer)
    if status in {401, 403, 407}:
        raise NotAllowedError(f"the ledger does not let this account do that ({code or status})")
    if status in {408, 425, 429} or status >= 500:
        raise UnreachableError(f"the ledger cannot take anything now ({code or status})", _after(answer))
    raise ClientError(f"the answer is not what a ledger says ({code or status}): is the address right?")


def _code(answer: httpx.Response) -> str:
    """The code of a refusal, empty when it has none."""
    try:
        return msgspec.json.decode(answer.content, type=_Problem).code
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _after(answer: httpx.Response) -> float:
    """The seconds that `Retry-After` asks for, at most ten minutes."""
    given = answer.headers.get("retry-after", "")
    try:
        seconds = (
            float(given) if given.isdecimal() else (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
        )
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), 600.0)
