"""Brings everything up in order, keeps it up, and takes it down in order."""

import math
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Lock, Thread
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console

from infra.accounts import AccountRegister
from infra.database import Database
from infra.embedded import EmbeddedError, Kafka, Postgres
from infra.keys import KeyRing
from infra.migrations import migrate
from services import bootstrap
from services.bus.outgoing import INTAKE_GROUP
from services.demo.sample import Event
from services.identities.accounts import Accounts
from services.run import demo
from services.run.children import Child
from services.run.progress import Progress, Step
from services.run.welcome import accounts_made, welcome
from services.settings import Settings

_STEPS = {
    "postgres": Step("数据库", "PostgreSQL"),
    "migrate": Step("建表", "migrations"),
    "api": Step("网页与接口", "pages and API"),
    "kafka": Step("消息总线", "Apache Kafka"),
    "services": Step("收件、转发、投影", "intake, relay, projections"),
    "people": Step("登记示例退休人员", "registering invented retirees"),
    "views": Step("台账就绪", "views caught up"),
}
_WATCH_SECONDS = 0.2
_LOOPBACK = "127.0.0.0/8,::1/128"
"""Where webhooks may go besides, as everything is on one machine."""


class Run:
    """One run: what was started, in the order in which it is taken down."""

    def __init__(self, data: Path | None, port: int, people: int, *, trickle: bool, workers: int = 1) -> None:
        self._console = Console()
        self._stop = Flag()
        self._kept = data
        self._port = port
        self._people = people
        self._trickle = trickle
        self._workers = workers
        self._down = ExitStack()
        self._children: list[Child] = []
        self._servers: list[Postgres | Kafka] = []
        self._keeping = Lock()

    def run(self) -> None:
        """Come up, stay up until SIGINT or SIGTERM, go down. Raises `EmbeddedError` and the like after going down."""
        for sent in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sent, lambda *_: self._stop.set())
        try:
            self._come_up()
            while not self._stop.wait(_WATCH_SECONDS):
                self._keep_up()
        except _Stopped:
            pass
        finally:
            self._console.print("正在停止 [dim]stopping[/dim]")
            self._down.close()
            self._console.print("已停止 [dim]stopped[/dim]")

    def _come_up(self) -> None:
        home = self._home()
        environment = self._environment(home)
        KeyRing.from_file(home / "key", create=True)
        demo.name_places(home / "divisions.toml")
        progress = Progress(home / "status.json", self._console, _STEPS)
        environment |= {"DATABASE_URL": self._database(home, progress)}
        with progress.step("migrate"):
            migrate(environment["DATABASE_URL"])
        secrets = self._accounts(environment["DATABASE_URL"])
        logs = home / "logs"
        logs.mkdir(exist_ok=True)
        with progress.step("api"):
            self._child("api", environment, logs)
            self._child("project", environment, logs)
            address = f"http://127.0.0.1:{environment['CHANGQING_PORT']}"
            self._await(partial(_answers, f"{address}/healthz"), logs / "api.log")
        self._console.print(f"  网页已可打开 [dim]the page is up while the rest starts[/dim]: [bold]{address}[/bold]")
        with ThreadPoolExecutor(2) as pool:  # Kafka is fetched and started while people are registered
            bus_up = pool.submit(self._bring_up_bus, home, environment, logs, progress)
            self._bring_up_people(home, environment, progress)
            bus_up.result()
        progress.ready()
        welcome(self._console, address, environment["KAFKA_BOOTSTRAP"], secrets, home, kept=self._kept is not None)

    def _keep_up(self) -> None:
        if not self._keeping.acquire(blocking=False):
            return  # the other thread of coming up is at it
        with ExitStack() as done:
            done.callback(self._keeping.release)
            self._revive()

    def _revive(self) -> None:
        for server in self._servers:
            if not server.alive:
                self._console.print(f"[yellow]{server.name} ended and is started again[/yellow]")
                with suppress(EmbeddedError):  # said in its log; the next round tries again
                    server.start()
        for child in self._children:
            child.revive()

    def _home(self) -> Path:
        if self._kept:
            self._kept.mkdir(parents=True, exist_ok=True)
            return self._kept.resolve()
        home = Path(tempfile.mkdtemp(prefix="changqing-"))
        self._down.callback(shutil.rmtree, home, ignore_errors=True)
        return home

    def _environment(self, home: Path) -> dict[str, str]:
        port = _free_port(self._port)
        return {
            "CHANGQING_KEY_FILE": str(home / "key"),
            "CHANGQING_KEY": "",  # nor what the operator's shell has for another ledger
            "CHANGQING_KEY_PROVIDER": "",
            "CHANGQING_STATUS_FILE": str(home / "status.json"),
            "CHANGQING_DIVISIONS_FILE": str(home / "divisions.toml"),
            "CHANGQING_WEBHOOK_NETWORKS": os.environ.get("CHANGQING_WEBHOOK_NETWORKS", _LOOPBACK),
            "CHANGQING_PORT": str(port),
            "CHANGQING_PUBLIC_URL": os.environ.get("CHANGQING_PUBLIC_URL", f"http://127.0.0.1:{port}"),
        }

    def _accounts(self, dsn: str) -> dict[str, tuple[str, str]]:
        """Make the accounts and say their secrets at once: whoever stops us before the end knows them."""
        with closing(Database(dsn)) as database:
            made = demo.make_accounts(Accounts(AccountRegister(database)))
        accounts_made(self._console, made)
        return made

    def _database(self, home: Path, progress: Progress) -> str:
        with progress.step("postgres"):
            if given := os.environ.get("DATABASE_URL"):
                progress.note("postgres", "DATABASE_URL")
                return given
            server = Postgres(home / "postgres", say=partial(progress.note, "postgres"))
            self._serve(server)
            return server.dsn("changqing")

    def _bring_up_bus(self, home: Path, environment: dict[str, str], logs: Path, progress: Progress) -> None:
        with progress.step("kafka"):
            if bootstrap_servers := os.environ.get("KAFKA_BOOTSTRAP"):
                progress.note("kafka", "KAFKA_BOOTSTRAP")
            else:
                server = Kafka(home / "kafka", say=partial(progress.note, "kafka"))
                self._serve(server)
                bootstrap_servers = server.bootstrap
        environment |= {"KAFKA_BOOTSTRAP": bootstrap_servers}
        with progress.step("services"):
            bootstrap.declare_topics(_settings(environment))
            self._child("relay", environment, logs)
            self._child("watch", environment, logs)
            self._child("deliver", environment, logs)
            for number in range(self._workers):
                self._child("intake", environment, logs, name=f"intake-{number + 1}" if number else None)
            self._child("clock", environment, logs, "--catch-up")  # nobody minds a laptop that was closed for months
            bus = bootstrap.bus(_settings(environment))
            self._await(lambda: bus.members(INTAKE_GROUP) >= self._workers, logs / "intake.log")

    def _bring_up_people(self, home: Path, environment: dict[str, str], progress: Progress) -> None:
        parts = bootstrap.parts(_settings(environment))
        retirees = demo.people(self._people, home)
        with progress.step("people"):
            for done in demo.register(parts.application, retirees):
                progress.note("people", f"{done}/{len(retirees)}")
                self._check()
        with progress.step("views"):
            head = parts.application.recorder.max_notification_id() or 0
            self._await(lambda: parts.views.position() >= head, home / "logs" / "project.log", math.inf)
        parts.application.close()
        if retirees:
            demo.write_samples(home, retirees)
        if retirees and self._trickle:
            seed = head  # another one each time, as the same would have the same people die again
            Thread(target=self._publish, args=(environment, retirees, seed), daemon=True).start()

    def _publish(self, environment: dict[str, str], retirees: list[Event], seed: int) -> None:
        while not self._stop.wait(_WATCH_SECONDS):
            if "KAFKA_BOOTSTRAP" in environment:
                demo.publish_trickle(bootstrap.bus(_settings(environment)), retirees, seed, self._stop)

    def _serve(self, server: Postgres | Kafka) -> None:
        self._down.callback(server.stop)
        server.start()
        self._servers.append(server)
        self._check()

    def _child(
        self, command: str, environment: dict[str, str], logs: Path, *options: str, name: str | None = None
    ) -> None:
        child = Child(command, environment, logs, *options, name=name)
        self._down.callback(child.stop)
        child.start()
        self._children.append(child)

    def _await(self, reached: Callable[[], bool], log: Path, limit: float = 120) -> None:
        """Wait for a process of ours, which is started again meanwhile if it dies."""
        deadline = time.monotonic() + limit
        while not reached():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{log.stem} did not come up within {limit:g} s.", f"Look into {log}.")
            self._keep_up()
            self._check()
            time.sleep(0.05)

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped


class _Stopped(Exception):  # noqa: N818 - not an error: somebody wants us to end
    pass


def _settings(environment: dict[str, str]) -> Settings:
    return Settings.of({**os.environ, **environment})


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def _free_port(wished: int) -> int:
    """The wished port when it is free, else another one."""
    for port in (wished, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise EmbeddedError("No port is free on 127.0.0.1.", "End a program that listens on one.")
