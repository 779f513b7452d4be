"""What a limit that workers share costs for each call: milliseconds of waiting and of processor time.

PYTHONPATH=src python -m bench.limits [CALLS]
"""

from __future__ import annotations

import statistics
import sys
import time

import anyio
from anyio.lowlevel import checkpoint

from crewgraph import Limit
from crewgraph.cluster.limiter import Limiter
from crewgraph.cluster.limits import Limits
from crewgraph.cluster.submit import migrate
from crewgraph.llm.gate import Gate
from crewgraph.store.postgres import connected
from tests.postgres import Server, created, served

AT_ONCE = 50
MANY = Limit(requests_per_minute=10**9, tokens_per_minute=10**12, concurrency=10**6)
"""Counted in all three ways, and never waited for."""


def cpu_of(server: Server) -> float:
    """Seconds of processor time that the server's processes have taken, those that ended included."""
    assert server.process is not None
    pids = [server.process.pid]
    with open(f"/proc/{pids[0]}/task/{pids[0]}/children", encoding="ascii") as file:  # noqa: PTH123
        pids += map(int, file.read().split())
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if pid == pids[0] else 0)
    return ticks / 100


async def called(gate: Gate, limiter: Limiter | None, calls: int, at_once: int) -> list[float]:
    """Make calls that take no time; returns the seconds that each waited."""
    waited, left = list[float](), iter(range(calls))

    async def one() -> None:
        for _ in left:
            began = time.perf_counter()
            entered = await gate.enter(None, 10, limiter)
            waited.append(time.perf_counter() - began)
            await checkpoint()
            gate.leave(entered, tokens=12)

    async with anyio.create_task_group() as tasks:
        for _ in range(at_once):
            tasks.start_soon(one)
    return waited


def main() -> None:
    """Measure and print."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with served() as server:
        address = created(server.url(), "bench")
        migrate(address)
        Limits(address).set("limited", MANY)
        with connected(address) as connection:
            connection.execute("INSERT INTO workers VALUES ('w', 'p', 'v', now(), now() + interval '1 day')")
        limiter = Limiter(address, "w", 30.0)
        limiter.start()
        for model, at_once in (("free", 1), ("limited", 1), ("free", AT_ONCE), ("limited", AT_ONCE)):
            gate, before = Gate(model=model), cpu_of(server)
            began, cpu = time.perf_counter(), time.process_time()
            waited = anyio.run(called, gate, limiter, calls, at_once)
            cpu, took = time.process_time() - cpu, time.perf_counter() - began
            print(
                f"{model:>8}, {at_once:>2} at once: waits {1000 * statistics.median(waited):.2f} ms, "
                f"processor {1000 * cpu / calls:.2f} ms here and {1000 * (cpu_of(server) - before) / calls:.2f} ms in Postgres, "
                f"{calls / took:,.0f} calls/s"
            )
        limiter.stop()


if __name__ == "__main__":
    main()
