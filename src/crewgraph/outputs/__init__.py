"""What comes out: of a task, of a crew, of one run, of a whole kickoff, and what it cost in tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.outputs.answers import CrewOutput, OutputFormat, TaskOutput, UsageKey
    from crewgraph.outputs.kickoff import PipelineKickoffResult
    from crewgraph.outputs.runs import PipelineRunResult, ProcedureRunResult, RunResult, RunStatus, each_run, reason_of
    from crewgraph.outputs.waiting import Waiting
    from crewgraph.usage import UsageMetrics

__all__ = [
    "CrewOutput",
    "OutputFormat",
    "PipelineKickoffResult",
    "PipelineRunResult",
    "ProcedureRunResult",
    "RunResult",
    "RunStatus",
    "TaskOutput",
    "UsageKey",
    "UsageMetrics",
    "Waiting",
    "each_run",
    "reason_of",
]

lazily(
    __name__,
    {
        "crewgraph.outputs.answers": "CrewOutput OutputFormat TaskOutput UsageKey",
        "crewgraph.outputs.kickoff": "PipelineKickoffResult",
        "crewgraph.outputs.runs": "PipelineRunResult ProcedureRunResult RunResult RunStatus each_run reason_of",
        "crewgraph.outputs.waiting": "Waiting",
        "crewgraph.usage": "UsageMetrics",
    },
)
