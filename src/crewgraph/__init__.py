"""crewgraph: a dataflow graph compiler for crews of LLM agents.

Write ``research >> [finance, market] >> Router(…) >> write``; crewgraph turns it into a typed graph, finds the
mistakes in it before a cent is spent, draws it, and runs any number of inputs through it concurrently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.approval import Approval, Decision
    from crewgraph.crew import (
        Agent,
        AgentStep,
        BaseTool,
        ConditionalTask,
        Crew,
        HumanQuestion,
        MCPServer,
        Process,
        Task,
        mcp_tools,
        tool,
    )
    from crewgraph.diagnostics import Diagnostic, Findings, Ignore, Severity
    from crewgraph.drawable import DrawnNode, NodeStyle
    from crewgraph.edges import Edge, Graph
    from crewgraph.errors import (
        BudgetExceeded,
        CrewgraphError,
        InputError,
        KickoffError,
        KickoffInterrupted,
        ModelError,
        NodeError,
        OutputInvalid,
        PipelineInvalid,
        RenderError,
    )
    from crewgraph.forecast import Forecast, ForecastRow
    from crewgraph.inputs import InputField, InputSpec
    from crewgraph.llm import LLM, DirectLLM, LiteLLM, OfflineLLM, Price
    from crewgraph.llm.recording.cache import ResponseCache
    from crewgraph.llm.recording.cassette import Cassette, record, replay
    from crewgraph.outlook import Range
    from crewgraph.outputs import (
        CrewOutput,
        OutputFormat,
        PipelineKickoffResult,
        PipelineRunResult,
        ProcedureRunResult,
        RunStatus,
        TaskOutput,
        UsageMetrics,
        Waiting,
    )
    from crewgraph.outputs.kickoff import PipelineOutput
    from crewgraph.policy import Budget, Limit, Policy
    from crewgraph.router import Route, Router
    from crewgraph.step import Step, step
    from crewgraph.syntax import Pipeline, Procedure

__all__ = [
    "LLM",
    "Agent",
    "AgentStep",
    "Approval",
    "BaseTool",
    "Budget",
    "BudgetExceeded",
    "Cassette",
    "ConditionalTask",
    "Crew",
    "CrewOutput",
    "CrewgraphError",
    "Decision",
    "Diagnostic",
    "DirectLLM",
    "DrawnNode",
    "Edge",
    "Findings",
    "Forecast",
    "ForecastRow",
    "Graph",
    "HumanQuestion",
    "Ignore",
    "InputError",
    "InputField",
    "InputSpec",
    "KickoffError",
    "KickoffInterrupted",
    "Limit",
    "LiteLLM",
    "MCPServer",
    "ModelError",
    "NodeError",
    "NodeStyle",
    "OfflineLLM",
    "OutputFormat",
    "OutputInvalid",
    "Pipeline",
    "PipelineInvalid",
    "PipelineKickoffResult",
    "PipelineOutput",
    "PipelineRunResult",
    "Policy",
    "Price",
    "Procedure",
    "ProcedureRunResult",
    "Process",
    "Range",
    "RenderError",
    "ResponseCache",
    "Route",
    "Router",
    "RunStatus",
    "Severity",
    "Step",
    "Task",
    "TaskOutput",
    "UsageMetrics",
    "Waiting",
    "mcp_tools",
    "record",
    "replay",
    "step",
    "tool",
]

lazily(
    __name__,
    {
        "crewgraph.approval": "Approval Decision",
        "crewgraph.crew": (
            "Agent AgentStep BaseTool ConditionalTask Crew HumanQuestion MCPServer Process Task mcp_tools tool"
        ),
        "crewgraph.diagnostics": "Diagnostic Findings Ignore Severity",
        "crewgraph.drawable": "DrawnNode NodeStyle",
        "crewgraph.edges": "Edge Graph",
        "crewgraph.errors": (
            "BudgetExceeded CrewgraphError InputError KickoffError KickoffInterrupted ModelError NodeError "
            "OutputInvalid PipelineInvalid RenderError"
        ),
        "crewgraph.forecast": "Forecast ForecastRow",
        "crewgraph.inputs": "InputField InputSpec",
        "crewgraph.llm": "LLM DirectLLM LiteLLM OfflineLLM Price",
        "crewgraph.llm.recording.cache": "ResponseCache",
        "crewgraph.llm.recording.cassette": "Cassette record replay",
        "crewgraph.outlook": "Range",
        "crewgraph.outputs.kickoff": "PipelineOutput",
        "crewgraph.outputs": (
            "CrewOutput OutputFormat PipelineKickoffResult PipelineRunResult ProcedureRunResult RunStatus "
            "TaskOutput UsageMetrics Waiting"
        ),
        "crewgraph.policy": "Budget Limit Policy",
        "crewgraph.router": "Route Router",
        "crewgraph.step": "Step step",
        "crewgraph.syntax": "Pipeline Procedure",
    },
)
