"""What a crew says about itself to whoever checks, draws or connects it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from crewgraph.condition import parse_condition
from crewgraph.crew.assign import Job, file_names, texts
from crewgraph.inputs import Declared
from crewgraph.llm.choose import model_name
from crewgraph.node import Interface, Need, Problem, needs_of
from crewgraph.shapes import given_by
from crewgraph.template import lookalikes, parse

__all__ = ["describe"]

_WORD = re.compile(r"[^\W\d]\w*")


def describe(
    jobs: Sequence[Job],
    *,
    process: str,
    problems: Iterable[Problem] = (),
    changes_inputs: bool = False,
    changes_output: bool = False,
    takes: Declared | None = None,
) -> Interface:
    """The interface of a crew that does these jobs.

    Args:
        jobs: the jobs.
        process: in which way they are done, for pictures.
        problems: what keeps them from being done.
        changes_inputs: whether something is done to the inputs before, so that they need not bring what is needed.
        changes_output: whether something is done to the output, so that nobody knows what it gives.
        takes: what its inputs are declared to be.
    """
    own = needs_of(takes, f"the input model {takes.name}", is_required=not changes_inputs) if takes else ()
    models = dict.fromkeys(model_name(llm) or "no model" for job in jobs for llm in job.llms)
    return Interface(
        kind="crew",
        needs=(*own, *_needs(jobs, is_required=not changes_inputs)),
        gives={} if changes_output else _gives(jobs),
        may_give=None if changes_output else _may_give(jobs),
        summary=" · ".join([process, ", ".join(models) or "no model"]),
        rows=tuple((job.task.label[6:-1], job.agent.role if job.agent else "nobody") for job in jobs),
        problems=(*problems, *_no_placeholders(jobs)),
        sometimes={} if changes_output else _sometimes(jobs),
        is_text=not changes_output and not any(callable(each) for job in _last(jobs) for each in job.task.guardrails),
        takes_all=changes_inputs,
        takes_text=any(job.task.context is None for job in jobs),
    )


def _no_placeholders(jobs: Sequence[Job]) -> Iterator[Problem]:
    """CG310: what looks like a placeholder and stays text."""
    named = (*texts(jobs), *file_names(jobs))
    for (where, found), meant in {
        (where, found): meant for where, text in named for found, meant in lookalikes(text)
    }.items():
        hint = f"write {{{meant}}}" if meant else "a placeholder is one {identifier}"
        yield Problem(
            "CG310",
            f"{found} in {where} is no placeholder and stays as it is",
            f"{hint}, or {{{{…}}}} if it is meant as text",
        )


def _needs(jobs: Sequence[Job], *, is_required: bool) -> Iterator[Need]:
    """Each placeholder once for every place where it stands, and what conditions read."""
    named = (*texts(jobs), *file_names(jobs))
    places = dict.fromkeys((key, where) for where, text in named for key in parse(text).fields)
    yield from (Need(key, where, required=is_required) for key, where in places)
    given = set[str]()
    for job in jobs:
        if isinstance(job.task.condition, str):
            where = f"the condition of {job.task.label}"
            reads = parse_condition(job.task.condition).reads
            yield from (Need(key, where, required=False) for key in reads if key not in given)
        given |= set(_fields(job.task.shape))


def _last(jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose answer may be the crew's: the last, and where that may be skipped those before it."""
    last = list[Job]()
    for job in reversed(jobs):
        last.append(job)
        if job.task.condition is None:
            break
    return last


def _gives(jobs: Sequence[Job]) -> Mapping[str, Any]:
    """The keys that every answer has which may be the crew's; none where all tasks may be skipped."""
    last = _last(jobs)
    if not last or last[-1].task.condition is not None:
        return {}
    common, *others = [_fields(job.task.shape) for job in last]
    return {
        key: kind if all(each[key] == kind for each in others) else Any
        for key, kind in common.items()
        if all(key in each for each in others)
    }


def _sometimes(jobs: Sequence[Job]) -> Mapping[str, Any]:
    """The keys that an answer which may be the crew's declares, and not every one has."""
    sure, found = _gives(jobs), dict[str, Any]()
    for job in _last(jobs):
        for key, kind in _fields(job.task.shape).items():
            if key not in sure:
                found[key] = kind if found.get(key, kind) == kind else Any
    return found


def _may_give(jobs: Sequence[Job]) -> frozenset[str] | None:
    """Which keys a crew might give beside the sure ones; ``None`` where it might be any."""
    may = set[str]()
    for job in _last(jobs):
        own = _may_be_in(job)
        if own is None:
            return None
        may |= own | set(_fields(job.task.shape))
    return frozenset(may - set(_gives(jobs)))


def _may_be_in(job: Job) -> frozenset[str] | None:
    """Which keys an answer might hold beside those of its shape; ``None`` where it might be any.

    Raw text that is one JSON object is handed over key by key. A task that asks for JSON in words, be they its own
    or its agent's, may give any key, and another one at most those whose names stand in these texts. What people,
    functions and tools put in the place of an answer may be anything.
    """
    task = job.task
    if task.shape is not None:
        return None if task.shape.model_config.get("extra") == "allow" else frozenset()
    words = " ".join(piece for _, text in texts([job]) for piece in parse(text).literals)
    is_open = task.human_input or any(callable(each) for each in task.guardrails)
    if is_open or "json" in words.lower() or any(getattr(tool, "result_as_answer", False) for tool in job.tools):
        return None
    return frozenset(_WORD.findall(words))


def _fields(shape: type[BaseModel] | None) -> Mapping[str, Any]:
    """The keys that ``model_dump`` of a model holds, with their types."""
    return {} if shape is None else {name: field.kind for name, field in given_by(shape).items()}
