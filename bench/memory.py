"""What a stream of many inputs takes beside one of few: memory, time to the first result, runs a second.

Results are read one by one and let go. Run from the checkout: ``PYTHONPATH=src python -m bench.memory [few] [many] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from typing import Any

from bench.journal import chain


async def read(count: int) -> dict[str, float]:
    """Read a stream of so many runs of five steps."""
    pipeline, read, first, busy = chain(0.0), 0, 0.0, 0.0
    begin = time.perf_counter()
    async for run in pipeline.stream({"n": n} for n in range(count)):
        if not read:
            first, busy = time.perf_counter() - begin, time.process_time()
        read += run.ok
    busy = time.process_time() - busy
    assert read == count
    return {
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first_ms": first * 1e3,
        "per_core_s": (count - 1) / busy,
    }


def alone(count: int) -> dict[str, Any]:
    """The same in a process of its own."""
    told = subprocess.check_output([sys.executable, "-m", "bench.memory", "--one", str(count)], text=True)
    return {"inputs": count, **json.loads(told)}


def main() -> None:
    """Print what each count takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(asyncio.run(read(options.one))))
        return
    for found in map(alone, options.counts):
        if options.json:
            print(json.dumps(found), flush=True)
        else:
            words = (
                "{inputs:9,} inputs {mb:7.1f} MB, first result after {first_ms:.0f} ms, {per_core_s:,.0f} runs a second"
            )
            print(words.format(**found), flush=True)


if __name__ == "__main__":
    main()
