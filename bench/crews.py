"""What a crew costs beside its model: chains of crews that the offline model answers, in turns with the same requests by hand.

Run from the checkout: ``PYTHONPATH=src python -m bench.crews [--runs 50] [--rounds 7] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections.abc import Awaitable, Callable

from crewgraph import Agent, Crew, OfflineLLM, Pipeline, Task
from crewgraph.llm.port import Reply, Request

LENGTH = 10
"""Crews in a row, of one agent and one task each."""


class Overheard:
    """The offline model, which notes what it is asked.

    Attributes:
        model: the name it goes by.
        asked: every request.
    """

    model = "offline"

    def __init__(self) -> None:
        self.asked = list[Request]()
        self._llm = OfflineLLM()

    async def complete(self, request: Request) -> Reply:
        """Answer."""
        self.asked.append(request)
        return await self._llm.complete(request)


def chain(llm: object) -> Pipeline:
    """Crews in a row, each of which is told what the one before wrote."""

    def crew(n: int) -> Crew:
        job = f"Go on from {{c{n - 1}}}" if n else "Write about {topic}"
        return Crew(name=f"c{n}", agents=[Agent(role="Clerk", llm=llm)], tasks=[Task(description=job)])

    return Pipeline([crew(n) for n in range(LENGTH)])


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Seconds of the processor."""
    gc.collect()
    begin = time.process_time()
    await work()
    return time.process_time() - begin


async def measure(runs: int, rounds: int) -> dict[str, float]:
    """Microseconds of the processor for each node, with its model and of the model alone."""
    heard, llm = Overheard(), OfflineLLM()
    inputs = [{"topic": f"tea {n}"} for n in range(runs)]
    await chain(heard).kickoff_async(inputs)
    pipeline, nodes = chain(llm), LENGTH * runs
    assert len(heard.asked) == nodes

    async def ask() -> None:
        for request in heard.asked:
            await llm.complete(request)

    whole, model = list[float](), list[float]()
    for _ in range(rounds):
        model.append(await timed(ask) / nodes * 1e6)
        whole.append(await timed(lambda: pipeline.kickoff_async(inputs)) / nodes * 1e6)
    own = [both - alone for both, alone in zip(whole, model, strict=True)]
    return {
        "us": statistics.median(whole),
        "model_us": statistics.median(model),
        "own_us": statistics.median(own),
        "low": min(own),
        "high": max(own),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.runs, options.rounds))
    if options.json:
        print(json.dumps(found))
    else:
        print("a crew {us:.0f} µs, of which the model {model_us:.0f} and crewgraph {own_us:.0f}".format(**found))


if __name__ == "__main__":
    main()
