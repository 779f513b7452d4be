"""What a crew says about itself to whoever checks, draws or connects it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import Job, problems, texts
from crewgraph.llm.choose import model_name
from crewgraph.node import Interface, Need
from crewgraph.template import parse

__all__ = ["describe"]

_WORD = re.compile(r"[^\W\d]\w*")


def describe(jobs: Sequence[Job], agents: Sequence[Agent], *, process: str) -> Interface:
    """The interface of a crew that does these jobs."""
    last = jobs[-1].task if jobs else None
    gives = _fields(last.shape) if last and last.shape else {}
    models = dict.fromkeys(model_name(job.llm) or "no model" for job in jobs)
    return Interface(
        kind="crew",
        needs=_needs(jobs),
        gives=gives,
        may_give=_may_give(jobs),
        summary=" · ".join([process, ", ".join(models) or "no model"]),
        rows=tuple((job.task.label[6:-1], job.agent.role if job.agent else "nobody") for job in jobs),
        problems=tuple(problems(jobs, agents)),
    )


def _needs(jobs: Sequence[Job]) -> tuple[Need, ...]:
    """Each placeholder once for every place where it stands."""
    places = dict.fromkeys((key, where) for where, text in texts(jobs) for key in parse(text).fields)
    return tuple(Need(key, where) for key, where in places)


def _fields(shape: type[BaseModel]) -> Mapping[str, Any]:
    """The keys that ``model_dump`` of a model holds, with their types."""
    stored = {name: field.annotation for name, field in shape.model_fields.items() if not field.exclude}
    return stored | {name: field.return_type for name, field in shape.model_computed_fields.items()}


def _may_give(jobs: Sequence[Job]) -> frozenset[str] | None:
    """Which keys a crew might give beside the sure ones; ``None`` where it might be any.

    Raw text that is one JSON object is handed over key by key. A task that asks for JSON in words, be they its own
    or its agent's, may give any key, and another one at most those whose names stand in these texts.
    """
    if not jobs:
        return frozenset()
    last = jobs[-1].task
    if last.shape is not None:
        return None if last.shape.model_config.get("extra") == "allow" else frozenset()
    words = " ".join(text for _, text in texts(jobs[-1:]))
    return None if "json" in words.lower() else frozenset(_WORD.findall(words))
