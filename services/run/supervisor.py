"""Brings everything up in order, keeps it up, and takes it down in order."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from infra.embedded import EmbeddedError, Kafka, Postgres
from infra.keys import KeyRing
from infra.migrations import migrate
from services import bootstrap
from services.demo.sample import Event
from services.outgoing import INTAKE_GROUP
from services.run import demo
from services.run.children import Child
from services.run.progress import Progress, Step
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


class Run:
    """One run: what was started, in the order in which it is taken down."""

    def __init__(self, data: Path | None, port: int, people: int, *, trickle: bool) -> None:
        self._console = Console()
        self._stop = Flag()
        self._kept = data
        self._port = port
        self._people = people
        self._trickle = trickle
        self._down = ExitStack()
        self._children: list[Child] = []
        self._servers: list[Postgres | Kafka] = []

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
        secrets = demo.make_accounts(home / "credentials.json")
        KeyRing.from_file(home / "key", create=True)
        progress = Progress(home / "status.json", self._console, _STEPS)
        environment |= {"DATABASE_URL": self._database(home, progress)}
        with progress.step("migrate"):
            migrate(environment["DATABASE_URL"])
        logs = home / "logs"
        logs.mkdir(exist_ok=True)
        with progress.step("api"):
            self._child("api", environment, logs)
            self._child("project", environment, logs)
            address = f"http://127.0.0.1:{environment['CHANGQING_PORT']}"
            self._await(partial(_answers, f"{address}/healthz"))
        self._console.print(f"  网页已可打开 [dim]the page is up while the rest starts[/dim]: [bold]{address}[/bold]")
        with ThreadPoolExecutor(2) as pool:  # Kafka is fetched and started while people are registered
            bus_up = pool.submit(self._bring_up_bus, home, environment, logs, progress)
            self._bring_up_people(home, environment, progress)
            bus_up.result()
        progress.ready()
        self._tell(address, secrets, home)

    def _keep_up(self) -> None:
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
        return {
            "CHANGQING_KEY_FILE": str(home / "key"),
            "CHANGQING_CREDENTIALS_FILE": str(home / "credentials.json"),
            "CHANGQING_STATUS_FILE": str(home / "status.json"),
            "CHANGQING_PORT": str(_free_port(self._port)),
        }

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
            self._child("intake", environment, logs)
            bus = bootstrap.bus(_settings(environment))
            self._await(lambda: bus.members(INTAKE_GROUP) > 0)

    def _bring_up_people(self, home: Path, environment: dict[str, str], progress: Progress) -> None:
        parts = bootstrap.parts(_settings(environment))
        retirees = demo.people(self._people, home)
        with progress.step("people"):
            for done in demo.register(parts.application, retirees):
                progress.note("people", f"{done}/{len(retirees)}")
                self._check()
        with progress.step("views"):
            head = parts.application.recorder.max_notification_id() or 0
            self._await(lambda: parts.views.position() >= head)
        parts.application.close()
        demo.write_samples(home, retirees)
        if self._trickle:
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

    def _child(self, command: str, environment: dict[str, str], logs: Path) -> None:
        child = Child(command, environment, logs)
        self._down.callback(child.stop)
        child.start()
        self._children.append(child)

    def _await(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._keep_up()
            self._check()
            time.sleep(0.05)

    def _check(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _tell(self, address: str, secrets: dict[str, tuple[str, str]], home: Path) -> None:
        table = Table(title="账号 accounts", title_justify="left", box=None, pad_edge=False)
        for heading in ("账号 account", "口令 secret", "用途 what for"):
            table.add_column(heading)
        for name, (secret, what) in secrets.items():
            table.add_row(name, secret, what)
        say = partial(self._console.print, highlight=False, soft_wrap=True)
        say(table)
        post = f"curl -u civil-affairs:{secrets['civil-affairs'][0]} -H 'Content-Type: application/cloudevents+json'"
        say(f"\n打开 open [bold]{address}[/bold]，然后试三件事 and try three things:")
        say(
            f"1. 民政报告一人死亡，收件箱出现停发与追回 a death is reported, the inbox shows stop and recovery:\n"
            f"   {post} -d @{home}/death.json {address}/events"
        )
        say(f"   [bold]{address}/pages/inbox[/bold] (officer)")
        say(
            f"2. 撤回报告，恢复发放 take it back, and the pension resumes:\n"
            f"   {post} -d @{home}/retraction.json {address}/events"
        )
        say(
            f"3. 看台账，再看审计轨迹里谁看过 look at a roster (community), then see on the audit trail who looked (auditor):\n"
            f"   [bold]{address}/pages/roster[/bold]  [bold]{address}/pages/audit[/bold]"
        )
        say("\nCtrl-C 停止 stops everything" + ("" if self._kept else "，数据随之清除 and throws the data away") + ".")


class _Stopped(Exception):  # noqa: N818 - not an error: somebody wants us to end
    pass


def _settings(environment: dict[str, str]) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in environment.items()})


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
