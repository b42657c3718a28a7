"""Faust with an empty handler, as its documentation has it: what a worker can take at the most that does nothing.

`python -m tests.bench.empty_faust BOOTSTRAP GROUP FILE TOPIC...` writes to FILE, every quarter of a second, how many messages it
had and the seconds since the first; it runs until it is ended.
"""

import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import faust


def main(bootstrap: str, group: str, file: Path, topics: list[str]) -> None:
    """Run the worker."""
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        broker_session_timeout=10,
        broker_heartbeat_interval=2,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=tempfile.mkdtemp(dir=file.parent),
        web_enabled=False,
    )
    topic = app.topic(*topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    count, first, last = 0, 0.0, 0.0

    @app.agent(topic)
    async def empty(stream: Any) -> None:
        nonlocal count, first, last
        async for _ in stream:
            last = perf_counter()
            first = first or last
            count += 1

    async def tell() -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{count} {last - first}")
        fresh.replace(file)

    app.timer(interval=0.25)(tell)
    app.finalize()
    sys.argv = ["empty", "--quiet", "worker", "--without-web", "--loglevel", "error"]
    app.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
