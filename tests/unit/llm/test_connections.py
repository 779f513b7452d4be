"""Connections: kept for the whole process, as many as there are calls, and none too many for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from crewgraph import Agent, Crew, Task
from crewgraph.errors import ModelUnavailable
from crewgraph.llm import DirectLLM, LiteLLM
from tests.unit.llm.crowd import Crowd, gathering
from tests.unit.llm.provider import ask

AT_ONCE = {LiteLLM: 510, DirectLLM: 2_000}
"""litellm would let 500 through; it takes milliseconds of CPU for each."""


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with gathering() as crowd:
        yield crowd


@pytest.fixture
def _files() -> Iterator[None]:
    """Room for both ends of all connections."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * max(AT_ONCE.values())
    if hard != resource.RLIM_INFINITY and hard < wanted:  # pragma: no cover - here there is room
        pytest.skip(f"a process may open {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def model(kind: type[LiteLLM | DirectLLM], crowd: Crowd) -> LiteLLM | DirectLLM:
    return kind("openai/m" if kind is LiteLLM else "m", base_url=crowd.url, api_key="k", timeout=150)


def test_kept_for_the_process(crowd: Crowd, kind: type[LiteLLM | DirectLLM]) -> None:
    """Kickoffs from synchronous code, each with an event loop of its own, use one connection."""
    crew = Crew(agents=[Agent(role="A", llm=model(kind, crowd))], tasks=[Task(description="hi")])
    assert [crew.kickoff().raw for _ in range(3)] == ["hello"] * 3
    assert crowd.connections == 1


@pytest.mark.usefixtures("_files")
def test_as_many_as_calls(crowd: Crowd, kind: type[LiteLLM | DirectLLM]) -> None:
    """However many calls are under way, none of them waits for a connection; the next as many need no new ones."""
    llm, crowd.wanted = model(kind, crowd), AT_ONCE[kind]
    texts = list[str]()

    async def call() -> None:
        texts.append((await llm.complete(ask())).text)

    async def all_at_once() -> None:
        async with anyio.create_task_group() as calls:
            for _ in range(crowd.wanted):
                calls.start_soon(call)

    anyio.run(all_at_once)
    assert texts == ["hello"] * crowd.wanted
    crowd.wanted = 1
    anyio.run(call)
    assert crowd.connections == AT_ONCE[kind]


@pytest.mark.anyio
async def test_no_room_for_another(
    crowd: Crowd, kind: type[LiteLLM | DirectLLM], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process may open no more files, the error says what that has to do with calls, and what to do."""

    async def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", fail)
    with pytest.raises(
        ModelUnavailable, match=r"no room for another connection: .* hint: allow more \(ulimit -n"
    ) as caught:
        await model(kind, crowd).complete(ask())
    assert caught.value.is_transient
    assert not getattr(caught.value, "__notes__", ()), "the address is not to blame"
