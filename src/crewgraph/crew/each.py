"""One crew over many inputs, some at a time."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import anyio
from pydantic import BaseModel

from crewgraph.crew.assign import Job
from crewgraph.crew.schedule import is_asked_to_stop
from crewgraph.errors import InputError, InputTypeError, KickoffError
from crewgraph.handoff import Handoff
from crewgraph.node import Need
from crewgraph.outputs import CrewOutput
from crewgraph.template import parse
from crewgraph.threads import called

if TYPE_CHECKING:
    from crewgraph.crew.output_file import OutputFile

__all__ = ["for_each", "listed", "one", "refuse_same_files", "takes_inputs"]

P = ParamSpec("P")
T = TypeVar("T")

HINT = "kickoff takes one dict, kickoff_for_each a list of dicts"


def takes_inputs(kickoff: Callable[P, T]) -> Callable[P, T]:
    """The kickoff of a crew, which says of a keyword that it does not take where that belongs."""
    known = inspect.signature(kickoff).parameters

    @functools.wraps(kickoff)
    def checked(*args: P.args, **options: P.kwargs) -> T:
        wrong = next((name for name in options if name not in known), None)
        if wrong is not None:
            crew = args[0] if args else None
            is_of_crew = isinstance(crew, BaseModel) and wrong in type(crew).model_fields
            hint = f"Crew(…, {wrong}=…)" if is_of_crew else f"values of placeholders go into one dict, {{'{wrong}': …}}"
            raise TypeError(f"crew.{kickoff.__name__}(…) takes no '{wrong}'. hint: {hint}")
        return kickoff(*args, **options)

    return checked


def one(inputs: object) -> Handoff:
    """The inputs of one run.

    Raises:
        InputTypeError: they are neither a mapping nor ``None``.
    """
    if inputs is None or isinstance(inputs, Mapping):
        return Handoff.of(inputs)
    raise InputTypeError(f"the inputs of a crew are a dict, got {type(inputs)}. hint: {HINT}")


def listed(inputs: object) -> list[Mapping[str, Any]]:
    """The inputs of several runs.

    Raises:
        InputTypeError: they are not mappings.
    """
    if isinstance(inputs, Mapping):
        return [inputs]
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Iterable):
        raise InputTypeError(f"inputs is a list of dicts, got {type(inputs)}. hint: {HINT}")
    every = list[Any](inputs)
    for index, each in enumerate(every):
        if not isinstance(each, Mapping):
            raise InputTypeError(f"input {index} is a dict, got {type(each)}. hint: {HINT}")
    return every


async def for_each(
    work: Callable[[Mapping[str, Any]], Awaitable[CrewOutput]],
    inputs: list[Mapping[str, Any]],
    *,
    outputs: list[Any],
    needs: Iterable[Need],
    max_concurrency: int,
) -> None:
    """Run ``work`` on every input, at most ``max_concurrency`` at a time.

    Args:
        work: runs once.
        inputs: what it is given, run by run.
        outputs: an empty list that is filled in the order of the inputs, with ``None`` for what has not finished;
            it belongs to the caller, who has it also when this is interrupted.
        needs: what every input must hold.
        max_concurrency: how many runs are under way at a time.

    Raises:
        InputError: inputs lack keys; nothing has run.
        KickoffError: runs failed; ``.result`` holds the outputs of the others, ``None`` where one failed.
        ValueError: ``max_concurrency`` is below 1.
    """
    if max_concurrency < 1:
        raise ValueError(f"max_concurrency is a whole number of at least 1, not {max_concurrency!r}")
    _refuse_incomplete(inputs, list(needs))
    outputs.extend([None] * len(inputs))
    failures = await _run_all(work, inputs, outputs, max_concurrency)
    if failures:
        failures.sort(key=lambda each: each[0])
        raise KickoffError(failures, failed=len(failures), total=len(inputs), result=outputs)


async def _run_all(
    work: Callable[[Mapping[str, Any]], Awaitable[CrewOutput]],
    inputs: list[Mapping[str, Any]],
    outputs: list[Any],
    max_concurrency: int,
) -> list[tuple[int, BaseException]]:
    """Put what each run gives in its place, and return what the others raised."""
    failures = list[tuple[int, BaseException]]()
    crashes = list[BaseException]()
    todo = iter(enumerate(inputs))

    async def worker() -> None:
        for index, each in todo:
            try:
                outputs[index] = await work(each)
            except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
                crashes.append(error)  # raised below, for the task group would wrap it
                workers.cancel_scope.cancel()
                return
            except BaseException as error:
                if is_asked_to_stop(error):
                    raise
                failures.append((index, error))

    async with anyio.create_task_group() as workers:
        for _ in range(min(max_concurrency, len(inputs))):
            workers.start_soon(worker)
    if crashes:
        raise crashes[0]
    return failures


async def refuse_same_files(
    jobs: Sequence[Job], inputs: Sequence[Mapping[str, Any]], *, root: Path | str | None
) -> None:
    """Refuse inputs whose answers would be written to the same file, where the last one would be all that is left.

    Raises:
        OutputFileError: there are such inputs; nothing has run.
    """
    named = [job for job in jobs if job.task.output_file]
    if len(inputs) > 1 and named:
        from crewgraph.crew.output_file import keep_apart, root_of  # most crews write none

        await called(lambda: keep_apart(_files(named, inputs, root_of(root))))


def _files(jobs: Sequence[Job], inputs: Sequence[Mapping[str, Any]], root: Path) -> Iterable[tuple[OutputFile, str]]:
    from crewgraph.crew.output_file import OutputFile

    for index, each in enumerate(inputs):
        for job in jobs:
            name = parse(job.task.output_file or "")
            if all(key in each for key in name.fields):  # else the run itself says what is missing
                file = OutputFile(job.task.label, root, name.render(each.__getitem__), job.task.create_directory)
                yield file, f"{job.task.label} of input {index}"


def _refuse_incomplete(inputs: list[Mapping[str, Any]], needs: list[Need]) -> None:
    missing = dict[int, dict[str, list[str]]]()
    for index, each in enumerate(inputs):
        for need in needs:
            if need.required and need.key not in each:
                missing.setdefault(index, {}).setdefault(need.key, []).append(need.where)
    if missing:
        raise InputError(missing)
