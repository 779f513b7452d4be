"""What a store costs: the same kickoff with and without one, side by side.

Run from the checkout: ``PYTHONPATH=src python -m bench.journal [--at-once 20 100] [--waves 20] [--rounds 5] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from crewgraph import Pipeline, step

WAITS = {"chain of 5, 10 ms": 0.01, "chain of 5, no wait": 0.0}


def chain(seconds: float) -> Pipeline:
    """Five steps, each of which waits, as one that asks a model does."""

    async def wait() -> None:
        if seconds:
            await asyncio.sleep(seconds)

    @step
    async def one(n: int) -> dict[str, int]:
        await wait()
        return {"a": n}

    @step
    async def two(a: int) -> dict[str, int]:
        await wait()
        return {"b": a}

    @step
    async def three(b: int) -> dict[str, int]:
        await wait()
        return {"c": b}

    @step
    async def four(c: int) -> dict[str, int]:
        await wait()
        return {"d": c}

    @step
    async def five(d: int) -> dict[str, int]:
        await wait()
        return {"e": d}

    return Pipeline([one, two, three, four, five], name="chain")


def timed(
    pipeline: Pipeline, inputs: Sequence[dict[str, int]], store: Path | None, at_once: int
) -> tuple[float, float]:
    """Seconds of one kickoff: by the clock, and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    pipeline.kickoff(inputs, store=store, max_concurrency=at_once)
    return time.perf_counter() - wall, time.process_time() - processor


def measure(name: str, seconds: float, at_once: int, options: argparse.Namespace) -> dict[str, object]:
    """What one kind of nodes takes: medians of rounds that take turns, so that both sides see the same machine."""
    runs = options.waves * at_once
    pipeline, inputs = chain(seconds), [{"n": n} for n in range(runs)]
    without, kept = list[tuple[float, float]](), list[tuple[float, float]]()
    timed(pipeline, inputs[:5], None, at_once)
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            without.append(timed(pipeline, inputs, None, at_once))
            kept.append(timed(pipeline, inputs, Path(folder) / "runs.sqlite", at_once))
    (wall, processor), (wall_kept, processor_kept) = (
        tuple(map(statistics.median, zip(*side, strict=True))) for side in (without, kept)
    )
    ratio = statistics.median(after[0] / before[0] for before, after in zip(without, kept, strict=True))
    nodes = 5 * runs
    return {
        "what": name,
        "at_once": at_once,
        "s": wall,
        "s_kept": wall_kept,
        "ratio": ratio,
        "cpu_ms": processor / nodes * 1e3,
        "cpu_ms_kept": processor_kept / nodes * 1e3,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, nargs="+", default=[20, 100], help="how many nodes may be at work")
    parser.add_argument("--waves", type=int, default=20, help="how many runs there are for each of them")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.json:
        print(f"{'':24} {'at once':>7} {'s':>7} {'s kept':>7} {'ratio':>7} {'ms/node':>9} {'ms kept':>9}")
    for (name, seconds), at_once in itertools.product(WAITS.items(), options.at_once):
        line = measure(name, seconds, at_once, options)
        table = "{what:24} {at_once:7} {s:7.3f} {s_kept:7.3f} {ratio:6.2f}x {cpu_ms:9.3f} {cpu_ms_kept:9.3f}"
        print(json.dumps(line) if options.json else table.format(**line), flush=True)


if __name__ == "__main__":
    main()
