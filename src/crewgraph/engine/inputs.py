"""Inputs of a kickoff: one dict, many, or a stream of them, checked before anything is paid for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crewgraph.compiler.plan import Plan
from crewgraph.engine.port import Row
from crewgraph.errors import InputError, InputTypeError
from crewgraph.options import Fork, StoredRuns
from crewgraph.store import Identity

__all__ = ["arows", "complete", "row_of", "rows", "unrolled"]

HINT = "add the keys to the inputs, or declare them as the output of an earlier crew; {{…}} are literal braces"
MISFIT_HINT = "correct the values; `crewgraph show` lists what the inputs must be"
PROCEDURE_HINT = (
    "in a chain of crews made with >> each is handed the output of the one before it only; "
    "write Pipeline([…]) to hand over everything, or add the keys to the inputs"
)


def unrolled(inputs: Any) -> Iterable[Any] | AsyncIterable[Any] | StoredRuns | Fork:
    """The inputs as an iterable of rows; runs that are in a store stay what they are.

    Raises:
        InputTypeError: they are neither a dict nor an iterable of something.
    """
    if isinstance(inputs, Mapping):
        return [inputs]
    if isinstance(inputs, StoredRuns | Fork):
        return inputs
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable | AsyncIterable):
        kind = type(inputs).__name__
        raise InputTypeError(
            f"inputs are a list of dicts, or one dict, not {kind}. hint: kickoff([{{'topic': 'tea'}}])"
        )
    return inputs


Identify = Callable[[int, Mapping[str, Any]], Identity]
"""Says by what an input is known again."""


def rows(inputs: Iterable[Any], plan: Plan, identify: Identify | None = None) -> Iterator[Row]:
    """Number the rows; a row that cannot run carries its error."""
    for index, values in enumerate(inputs):
        yield row_of(index, values, plan, identify)


async def arows(inputs: AsyncIterable[Any], plan: Plan, identify: Identify | None = None) -> AsyncGenerator[Row, None]:
    """As :func:`rows`, from an async iterable."""
    index = 0
    try:
        async for values in inputs:
            yield row_of(index, values, plan, identify)
            index += 1
    finally:  # a generator left unfinished would be closed by whoever collects the garbage
        if isinstance(inputs, AsyncGenerator):
            await inputs.aclose()


def complete(every: Sequence[Row], plan: Plan) -> None:
    """Raise one error about all rows that cannot run.

    Raises:
        InputTypeError: a row is not a mapping of text to values.
        InputError: rows lack keys, or have values that do not fit; every row and key is named.
    """
    missing, misfits = dict[int, Mapping[str, Sequence[str]]](), dict[int, Mapping[str, str]]()
    for row in every:
        if isinstance(row.error, InputError):
            missing |= row.error.missing
            misfits |= row.error.misfits
        elif row.error is not None:
            raise row.error
    if missing or misfits:
        given = {row.index: row.values for row in every if row.index in missing}
        raise InputError(missing, misfits=misfits, given=given, hint=_hint(plan) if missing else MISFIT_HINT)


def _hint(plan: Plan) -> str:
    return PROCEDURE_HINT if plan.graph.is_procedure else HINT


def row_of(index: int, values: Any, plan: Plan, identify: Identify | None = None) -> Row:
    """One row; where it cannot run it carries its error."""
    try:
        row = _checked_row(index, values, plan)
        return row if identify is None or row.error is not None else replace(row, identity=identify(index, values))
    except Exception as error:  # noqa: BLE001 - a mapping of the user's may raise whatever it likes
        return Row(index, {}, error)


def _checked_row(index: int, values: Any, plan: Plan) -> Row:
    if not isinstance(values, Mapping):
        return Row(index, {}, InputTypeError(f"input {index} is no dict but {values!r:.40}"))
    for key in values:
        if not isinstance(key, str):
            return Row(index, {}, InputTypeError(f"input {index} has the key {key!r}; keys are text"))
    seen = plan.inputs.look_at(values)
    if not seen.missing and not seen.misfits:
        return Row(index, seen.values)
    error = InputError(
        {index: seen.missing} if seen.missing else {},
        misfits={index: seen.misfits} if seen.misfits else {},
        given={index: values},
        hint=_hint(plan) if seen.missing else MISFIT_HINT,
        others_run=True,
    )
    return Row(index, values, error)
