"""Where webhooks may go, and how they are signed: the specification's own library verifies it."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import httpx
import pytest
from standardwebhooks import Webhook as Official
from standardwebhooks import WebhookVerificationError

from infra.webhooks import Reach, Sender, UrlError, Webhook, signed

EVENT = Webhook(id="1234", body='{"id":"1234","data":{"reason":"停发"}}'.encode(), content_type="application/json")
OLD, NEW = bytes(range(32)), bytes(range(32, 64))
LOOPBACK = Reach([ip_network("127.0.0.0/8")])


def official(secret: bytes) -> Official:
    return Official(f"whsec_{b64encode(secret).decode()}")


def test_the_official_library_accepts_our_signature_and_nothing_altered() -> None:
    headers = signed(EVENT, [NEW], datetime.now(UTC))
    official(NEW).verify(EVENT.body, headers)
    for body, given in (
        (EVENT.body + b" ", headers),
        (EVENT.body, headers | {"webhook-id": "1235"}),
        (EVENT.body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            official(NEW).verify(body, given)
    with pytest.raises(WebhookVerificationError):
        official(OLD).verify(EVENT.body, headers)


def test_while_a_secret_is_rotated_either_verifies() -> None:
    headers = signed(EVENT, [NEW, OLD], datetime.now(UTC))
    official(NEW).verify(EVENT.body, headers)
    official(OLD).verify(EVENT.body, headers)


def test_the_signature_is_the_one_that_the_specification_shows() -> None:
    event = Webhook(id="msg_p5jXN8AQM9LWM0D4loKWxJek", body=b'{"test": 2432232314}', content_type="application/json")
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed(event, [secret], datetime.fromtimestamp(1_614_265_330, tz=UTC))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.agency.example/in?shard=1",
        "https://hooks.agency.example:8443",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::101:101]/",
        "http://127.0.0.1:8080/in",
        "http://localhost/in",
        "https://127.0.0.9/in",
    ],
)
def test_where_webhooks_may_go(url: str) -> None:
    LOOPBACK.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.agency.example",
        "ftp://hooks.agency.example/",
        "https:///in",
        "https://user@hooks.agency.example/",
        "https://user:word@hooks.agency.example/",
        "https://hooks.agency.example/#in",
        "https://hooks.agency.example/a b",
        "https://钩.example/",
        "https://hooks.agency.example:99999/",
        "https://[::1",
        "http://1.1.1.1/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:0a00:0001::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[fec0::1]/",
        "https://[::127.0.0.1]/",
        "https://[::10.0.0.1]/",
        "https://[::ffff:0:127.0.0.1]/",
        "https://[64:ff9b:1::7f00:1]/",
        "https://224.0.0.1/",
    ],
)
def test_where_webhooks_may_not_go(url: str) -> None:
    with pytest.raises(UrlError):
        LOOPBACK.check(url)


def test_a_name_that_leads_to_a_network_of_ours_is_refused_when_it_is_resolved() -> None:
    Reach().check("https://localhost/in")
    with pytest.raises(UrlError, match="localhost leads to"):
        Reach().addresses(httpx.URL("https://localhost/in"))
    assert LOOPBACK.addresses(httpx.URL("https://127.0.0.1/in")) == ["127.0.0.1"]
    sender = Sender(Reach(), seconds=1)
    assert sender.send("https://localhost:1/in", EVENT, [NEW], datetime.now(UTC)).code == "address-refused"
    sender.close()


def test_networks_are_named_in_their_own_notation() -> None:
    Reach.of(" 10.20.0.0/16, fd00::/8,").check("https://10.20.1.1/")
    for wrong in ("10.20.0.1/16", "here", "10.0.0.0/99"):
        with pytest.raises(ValueError, match=r".+"):
            Reach.of(wrong)


def test_the_timestamp_is_that_of_the_try_so_that_a_late_one_is_not_taken_for_an_old_one() -> None:
    at = datetime.now(UTC) - timedelta(minutes=6)
    with pytest.raises(WebhookVerificationError, match="too old"):
        official(NEW).verify(EVENT.body, signed(EVENT, [NEW], at))
