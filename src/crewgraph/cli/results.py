"""Results as JSON lines: one for each result as it comes, written and flushed at once, so that a killed run keeps them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

from pydantic_core import to_jsonable_python

from crewgraph.errors import InputError
from crewgraph.outputs import PipelineRunResult, ProcedureRunResult
from crewgraph.trace import Span
from crewgraph.usage import UsageMetrics

__all__ = ["encoded_line", "reason_of", "result_record", "spans_record"]

Result = PipelineRunResult | ProcedureRunResult

SPENT = ("calls", "token_usage")

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Control characters, marks of direction and the like, ends of lines: a terminal would obey them."""


def result_record(result: Result, *, reason: str | None = None) -> dict[str, Any]:
    """A result as JSON values.

    Args:
        result: of a run, or of one branch of its final stage.
        reason: why the run failed, where that is better known here than to the engine.
    """
    record: dict[str, Any] = {"index": result.index, "id": str(result.id), "status": str(result.status)}
    if not result.ok:
        record["error"] = reason or reason_of(result)
    answer = result.pydantic if result.pydantic is not None else result.json_dict
    return record | {
        "raw": result.raw,
        "json": None if answer is None else _plain(answer),
        "trace": _plain(result.trace),
        "token_usage": _spent(result),
        "usage": _counts(result.usage),
        "cost": result.cost,
    }


def spans_record(result: Result) -> dict[str, Any]:
    """The spans of a result's run as JSON values, with every model and tool call, and none of the prompts."""
    return {"index": result.index, "id": str(result.id), "spans": [_span(span) for span in result.spans]}


def _span(span: Span) -> dict[str, Any]:
    record = {name: _plain(value) for name, value in span if name not in ("usage", "calls")}  # each by itself
    record["usage"] = None if span.usage is None else _counts(span.usage)
    record["calls"] = [_plain(call) | {"usage": _counts(call.usage)} for call in span.calls]
    if isinstance(record["output"], dict):  # which has them once more
        record["output"] = {key: value for key, value in record["output"].items() if key not in SPENT}
    return record


def _spent(result: Result) -> dict[str, Any]:
    """What was used, by node; those that used nothing are left out."""
    by_node = result.token_usage if isinstance(result, PipelineRunResult) else result.usage_by("node")
    return {node: counts for node, usage in by_node.items() if (counts := _counts(usage))}


def _counts(usage: UsageMetrics) -> dict[str, int]:
    """The counts without the zeros."""
    return {name: count for name, count in usage.model_dump().items() if count}


def reason_of(result: Result) -> str:
    """Why a run failed, in words."""
    if result.error is None:
        return "cancelled: the run did not reach its end"
    if isinstance(result.error, InputError):  # its own text is about a whole kickoff
        lacking = result.error.missing.get(result.index, {})
        return "lacks " + ", ".join(f"'{key}' (needed by {', '.join(whom)})" for key, whom in lacking.items())
    return str(result.error) or type(result.error).__name__


def _plain(value: Any) -> Any:
    """JSON values of whatever a user's code returned; what has no such form becomes text."""
    try:
        return to_jsonable_python(value, fallback=str, bytes_mode="base64", serialize_unknown=True)
    except Exception:  # noqa: BLE001 - a serialiser of the user's, a circle: no reason to lose the result
        return str(value)


def encoded_line(record: dict[str, Any]) -> bytes:
    """A record as one line of UTF-8."""
    for encode in _ENCODERS:
        try:
            return encode(record).encode() + b"\n"
        except ValueError:  # NaN, or half of a surrogate pair
            continue
    raise AssertionError("the last encoder takes everything")  # pragma: no cover


def _strict(record: dict[str, Any]) -> str:
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    if line.isprintable():
        return line
    return "".join(
        json.dumps(character)[1:-1] if unicodedata.category(character) in _UNSEEN else character for character in line
    )


def _mended(record: dict[str, Any]) -> str:
    return json.dumps(_without_nan(record), ensure_ascii=True)


_ENCODERS: tuple[Callable[[dict[str, Any]], str], ...] = (_strict, _mended)


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN and no infinity; they become null."""
    match value:
        case dict():
            return {key: _without_nan(item) for key, item in value.items()}
        case list():
            return [_without_nan(item) for item in value]
        case float() if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - true for NaN alone
            return None
        case _:
            return value
