from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph.errors import ModelRateLimited
from crewgraph.llm import LLM, Message, OfflineLLM, Reply, Request
from crewgraph.llm.offline.model import _say_what_answers
from tests.unit.llm.provider import ask

pytestmark = pytest.mark.anyio


class Verdict(BaseModel):
    urgent: bool
    score: int


class Peculiar(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one}{two}")


async def said(llm: OfflineLLM, request: Request) -> str:
    return (await llm.complete(request)).text


async def test_text_tells_what_it_is() -> None:
    """Free text begins by saying that no language model wrote it, and repeats the task."""
    text = await said(OfflineLLM(), ask("Summarise the report."))
    assert text.startswith("[offline] Not a language model")
    assert text.endswith("Asked: Summarise the report.")


async def test_long_task_is_cut() -> None:
    """Of a long task only the beginning is repeated."""
    assert len(await said(OfflineLLM(), ask("word " * 1000))) < 300


async def test_no_user_message() -> None:
    """A request without a task is answered too."""
    assert "Not a language model" in await said(OfflineLLM(), Request((Message("system", "x"),)))


async def test_shape() -> None:
    """An answer that must have a shape has it."""
    assert Verdict.model_validate_json(await said(OfflineLLM(), ask(schema=Verdict)))


@pytest.mark.parametrize("schema", [None, Verdict], ids=["text", "shape"])
async def test_deterministic(schema: Any) -> None:
    """The same request gets the same answer from any instance, whatever its blanks."""
    first = await said(OfflineLLM(), ask("Say  hello\n", schema))
    assert first.replace("Say hello", "") == (await said(OfflineLLM(), ask("Say hello", schema))).replace(
        "Say hello", ""
    )


async def test_requests_differ() -> None:
    """Another task gets another answer, even where it begins alike."""
    first, second = ("x " * 500 + end for end in "ab")
    assert await said(OfflineLLM(), ask(first)) != await said(OfflineLLM(), ask(second))


async def test_seeds_differ() -> None:
    """Another seed makes other values up."""
    values = {await said(OfflineLLM(seed=seed), ask(schema=Verdict)) for seed in range(8)}
    assert len(values) > 1


def test_same_in_every_process() -> None:
    """No process, hash seed or dict order changes an answer."""
    code = (
        "import anyio; from crewgraph.llm import *\n"
        "from pydantic import BaseModel\n"
        "class V(BaseModel):\n    a: int; b: float; c: set[int]\n"
        "print(anyio.run(OfflineLLM().complete, Request((Message('user', 'hi'),), V)).text)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("plain", "plain"),
        ({"a": "é"}, '{"a": "é"}'),
        ([1], "[1]"),
        (Verdict(urgent=True, score=1), '{"urgent":true,"score":1}'),
        (lambda request: request.messages[0].content.upper(), "HI THERE"),
    ],
    ids=["text", "dict", "list", "model", "function"],
)
async def test_rule(reply: Any, text: str) -> None:
    """A rule answers with text, a value as JSON, or what a function makes of the request."""
    assert await said(OfflineLLM({"HI": reply}), ask("hi there")) == text


async def test_first_rule_wins() -> None:
    """Rules are tried in order, patterns and functions alike."""
    llm = OfflineLLM([("nothing", "a"), (lambda request: "hi" in request.messages[0].content, "b"), ("hi", "c")])
    assert await said(llm, ask("hi")) == "b"


async def test_no_rule_fits() -> None:
    """What no rule fits is made up."""
    assert "Not a language model" in await said(OfflineLLM({"nothing": "a"}), ask("hi"))


async def test_rule_passes_on() -> None:
    """A function that answers None leaves the request to the next rule."""
    assert await said(OfflineLLM([("hi", lambda _: None), ("hi", "second")]), ask("hi")) == "second"


async def test_rule_reads_what_the_user_said() -> None:
    """A pattern is looked for in all that the user said, and not in what the system or the model said."""
    talk = (
        Message("system", "alpha"),
        Message("user", "beta"),
        Message("assistant", "gamma"),
        Message("user", "delta"),
    )
    llm = OfflineLLM({"alpha|gamma": "wrong", "beta": "right"})
    assert await said(llm, Request(talk)) == "right"


async def test_answer_function() -> None:
    """A function, sync or async, answers all that no rule does."""

    async def answer(request: Request) -> dict[str, int]:
        return {"messages": len(request.messages)}

    llm = OfflineLLM({"special": "rule"}, answer=answer)
    assert await said(llm, ask("hi")) == '{"messages": 1}'
    assert await said(llm, ask("special")) == "rule"


@pytest.mark.parametrize("error", [ModelRateLimited("slow down"), ModelRateLimited], ids=["instance", "class"])
async def test_scripted_failure(error: Any) -> None:
    """A rule can fail, and each time with an exception of its own."""
    arguments = () if isinstance(error, Exception) else ("x",)
    llm = OfflineLLM(answer=error if isinstance(error, Exception) else lambda _: error(*arguments))
    with pytest.raises(ModelRateLimited) as first:
        await llm.complete(ask())
    with pytest.raises(ModelRateLimited) as second:
        await llm.complete(ask())
    assert first.value is not second.value


async def test_failure_by_class() -> None:
    """An exception class that needs no arguments is raised as it is."""
    with pytest.raises(TimeoutError):
        await OfflineLLM(answer=TimeoutError).complete(ask())


async def test_failure_that_cannot_be_copied() -> None:
    """An exception with a constructor of its own is raised itself."""
    error = Peculiar(1, 2)
    with pytest.raises(Peculiar) as caught:
        await OfflineLLM(answer=error).complete(ask())
    assert caught.value is error


async def test_usage_grows() -> None:
    """Longer prompts and answers take more tokens, and the total is their sum."""

    async def usage(prompt: str, text: str) -> Reply:
        return await OfflineLLM(answer=text).complete(ask(prompt))

    small, large = (await usage("hi", "ho")).usage, (await usage("hi" * 50, "ho" * 50)).usage
    assert 0 < small.prompt_tokens < large.prompt_tokens
    assert 0 < small.completion_tokens < large.completion_tokens
    assert large.total_tokens == large.prompt_tokens + large.completion_tokens


async def test_says_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log says once that answers are made up, and nothing while a script answers."""
    _say_what_answers.cache_clear()
    with caplog.at_level(logging.WARNING, "crewgraph.llm"):
        await OfflineLLM(answer="scripted").complete(ask())
        assert not caplog.records
        for _ in range(2):
            await OfflineLLM().complete(ask())
    assert len(caplog.records) == 1


async def test_hostile_text() -> None:
    """Lone surrogates and braces are text like any other."""
    assert json.dumps(await said(OfflineLLM(), ask("\ud800 {policy}")))


def test_is_an_llm() -> None:
    """The offline model fits the port and has a short repr."""
    llm = OfflineLLM({"a": "b"})
    assert isinstance(llm, LLM)
    assert repr(llm) == "OfflineLLM(1 rules, seed=0)"


@pytest.mark.parametrize(
    "rules",
    ["hello", ["hello", "b"], [("a", "b", "c")], 5, lambda _: "hello", Verdict(urgent=True, score=1)],
    ids=["text", "texts", "triple", "number", "function", "model"],
)
def test_no_rules(rules: Any) -> None:
    """What is no rule is refused when the model is made, with the ways to say what it answers."""
    told = r'OfflineLLM\(\{"pattern": "answer"\}\), .* OfflineLLM\(answer="…"\); .*ScriptedLLM\("a", "b"\)'
    with pytest.raises(TypeError, match=rf"is no rule of an OfflineLLM\. hint: .*{told}"):
        OfflineLLM(rules)
