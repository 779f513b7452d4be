"""What comes out of one run, and what is known of it beside its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid4

from pydantic import ConfigDict, Field, PrivateAttr, SkipValidation

from crewgraph.errors import InputError
from crewgraph.errors.root import text_of
from crewgraph.outputs.answers import Answer, CrewOutput, TaskOutput, UsageKey, last_format, shortened
from crewgraph.outputs.later import Later
from crewgraph.outputs.waiting import Waiting
from crewgraph.runtime import verb
from crewgraph.template import as_text
from crewgraph.trace import Span
from crewgraph.usage import UsageMetrics

__all__ = ["PipelineRunResult", "ProcedureRunResult", "RunResult", "RunStatus", "each_run", "reason_of", "sums"]


class Behind(Protocol):
    """What is known of a run beside the answer, made when somebody looks."""

    @property
    def run(self) -> object:
        """The run: one and the same for the results of parallel final branches."""
        ...

    def spans(self) -> list[Span]:
        """One for each node, the skipped ones included, in the order of the text."""
        ...

    def beside(self) -> dict[str, Any]:
        """The fields of the result that are not its answer."""
        ...


class RunStatus(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVER_BUDGET = "over_budget"
    WAITING = "waiting"
    """It goes on when somebody has decided what an approval of it asks."""


class _RunRecord(Later):
    """What is known of a run beside its answer.

    Attributes:
        id: where a store keeps the run the same for each kickoff that resumes it, else another one each time.
        run_id: what the run is called in the store; ``None`` where there is none.
        index: which input, counted from 0.
        trace: the journey, as in ``[input, "c1", ["c2", "c3"], {"route_taken": "high"}, "c4"]``.
        crews_outputs: outputs of all nodes on the way to this result, in the order of the text.
        error: why the run failed, else ``None``.
        forked_from: of a fork the id of the run that it was made of, and the node: ``{"run": …, "from": …}``.
        usage: the tokens of the whole run, what failed nodes had spent included.
        waiting: what people are asked before the run can go on.
    """

    model_config = ConfigDict(defer_build=True, arbitrary_types_allowed=True)

    id: UUID = Field(default_factory=uuid4, frozen=True)
    run_id: str | None = Field(default=None, repr=False)
    index: int = 0
    status: RunStatus = RunStatus.OK
    error: SkipValidation[BaseException | None] = Field(default=None, exclude=True, repr=False)
    forked_from: dict[str, Any] | None = Field(default=None, repr=False)
    trace: list[Any] = Field(default_factory=list[Any])
    usage: UsageMetrics = Field(default_factory=UsageMetrics, repr=False)
    crews_outputs: list[CrewOutput] = Field(default_factory=list[CrewOutput], repr=False)
    waiting: list[SkipValidation[Waiting]] = Field(default_factory=list[Waiting], repr=False)
    _behind: Behind | None = PrivateAttr(default=None)

    def _rest(self) -> dict[str, Any]:
        known = self.__dict__
        text = {} if "raw" in known else {"raw": as_text(known.get("json_dict"))}
        return text | (self._behind.beside() if self._behind else {})

    @property
    def spans(self) -> list[Span]:
        """One typed span per node of the run, the skipped ones included, in the order of the text."""
        return self._behind.spans() if self._behind else []

    @property
    def cost(self) -> float | None:
        """USD of the whole run; ``None`` where the cost of at least one call is not known."""
        return self.usage.cost

    def usage_by(self, key: UsageKey) -> dict[str, UsageMetrics]:
        """The usage of the whole run, added up by node, crew, agent, model or input; "" where nobody knows."""
        return sums(key, self.shares())

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

    @property
    def origin(self) -> object:
        """The run that this is a result of: one and the same for the results of parallel final branches."""
        return self._behind.run if self._behind else self

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


class PipelineRunResult(Answer, _RunRecord):
    """One result of one run: the run's, or one of several where the pipeline ends in parallel branches.

    Attributes:
        raw, pydantic, json_dict: the answer of the final crew.
        token_usage: the tokens of the whole run by node name; a failed node's tokens included.
    """

    token_usage: dict[str, UsageMetrics] = Field(default_factory=dict[str, UsageMetrics])

    def __repr__(self) -> str:
        told = shortened(str(self.error) if self.error else str(self))
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
        return self._as_json(last_format(self.tasks_output))


class ProcedureRunResult(_RunRecord, CrewOutput):
    """One result of a procedure: the output of its last crew with that crew's usage, and the run beside it."""

    def __repr__(self) -> str:
        told = shortened(str(self.error) if self.error else str(self))
        return f"ProcedureRunResult(input {self.index}: {self.status}, {self.usage.total_tokens} tokens, {told})"


def sums(key: UsageKey, shares: Iterable[tuple[Mapping[str, str], UsageMetrics]]) -> dict[str, UsageMetrics]:
    """Usage added up by whose it is; "" where nobody knows."""
    sums = dict[str, UsageMetrics]()
    for whose, usage in shares:
        has_place = (
            key in ("node", "input") and key in whose
        )  # what took nothing has a place, but no agent and no model
        if has_place or usage != UsageMetrics():
            sums.setdefault(whose.get(key, ""), UsageMetrics()).add_usage_metrics(usage)
    return sums


RunResult = PipelineRunResult | ProcedureRunResult


def each_run(results: Iterable[RunResult]) -> Iterable[RunResult]:
    """One result of each run: a run that ends in parallel branches has several."""
    return {id(run.origin): run for run in results}.values()


def reason_of(result: RunResult) -> str:
    """Why a run did not reach its end, in words."""
    if result.status is RunStatus.WAITING:
        return "; ".join(map(str, result.waiting)) or "waits for a person"
    if result.error is None:
        return "cancelled: the run did not reach its end"
    if isinstance(result.error, InputError):  # its own text is about a whole kickoff
        lacking = result.error.missing.get(result.index, {})
        return "lacks " + ", ".join(f"'{key}' (needed by {', '.join(whom)})" for key, whom in lacking.items())
    return text_of(result.error) or type(result.error).__name__
