from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import ValidationError

from crewgraph.crew import Task
from crewgraph.crew.human import HumanQuestion, Terminal, giving_way, plain
from crewgraph.errors import BudgetExceeded, CallbackFailed, GuardrailFailed, HumanInputUnavailable
from crewgraph.node import interface_of
from crewgraph.policy import Budget
from tests.unit.crew.doubles import Recorder, Verdict, crew

pytestmark = pytest.mark.anyio


def asked(**options: Any) -> Task:
    return Task(description="Write on {topic}", name="write", human_input=True, **options)


class Person:
    """Says what it is made with, and then nothing more."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.questions: list[HumanQuestion] = []

    async def ask(self, question: HumanQuestion) -> str:
        self.questions.append(question)
        return self.words.pop(0) if self.words else ""


class Keyboard:
    """A terminal's input: lines come when they are typed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.typed = threading.Condition()
        self.is_read = threading.Event()

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        with self.typed:
            self.is_read.set()
            assert self.typed.wait_for(lambda: self.lines, timeout=60), "nobody types"
            return self.lines.pop(0)

    def type(self, line: str) -> None:
        with self.typed:
            self.lines.append(line)
            self.typed.notify()


class Screen(io.StringIO):
    """A terminal's output, which calls for somebody to type when a prompt is shown."""

    prompted: Callable[[], None] = staticmethod(lambda: None)

    def flush(self) -> None:
        if self.getvalue().endswith(": "):
            self.prompted()


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    made = Keyboard()
    monkeypatch.setattr(sys, "stdin", made)
    yield made
    made.type("\n")  # for a reader that a test left behind
    for thread in _readers():
        thread.join(5)


@pytest.fixture
def screen(keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    streams = SimpleNamespace(stdin=sys.stdin, stderr=made)  # pytest puts its own in the place of sys.stderr
    monkeypatch.setattr("crewgraph.crew.human.sys", streams)
    return made


class TestProvider:
    """People who are asked through a provider."""

    async def test_accepts(self) -> None:
        """An empty word accepts the answer."""
        person, llm = Person(" \n"), Recorder("one")
        done = await crew(asked(), llm=llm, human=person, name="desk").kickoff_async({"topic": "tea"})
        assert done.raw == "one"
        assert person.questions == [
            HumanQuestion(
                crew="desk", task="task 'write'", agent="Clerk", description="Write on tea", answer="one", round=1
            )
        ]

    async def test_feedback(self) -> None:
        """Anything else is told to the model, which answers again in the same conversation."""
        person, llm = Person("more on milk", "and sugar"), Recorder("one", "two", "three")
        done = await crew(asked(), llm=llm, human=person).kickoff_async({"topic": "tea"})
        assert done.raw == "three"
        assert [(question.answer, question.round) for question in person.questions] == [
            ("one", 1),
            ("two", 2),
            ("three", 3),
        ]
        assert llm.said(2)[2] == "one"
        assert "A person who has read it says:\nmore on milk\n" in llm.said(2)[3]
        assert "and sugar" in llm.said(2)[5]

    @pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
    async def test_function(self, is_async: bool) -> None:
        """A plain function is a provider, sync or async."""

        async def asynchronous(question: HumanQuestion) -> str:
            return ""

        human: Any = asynchronous if is_async else (lambda question: "")
        assert (await crew(asked(), llm=Recorder("one"), human=human).kickoff_async({"topic": "tea"})).raw == "one"

    @pytest.mark.parametrize("rounds", [1, 3])
    async def test_bounded(self, rounds: int) -> None:
        """A person who never accepts fails the task; the answer does not pass."""
        person, llm = Person(*["no"] * 9), Recorder("one")
        made = crew(asked(max_human_rounds=rounds), llm=llm, human=person)
        with pytest.raises(GuardrailFailed, match=rf"did not accept the answer in {rounds} rounds") as caught:
            await made.kickoff_async({"topic": "tea"})
        assert len(llm.requests) == len(person.questions) == rounds
        assert caught.value.answer == "one"

    async def test_order_of_checks(self) -> None:
        """The shape comes first, then guardrails, then the person; whose wish goes through all of them again."""
        order = list[str]()

        def guardrail(output: Any) -> Any:
            order.append(f"guardrail {output.json_dict['score']}")
            return (True, None) if output.json_dict["score"] > 1 else (False, "more")

        def person(question: HumanQuestion) -> str:
            order.append("person")
            return "again" if order.count("person") == 1 else ""

        llm = Recorder(*("no", *(f'{{"urgent": true, "score": {score}}}' for score in (1, 2, 0, 3))))
        task = asked(output_json=Verdict, guardrail=guardrail, callback=lambda output: order.append("callback"))
        await crew(task, llm=llm, human=person).kickoff_async({"topic": "tea"})
        assert order == ["guardrail 1", "guardrail 2", "person", "guardrail 0", "guardrail 3", "person", "callback"]

    @pytest.mark.parametrize(
        ("human", "words"),
        [
            (lambda question: None, "the provider of human input gave NoneType, not text; '' accepts the answer"),
            (lambda question: 1 / 0, "the provider of human input '<lambda>' raised ZeroDivisionError"),
        ],
        ids=["no text", "raises"],
    )
    async def test_wrong(self, human: Any, words: str) -> None:
        """A provider that gives no text, or raises, fails the task."""
        with pytest.raises(CallbackFailed, match=words):
            await crew(asked(), llm=Recorder("one"), human=human).kickoff_async({"topic": "tea"})

    async def test_refused(self) -> None:
        """What cannot ask is refused when the crew is written."""
        with pytest.raises(ValidationError, match="human is a function of a HumanQuestion, or an object with"):
            crew(asked(), human="me")

    async def test_budget(self) -> None:
        """Answering again passes the budgets."""
        made = crew(asked(), llm=Recorder("one"), human=Person("again"), budget=Budget(calls=1))
        with pytest.raises(BudgetExceeded):
            await made.kickoff_async({"topic": "tea"})

    async def test_may_give(self) -> None:
        """What a person may have the model write is not known; a shape holds all the same."""
        assert interface_of(crew(asked())).may_give is None
        assert interface_of(crew(asked(output_json=Verdict))).may_give == frozenset()


class TestTerminal:
    """People who are asked in the terminal."""

    @pytest.mark.parametrize("stdin", [None, io.StringIO("\n")], ids=["none", "no terminal"])
    @pytest.mark.parametrize("human", [None, Terminal()], ids=["default", "declared"])
    async def test_nobody_there(self, stdin: Any, human: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a terminal the run fails before the model is paid, with the way out."""
        monkeypatch.setattr(sys, "stdin", stdin)
        llm = Recorder("one")
        made = crew(Task(description="a"), asked(), llm=llm, human=human)
        with pytest.raises(HumanInputUnavailable, match=r"task 'write' wants a person's word.*hint: Crew\(human=…\)"):
            await made.kickoff_async({"topic": "tea"})
        assert not llm.requests

    async def test_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A closed input is no terminal."""
        stdin = io.StringIO()
        stdin.close()
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(HumanInputUnavailable):
            Terminal().check("task 't'")

    async def test_asks(self, keyboard: Keyboard, screen: Screen) -> None:
        """The answer is shown, and a line is read; an empty one accepts."""
        llm = Recorder("one", "two")
        words = iter(["shorter\n", "\n"])
        screen.prompted = lambda: keyboard.type(next(words))
        done = await crew(asked(), llm=llm, name="desk").kickoff_async({"topic": "tea"})
        assert done.raw == "two"
        assert "shorter" in llm.said(1)[3]
        assert "── desk · task 'write' · Clerk\none\n── Enter accepts it" in screen.getvalue()

    async def test_others_give_way(self, keyboard: Keyboard, screen: Screen) -> None:
        """Whoever draws in the terminal is away while a question is open, also when it is given up."""
        told = list[str]()

        @contextmanager
        def aside() -> Generator[None]:
            told.append("away")
            try:
                yield
            finally:
                told.append("back")

        def prompted() -> None:
            told.append("asked")
            keyboard.type("\n")

        screen.prompted = prompted
        with giving_way(aside):
            await Terminal().ask(HumanQuestion(task="t"))
            assert told == ["away", "asked", "back"]
            keyboard.type("")
            screen.prompted = lambda: None
            with pytest.raises(HumanInputUnavailable):
                await Terminal().ask(HumanQuestion(task="t"))
        assert told[3:] == ["away", "back"]
        keyboard.type("\n")
        await Terminal().ask(HumanQuestion(task="t"))
        assert len(told) == 5

    async def test_hostile_answer(self, keyboard: Keyboard, screen: Screen) -> None:
        """Terminal codes of a model do not reach the terminal."""
        screen.prompted = lambda: keyboard.type("\n")
        hostile = "a\x1b[2J\x1b]0;title\x07b\r\nc\x9b31md\x08"
        await Terminal().ask(HumanQuestion(task="t\x1b[1m\nx", answer=hostile))
        assert "── t x\nab\ncd\n" in screen.getvalue()
        assert "\x1b" not in screen.getvalue()

    async def test_end_of_input(self, keyboard: Keyboard, screen: Screen) -> None:
        """At the end of the input nobody has accepted anything."""
        screen.prompted = lambda: keyboard.type("")
        with pytest.raises(HumanInputUnavailable, match="task 't': the input of the terminal has ended"):
            await Terminal().ask(HumanQuestion(task="task 't'"))

    async def test_input_breaks(self, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
        """An input that is closed while it is read has ended."""

        class Broken(Keyboard):
            def readline(self) -> str:
                raise ValueError("I/O operation on closed file")

        monkeypatch.setattr("crewgraph.crew.human.sys", SimpleNamespace(stdin=Broken(), stderr=screen))
        with pytest.raises(HumanInputUnavailable):
            await Terminal().ask(HumanQuestion(task="t"))

    async def test_one_at_a_time(self, keyboard: Keyboard, screen: Screen) -> None:
        """Of several questions one is shown at a time, whoever asks; all get their own answer."""
        shown = list[str]()

        def prompted() -> None:
            shown.append(screen.getvalue().rpartition("answer ")[2][0])
            assert len(shown) == len(given) + 1
            keyboard.type(f"to {shown[-1]}\n")

        given, terminals = list[str](), [Terminal(), Terminal(), Terminal()]
        screen.prompted = prompted

        async def ask(number: int) -> None:
            line = await terminals[number].ask(HumanQuestion(task="t", answer=f"answer {number}"))
            assert line == f"to {number}\n"
            given.append(line)

        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(ask, number)
        assert sorted(shown) == ["0", "1", "2"]

    async def test_does_not_block(self, keyboard: Keyboard, screen: Screen) -> None:
        """While a person thinks, everything else goes on."""
        thinking = anyio.Event()
        loop = anyio.Event()

        async def ask() -> None:
            thinking.set()
            assert await Terminal().ask(HumanQuestion(task="t")) == "done\n"
            loop.set()

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await thinking.wait()
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            assert not loop.is_set()
            keyboard.type("done\n")
        assert loop.is_set()

    async def test_cancelled(self, keyboard: Keyboard, screen: Screen) -> None:
        """A question that is given up does not swallow the answer to the next one."""
        await given_up(keyboard)
        screen.prompted = lambda: keyboard.type("second\n")
        with anyio.fail_after(60):
            assert await Terminal().ask(HumanQuestion(task="t", answer="second")) == "second\n"

    async def test_late_answer(self, keyboard: Keyboard, screen: Screen) -> None:
        """What was typed for a question that was given up answers no other one."""
        await given_up(keyboard)
        keyboard.type("late\n")
        for thread in _readers():
            await anyio.to_thread.run_sync(thread.join, 60)
        screen.prompted = lambda: keyboard.type("second\n")
        assert await Terminal().ask(HumanQuestion(task="t", answer="second")) == "second\n"


async def given_up(keyboard: Keyboard) -> None:
    """A question that nobody wants answered any more once the terminal waits for a line."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Terminal().ask, HumanQuestion(task="t", answer="first"))
        await anyio.to_thread.run_sync(keyboard.is_read.wait, 60)
        tasks.cancel_scope.cancel()


def _readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "crewgraph terminal"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\rb", "a\nb"),
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "alink"),
        ("a\x1bP1$r\x1b\\b\x1b_x\x9cc", "abc"),
        ("a\x1b[", "a"),
        ("a\x1b", "a"),
        ("a\u202eb\u2066c\ud800", "abc"),
        ("👩\u200d💻 é", "👩\u200d💻 é"),
        ("a\u2028b\x85c", "a\nb\nc"),
    ],
    ids=["kept", "return", "colour", "link", "strings", "cut", "escape", "direction", "joiner", "line ends"],
)
def test_plain(text: str, shown: str) -> None:
    """Text is shown without anything that a terminal would obey."""
    assert plain(text) == shown
