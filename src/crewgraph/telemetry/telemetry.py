"""What a user touches: an observer that makes spans and metrics, for one kickoff or for all."""

from __future__ import annotations

import os
import threading
from importlib.metadata import PackageNotFoundError, version

from opentelemetry import metrics, trace

from crewgraph.listeners import hear, unhear
from crewgraph.telemetry.histograms import Histograms
from crewgraph.telemetry.spans import Spans
from crewgraph.trace import Event, Observer

__all__ = ["Telemetry", "instrument", "uninstrument"]

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
YES = ("1", "true", "yes", "on", "span_only", "span_and_event")
"""What the variable says where the content is wanted on spans."""


class Telemetry:
    """An observer that makes OpenTelemetry spans and metrics: ``pipeline.kickoff(rows, observer=Telemetry())``.

    One object serves any number of kickoffs, also at once.

    Args:
        capture_content: whether prompts, answers, tool arguments and tool results go onto the spans, and the text of
            errors, which may repeat them. Where it is not said, the environment variable
            ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` decides, and without it they do not.
        tracer_provider: who makes the spans; the global one where it is ``None``.
        meter_provider: who takes the measurements; the global one where it is ``None``.
    """

    def __init__(
        self,
        *,
        capture_content: bool | None = None,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        if capture_content is None:
            capture_content = os.environ.get(CAPTURE, "").strip().lower() in YES
        self.capture_content = capture_content
        self._tracer = trace.get_tracer("crewgraph", _version(), tracer_provider)
        self._histograms = Histograms(metrics.get_meter("crewgraph", _version(), meter_provider))
        self._unattached = self._spans("", attaches=False)

    def begin(self, name: str) -> Observer:
        """The observer of one kickoff, which names its runs after the pipeline."""
        return self._spans(name, attaches=True)

    def __call__(self, event: Event, /) -> None:
        """Note an event of :meth:`Pipeline.events`, read somewhere else than where it happened."""
        self._unattached(event)

    def _spans(self, name: str, *, attaches: bool) -> Spans:
        return Spans(self._tracer, self._histograms, name, captures=self.capture_content, attaches=attaches)


def _version() -> str:
    try:
        return version("crewgraph")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"


_lock = threading.Lock()
_instrumented: list[Telemetry] = []


def instrument(telemetry: Telemetry | None = None) -> Telemetry:
    """Trace every kickoff that begins in this process from now on, and every crew that is called by hand.

    Called again, it replaces what it set up before. A kickoff with a ``Telemetry`` of its own as observer keeps to it.

    Args:
        telemetry: how; ``Telemetry()`` where it is not said.
    """
    telemetry = telemetry or Telemetry()
    with _lock:
        _forget()
        _instrumented.append(telemetry)
        hear(telemetry)
    return telemetry


def uninstrument() -> None:
    """Trace nothing that begins from now on, unless it has an observer that does."""
    with _lock:
        _forget()


def _forget() -> None:
    while _instrumented:
        unhear(_instrumented.pop())
