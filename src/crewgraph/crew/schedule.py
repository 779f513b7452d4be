"""In which order tasks are done: one after the other, consecutive asynchronous ones side by side."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import anyio

from crewgraph.crew.task import Task

__all__ = ["Place", "in_order", "is_asked_to_stop", "schedule"]


@dataclass(slots=True)
class Place:
    """The place of a task among the others of its crew.

    Attributes:
        index: which task, in the order of the text.
        group: where its group begins: asynchronous tasks that stand one behind the other are one group, any other
            task is a group by itself.
        peers: the tasks of its own group that it waits for, because its context names them.
    """

    index: int
    group: int
    peers: tuple[int, ...] = ()

    @property
    def before(self) -> tuple[int, ...]:
        """The tasks that have ended when this one begins, in the order of the text."""
        return (*range(self.group), *self.peers)


def schedule(tasks: Sequence[Task]) -> list[list[Place]]:
    """The groups of a crew's tasks: one is done after the other, the tasks within one side by side."""
    if not any(task.async_execution for task in tasks):  # as in most crews, each run of which asks
        return [[Place(each, each)] for each in range(len(tasks))]
    groups = list[list[Place]]()
    for is_async, members in groupby(range(len(tasks)), key=lambda index: tasks[index].async_execution):
        indices = list(members)
        if is_async:
            groups.append([Place(each, indices[0], _peers(tasks, each, indices[0])) for each in indices])
        else:
            groups += [[Place(each, each)] for each in indices]
    return groups


def _peers(tasks: Sequence[Task], index: int, start: int) -> tuple[int, ...]:
    wanted = {id(source) for source in tasks[index].context or ()}
    return tuple(each for each in range(start, index) if id(tasks[each]) in wanted)


async def in_order(groups: Sequence[Sequence[Place]], work: Callable[[Place], Awaitable[None]]) -> None:
    """Do the work of every place; where one of a group fails, the others of it are cancelled.

    Raises:
        BaseException: what the first work that failed raised, not wrapped in a group.
    """
    for group in groups:
        if len(group) == 1:
            await work(group[0])
        else:
            await _side_by_side(group, work)


async def _side_by_side(group: Sequence[Place], work: Callable[[Place], Awaitable[None]]) -> None:
    done = {place.index: anyio.Event() for place in group}
    failures = list[BaseException]()

    async def worker(place: Place) -> None:
        try:
            for peer in place.peers:
                await done[peer].wait()
            await work(place)
            done[place.index].set()
        except BaseException as error:
            if is_asked_to_stop(error):
                raise
            failures.append(error)  # raised below, for the task group would wrap it
            workers.cancel_scope.cancel()

    async with anyio.create_task_group() as workers:
        for place in group:
            workers.start_soon(worker, place)
    if failures:
        raise failures[0]


def is_asked_to_stop(error: BaseException) -> bool:
    """Whether this cancels the work from outside; else the work cancelled itself, which is a failure of its own."""
    return isinstance(error, anyio.get_cancelled_exc_class()) and anyio.current_effective_deadline() == -math.inf
