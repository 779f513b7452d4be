"""Where the time of crewgraph goes: looks a thousand times a second at what runs, while a workload runs.

Run from the checkout: ``PYTHONPATH=src python -m bench.profile [w1 crews compile …] [--seconds 3] [--json]``. A look adds nothing to what a call
costs, as tracing would; what the collector of garbage takes is measured, for nobody can look in there.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import crewgraph
from bench import crews
from bench.figures import HERE
from bench.growth import grid_of_keys
from bench.peers.ours import Observed
from bench.work import WORK, body
from crewgraph import OfflineLLM
from crewgraph.compiler import compile_pipeline

EVERY = 0.001
"""Seconds of the processor between looks."""
SHOWN = 10
"""Places that are told."""
PACKAGE = Path(crewgraph.__file__).parent


class Looks:
    """What was seen running.

    Attributes:
        seen: how often each place.
        collecting: seconds that the collector of garbage took.
    """

    def __init__(self) -> None:
        self.seen, self.collecting = Counter[str](), 0.0
        self._begin = 0.0

    def look(self, _: int, frame: FrameType | None) -> None:
        """See what runs now: what Python's library does for somebody is theirs."""
        while frame is not None:
            if place := place_of(frame.f_code.co_filename, frame.f_code.co_qualname):
                self.seen[place] += 1
                return
            frame = frame.f_back

    def collect(self, phase: str, _: dict[str, int]) -> None:
        """The collector begins or ends."""
        now = time.process_time()
        if phase == "start":
            self._begin = now
        else:
            self.collecting += now - self._begin

    def __enter__(self) -> Self:
        gc.callbacks.append(self.collect)
        signal.signal(signal.SIGPROF, self.look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)  # the handler stays: a signal that is on its way would find none
        gc.callbacks.remove(self.collect)

    def shares(self, seconds: float, *, of_modules: bool = False) -> dict[str, float]:
        """Of so many seconds of the processor the share of each place, the largest first.

        Args:
            seconds: that all took.
            of_modules: add up the functions of each module.
        """
        collecting = self.collecting / seconds
        total, told = self.seen.total() or 1, dict[str, float]()
        for place, count in self.seen.items():
            name = place.partition(" › ")[0] if of_modules else place
            told[name] = told.get(name, 0.0) + count / total * (1 - collecting)
        told["the collector of garbage"] = collecting
        return dict(sorted(told.items(), key=lambda each: -each[1])[:SHOWN])


@cache
def place_of(file: str, name: str) -> str | None:
    """Where a function is: a module of crewgraph and its name, or another library; ``None`` for Python's."""
    path = Path(file)
    if path.is_relative_to(PACKAGE):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        return f"{module} › {name.replace('.<locals>', '')}"
    if path.is_relative_to(HERE):
        return "the nodes themselves"
    for place in ("site-packages", "asyncio"):
        if place in path.parts:
            return "asyncio" if place == "asyncio" else path.parts[path.parts.index(place) + 1].removesuffix(".py")
    return None


class Case(NamedTuple):
    """What is looked at.

    Attributes:
        told: in words.
        made: makes what runs, anew each time; nobody looks meanwhile.
    """

    told: str
    made: Callable[[], Callable[[], Awaitable[object]]]


def workload(name: str) -> Case:
    """One of :data:`WORK`, with everything on."""
    work = WORK[name]
    runs = work.built(Observed(), body(work.seconds))
    inputs = [{"v": n} for n in range(work.runs)]
    return Case(work.told, lambda: lambda: runs.run_all(inputs, work.at_once))


def of_crews() -> Case:
    """Crews beside their model."""
    pipeline, inputs = crews.chain(OfflineLLM()), [{"topic": f"tea {n}"} for n in range(50)]
    return Case("chain of 10 crews, 50 runs at once", lambda: lambda: pipeline.kickoff_async(inputs))


def compiled() -> Case:
    """A large graph that nobody has compiled yet."""

    def made() -> Callable[[], Awaitable[object]]:
        pipeline = grid_of_keys(10_000)

        async def compile_it() -> None:
            compile_pipeline(pipeline)

        return compile_it

    return Case("compiling a grid of keys of 10,000 nodes", made)


CASES: dict[str, Callable[[], Case]] = {
    **{name: partial(workload, name) for name in WORK},
    "crews": of_crews,
    "compile": compiled,
}
MISSED = ["w1", "w2", "w4", "w5_1k", "w7", "crews", "compile"]
"""What is looked at where nobody says: a goal of each was missed."""


async def profiled(name: str, seconds: float) -> dict[str, Any]:
    """The shares of one case."""
    told, made = CASES[name]()
    await made()()
    looks, took = Looks(), 0.0
    while took < seconds:
        run = made()
        with looks:
            begin = time.process_time()
            await run()
            took += time.process_time() - begin
    return {
        "work": name,
        "told": told,
        "looks": looks.seen.total(),
        "modules": looks.shares(took, of_modules=True),
        "shares": looks.shares(took),
    }


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", nargs="*", default=MISSED, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if unknown := [name for name in options.work if name not in CASES]:
        parser.error(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    for name in options.work:
        found = asyncio.run(profiled(name, options.seconds))
        if options.json:
            print(json.dumps(found))
            continue
        print(f"{found['told']}, {found['looks']} looks")
        for part in ("modules", "shares"):
            print("".join(f"  {share:6.1%}  {place}\n" for place, share in found[part].items()))


if __name__ == "__main__":
    main()
