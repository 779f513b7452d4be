"""What is kept of one run: how it ended, what it was given, and a span for each node; as a line of a trace, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from crewgraph.outputs import RunResult, reason_of
from crewgraph.report.lines import counts, plain
from crewgraph.trace import Span
from crewgraph.usage import Call, UsageMetrics

__all__ = ["Record", "record_of", "record_read", "trace_line"]

SPENT = ("calls", "token_usage")
"""What the output of a node holds that its span holds too."""


@dataclass(frozen=True, slots=True)
class Record:
    """One run.

    Attributes:
        index: which input.
        id: of its result.
        status: how it ended.
        error: why it failed, in words.
        inputs: what it was given.
        spans: one for each node, in the order of the text.
        run_id: what the run is called in the store; ``None`` where there is none.
        forked_from: of a fork the run that it was made of, and the node.
    """

    index: int
    id: str
    status: str
    error: str | None
    inputs: Mapping[str, Any]
    spans: Sequence[Span]
    run_id: str | None = None
    forked_from: Mapping[str, Any] | None = None


def record_of(result: RunResult, *, reason: str | None = None) -> Record:
    """What is kept of a result's run.

    Args:
        result: of a run, or of one branch of its final stage.
        reason: why the run failed, where that is better known here than to the engine.
    """
    error = None if result.ok else reason or reason_of(result)
    inputs = result.trace[0] if result.trace and isinstance(result.trace[0], dict) else {}
    return Record(
        result.index, str(result.id), str(result.status), error, inputs, result.spans, result.run_id, result.forked_from
    )


def trace_line(record: Record) -> dict[str, Any]:
    """A record as JSON values, with every model and tool call, and none of the prompts."""
    return {
        "index": record.index,
        "id": record.id,
        **({} if record.run_id is None else {"run_id": record.run_id}),
        "status": record.status,
        "error": record.error,
        **({} if record.forked_from is None else {"forked_from": dict(record.forked_from)}),
        "inputs": plain(record.inputs),
        "spans": [_span_line(span) for span in record.spans],
    }


def _span_line(span: Span) -> dict[str, Any]:
    line = {name: plain(value) for name, value in span if name not in ("usage", "calls")}  # each by itself
    line["usage"] = None if span.usage is None else counts(span.usage)
    line["calls"] = [plain(call) | {"usage": counts(call.usage)} for call in span.calls]
    if isinstance(line["output"], dict):  # which has them once more
        line["output"] = {key: value for key, value in line["output"].items() if key not in SPENT}
    return line


def record_read(line: Any) -> Record:
    """The record that was written as this line.

    Raises:
        ValueError: it is none.
    """
    try:
        inputs, error = dict(line["inputs"]), line["error"]
        spans = [_span_read(each) for each in line["spans"]]
        told, run_id = (None if each is None else str(each) for each in (error, line.get("run_id")))
        origin = line.get("forked_from")
        forked_from = None if origin is None else dict(origin)
        index, own = int(line["index"]), str(line["id"])
        return Record(index, own, str(line["status"]), told, inputs, spans, run_id, forked_from)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except LookupError as error:
        raise ValueError(f"it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


_CALL = TypeAdapter(Call)


def _span_read(line: Mapping[str, Any]) -> Span:
    usage = None if line["usage"] is None else UsageMetrics.model_validate(line["usage"])
    calls = [_CALL.validate_python(call) for call in line["calls"]]
    return Span.model_validate({**line, "usage": usage, "calls": calls})
