"""What Prometheus is told: how requests go, how full it is, how far the followers of the log are. Of nobody, and of nothing without end.

Labels are taken from closed sets: the paths of the document, methods, statuses, codes of refusals, names of followers.
"""

from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infra.database import Database, DatabaseError
from infra.followers import following
from services.api.gate.crowd import Crowd
from services.api.gate.passing import Passing
from services.settings import SettingsError

_logger = structlog.get_logger()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30)
_PROCESSES = 16
"""So many processes of one machine may each have a port of their own, from the one in the settings on."""


class Metrics:
    """The metrics of a process, in a registry of its own."""

    def __init__(self, database: Database) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("changqing_requests", "Answers", ["method", "route", "status"], registry=self.registry)
        self._seconds = Histogram(
            "changqing_request_seconds",
            "Seconds up to the end of an answer, streams left out",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._refusals = Counter("changqing_refusals", "Answers that refuse, by code", ["code"], registry=self.registry)
        self._bytes = Counter("changqing_answer_bytes", "Bytes of the bodies of answers", registry=self.registry)
        self._inside = Gauge("changqing_requests_inside", "Requests that are dealt with now", registry=self.registry)
        self._streams = Gauge("changqing_streams_open", "Streams of events that are open", registry=self.registry)
        self._places = Gauge("changqing_requests_at_once", "Requests let in at once at most", registry=self.registry)
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self.registry.register(_Log(database))

    def watch(self, crowd: Crowd) -> None:
        """Tell how full it is."""
        self._inside.set_function(lambda: crowd.requests)
        self._streams.set_function(lambda: crowd.streams)
        self._places.set(crowd.most_requests)

    def answered(self, passing: Passing) -> None:
        """Count an answer. Looking labels up takes longer than counting, so what was found is kept."""
        asked = passing.method, passing.route, passing.status
        counter = self._counters.get(asked)
        if counter is None:
            counter = self._counters[asked] = self._requests.labels(*map(str, asked))
        counter.inc()
        if not passing.streams:
            route = asked[1]
            histogram = self._histograms.get(route)
            if histogram is None:
                histogram = self._histograms[route] = self._seconds.labels(route)
            histogram.observe(passing.seconds)
        if passing.code:
            self._refusals.labels(passing.code).inc()
        self._bytes.inc(passing.size)


class _Log(Collector):
    """How far the log and its followers are, asked of the database when somebody wants to know."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing, so that nothing is asked of the database before somebody wants to know."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The followers, and whether there is a database to ask."""
        up = GaugeMetricFamily("changqing_database_up", "Whether PostgreSQL answers")
        behind = GaugeMetricFamily(
            "changqing_follower_events", "Events a follower has still to do", labels=["follower"]
        )
        late = GaugeMetricFamily(
            "changqing_follower_seconds", "Seconds since the first of them was recorded", labels=["follower"]
        )
        stopped = GaugeMetricFamily("changqing_follower_stopped", "Whether a follower stopped", labels=["follower"])
        try:
            for one in following(self._database):
                behind.add_metric([one.follower], one.events)
                late.add_metric([one.follower], one.seconds)
                stopped.add_metric([one.follower], one.stopped is not None)
            up.add_metric([], 1)
        except DatabaseError:
            up.add_metric([], 0)
        yield from (up, behind, late, stopped)


class Listener:
    """Serves the metrics on a port of their own, which no proxy passes on."""

    def __init__(self, server: WSGIServer, thread: Thread) -> None:
        self._server = server
        self._thread = thread
        self.port: int = server.server_port

    @classmethod
    def on(cls, metrics: Metrics, host: str, port: int) -> "Listener":
        """Listen on the first port from `port` on that is free: processes beside each other have one each. Raises `SettingsError`."""
        for tried in range(port, port + _PROCESSES):
            with suppress(OSError):
                listener = cls(*start_http_server(tried, host, metrics.registry))
                _logger.info("metrics are served", port=listener.port)
                return listener
        raise SettingsError(
            f"CHANGQING_METRICS_PORT must hold a port that is free, or one of the {_PROCESSES} after it"
        )

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
