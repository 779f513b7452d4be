"""What the engine costs: plain steps that do nothing, against a loop of asyncio written by hand, in turns.

Run from the checkout: ``PYTHONPATH=src python bench/run.py [w1 …] [--rounds 7]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from typing import NamedTuple

from crewgraph import Graph, Pipeline, Router, Step
from crewgraph.compiler import Plan, compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Job
from crewgraph.engine.results import kickoff_result
from crewgraph.engine.run import Run
from crewgraph.trace import Event

Values = dict[str, int]


async def add(v: int) -> Values:
    """The one body of all nodes: it lets others run once, and adds 1."""
    await asyncio.sleep(0)
    return {"v": v + 1}


async def body(values: Values) -> Values:
    """The same for the loop by hand, which hands over dicts."""
    await asyncio.sleep(0)
    return {"v": values["v"] + 1}


def added(name: str) -> Step:
    """One node."""
    return Step(add, name=name)


# ---- shapes ----------------------------------------------------------------------------------------------------


def chain(length: int) -> Pipeline:
    """Nodes in a row."""
    return Pipeline([added(f"n{n}") for n in range(length)])


async def raw_chain(length: int, values: Values) -> Values:
    """The same by hand."""
    for _ in range(length):
        values = await body(values)
    return values


def fan(width: int) -> Pipeline:
    """One node, many beside each other, one node."""
    return Pipeline([added("a"), [added(f"b{n}") for n in range(width)], added("z")])


async def raw_fan(width: int, values: Values) -> Values:
    """The same by hand."""
    values = await body(values)
    return await body(_merged(await asyncio.gather(*[body(values) for _ in range(width)])))


def routed() -> Pipeline:
    """One node, three routes of two nodes, one node."""
    first, second, third = (Pipeline([added(f"{route}1"), added(f"{route}2")]) for route in "bcd")
    router = Router(default=third)
    router.add_route("first", lambda values: values["v"] % 3 == 0, first)
    router.add_route("second", lambda values: values["v"] % 3 == 1, second)
    return Pipeline([added("a"), router, added("z")])


async def raw_routed(values: Values) -> Values:
    """The same by hand."""
    values = await body(values)
    match values["v"] % 3:
        case 0:
            values = await body(await body(values))
        case 1:
            values = await body(await body(values))
        case _:
            values = await body(await body(values))
    return await body(values)


def before(place: int, width: int) -> set[int]:
    """Which nodes of the layer before a node of a layer depends on."""
    return {place, (place + 1) % width, (place + 7) % width}


def layered(layers: int, width: int) -> Pipeline:
    """One node, layers of which each node depends on three of the layer before, one node."""
    rows = [[added(f"n{layer}.{place}") for place in range(width)] for layer in range(layers)]
    first, last = added("first"), added("last")
    edges = [(first, node) for node in rows[0]]
    for early, late in pairwise(rows):
        edges += [(early[source], late[place]) for place in range(width) for source in sorted(before(place, width))]
    return Graph([*edges, *((node, last) for node in rows[-1])])


async def raw_layered(layers: int, width: int, values: Values) -> Values:
    """The same by hand, a layer after the other."""
    values = await body(values)
    row = await asyncio.gather(*[body(values) for _ in range(width)])
    for _ in range(layers - 1):
        row = await asyncio.gather(
            *[body(_merged(row[source] for source in before(place, width))) for place in range(width)]
        )
    return await body(_merged(row))


def _merged(parts: Iterable[Values]) -> Values:
    merged = Values()
    for part in parts:
        merged |= part
    return merged


# ---- workloads -------------------------------------------------------------------------------------------------


class Work(NamedTuple):
    """What is measured.

    Attributes:
        told: in words.
        made: the pipeline.
        by_hand: one run of the same by hand.
        nodes: how many nodes run in one run.
        runs: how many runs one measurement takes.
        at_once: how many nodes may be at work at once.
        is_concurrent: whether the loop by hand begins all runs at once, too.
    """

    told: str
    made: Callable[[], Pipeline]
    by_hand: Callable[[Values], Awaitable[Values]]
    nodes: int
    runs: int
    at_once: int = 100
    is_concurrent: bool = False


WORK = {
    "w1": Work("chain of 10, one at a time", lambda: chain(10), lambda v: raw_chain(10, v), 10, 300, 1),
    "w2": Work("chain of 10, 1,000 at once", lambda: chain(10), lambda v: raw_chain(10, v), 10, 1_000, 1_000, True),
    "w3": Work("fan of 100, one at a time", lambda: fan(100), lambda v: raw_fan(100, v), 102, 30),
    "w4": Work("router, one at a time", routed, raw_routed, 4, 700, 1),
    "w5_1k": Work("graph of 1,000", lambda: layered(10, 100), lambda v: raw_layered(10, 100, v), 1_002, 3),
    "w5_10k": Work("graph of 10,000", lambda: layered(100, 100), lambda v: raw_layered(100, 100, v), 10_002, 1),
}  # fmt: skip


async def timed_by_hand(work: Work) -> float:
    """Seconds of the processor for one node."""
    inputs = [{"v": n} for n in range(work.runs)]
    gc.collect()
    begin = time.process_time()
    if work.is_concurrent:
        await asyncio.gather(*map(work.by_hand, inputs))
    else:
        for each in inputs:
            await work.by_hand(each)
    return (time.process_time() - begin) / work.runs / work.nodes


async def timed(work: Work, plan: Plan, observer: Callable[[Event], None] | None) -> float:
    """Seconds of the processor for one node, of all that a kickoff does when it has its plan."""
    inputs, ended = [{"v": n} for n in range(work.runs)], list[Run]()

    async def deliver(run: Run) -> None:
        ended.append(run)

    job = Job(work.at_once, fail_fast=False, observer=observer, deliver=deliver)
    gc.collect()
    begin = time.process_time()
    await LocalEngine().execute(plan, list(rows(inputs, plan)), job)
    result = kickoff_result(ended)
    took = time.process_time() - begin
    assert [run.to_dict() for run in result[:3]] == [await work.by_hand(each) for each in inputs[:3]]
    return took / work.runs / work.nodes


async def measure(work: Work, rounds: int) -> str:
    """One line of the table: the best of all rounds, and the medians of the ratios of each."""
    plan, told = compile_pipeline(work.made()), list[Event]()
    by_hand, alone, observed = list[float](), list[float](), list[float]()
    await timed(work, plan, None)  # what is looked up once is looked up now
    for _ in range(rounds):
        by_hand.append(await timed_by_hand(work))
        alone.append(await timed(work, plan, None))
        observed.append(await timed(work, plan, told.append))
        told.clear()
    ratios = [
        statistics.median(mine / raw for mine, raw in zip(side, by_hand, strict=True)) for side in (alone, observed)
    ]
    figures = "".join(f"{min(side) * 1e6:8.1f}" for side in (by_hand, alone, observed))
    return f"{work.told:28}{figures}{ratios[0]:9.1f}x{ratios[1]:9.1f}x"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="*", choices=[*WORK, []], help="which of them; all where none is named")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(f"{'µs of CPU a node':28}{'by hand':>8}{'steps':>8}{'observed':>9}{'ratio':>9}{'observed':>10}")
    for name in options.work or WORK:
        print(asyncio.run(measure(WORK[name], options.rounds)), flush=True)


if __name__ == "__main__":
    main()
