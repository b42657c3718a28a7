"""Java libraries from Maven Central, fetched once, and exactly the ones that were tried."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.embedded.errors import MISSING_EXTRA, EmbeddedError
from infra.embedded.lock import alone

_ATTEMPTS = 3


def fetch_jars(name: str, coordinates: Sequence[str], digest: str, cache: Path, say: Callable[[str], None]) -> Path:
    """A directory holding the jars of these coordinates and of all they need.

    `digest` is the `fingerprint` of that directory. Its content is proven at every use: a jar that is half, altered or
    lost makes us fetch anew. A coordinate that ends in `!` does not govern the versions of the others.
    """
    folder = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    with alone(cache / f"{name}.lock"):
        for _ in range(_ATTEMPTS):
            if folder.exists() and fingerprint(folder) == digest:
                return folder
            shutil.rmtree(folder, ignore_errors=True)
            say(f"Fetching {name} (about 45 MB, once)")
            _download(coordinates, folder, say)
        found = fingerprint(folder)
    message = f"The jars of {name} are not the ones that were tried (fingerprint {found})."
    raise EmbeddedError(message, "Try another network: something alters what it delivers.")


def fingerprint(folder: Path) -> str:
    """The SHA-256 over names and contents of the jars in a directory."""
    whole = hashlib.sha256()
    for jar in sorted(folder.glob("*.jar")):
        with jar.open("rb") as content:
            whole.update(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {jar.name}\n".encode())
    return whole.hexdigest()


def _download(coordinates: Sequence[str], folder: Path, say: Callable[[str], None]) -> None:
    try:
        import requests
        from jgo.config import GlobalSettings
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise EmbeddedError("The Maven resolver jgo is not installed.", MISSING_EXTRA) from error

    @contextmanager
    def progress(filename: str, size: int) -> Iterator[Callable[[int], None]]:
        if filename.endswith(".jar"):
            say(f"Fetching {filename} ({size / 1e6:.1f} MB)")
        yield lambda _: None

    # jgo takes a file that exists for a whole one, so its repository starts empty and is left behind each time.
    repository = folder.with_suffix(".part")
    shutil.rmtree(repository, ignore_errors=True)
    resolver = PythonResolver(progress_callback=progress)
    mirrors = GlobalSettings.load().repositories or None  # the user's own, from jgo's configuration file
    context = MavenContext(resolver=resolver, repo_cache=repository, remote_repos=mirrors, timeout=30)
    try:
        wanted, needed = resolver.resolve([context.create_dependency(coordinate) for coordinate in coordinates])
        jars = [dependency.artifact.resolve() for dependency in (*wanted, *needed)]
    except (requests.RequestException, RuntimeError) as error:
        message = f"The jars could not be fetched from the Maven repository ({type(error).__name__})."
        raise EmbeddedError(message, "Check the network, or name a mirror in jgo's configuration file.") from error
    folder.mkdir()
    for jar in jars:
        jar.rename(folder / jar.name)
    shutil.rmtree(repository)
