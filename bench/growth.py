"""What building, compiling and checking large pipelines costs: seconds and megabytes for shapes and sizes.

Run from the checkout: ``PYTHONPATH=src python bench/growth.py [shape …] [--sizes 1000 10000] [--json]``.
Each figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from inspect import Parameter, Signature
from itertools import pairwise
from typing import Any, TypedDict

from crewgraph import Agent, Crew, Graph, Pipeline, Procedure, Router, Step, Task
from crewgraph.compiler import compile_pipeline

SIZES = [1_000, 10_000, 100_000]


async def add(v: int) -> dict[str, int]:
    """A body that does not say which keys it gives, as most."""
    return {"v": v + 1}


def added(name: str) -> Step:
    """One node."""
    return Step(add, name=name)


def chain(size: int) -> Pipeline:
    """Nodes in a row."""
    return Pipeline([added(f"n{n}") for n in range(size)])


def fan(size: int) -> Pipeline:
    """One node, many beside each other, one node."""
    return Pipeline([added("a"), [added(f"b{n}") for n in range(size)], added("z")])


def layered(layers: int, width: int) -> Graph:
    """Layers of nodes, each of which depends on three of the layer before, and one node behind all."""
    return woven([[added(f"n{layer}.{place}") for place in range(width)] for layer in range(layers)], added("last"))


def woven(rows: list[list[Step]], last: Step) -> Graph:
    """Each node of a row depends on three of the row before, and the last one on the whole last row."""
    edges = [
        (early[(place + step) % len(late)], node)
        for early, late in pairwise(rows)
        for place, node in enumerate(late)
        for step in (0, 1, 7)
    ]
    return Graph([*edges, *((node, last) for node in rows[-1])])


class Counted(TypedDict):
    """What steps give that say so."""

    v: int


async def counts(v: int) -> Counted:
    """A body that says which key it gives."""
    return {"v": v + 1}


def counted(name: str) -> Step:
    """A step that says which key it gives."""
    return Step(counts, name=name)


def reads(name: str, keys: list[str]) -> Step:
    """A step that reads some keys, and gives one under its own name."""

    async def run(**values: int) -> int:
        return len(values)

    vars(run)["__signature__"] = Signature([Parameter(key, Parameter.KEYWORD_ONLY) for key in keys])
    return Step(run, name=name)


def typed(size: int) -> Pipeline:
    """A chain whose nodes all give the same key, and say so."""
    return Pipeline([counted(f"n{n}") for n in range(size)])


def keys(size: int) -> Pipeline:
    """A chain in which each node gives a key of its own, and reads that of the node before."""
    return Pipeline([reads(f"k{n}", [f"k{n - 1}"] if n else []) for n in range(size)])


def fan_of_keys(size: int) -> Pipeline:
    """A fan whose branches give a key each; the last node reads them all."""
    return Pipeline([[reads(f"k{n}", ["v"]) for n in range(size)], reads("z", [f"k{n}" for n in range(size)])])


def typed_fan(size: int) -> Pipeline:
    """A fan whose branches all give the same key, and say so."""
    return Pipeline([counted("a"), [counted(f"b{n}") for n in range(size)], counted("z")])


def missing(size: int) -> Pipeline:
    """A chain in which each node reads a key that nobody gives, and says which inputs there are."""
    return Pipeline([reads(f"k{n}", ["v", f"x{n}"]) for n in range(size)], inputs=Counted)


def doubted(size: int) -> Pipeline:
    """A chain in which all read what the first one might give."""
    return Pipeline([added("a"), *(reads(f"k{n}", ["x"]) for n in range(size))], inputs=Counted)


def slips(size: int) -> Pipeline:
    """A chain in which each node reads a key that looks like one that another gives."""
    return Pipeline([reads(f"key_{n}", [f"kye_{n - 1}"] if n else []) for n in range(size)])


def sometimes(size: int) -> Pipeline:
    """Routers in a row of which each gives a key on one of its routes, and all nodes read the first of these keys."""
    stages = list[Any]()
    for n in range(size // 3):
        router = Router(default=reads(f"low{n}", []), name=f"r{n}")
        router.add_route("high", "v > 3", reads(f"k{n}", []))
        stages += [router, reads(f"z{n}", ["k0"])]
    return Pipeline(stages, inputs=Counted)


def grid(size: int) -> Pipeline:
    """Layers of a hundred, of which each node depends on three of the layer before."""
    return layered(size // 100, 100)


def grid_of_keys(size: int) -> Pipeline:
    """The same, in which each node gives a key of its own, and reads that of a node before."""
    rows = [
        [reads(f"k{layer}_{place}", [f"k{layer - 1}_{place}"] if layer else []) for place in range(100)]
        for layer in range(size // 100)
    ]
    return woven(rows, reads("z", []))


def square(size: int) -> Pipeline:
    """Layers as wide as there are many."""
    side = int(size**0.5)
    return layered(side, side)


def routers(size: int) -> Pipeline:
    """Routers in a row; each has two routes of two nodes."""
    stages = list[Any]()
    for n in range(size // 5):
        high, low = (Pipeline([added(f"{side}{n}.1"), added(f"{side}{n}.2")]) for side in ("high", "low"))
        router = Router(default=low, name=f"r{n}")
        router.add_route("high", "v > 3", high)
        stages.append(router)
    return Pipeline([added("a"), *stages])


def nested(size: int) -> Pipeline:
    """Named pipelines of ten nodes, ten of which make one of the next level, and so on."""
    level = [Pipeline([added(f"n{n + k}") for k in range(10)], name=f"p{n}") for n in range(0, size, 10)]
    while len(level) > 1:
        level = [Pipeline(level[n : n + 10], name=f"q{n}") for n in range(0, len(level), 10)]
    return level[0]


def crew(name: str, task: str = "Write about {topic}.") -> Crew:
    """An agent and a task."""
    agent = Agent(name=f"writer of {name}", role="writer", llm="offline")
    return Crew(name=name, agents=[agent], tasks=[Task(description=task, agent=agent)])


def crews(size: int) -> Pipeline:
    """Crews in a row."""
    return Pipeline([crew(f"c{n}") for n in range(size)])


def texts(size: int) -> Pipeline:
    """Crews in a row, each of which is told the text of the one before by its name."""
    return Pipeline([crew(f"c{n}", f"Go on from {{c{n - 1}}}." if n else "Begin.") for n in range(size)])


def crews_abreast(size: int) -> Pipeline:
    """Crews side by side."""
    return Pipeline([[crew(f"c{n}") for n in range(size - 1)], crew("end")])


def procedure(size: int) -> Procedure:
    """A procedure of crews."""
    return Procedure(stages=[crew(f"c{n}") for n in range(size)])


SHAPES: dict[str, Callable[[int], Pipeline]] = {
    "chain": chain,
    "typed": typed,
    "keys": keys,
    "fan": fan,
    "typed fan": typed_fan,
    "fan of keys": fan_of_keys,
    "missing": missing,
    "doubted": doubted,
    "slips": slips,
    "sometimes": sometimes,
    "grid": grid,
    "grid of keys": grid_of_keys,
    "square": square,
    "routers": routers,
    "nested": nested,
    "crews": crews,
    "texts": texts,
    "crews abreast": crews_abreast,
    "procedure": procedure,
}
BROKEN = {"missing", "sometimes"}
"""Those with errors, which can only be checked."""


def timed(work: Callable[[], object]) -> float:
    """Seconds of the processor."""
    gc.collect()
    begin = time.process_time()
    work()
    return round(time.process_time() - begin, 3)


def one(shape: str, size: int) -> dict[str, Any]:
    """The figures of one shape and size."""
    made = list[Pipeline]()
    took = {"compile": 0.0, "build": timed(lambda: made.append(SHAPES[shape](size)))}
    (pipeline,) = made
    if shape not in BROKEN:
        took["compile"] = timed(lambda: compile_pipeline(pipeline))
    took["check"] = timed(pipeline.check)
    return {"shape": shape, "size": size, **took, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def main() -> None:
    """Print the table, or one object of JSON for each of its lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", choices=[*SHAPES, []], help="which of them; all where none is named")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.shapes[0], options.sizes[0])))
        return
    if not options.json:
        print(f"{'shape':16}{'nodes':>9}{'build s':>9}{'compile s':>11}{'check s':>9}{'peak MB':>9}")
    for shape in options.shapes or SHAPES:
        for size in options.sizes:
            told = subprocess.run(
                [sys.executable, __file__, shape, "--one", "--sizes", str(size)],
                check=False,
                stdout=subprocess.PIPE,
                text=True,
            )
            if told.returncode:
                print(f"{shape:16}{size:9,}  failed with {told.returncode}")
                break
            if options.json:
                print(told.stdout, end="", flush=True)
                continue
            row = json.loads(told.stdout)
            print(
                f"{shape:16}{size:9,}{row['build']:9.2f}{row['compile']:11.2f}{row['check']:9.2f}{row['mb']:9,}",
                flush=True,
            )


if __name__ == "__main__":
    main()
