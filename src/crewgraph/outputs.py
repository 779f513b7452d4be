"""What comes out: of a task, of a crew, of one run, of a whole kickoff, and what it cost in tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SkipValidation

from crewgraph.bridge import Awaited
from crewgraph.runtime import verb
from crewgraph.trace import Span
from crewgraph.usage import Call, UsageMetrics, by

__all__ = [
    "CrewOutput",
    "OutputFormat",
    "PipelineKickoffResult",
    "PipelineRunResult",
    "ProcedureRunResult",
    "RunStatus",
    "TaskOutput",
    "UsageMetrics",
    "each_run",
]


UsageKey = Literal["node", "crew", "agent", "model", "input"]
"""By what usage is added up."""

MAX_SHOWN = 60
"""Characters of an answer that a repr shows. Results are shown often: asyncio itself does it at every exit."""


class OutputFormat(StrEnum):
    """In which shape a task's answer was asked for."""

    RAW = "raw"
    JSON = "json"
    PYDANTIC = "pydantic"


class _Answer(BaseModel):
    """What every output has: the text, and where a shape was declared, the value of that shape."""

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True)

    raw: str = ""
    pydantic: Any = None
    json_dict: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The structured answer as a new dict; empty where the answer is only text."""
        if self.json_dict:
            return dict(self.json_dict)
        keys: Any = self.pydantic.model_dump() if isinstance(self.pydantic, BaseModel) else None
        return keys if isinstance(keys, dict) else {}  # a RootModel may hold a list

    def __str__(self) -> str:
        return str(self.json_dict or self.raw if self.pydantic is None else self.pydantic)

    def _as_json(self, last_format: str | None) -> str:
        if last_format != OutputFormat.JSON:
            message = (
                "no JSON output: the last task of the last crew does not declare one. "
                "hint: give that task output_json=Model, or read .raw, .pydantic or .to_dict()"
            )
            raise ValueError(message)
        return json.dumps(self.json_dict, ensure_ascii=False, default=str)


class TaskOutput(_Answer):
    """The answer to one task."""

    description: str = ""
    name: str | None = None
    expected_output: str | None = None
    agent: str = ""
    output_format: OutputFormat = OutputFormat.RAW
    model: str | None = None
    repaired: bool = False
    """Whether the model's JSON had to be mended (quotes, commas, fences) before it could be read."""
    forced: bool = False
    """Whether the agent used up its ``max_iter`` and was made to answer with what it had."""
    skipped: bool = False
    """Whether the task's condition was not met, so that nothing was asked."""
    tools_used: list[str] = Field(default_factory=list[str])
    """The tools that ran, well or not, in order, once for each time; every call is in ``calls`` of the crew's output."""
    output_file: Path | None = None
    """Where the answer was written to, if the task says so."""

    @property
    def json(self) -> str:  # type: ignore[override]
        """The answer as JSON text.

        Raises:
            ValueError: the task does not declare ``output_json``.
        """
        return self._as_json(self.output_format)


class CrewOutput(_Answer):
    """The answer of one crew: that of its last task, with all tasks and the tokens beside it."""

    tasks_output: list[TaskOutput] = Field(default_factory=list[TaskOutput])
    token_usage: UsageMetrics = Field(default_factory=UsageMetrics)
    calls: list[SkipValidation[Call]] = Field(default_factory=list[Call], repr=False)
    """Every attempt of a model call and every tool call, in the order in which they ended."""

    @property
    def cost(self) -> float | None:
        """USD; ``None`` where the cost of at least one call is not known."""
        return self.token_usage.cost

    def usage_by(self, key: UsageKey) -> dict[str, UsageMetrics]:
        """The usage, added up by crew, agent or model; "" where nobody knows."""
        return by(
            lambda call: call.name if key == "model" else getattr(call, key, ""), self.calls, total=self.token_usage
        )

    @property
    def json(self) -> str:  # type: ignore[override]
        """The answer as JSON text.

        Raises:
            ValueError: the last task does not declare ``output_json``.
        """
        return self._as_json(_last_format(self.tasks_output))

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def _repr_html_(self) -> str:
        """The tasks of the crew, for notebooks."""
        html: str = verb("crew_html")(self)
        return html

    def __repr__(self) -> str:
        return f"CrewOutput({_shortened(str(self))}, {self.token_usage.total_tokens} tokens)"


def _last_format(tasks: Iterable[TaskOutput]) -> str | None:
    """The format of the last task that was not skipped: its answer is the crew's."""
    return next((task.output_format for task in reversed(list(tasks)) if not task.skipped), None)


class RunStatus(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVER_BUDGET = "over_budget"


class _RunRecord(BaseModel):
    """What is known of a run beside its answer.

    Attributes:
        index: which input, counted from 0.
        trace: the journey, as in ``[input, "c1", ["c2", "c3"], {"route_taken": "high"}, "c4"]``.
        crews_outputs: outputs of all nodes on the way to this result, in the order of the text.
        error: why the run failed, else ``None``.
        usage: the tokens of the whole run, what failed nodes had spent included.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True)

    id: UUID = Field(default_factory=uuid4, frozen=True)
    index: int = 0
    status: RunStatus = RunStatus.OK
    error: SkipValidation[BaseException | None] = Field(default=None, exclude=True, repr=False)
    trace: list[Any] = Field(default_factory=list[Any])
    usage: UsageMetrics = Field(default_factory=UsageMetrics, repr=False)
    crews_outputs: list[CrewOutput] = Field(default_factory=list[CrewOutput], repr=False)
    _spans: Callable[[], list[Span]] | None = PrivateAttr(default=None)
    _run: object = PrivateAttr(default=None)

    @property
    def spans(self) -> list[Span]:
        """One typed span per node of the run, the skipped ones included, in the order of the text."""
        return self._spans() if self._spans else []

    @property
    def cost(self) -> float | None:
        """USD of the whole run; ``None`` where the cost of at least one call is not known."""
        return self.usage.cost

    def usage_by(self, key: UsageKey) -> dict[str, UsageMetrics]:
        """The usage of the whole run, added up by node, crew, agent, model or input; "" where nobody knows."""
        return _sums(key, self.shares())

    def shares(self) -> Iterator[tuple[Mapping[str, str], UsageMetrics]]:
        """Every part of the usage, with whose it is; what no call explains is the node's own."""
        spans, input_ = self.spans, str(self.index)
        yield {"input": input_}, UsageMetrics() if spans else self.usage
        for span in spans:
            if span.usage is None:
                continue
            here = {"input": input_, "node": span.node, "crew": span.node, "model": span.model or ""}
            calls = [call for call in span.calls if call.kind == "model"]
            for call in calls:
                yield here | {"crew": call.crew, "agent": call.agent, "model": call.name}, call.usage
            if not calls:  # a foreign crew, or a node that took nothing
                yield here, span.usage

    def look_back(self, spans: Callable[[], list[Span]], run: object) -> None:
        """Say how the spans are made when somebody looks, and of which run this is a result; engines call this."""
        self._spans = spans
        self._run = run

    @property
    def origin(self) -> object:
        """The run that this is a result of: one and the same for the results of parallel final branches."""
        return self if self._run is None else self._run

    def report(self, path: str | PathLike[str], *, title: str | None = None) -> Path:
        """Write a page that shows this run: see :meth:`PipelineKickoffResult.report`."""
        written: Path = verb("report")(self, path, title=title)
        return written

    def _repr_html_(self) -> str:
        """The nodes of the run, for notebooks."""
        html: str = verb("run_html")(self)
        return html

    @property
    def ok(self) -> bool:
        """Whether the run reached its end."""
        return self.status is RunStatus.OK


class PipelineRunResult(_Answer, _RunRecord):
    """One result of one run: the run's, or one of several where the pipeline ends in parallel branches.

    Attributes:
        raw, pydantic, json_dict: the answer of the final crew.
        token_usage: the tokens of the whole run by node name; a failed node's tokens included.
    """

    token_usage: dict[str, UsageMetrics] = Field(default_factory=dict[str, UsageMetrics])

    def __repr__(self) -> str:
        told = _shortened(str(self.error) if self.error else str(self))
        return f"PipelineRunResult(input {self.index}: {self.status}, {self.usage.total_tokens} tokens, {told})"

    @property
    def output(self) -> CrewOutput:
        """The answer alone, as the output of one crew that spent what the whole run did."""
        return CrewOutput(
            raw=self.raw,
            pydantic=self.pydantic,
            json_dict=self.json_dict,
            tasks_output=self.tasks_output,
            token_usage=self.usage,
            calls=[call for span in self.spans for call in span.calls],
        )

    @property
    def tasks_output(self) -> list[TaskOutput]:
        """The tasks of the final crew."""
        return self.crews_outputs[-1].tasks_output if self.crews_outputs else []

    @property
    def json(self) -> str:  # type: ignore[override]
        """The answer as JSON text.

        Raises:
            ValueError: the last task of the final crew does not declare ``output_json``.
        """
        return self._as_json(_last_format(self.tasks_output))


class ProcedureRunResult(_RunRecord, CrewOutput):
    """One result of a procedure: the output of its last crew with that crew's usage, and the run beside it."""

    def __repr__(self) -> str:
        told = _shortened(str(self.error) if self.error else str(self))
        return f"ProcedureRunResult(input {self.index}: {self.status}, {self.usage.total_tokens} tokens, {told})"


def _sums(key: UsageKey, shares: Iterable[tuple[Mapping[str, str], UsageMetrics]]) -> dict[str, UsageMetrics]:
    sums = dict[str, UsageMetrics]()
    for whose, usage in shares:
        has_place = (
            key in ("node", "input") and key in whose
        )  # what took nothing has a place, but no agent and no model
        if has_place or usage != UsageMetrics():
            sums.setdefault(whose.get(key, ""), UsageMetrics()).add_usage_metrics(usage)
    return sums


def _shortened(text: str) -> str:
    """A text for a repr: its first line, as far as it fits."""
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")


RunResult = PipelineRunResult | ProcedureRunResult


def each_run(results: Iterable[RunResult]) -> Iterable[RunResult]:
    """One result of each run: a run that ends in parallel branches has several."""
    return {id(run.origin): run for run in results}.values()


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
        return _sums(key, (share for run in self._inputs() for share in run.shares()))

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
        return next((state for state in (RunStatus.FAILED, RunStatus.CANCELLED) if state in states), RunStatus.OK)

    @property
    def failed(self) -> list[Any]:
        """The results of runs that did not reach their end."""
        return [run for run in self.run_results if not run.ok]

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
