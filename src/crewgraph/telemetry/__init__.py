"""OpenTelemetry: spans and metrics of kickoffs, with the semantic conventions for generative AI.

Only the API of OpenTelemetry is used (``pip install 'crewgraph[telemetry]'``): what becomes of the spans is up to the
SDK that the program sets up. Without one, nothing is recorded; nothing is ever sent from here. Prompts, answers and the
arguments of tools are left out unless somebody asks for them.
"""

from __future__ import annotations

try:
    import opentelemetry.trace  # noqa: F401  # pyright: ignore[reportUnusedImport] - said plainly where it is missing
except ImportError as error:
    raise ImportError(
        "crewgraph.telemetry needs OpenTelemetry's API. hint: pip install 'crewgraph[telemetry]'"
    ) from error

from crewgraph.telemetry.telemetry import Telemetry, instrument, uninstrument

__all__ = ["Telemetry", "instrument", "uninstrument"]
