"""How long one worker and three of them take for the same runs, whose nodes do nothing but wait.

PYTHONPATH=src python -m bench.cluster [RUNS] [SECONDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from crewgraph.cluster.submit import migrate
from tests.cluster_app import pipeline
from tests.postgres import created, served

CONCURRENCY = 10


def measured(address: str, workers: int, count: int, pause: str) -> float:
    """Seconds from the submission to the last result, with all workers there."""
    environ = {**os.environ, "CREWGRAPH_TEST_PAUSE": pause, "PYTHONPATH": os.pathsep.join(["src", *sys.path])}
    command = [sys.executable, "-m", "crewgraph", "worker", "tests.cluster_app:pipeline", "--store", address]
    started = [
        subprocess.Popen([*command, "--concurrency", str(CONCURRENCY)], env=environ, stderr=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for each in started:
        assert each.stderr is not None
        each.stderr.readline()
    begin = time.perf_counter()
    pipeline.kickoff([{"n": n} for n in range(count)], store=address)
    took = time.perf_counter() - begin
    for each in started:
        each.kill()
        each.wait()
    return took


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 90
    pause = sys.argv[2] if len(sys.argv) > 2 else "0.5"  # noqa: PLR2004 - the second argument
    with served() as server:
        template = created(server.url(), "template")
        migrate(template)
        one, three = (
            measured(created(server.url(), f"bench{workers}", "template"), workers, count, pause) for workers in (1, 3)
        )
    print(f"1 worker {one:.1f} s, 3 workers {three:.1f} s: {three / one:.2f}")


if __name__ == "__main__":
    main()
