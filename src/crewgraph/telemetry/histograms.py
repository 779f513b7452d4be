"""The two measurements of every model call: tokens and seconds."""

from __future__ import annotations

from opentelemetry.metrics import Meter

from crewgraph.telemetry import attributes as names
from crewgraph.usage import UsageMetrics

__all__ = ["Histograms"]

TOKEN_BUCKETS = tuple(4**power for power in range(14))
"""1, 4, 16 … 67,108,864, as the conventions have them."""
SECOND_BUCKETS = tuple(0.01 * 2**power for power in range(14))
"""0.01, 0.02, 0.04 … 81.92, as the conventions have them."""


class Histograms:
    """Where the measurements go."""

    def __init__(self, meter: Meter) -> None:
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        )
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECOND_BUCKETS,
        )

    def record(self, model: str, usage: UsageMetrics, seconds: float, *, error: str | None = None) -> None:
        """Note a model call that has ended.

        Args:
            model: who was asked.
            usage: what it took; where nobody knows the tokens, none are noted.
            seconds: how long it took, waiting not counted.
            error: the kind of its failure.
        """
        about = names.of_model(model)
        failed: names.Attributes = {names.ERROR_TYPE: error} if error else {}
        self._seconds.record(seconds, {**about, **failed})
        if usage.total_tokens:
            self._tokens.record(usage.prompt_tokens, {**about, names.TOKEN_TYPE: "input"})
            self._tokens.record(usage.completion_tokens, {**about, names.TOKEN_TYPE: "output"})
