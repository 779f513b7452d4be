"""The borders to pandas and polars: columns become a frame, each kind as the type that holds it with missing values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crewgraph.errors import LibraryMissing
from crewgraph.frames.columns import Kind
from crewgraph.frames.tables import Table, columns
from crewgraph.outputs import RunResult

__all__ = ["to_pandas", "to_polars"]

_PANDAS = {
    Kind.TEXT: "string",
    Kind.JSON: "string",
    Kind.WHOLE: "Int64",
    Kind.NUMBER: "float64",
    Kind.TRUTH: "boolean",
    Kind.MOMENT: "datetime64[us, UTC]",
}
"""Types that do not change where a value is missing."""


def to_pandas(results: Iterable[RunResult] | RunResult, table: Table = "runs") -> Any:
    """Results as a ``pandas.DataFrame``.

    Args:
        results: of a kickoff, of a stream, or any others.
        table: "runs" for a row for each result, "nodes" for each node of each run, "usage" for what each agent and
            model of each node took.

    Raises:
        LibraryMissing: pandas is not installed.
        ValueError: there is no such table.
    """
    every = columns(results, table)
    try:
        import pandas as pd
    except ImportError as error:
        raise LibraryMissing("pandas", what="to_pandas()") from error
    return pd.DataFrame({each.name: pd.Series(each.cells, dtype=_PANDAS[each.kind]) for each in every})


def to_polars(results: Iterable[RunResult] | RunResult, table: Table = "runs") -> Any:
    """Results as a ``polars.DataFrame``.

    Args:
        results: of a kickoff, of a stream, or any others.
        table: as for :func:`to_pandas`.

    Raises:
        LibraryMissing: polars is not installed.
        ValueError: there is no such table.
    """
    every = columns(results, table)
    try:
        import polars as pl
    except ImportError as error:
        raise LibraryMissing("polars", what="to_polars()") from error
    types: dict[Kind, Any] = {
        Kind.TEXT: pl.String(),
        Kind.JSON: pl.String(),
        Kind.WHOLE: pl.Int64(),
        Kind.NUMBER: pl.Float64(),
        Kind.TRUTH: pl.Boolean(),
        Kind.MOMENT: pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame([pl.Series(each.name, each.cells, dtype=types[each.kind]) for each in every])
