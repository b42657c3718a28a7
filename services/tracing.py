"""Traces: one event on its way from its publisher to the alert and to whoever gets it, told to an OTLP collector by setting.

What carries a trace from process to process is `traceparent`: on the event as it comes, beside it in the database, on the
event as it leaves. Without a collector it is handed on as it came. No span tells of a person: names, types and positions.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from infra.submissions import Submission

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span


_KAFKA = "kafka:"


class Tracing:
    """Makes the spans of a process; without a provider it makes none."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("changqing") if provider else None

    @classmethod
    def to(cls, url: str) -> "Tracing":
        """Spans go to a collector over OTLP/HTTP, some seconds after they end; empty: nowhere.

        A collector that is away costs spans, and nothing else.
        """
        if not url:
            return cls()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - half a second
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

        provider = TracerProvider(resource=Resource({"service.name": "changqing"}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url.rstrip('/')}/v1/traces")))
        return cls(provider)

    def begin(self, name: str, parent: str, at: datetime | None = None, **said: str | int) -> "Span | None":
        """A span under a parent, or one that begins a trace; None where none are made. Whoever began it ends it. `at`: not now but then."""
        if self._tracer is None:
            return None
        start = int(at.timestamp() * 1_000_000_000) if at else None
        return self._tracer.start_span(name, _context(parent), attributes=said, start_time=start)

    @contextmanager
    def span(self, name: str, parent: str, at: datetime | None = None, **said: str | int) -> Iterator[str]:
        """A span for as long as this lasts, for what belongs to a trace; what is to be handed on."""
        span = self.begin(name, parent, at, **said) if parent else None
        try:
            yield handed_on(span) or parent
        finally:
            if span:
                span.end()

    @contextmanager
    def accepting(
        self, submissions: Sequence[Submission], came: Iterable[tuple[str, datetime | None]]
    ) -> Iterator[Sequence[Submission]]:
        """A span for each submission that belongs to a trace; the same submissions, with what is to be handed on.

        `came`: where each stood (`kafka:TOPIC-PARTITION-OFFSET`, or something else) and since when. What came by Kafka has a span of its
        waiting there, as what came by HTTP has its request's.
        """
        if self._tracer is None or not any(one.traceparent for one in submissions):
            yield submissions
            return
        with ExitStack() as spans:
            yield [
                replace(one, traceparent=self._accepting(one, place, at, spans))
                for one, (place, at) in zip(submissions, came, strict=True)
            ]

    def _accepting(self, one: Submission, place: str, at: datetime | None, spans: ExitStack) -> str:
        parent = one.traceparent
        if parent and place.startswith(_KAFKA):
            topic, partition, offset = place.removeprefix(_KAFKA).rsplit("-", 2)
            told = {"messaging.destination.name": topic, "messaging.destination.partition.id": partition}
            told |= {"messaging.kafka.offset": offset}
            parent = spans.enter_context(self.span("receive", parent, at, **told))
        return spans.enter_context(self.span("accept", parent, channel=one.channel))

    def close(self) -> None:
        """Send what is left."""
        if self._provider:
            self._provider.shutdown()


def handed_on(span: Any) -> str:
    """The `traceparent` of a span; empty without one."""
    if span is None:
        return ""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _context(parent: str) -> Any:
    if not parent:
        return None
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context  # noqa: PLC0415 - as above

    _, trace, span, flags = parent.split("-")
    context = SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(context))
