"""What a crew says about all of its tasks, and what it is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crewgraph.crew.human import Provider, Terminal
from crewgraph.llm.port import ToolCall

__all__ = ["AgentStep", "Terms", "ToolResult"]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of one tool call.

    Attributes:
        call: what the model wanted.
        text: what the model is told: the result, or what went wrong.
        is_error: whether it went wrong.
        is_answer: whether the result is the answer of the task, without asking the model again.
        tool: the tool's own name, which may hold letters that the name in the call may not.
        has_run: whether the tool was called for it, well or not; a name that no tool has, arguments that do not fit
            and a result that was kept call none.
    """

    call: ToolCall
    text: str
    is_error: bool = False
    is_answer: bool = False
    tool: str = ""
    has_run: bool = True


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One turn of an agent, for step callbacks: what it said, and what its tools gave.

    Attributes:
        agent, task: who, and at what.
        text: what the model said.
        results: the tool calls of this turn with their results; none where the turn is the answer.
    """

    agent: str
    task: str
    text: str
    results: tuple[ToolResult, ...] = ()


@dataclass(slots=True, kw_only=True)
class Terms:
    """What a crew says about all of its tasks.

    Attributes:
        max_reasks: how often a model is asked again when its answer lacks the declared shape.
        is_caching: whether results of tools are kept for equal calls.
        step_callback, task_callback: told of every turn, and of every answer.
        output_root: where the files of tasks lie.
        human: how people are asked.
    """

    max_reasks: int = 2
    is_caching: bool = True
    step_callback: Callable[[AgentStep], Any] | None = None
    task_callback: Callable[..., Any] | None = None
    output_root: Path | str | None = None
    human: Provider = field(default_factory=Terminal)
