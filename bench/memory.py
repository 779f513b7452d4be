"""How much more memory a stream of many inputs takes than one of few: results are read one by one and let go.

Run from the checkout: ``PYTHONPATH=src python -m bench.memory [few] [many] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys

from bench.journal import chain


async def read(count: int) -> int:
    """Read a stream of so many runs of five steps."""
    pipeline, read = chain(0.0), 0
    async for run in pipeline.stream({"n": n} for n in range(count)):
        read += run.ok
    return read


def peak(count: int) -> float:
    """Megabytes that reading so many takes at most, in a process of its own."""
    return float(subprocess.check_output([sys.executable, "-m", "bench.memory", "--one", str(count)], text=True))


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=[1_000, 100_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        assert asyncio.run(read(options.one)) == options.one
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    peaks = {count: peak(count) for count in options.counts}
    for count, megabytes in peaks.items():
        print(
            json.dumps({"inputs": count, "mb": megabytes}) if options.json else f"{count:9,} inputs {megabytes:7.1f} MB"
        )


if __name__ == "__main__":
    main()
