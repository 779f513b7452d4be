"""What comes out: of a task, of a crew, of one run, of a whole kickoff, and what it cost in tokens."""

from __future__ import annotations

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
