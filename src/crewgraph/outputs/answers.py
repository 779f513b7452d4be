"""What comes out of a task and of a crew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from crewgraph.outputs.later import Later
from crewgraph.runtime import verb
from crewgraph.template import as_text
from crewgraph.usage import Call, UsageMetrics, by

__all__ = ["Answer", "CrewOutput", "OutputFormat", "TaskOutput", "UsageKey", "last_format", "shortened"]

UsageKey = Literal["node", "crew", "agent", "model", "input"]
"""By what usage is added up."""

MAX_SHOWN = 60
"""Characters of an answer that a repr shows. Results are shown often: asyncio itself does it at every exit."""


class OutputFormat(StrEnum):
    """In which shape a task's answer was asked for."""

    RAW = "raw"
    JSON = "json"
    PYDANTIC = "pydantic"


class Answer(Later):
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


class TaskOutput(Answer):
    """The answer to one task."""

    description: str = ""
    name: str | None = None
    label: str = ""
    """What events, calls and messages call the task."""
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


class CrewOutput(Answer):
    """The answer of one crew: that of its last task, with all tasks and the tokens beside it."""

    tasks_output: list[TaskOutput] = Field(default_factory=list[TaskOutput])
    token_usage: UsageMetrics = Field(default_factory=UsageMetrics)
    calls: list[SkipValidation[Call]] = Field(default_factory=list[Call], repr=False)
    """Every attempt of a model call and every tool call, in the order in which they ended."""

    @classmethod
    def of_keys(cls, keys: dict[str, Any], raw: str | None = None) -> CrewOutput:
        """An output of keys that took nothing. Nothing is validated, which would take most of the time of a step.

        Args:
            keys: from now on the output's own.
            raw: the text, without lone surrogates, which no encoding takes; ``None`` where all values are plain, so
                that it may be written when somebody looks.
        """
        made = object.__new__(cls)  # as `later`, in less time: every event of a step that ended has one
        own = vars(made)
        own["json_dict"] = keys
        if raw is not None:
            own["raw"] = raw
        return made

    def _rest(self) -> dict[str, Any]:
        return {"raw": as_text(self.json_dict)}

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
        return self._as_json(last_format(self.tasks_output))

    def __getitem__(self, key: str) -> Any:
        return self.to_dict()[key]

    def _repr_html_(self) -> str:
        """The tasks of the crew, for notebooks."""
        html: str = verb("crew_html")(self)
        return html

    def __repr__(self) -> str:
        return f"CrewOutput({shortened(str(self))}, {self.token_usage.total_tokens} tokens)"


def last_format(tasks: Iterable[TaskOutput]) -> str | None:
    """The format of the last task that was not skipped: its answer is the crew's."""
    return next((task.output_format for task in reversed(list(tasks)) if not task.skipped), None)


def shortened(text: str) -> str:
    """A text for a repr: its first line, as far as it fits."""
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")
