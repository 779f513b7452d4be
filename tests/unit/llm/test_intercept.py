from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from crewgraph.llm import OfflineLLM
from crewgraph.llm.intercept import Answer, Asked, Outcome, enter, intercepted, intercepting, leave
from crewgraph.llm.port import Message, Reply, Request

pytestmark = pytest.mark.anyio


def asked(given: list[str]) -> Asked:
    """A call whose model notes that it was asked."""

    async def model() -> Outcome:
        given.append("model")
        return Outcome(Reply(text="the model's"))

    async def counted(answer: Answer) -> Outcome:
        given.append("counted")
        return await answer()

    request = Request((Message("user", "hi"),))
    return Asked(llm=OfflineLLM(), request=request, proceed=model, counted=counted, has_begun=lambda: False)


class Passes:
    """Notes that it was asked, and leaves it to the next."""

    def __init__(self, name: str, given: list[str]) -> None:
        self.name = name
        self.given = given

    async def answer(self, asked: Asked) -> Outcome:
        self.given.append(self.name)
        return await asked.proceed()


class Knows(Passes):
    """Has the answer."""

    async def answer(self, asked: Asked) -> Outcome:
        self.given.append(self.name)
        return Outcome(Reply(text=self.name), source="cache")


async def test_nobody() -> None:
    """With nobody in between the model is asked."""
    given = list[str]()
    outcome = await intercepted(asked(given))
    assert (given, outcome.source) == (["model"], None)


async def test_order() -> None:
    """Whoever came first is asked first, those for the whole process before all; the model comes last."""
    given = list[str]()
    with (
        intercepting(Passes("here", given)),
        intercepting(Passes("everywhere", given), everywhere=True),
        intercepting(Passes("inside", given)),
    ):
        await intercepted(asked(given))
    assert given == ["everywhere", "here", "inside", "model"]
    await intercepted(asked(given))
    assert given[4:] == ["model"]


async def test_who_knows_answers() -> None:
    """Who has the answer is the last to be asked."""
    given = list[str]()
    with intercepting(Passes("a", given)), intercepting(Knows("b", given)), intercepting(Passes("c", given)):
        outcome = await intercepted(asked(given))
    assert given == ["a", "b"]
    assert outcome == Outcome(Reply(text="b"), source="cache")


@pytest.mark.parametrize("everywhere", [False, True])
async def test_leaving_in_any_order(everywhere: bool) -> None:
    """Whoever leaves is gone, the others stay; who entered twice leaves once; who was not there may leave too."""
    given = list[str]()
    a, b = Passes("a", given), Passes("b", given)
    for each in (a, b, a):
        enter(each, everywhere=everywhere)
    leave(a, everywhere=everywhere)
    await intercepted(asked(given))
    assert given == ["a", "b", "model"]
    leave(a, everywhere=everywhere)
    leave(a, everywhere=everywhere)
    leave(b, everywhere=everywhere)
    await intercepted(asked(given))
    assert given[3:] == ["model"]


@pytest.mark.parametrize(("everywhere", "expected"), [(False, ["model"]), (True, ["a", "model"])])
async def test_other_threads(everywhere: bool, expected: list[str]) -> None:
    """A thread that was not started from the context hears only of those that stand everywhere."""
    given = list[str]()

    async def ask() -> Any:
        return await intercepted(asked(given))

    with intercepting(Passes("a", given), everywhere=everywhere):
        thread = threading.Thread(target=anyio.run, args=(ask,))
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
    assert given == expected


async def test_tasks_inherit() -> None:
    """A task or worker thread that is started inside is intercepted too."""
    given = list[str]()

    async def ask() -> None:
        await intercepted(asked(given))

    with intercepting(Passes("a", given)):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
        await anyio.to_thread.run_sync(anyio.run, ask)
    assert given == ["a", "model"] * 2


async def test_left_also_after_an_error() -> None:
    """An error inside of the ``with`` leaves nobody behind."""
    given = list[str]()
    with pytest.raises(ZeroDivisionError), intercepting(Passes("a", given)):
        raise ZeroDivisionError
    await intercepted(asked(given))
    assert given == ["model"]
