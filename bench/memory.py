"""How much more memory a stream of many inputs takes than one of few: results are read one by one and let go.

Run from the checkout: ``PYTHONPATH=src:bench python bench/memory.py [few] [many]``.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys

from journal import chain


async def read(count: int) -> int:
    """Read a stream of so many runs of five steps."""
    pipeline, read = chain(0.0), 0
    async for run in pipeline.stream({"n": n} for n in range(count)):
        read += run.ok
    return read


def main() -> None:
    """Print the peaks, each of a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        count = int(sys.argv[2])
        assert asyncio.run(read(count)) == count
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    counts = [int(each) for each in sys.argv[1:]] or [1_000, 100_000]
    peaks = [
        float(subprocess.check_output([sys.executable, __file__, "--one", str(count)], text=True)) for count in counts
    ]
    for count, peak in zip(counts, peaks, strict=True):
        print(f"{count:9,} inputs {peak:7.1f} MB")
    print(f"{peaks[-1] - peaks[0]:+24.1f} MB")


if __name__ == "__main__":
    main()
