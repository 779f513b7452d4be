"""What a crew says about itself to whoever checks, draws or connects it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from crewgraph.condition import parse_condition
from crewgraph.crew.assign import Job, file_names, texts
from crewgraph.inputs import Declared
from crewgraph.llm.choose import model_name
from crewgraph.node import Interface, Need, Problem, needs_of
from crewgraph.returns import Given, given_by_model, one_of
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
    needs = _needs(jobs, is_required=not changes_inputs)
    given = _given(jobs)
    models = dict.fromkeys(model_name(llm) or "no model" for job in jobs for llm in job.llms)
    return Interface(
        kind="crew",
        needs=(*own, *(_unfilled(takes, needs) if takes else needs)),
        gives={} if changes_output else given.always,
        may_give=None if changes_output else _may_give(jobs, given),
        summary=" · ".join([process, ", ".join(models) or "no model"]),
        rows=tuple((job.task.label[6:-1], job.agent.role if job.agent else "nobody") for job in jobs),
        problems=(*problems, *_no_placeholders(jobs)),
        sometimes={} if changes_output else given.sometimes,
        is_text=not changes_output and not any(callable(each) for job in _last(jobs) for each in job.task.guardrails),
        takes_all=changes_inputs,
        takes_text=any(job.task.context is None for job in jobs),
        models=tuple(dict.fromkeys(job.task.output_pydantic for job in jobs if job.task.output_pydantic)),
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


def _unfilled(takes: Declared, needs: Iterable[Need]) -> Iterator[Need]:
    """What is needed beside what the input model fills in."""
    for need in needs:
        field = takes.provided.get(need.key)
        if need.key not in takes.added:
            yield replace(need, required=need.required and not (field is not None and field.has_default))


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
        given |= _declares(job).always.keys()


def _last(jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose answer may be the crew's: the last, and where that may be skipped those before it."""
    last = list[Job]()
    for job in reversed(jobs):
        last.append(job)
        if job.task.condition is None:
            break
    return last


def _given(jobs: Sequence[Job]) -> Given:
    """What the answers declare that may be the crew's; none is sure where all tasks may be skipped."""
    last = _last(jobs)
    answers = [_declares(job) for job in last]
    if not last or last[-1].task.condition is not None:
        answers.append(Given())
    return one_of(answers)


def _may_give(jobs: Sequence[Job], given: Given) -> frozenset[str] | None:
    """Which keys a crew might give beside the sure ones; ``None`` where it might be any."""
    may = set[str](given.sometimes)
    for job in _last(jobs):
        own = _may_be_in(job)
        if own is None:
            return None
        may |= own
    return frozenset(may - given.always.keys())


def _may_be_in(job: Job) -> frozenset[str] | None:
    """Which keys an answer might hold beside those of its shape; ``None`` where it might be any.

    Raw text that is one JSON object is handed over key by key. A task that asks for JSON in words, be they its own
    or its agent's, may give any key, and another one at most those whose names stand in these texts. What people,
    functions and tools put in the place of an answer may be anything.
    """
    task = job.task
    if task.shape is not None:
        return _declares(job).may_give
    words = " ".join(piece for _, text in texts([job]) for piece in parse(text).literals)
    is_open = task.human_input or any(callable(each) for each in task.guardrails)
    if is_open or "json" in words.lower() or any(getattr(tool, "result_as_answer", False) for tool in job.tools):
        return None
    return frozenset(_WORD.findall(words))


def _declares(job: Job) -> Given:
    """The keys that the shape of an answer declares."""
    return Given() if job.task.shape is None else given_by_model(job.task.shape)
