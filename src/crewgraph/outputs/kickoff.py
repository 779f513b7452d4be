"""What comes out of a whole kickoff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation

from crewgraph.bridge import Awaited
from crewgraph.outputs.answers import UsageKey
from crewgraph.outputs.runs import RunResult, RunStatus, each_run, sums
from crewgraph.runtime import verb
from crewgraph.usage import UsageMetrics

__all__ = ["PipelineKickoffResult", "PipelineOutput"]


class PipelineKickoffResult(BaseModel, Awaited):
    """What a kickoff returns: its run results as a sequence, by input, then by branch of the final stage.

    It may be awaited and given to ``asyncio.run``; it answers with itself.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True)

    id: UUID = Field(default_factory=uuid4, frozen=True)
    run_results: list[SkipValidation[Any]] = Field(default_factory=list[Any])
    not_run: list[int] = Field(default_factory=list[int])
    """The inputs that were not begun, because a budget was used up or the first failure ended everything."""
    _graph: object = PrivateAttr(default=None)

    def add_run_result(self, result: RunResult) -> None:
        """Append one more result."""
        self.run_results.append(result)

    @property
    def usage(self) -> UsageMetrics:
        """Tokens, requests and money of all runs, each input once."""
        return UsageMetrics.sum(run.usage for run in self._inputs())

    @property
    def cost(self) -> float | None:
        """USD of all runs; ``None`` where the cost of at least one call is not known."""
        return self.usage.cost

    def usage_by(self, key: UsageKey) -> dict[str, UsageMetrics]:
        """The usage of all runs, added up by node, crew, agent, model or input; "" where nobody knows."""
        return sums(key, (share for run in self._inputs() for share in run.shares()))

    def _inputs(self) -> Iterable[Any]:
        """One result of each input: a run that ends in parallel branches has several, each with the whole usage."""
        return each_run(self.run_results)

    @property
    def status(self) -> RunStatus:
        """How the kickoff ended: "over_budget" where a budget stopped a run or kept one from beginning."""
        states = {run.status for run in self.run_results}
        kept_back = self.not_run and RunStatus.FAILED not in states  # else the first failure ended everything
        if RunStatus.OVER_BUDGET in states or kept_back:
            return RunStatus.OVER_BUDGET
        order = (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.WAITING)
        return next((state for state in order if state in states), RunStatus.OK)

    @property
    def failed(self) -> list[Any]:
        """The results of runs that did not reach their end, and will not by themselves."""
        return [run for run in self.run_results if run.status not in (RunStatus.OK, RunStatus.WAITING)]

    @property
    def waiting(self) -> list[Any]:
        """The results of runs that wait for a person: each says in ``waiting`` what is asked."""
        return [run for run in self.run_results if run.status is RunStatus.WAITING]

    def report(self, path: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write a page that shows every run: graph, timeline, traces, errors and cost, in one file that needs no network.

        Args:
            path: where to. Missing folders are made, and a file that is there is replaced.
            title: stands on the page; the name of the pipeline where none is given.

        Returns:
            The path written.

        Raises:
            RenderError: it cannot be written, or the results were not made by a kickoff of this process.
        """
        written: Path = verb("report")(self, path, title=title)
        return written

    def chrome_trace(self, path: str | PathLike[str]) -> Path:
        """Write a trace that Perfetto and ``chrome://tracing`` open: a process for each input, nodes and calls on its lanes.

        Args:
            path: where to. Missing folders are made, and a file that is there is replaced.

        Returns:
            The path written.

        Raises:
            RenderError: it cannot be written.
        """
        written: Path = verb("chrome_trace")(self, path)
        return written

    @property
    def graph(self) -> object:
        """The graph that was run; ``None`` for results that no kickoff made."""
        return self._graph

    def look_back(self, graph: object) -> None:
        """Say which graph was run; engines call this."""
        self._graph = graph

    def to_pandas(self, table: Literal["runs", "nodes", "usage"] = "runs") -> Any:
        """This kickoff as a ``pandas.DataFrame``: the same columns whatever came of it, then ``answer.…`` and ``input.…``.

        Args:
            table: a row for each result ("runs"), each node of each run ("nodes"), or each agent and model ("usage").

        Raises:
            LibraryMissing: pandas is not installed.
            ValueError: there is no such table.
        """
        return verb("to_pandas")(self, table)

    def to_polars(self, table: Literal["runs", "nodes", "usage"] = "runs") -> Any:
        """The same as a ``polars.DataFrame``: see :meth:`to_pandas`."""
        return verb("to_polars")(self, table)

    def _repr_html_(self) -> str:
        """The runs, for notebooks: those that failed first."""
        html: str = verb("kickoff_html")(self)
        return html

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"PipelineKickoffResult({len(self)} {'result' if len(self) == 1 else 'results'}{failed})"

    __str__ = __repr__

    def __len__(self) -> int:
        return len(self.run_results)

    def __bool__(self) -> bool:
        return bool(self.run_results)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.run_results[index]

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a sequence of runs, not of fields
        return iter(self.run_results)

    def __contains__(self, run: object) -> bool:
        return run in self.run_results

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:  # asyncio.gather keeps awaitables in a dict
        return id(self)


PipelineOutput = PipelineKickoffResult
"""The ancestor's name."""
