"""Runs that are in a store already, as inputs that go on where they were."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from crewgraph.errors import StoreError
from crewgraph.errors.root import MAX_NAMED, counted
from crewgraph.options import StoredRuns
from crewgraph.store.entries import Identity
from crewgraph.store.runs import are_of
from crewgraph.store.source import Source

__all__ = ["DECIDED", "Found", "StoredInput", "count_of", "found_run", "refuse_nobody", "stored_inputs", "told_of"]

PAGE = 256
"""Runs that are read at a time: there may be any number of them."""

DECIDED = """SELECT 1 FROM nodes LEFT JOIN decisions ON decisions.run = nodes.run AND decisions.node = nodes.node
    WHERE nodes.run = runs.run AND nodes.status = 'waiting'
    AND (decisions.run IS NOT NULL OR nodes.ended > nodes.started AND nodes.ended <= {now!r})"""
"""Whether there is a decision for which a run waits, or the time for one is up."""
MAY = {"unfinished": ("queued", "running", "cancelled", "over_budget", "waiting"), "failed": ("failed",)}
"""How a run may stand that is named."""
COLUMNS = "run, id, status, content, input, place, origin"


class Found(NamedTuple):
    """A run, as it stands in a store."""

    run: int
    id: str
    status: str
    content: str
    input: str
    place: int
    origin: str | None

    @property
    def identity(self) -> Identity:
        """By what it is known again."""
        return Identity(self.id, self.content, self.input, self.place, self.origin)


@dataclass(frozen=True, slots=True)
class StoredInput:
    """The input of a run that is in a store.

    Attributes:
        where: the store, for messages.
        identity: of the run.
    """

    where: str
    identity: Identity

    def values(self) -> dict[str, Any]:
        """The input.

        Raises:
            StoreError: it cannot be read from the store as it was.
        """
        if not self.identity.is_exact:
            raise StoreError(
                self.where,
                f"run '{self.identity.id}' had an input that JSON does not give back as it was, so it cannot be read",
                hint="start the kickoff that made it again, with its inputs: it goes on as well",
            )
        try:
            values = json.loads(self.identity.text)
        except ValueError as error:
            raise StoreError(self.where, f"the input of run '{self.identity.id}' is broken: {error}") from error
        if not isinstance(values, dict):
            raise StoreError(self.where, f"the input of run '{self.identity.id}' is broken: it is no object of JSON")
        return values


def stored_inputs(source: Source, pipeline: str, chosen: StoredRuns) -> Iterator[StoredInput]:
    """The inputs of runs that go on; those that are named are looked for at once, the others as they are asked for.

    Raises:
        StoreError: the pipeline has no runs, or one that is named is not there, or has nothing left to do.
    """
    refuse_nobody(source, pipeline)
    if chosen.runs is None:
        return _all_of(source, pipeline, _wanted(chosen))
    every = {(found := _named(source, pipeline, name, chosen)).run: found for name in chosen.runs}
    return (StoredInput(source.where, found.identity) for found in every.values())


def _wanted(chosen: StoredRuns) -> str:
    """The condition for runs that can go on."""
    if chosen.which == "failed":
        return "status = 'failed'"
    decided = DECIDED.format(now=time.time())
    return f"(status IN ('queued', 'running', 'cancelled', 'over_budget') OR status = 'waiting' AND EXISTS ({decided}))"


def _all_of(source: Source, pipeline: str, wanted: str) -> Iterator[StoredInput]:
    ((last,),) = source.rows("SELECT coalesce(max(run), 0) FROM runs")  # what is made meanwhile is none of it
    query = f"""SELECT {COLUMNS} FROM runs WHERE pipeline = ? AND run > ? AND run <= ? AND {wanted}
                ORDER BY run LIMIT {PAGE}"""  # noqa: S608 - of ours
    after = 0
    while page := [Found(*row) for row in source.rows(query, pipeline, after, last)]:
        after = page[-1].run
        yield from (StoredInput(source.where, found.identity) for found in page)


def _named(source: Source, pipeline: str, name: str, chosen: StoredRuns) -> Found:
    """A run that is named, if it is one that can go on this way."""
    found = found_run(source, pipeline, name)
    if found.status in MAY[chosen.which]:
        return found
    if found.status == "failed":
        raise StoreError(source.where, f"run '{found.id}' failed", hint="retry it: then what failed is tried once more")
    if chosen.which == "unfinished":
        raise StoreError(source.where, f"run '{found.id}' has ended well", hint="fork it to run some of it anew")
    hint = "fork it to run some of it anew" if found.status == "ok" else "resume it"
    raise StoreError(source.where, f"run '{found.id}' has not failed: it is '{found.status}'", hint=hint)


def refuse_nobody(source: Source, pipeline: str) -> None:
    """Refuse a pipeline that has no runs in a store.

    Raises:
        StoreError: it has none; the message says whose there are.
    """
    if next(source.rows("SELECT 1 FROM runs WHERE pipeline = ? LIMIT 1", pipeline), None) is not None:
        return
    names = [name for (name,) in source.rows("SELECT DISTINCT pipeline FROM runs ORDER BY 1 LIMIT 100")]
    there = ", ".join(f"'{name}'" for name in names[:MAX_NAMED])
    hint = f"name the pipeline as it was then: key={names[0]!r}, or --key" if names else ""
    raise StoreError(
        source.where, f"holds no runs of '{pipeline}'; there are {f'those of {there}' if names else 'none'}", hint=hint
    )


def found_run(source: Source, pipeline: str, name: str) -> Found:
    """The run of that id, else the one whose id begins with it.

    Raises:
        StoreError: there is none, or there are several.
    """
    query = f"SELECT {COLUMNS} FROM runs WHERE pipeline = ? AND"  # noqa: S608 - of ours
    exact = next(source.rows(f"{query} id = ?", pipeline, name), None)
    if exact is not None:
        return Found(*exact)
    begins = f"{query} substr(id, 1, ?) = ? ORDER BY length(id), id LIMIT {MAX_NAMED + 1}"
    found = [Found(*row) for row in source.rows(begins, pipeline, len(name), name)] if name else []
    if not found:
        hint = "name it by its id, or by the beginning of that"
        raise StoreError(source.where, f"there is no run '{name}' of '{pipeline}'", hint=hint)
    if len(found) > 1 and not are_of(found[0].id, [each.id for each in found[1:]]):
        told = ", ".join(f"'{each.id}'" for each in found[:MAX_NAMED])
        more = " and more" if len(found) > MAX_NAMED else ""
        raise StoreError(source.where, f"'{name}' may be {told}{more}", hint="write more of the one that is meant")
    return found[0]


def count_of(source: Source, pipeline: str, chosen: StoredRuns) -> int:
    """How many runs go on.

    Raises:
        StoreError: the pipeline has no runs, or one that is named is not there, or has nothing left to do.
    """
    refuse_nobody(source, pipeline)
    if chosen.runs is not None:
        return len({_named(source, pipeline, name, chosen).run for name in chosen.runs})
    query = f"SELECT count(*) FROM runs WHERE pipeline = ? AND {_wanted(chosen)}"  # noqa: S608 - of ours
    ((count,),) = source.rows(query, pipeline)
    return int(count)


def told_of(source: Source, pipeline: str, chosen: StoredRuns) -> str:
    """How many runs go on, and how much of them is kept, in words."""
    if chosen.runs is None:
        query = f"""SELECT count(DISTINCT runs.run), count(node) FROM runs LEFT JOIN nodes
                    ON nodes.run = runs.run AND item = 0 AND nodes.status = 'ok'
                    WHERE pipeline = ? AND runs.run IN (SELECT run FROM runs WHERE {_wanted(chosen)})"""  # noqa: S608
        ((runs, kept),) = source.rows(query, pipeline)
    else:
        numbers = {found_run(source, pipeline, name).run for name in chosen.runs}
        query = "SELECT count(*) FROM nodes WHERE run = ? AND item = 0 AND status = 'ok'"
        runs, kept = len(numbers), sum(count for number in numbers for (count,) in source.rows(query, number))
    if not runs:
        return f"no run of '{pipeline}' is left to {'go on' if chosen.which == 'unfinished' else 'be tried again'}"
    verb = {"unfinished": ("goes on", "go on"), "failed": ("is tried again", "are tried again")}[chosen.which][
        runs != 1
    ]
    whose = "it" if runs == 1 else "them"
    return f"{counted(runs, 'run')} {verb}; of {whose} {counted(kept, 'answer')} {'is' if kept == 1 else 'are'} kept"
