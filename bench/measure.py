"""Measures peers on one workload in this process, in turns with a loop by hand; prints a line of JSON for each.

Run by ``python -m bench``, with the Python of the peer's environment: ``python -m bench.measure WORK PEER …``. It needs nothing
but Python and the peer.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import re
import statistics
import sys
import time
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from bench.peers.by_hand import Asyncio
from bench.work import WORK, Peer, Values, Work, body, told

PEERS = Path(__file__).parent / "peers.toml"
ENOUGH = 0.1
"""Of the seconds that one measurement of a peer takes at most, how much one of the loop by hand takes at least."""


class Took(NamedTuple):
    """What one measurement of some runs took, in seconds.

    Attributes:
        cpu: of the processor, for one node.
        wall: by the clock, for one node.
        whole: by the clock, for all runs.
        start: from the begin of all runs until each had begun its first node.
    """

    cpu: float
    wall: float
    whole: float
    start: float


class Side:
    """What takes its turn: a peer that has built its pipeline.

    Attributes:
        runs: the pipeline.
        count: how many runs one measurement takes.
        took: what was measured so far.
    """

    def __init__(self, work: Work, peer: Peer) -> None:
        self.work = work
        self._first = 0.0  # when the last run so far began its first node
        waiting = body(work.seconds)
        self.runs = work.built(peer, told(waiting, self._tell) if work.seconds else waiting)
        self.count, self.took = work.runs, list[Took]()

    def _tell(self, v: int) -> None:
        if v % self.work.depth == 0:  # inputs are multiples of it, so this is a first node
            self._first = time.perf_counter()

    async def settle(self, share: float, most: float, *, least: float = 0.0) -> None:
        """Find how many runs make a measurement: a share of those of the workload, fewer where a peer is slow.

        Args:
            share: of the runs.
            most: seconds of the processor that they may take, where they come one after the other.
            least: seconds that they should take.
        """
        wanted, count = max(1, round(self.work.runs * share)), 1
        self.count = wanted
        await self.once(1)  # what is looked up once is looked up now
        if self.work.at_once != 1:
            return
        while (seconds := (await self.once(count)).cpu * self.runs.nodes * count) < most / 10 and count < wanted:
            count = min(wanted, count * 4)
        self.count = max(1, round(least * count / seconds), min(wanted, round(most * count / seconds)))

    async def once(self, count: int) -> Took:
        """Measure so many runs."""
        inputs = [{"v": self.work.depth * n} for n in range(count)]
        gc.collect()
        begin, cpu = time.perf_counter(), time.process_time()
        given = await self.runs.run_all(inputs, self.work.at_once)
        cpu, whole = time.process_time() - cpu, time.perf_counter() - begin
        assert len(given) == count
        nodes = count * self.runs.nodes
        return Took(cpu / nodes, whole / nodes, whole, max(0.0, self._first - begin))

    async def turn(self) -> None:
        """Measure once more."""
        self.took.append(await self.once(self.count))


def ratios(by_hand: Sequence[float], peer: Sequence[float]) -> dict[str, float]:
    """How many times what the loop by hand took a peer took: of the rounds the median, and the lowest and highest.

    Args:
        by_hand: what the loop took in each round.
        peer: what the peer took in the same rounds.
    """
    each = [mine / raw for raw, mine in zip(by_hand, peer, strict=True)]
    return {"ratio": statistics.median(each), "low": min(each), "high": max(each)}


def figures(by_hand: Side, side: Side) -> dict[str, Any]:
    """What is told of a peer."""
    cpu = [took.cpu * 1e6 for took in side.took]
    whole = [took.whole for took in side.took]
    return {
        **ratios([took.cpu for took in by_hand.took], [took.cpu for took in side.took]),
        "wall_ratio": ratios([took.wall for took in by_hand.took], [took.wall for took in side.took])["ratio"],
        "us": statistics.median(cpu),
        "by_hand_us": statistics.median(took.cpu * 1e6 for took in by_hand.took),
        "wall_us": statistics.median(took.wall * 1e6 for took in side.took),
        "runs": side.count,
        "rounds": len(side.took),
        **(waiting(side.work, whole, [took.start for took in by_hand.took]) if side.work.seconds else {}),
    }


def waiting(work: Work, whole: Sequence[float], start: Sequence[float]) -> dict[str, float]:
    """What is told where nodes wait: by the clock, and against the least that it can take.

    Args:
        work: of which each run waits for its nodes, one after the other.
        whole: seconds of all runs, in each round.
        start: seconds until the loop by hand had begun all runs, in each round.
    """
    waves = -(-work.runs // (work.at_once or work.runs))
    least = waves * work.depth * work.seconds
    ideal = [least + (begun if work.at_once is None else 0.0) for begun in start]
    return {
        "whole_s": statistics.median(whole),
        "start_s": statistics.median(start),
        "ideal_s": least,
        "to_ideal": statistics.median(took / best for took, best in zip(whole, ideal, strict=True)),
    }


async def checked(work: Work, peer: Peer) -> None:
    """See that a peer does what is measured: every node runs once, and what comes out is right.

    Raises:
        AssertionError: it does not.
    """
    seen = list[int]()
    runs, depth = work.built_small(peer, told(body(), seen.append))
    for v in range(3):
        seen.clear()
        given = await runs.run({"v": v})
        assert given["v"] == v + depth, f"{v} came out as {given}, and not {v + depth}"
        assert len(seen) == runs.nodes, f"{len(seen)} nodes ran, and not {runs.nodes}"
    seen.clear()
    several: Sequence[Values] = await runs.run_all([{"v": v} for v in range(5)], work.at_once)
    assert sorted(given["v"] for given in several) == [v + depth for v in range(5)], several
    assert len(seen) == 5 * runs.nodes, f"{len(seen)} nodes ran in five runs, and not {5 * runs.nodes}"


def peer_of(entry: Mapping[str, Any]) -> Peer:
    """The adapter that an entry of ``peers.toml`` names."""
    module, _, name = str(entry["adapter"]).partition(":")
    made: Peer = getattr(importlib.import_module(f"bench.peers.{module}"), name)()  # noqa: TID251 - only one is installed
    return made


def version_of(entry: Mapping[str, Any]) -> str | None:
    """The version of what an entry of ``peers.toml`` has installed."""
    packages: Sequence[str] = entry.get("packages", ())
    return version(re.split(r"\W*\[|==", packages[0])[0]) if packages else None


async def measure(
    work: Work, peers: Mapping[str, Peer], *, rounds: int, seconds: float, each: float = 0.5, share: float = 1.0
) -> list[dict[str, Any]]:
    """Measure in turns, for so many rounds; fewer where they take longer than that.

    Args:
        work: the workload.
        peers: by name; who stands in front has its turn first.
        rounds: at most; two are always measured.
        seconds: after which no further round begins.
        each: seconds of the processor that one measurement takes at most, where runs come one after the other.
        share: of the runs of the workload, how many one measurement takes.
    """
    by_hand = Side(work, Asyncio())
    await by_hand.settle(share, each, least=each * ENOUGH)
    sides = {"asyncio": by_hand}
    for name, peer in peers.items():
        await checked(work, peer)
        sides[name] = Side(work, peer)
        await sides[name].settle(share, each)
    begin = time.perf_counter()
    for turn in range(rounds):
        if turn > 1 and time.perf_counter() - begin > seconds:
            break
        for side in sides.values():
            await side.turn()
    return [{"peer": name, **figures(by_hand, side)} for name, side in sides.items()]


@contextmanager
def quiet() -> Iterator[int]:
    """Keep what peers print away from our lines; gives the file that those are written to."""
    ours, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield ours
    finally:
        sys.stdout.flush()
        os.dup2(ours, 1)
        os.close(nowhere)
        os.close(ours)


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("peers", nargs="*")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--each", type=float, default=0.5)
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    work, entries = WORK[options.work], tomllib.loads(PEERS.read_text(encoding="utf-8"))
    told = {name: getattr(options, name) for name in ("rounds", "seconds", "each", "share")}
    with quiet() as ours:
        peers = {name: peer_of(entries[name]) for name in options.peers if name != "asyncio"}
        found = asyncio.run(measure(work, peers, **told))
        lines = [{"work": options.work, **line, "version": version_of(entries[str(line["peer"])])} for line in found]
        os.write(ours, "".join(f"{json.dumps(line)}\n" for line in lines).encode())


if __name__ == "__main__":
    main()
