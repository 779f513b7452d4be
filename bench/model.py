"""What a call of a model costs: plain aiohttp, litellm by itself, and crewgraph's two ways, against a server that is no part of it.

Run from the checkout: ``PYTHONPATH=src python bench/model.py [--at-once 500 2000] [--rounds 5] [--json]``.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp

from crewgraph import Agent, Crew, Pipeline, Step, Task
from crewgraph.compiler import compile_pipeline
from crewgraph.engine.inputs import rows
from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Job
from crewgraph.engine.results import kickoff_result
from crewgraph.engine.run import Run
from crewgraph.llm import DirectLLM, LiteLLM, Message, Reply, Request
from crewgraph.llm.ask import Asker
from crewgraph.llm.direct import http
from crewgraph.llm.litellm import adapter
from crewgraph.llm.remote import thread_named
from crewgraph.policy import UNDECLARED
from crewgraph.scope import Scope
from crewgraph.usage import UsageMetrics

WORDS = "Name the three largest rivers of the country, and say in one sentence each where they come from. " * 5
MESSAGES = [{"role": "system", "content": "You are a geographer."}, {"role": "user", "content": WORDS}]
REQUEST = Request(tuple(Message(each["role"], each["content"]) for each in MESSAGES))  # type: ignore[arg-type]
MICRO = 1e6
SMALL = 10.0
"""Below it three digits are printed."""

# ---- the server, in a process of its own -----------------------------------------------------------------------

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a river " * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 80, "total_tokens": 200},
    }
).encode()  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Speaker(asyncio.Protocol):
    """One connection: the same answer to every request, after a while; a GET is told how many connections there were."""

    opened = 0
    most = 0
    under_way = 0

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        """Count it."""
        self._transport = transport
        Speaker.opened += 1

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._data += data
        while True:
            top, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            length = int(top.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._data = rest[length:]
            if top.startswith(b"GET"):
                told = json.dumps({"opened": Speaker.opened, "most": Speaker.most}).encode()
                Speaker.most = 0
                self._transport.write(HEAD % len(told) + told)
                continue
            Speaker.under_way += 1
            Speaker.most = max(Speaker.most, Speaker.under_way)
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        Speaker.under_way -= 1
        self._transport.write(HEAD % len(ANSWER) + ANSWER)


async def serve(seconds: float) -> None:
    """Serve until somebody ends the process; its first line says where."""
    server = await asyncio.get_running_loop().create_server(lambda: Speaker(seconds), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def serving(seconds: float) -> Iterator[str]:
    """The address of a server that takes so long for each answer."""
    command = [sys.executable, __file__, "--serve", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


# ---- the ways --------------------------------------------------------------------------------------------------

Ask = Callable[[], Awaitable[str]]


def by_hand(url: str) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """aiohttp, as crewgraph sets it up, and nothing else."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=http.IDLE),
        timeout=aiohttp.ClientTimeout(),
        cookie_jar=aiohttp.DummyCookieJar(),
    )

    async def ask() -> str:
        body = json.dumps({"model": "m", "messages": MESSAGES}).encode()
        headers = {"Content-Type": "application/json", "Authorization": "Bearer k"}
        async with session.post(f"{url}/chat/completions", data=body, headers=headers) as response:
            return json.loads(await response.read())["choices"][0]["message"]["content"]

    return ask, session.close


def bare(url: str) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """``litellm.acompletion``, imported and set up as crewgraph does it, and in the same loop: the difference is crewgraph's.

    In a loop of its own beside the other, litellm would begin its workers anew whenever the other has had its turn.
    """
    litellm = adapter._litellm()  # noqa: SLF001 - the same settings

    async def ask() -> str:
        response = await litellm.acompletion(
            model="openai/m", messages=MESSAGES, base_url=url, api_key="k", timeout=600.0, max_retries=0
        )
        return response.choices[0].message.content

    return ask, _nothing


def alone(llm: Any) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """A model by itself."""

    async def ask() -> str:
        return (await llm.complete(REQUEST)).text

    return ask, _nothing


def asked(llm: Any) -> tuple[Ask, Callable[[], Awaitable[None]]]:
    """A model as an agent asks it: with retries, limits, budgets and an account around it."""
    asker = Asker(scope=Scope(), policy=UNDECLARED)

    async def ask() -> str:
        return (await asker.ask(llm, REQUEST)).text

    return ask, _nothing


async def _nothing() -> None:
    pass


WAYS: dict[str, Callable[[str], tuple[Ask, Callable[[], Awaitable[None]]]]] = {
    "aiohttp by hand": by_hand,
    "direct/, complete": lambda url: alone(DirectLLM("m", base_url=url, api_key="k")),
    "direct/, asked": lambda url: asked(DirectLLM("m", base_url=url, api_key="k")),
    "litellm by itself": bare,
    "litellm, complete": lambda url: alone(LiteLLM("openai/m", base_url=url, api_key="k")),
    "litellm, asked": lambda url: asked(LiteLLM("openai/m", base_url=url, api_key="k")),
}


class Measured(NamedTuple):
    """One measurement: milliseconds of the processor and of the clock for each call."""

    cpu: float
    wall: float


BARE = "litellm by itself"
"""The way that is gone in the loop of litellm, all calls with one word to its thread."""
BESIDE = {"direct/": "aiohttp by hand", "litellm": BARE}
"""Beside which way those are measured whose name begins so."""
CALLS = 1500
"""At the least, for each measurement."""


async def timed(ask: Ask, at_once: int, *, is_there: bool) -> Measured:
    """So many calls at a time, each followed by another.

    Garbage is collected when Python pleases. A full collection takes as long as sixty calls of litellm, and comes every five
    hundred or so; one before each measurement made it fall into those of one way, and never into those of another.
    """
    count = max(CALLS, at_once)
    begin, cpu = time.perf_counter(), time.process_time()
    if is_there:
        await thread_named(LiteLLM.thread).run(lambda: _crowd(ask, count, at_once))
    else:
        await _crowd(ask, count, at_once)
    return Measured((time.process_time() - cpu) / count * 1e3, (time.perf_counter() - begin) / count * 1e3)


async def _crowd(ask: Ask, count: int, at_once: int) -> None:
    left = iter(range(count))

    async def one() -> None:
        for _ in left:
            assert await ask()

    await asyncio.gather(*[one() for _ in range(at_once)])


async def told(url: str) -> dict[str, int]:
    """What the server has seen: connections since it began, and the most calls at once since it was asked last."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json(content_type=None)


async def calls(url: str, at_once: int, rounds: int, ways: Sequence[str]) -> list[dict[str, Any]]:
    """Ways in turns, with so many calls in flight: the median and the best of the rounds for each."""
    made = {name: WAYS[name](url) for name in ways}
    seen, opened, most = {name: list[Measured]() for name in made}, dict.fromkeys(made, 0), dict.fromkeys(made, 0)
    for number in range(1 + rounds):
        for name, (ask, _) in made.items():
            before = await told(url)
            took = await timed(ask, at_once, is_there=name == BARE)
            after = await told(url)
            opened[name] += after["opened"] - before["opened"] - 1  # one of them was to ask that
            most[name] = max(most[name], after["most"])
            if number:  # the first one connects, and looks up once what is looked up once
                seen[name].append(took)
    for _, leave in made.values():
        await leave()
    http.close()
    adapter.close()
    return [
        {
            "at_once": at_once,
            "way": name,
            "cpu_ms": statistics.median(each.cpu for each in side),
            "best_cpu_ms": min(each.cpu for each in side),
            "added_ms": _added(side, seen.get(BESIDE.get(name.partition(",")[0], name))),
            "calls_per_core_s": 1e3 / statistics.median(each.cpu for each in side),
            "wall_ms": statistics.median(each.wall for each in side),
            "connections": opened[name],
            "in_flight": most[name],
        }
        for name, side in seen.items()
    ]


def _added(side: Sequence[Measured], other: Sequence[Measured] | None) -> float | None:
    """Milliseconds of the processor that each call takes more: the median of the rounds, each of which had both."""
    return statistics.median(mine.cpu - its.cpu for mine, its in zip(side, other, strict=True)) if other else None


# ---- crews without a network -----------------------------------------------------------------------------------


class Instant:
    """A model that answers at once."""

    model = "instant"
    price = None

    async def complete(self, _: Request) -> Reply:
        """Answer."""
        return Reply(text="an answer", usage=UsageMetrics(prompt_tokens=7, completion_tokens=3), finish_reason="stop")


def crew(number: int, llm: Any) -> Crew:
    """One agent with one task."""
    agent = Agent(role="Writer", goal="Write about {topic}", backstory="You write well.", llm=llm)
    task = Task(description="Write about {topic}.", expected_output="A short text", agent=agent)
    return Crew(name=f"c{number}", agents=[agent], tasks=[task])


async def said(topic: str) -> dict[str, str]:
    """The body of the steps beside which the crews are measured."""
    return {"topic": topic}


CHAINS: dict[str, Callable[[int], Any]] = {
    "steps": lambda number: Step(said, name=f"s{number}"),
    "crews, instant model": lambda number: crew(number, Instant()),
    "crews, offline model": lambda number: crew(number, "offline"),
}
LENGTH = 10


async def one_chain(plan: Any, runs: int, at_once: int) -> float:
    """Microseconds of the processor for each node of a kickoff that has its plan."""
    ended = list[Run]()

    async def deliver(run: Run) -> None:
        ended.append(run)

    job = Job(at_once, fail_fast=False, observer=None, deliver=deliver)
    gc.collect()
    begin = time.process_time()
    await LocalEngine().execute(plan, list(rows([{"topic": f"rivers {n}"} for n in range(runs)], plan)), job)
    result = kickoff_result(ended)
    took = time.process_time() - begin
    assert len(result) == runs
    return took / runs / LENGTH * MICRO


async def crews(rounds: int, runs: int) -> list[dict[str, Any]]:
    """Chains of crews beside chains of steps, in turns."""
    plans = {name: compile_pipeline(Pipeline([make(n) for n in range(LENGTH)])) for name, make in CHAINS.items()}
    found = list[dict[str, Any]]()
    for at_once in (1, 100):
        seen = {name: list[float]() for name in plans}
        for number in range(1 + rounds):
            for name, plan in plans.items():
                took = await one_chain(plan, runs, at_once)
                if number:  # the first one looks up once what is looked up once
                    seen[name].append(took)
        steps = seen["steps"]
        for name, side in seen.items():
            more = [mine - step for mine, step in zip(side, steps, strict=True)]
            found.append(
                {
                    "at_once": at_once,
                    "nodes": name,
                    "cpu_us": statistics.median(side),
                    "best_cpu_us": min(side),
                    "beside_steps_us": statistics.median(more),
                    "best_beside_steps_us": min(side) - min(steps),
                }
            )
    return found


# ---- the table -------------------------------------------------------------------------------------------------


def print_table(measured: Sequence[dict[str, Any]]) -> None:
    """A line for each measurement, its columns as wide as what stands in them."""
    names = list(measured[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in measured)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(names))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print(flush=True)


def _cell(value: Any) -> str:
    return f"{value:,.{3 if value < SMALL else 0}f}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, nargs="*", default=[500, 2000], help="calls in flight")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--ways", nargs="*", default=list(WAYS), choices=list(WAYS), help="which of them; all otherwise"
    )
    parser.add_argument("--runs", type=int, default=50, help="of each chain of crews; 0 leaves the crews out")
    parser.add_argument("--seconds", type=float, default=0.2, help="how long the server takes for an answer")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    files = max(options.at_once, default=0) * len(options.ways) * 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(files, 1024)), hard))
    measured = {"crews": asyncio.run(crews(options.rounds, options.runs))} if options.runs else {}
    if not options.json and measured:
        print_table(measured["crews"])
    with serving(options.seconds) as url:
        for at_once in options.at_once:
            measured[f"calls_{at_once}"] = asyncio.run(calls(url, at_once, options.rounds, options.ways))
            if not options.json:
                print_table(measured[f"calls_{at_once}"])
    if options.json:
        print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
