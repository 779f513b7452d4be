"""The loop of an agent: ask, call the tools that the model wants, ask again, until there is an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydantic import BaseModel

from crewgraph.crew.answer import Misfit, read
from crewgraph.crew.prompt import correction
from crewgraph.crew.terms import AgentStep, ToolResult
from crewgraph.errors import ModelAnswerInvalid, OutputInvalid
from crewgraph.errors.root import shortened
from crewgraph.llm.ask import Asker
from crewgraph.llm.port import LLM, Message, Reply, Request, ToolCall, ToolSpec

__all__ = ["AgentStep", "Answer", "Conversation", "ToolResult", "Tools"]

MAX_SHOWN = 300
"""Characters of a misshapen answer that its error repeats."""

ENOUGH = Message(
    "user", "You have called tools as often as you may. Give your final answer now, from what you have; call no tool."
)

NO_CALLS = Message("user", "Nothing was called, and no tool can be called now. Write your answer as text.")


class Tools(Protocol):
    """The tools of an agent at work.

    Attributes:
        specs: what the model is told of them; known when they are :meth:`ready`.
    """

    specs: tuple[ToolSpec, ...]

    async def ready(self) -> None:
        """Do what must be done before they can be offered. Called once, before the first turn."""
        ...

    async def run(self, calls: Sequence[ToolCall], asker: Asker) -> list[ToolResult]:
        """Call tools side by side; the results come in the order of the calls, failures among them."""
        ...


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a conversation came to.

    Attributes:
        text: the answer as it was written.
        value: the answer in the shape that was wanted.
        repaired: whether its JSON had to be mended.
        forced: whether the agent was made to answer because it had used up its iterations.
        model: who gave it.
        tools_used: the tools that ran, in order, once for each time.
        messages: the whole conversation, the answer included, so that it can go on.
    """

    text: str
    value: BaseModel | None = None
    repaired: bool = False
    forced: bool = False
    model: str = ""
    tools_used: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One agent's conversation with its model about one task.

    Attributes:
        llm: the model.
        asker: on whose behalf it is asked.
        messages: what was said so far.
        shape: what the answer must be, where it is more than text.
        tools: what the model may call.
        max_iter: how many turns of the whole conversation may call tools; after them the model has to answer.
        max_reasks: how often it is asked again when its answer does not have the shape.
        on_step: told of every turn.
        used: the tools that ran so far.
        turns: how many turns called tools so far.
    """

    llm: LLM
    asker: Asker
    messages: tuple[Message, ...]
    shape: type[BaseModel] | None = None
    tools: Tools | None = None
    max_iter: int = 20
    max_reasks: int = 2
    on_step: Callable[[AgentStep], Awaitable[None]] | None = None
    used: list[str] = field(default_factory=list)
    turns: int = 0
    _is_ready: bool = False
    _is_forced: bool = False

    async def answer(self) -> Answer:
        """Go on until there is an answer. It may be called again, with more messages, for another one.

        Raises:
            ModelError: a call failed for good.
            OutputInvalid: the answer lacks the shape, and asking again did not help.
            BudgetError: a budget has no room for the next call.
            ToolError: the tools cannot be offered.
        """
        if self.tools is not None and not self._is_ready:
            await self.tools.ready()
            self._is_ready = True
        self._is_forced = False
        problem = text = ""
        for _ in range(1 + self.max_reasks):
            reply, result = await self._turns(may_call=not problem)
            text = result.text if result else reply.text
            if self.shape is None:
                return self._answered(reply, text)
            try:
                shaped = await read(text, self.shape)
            except Misfit as misfit:
                problem = str(misfit)
                self.messages = (*self.messages, correction(problem))
            else:
                return replace(self._answered(reply, text), value=shaped.value, repaired=shaped.repaired)
        raise OutputInvalid(
            f"{self.asker.task}: {self.llm.model} gave no {self.shape.__name__ if self.shape else 'answer'} "
            f"in {1 + self.max_reasks} attempts:\n{problem}\nIts last answer: {shortened(text, MAX_SHOWN)}",
            model=self.llm.model,
            usage=self.asker.scope.account.usage.model_copy(),
        )

    async def _turns(self, *, may_call: bool) -> tuple[Reply, ToolResult | None]:
        """Take turns until the model answers, or a tool does."""
        specs = self.tools.specs if self.tools else ()
        while True:
            is_last = self.turns >= self.max_iter
            if is_last and may_call and specs:
                self._is_forced = True
                self.messages = (*self.messages, ENOUGH)
            may_go_on = bool(specs) and may_call and not is_last
            if may_go_on:  # not every provider takes a shape beside tools; the prompt asks for it in any case
                reply = await self.asker.ask(self.llm, Request(self.messages, tools=specs))
            else:
                reply = await self._closing(specs)
            if not reply.calls:
                self.messages = (*self.messages, Message("assistant", reply.text))
                await self._tell(reply, ())
                return reply, None
            results = await self._call(reply)
            answer = next((each for each in results if each.is_answer), None)
            if answer is not None:
                self.messages = (*self.messages, Message("assistant", answer.text))
                return reply, answer

    async def _closing(self, specs: tuple[ToolSpec, ...]) -> Reply:
        """An answer without calls. A model that calls all the same is told so, and asked once more."""
        called = ""
        for _ in range(2):
            request = Request(self.messages, self.shape, specs, "none" if specs else "auto")
            reply = await self.asker.ask(self.llm, request)
            if not reply.calls:
                return reply
            if reply.text.strip():
                return replace(reply, calls=())
            called = reply.calls[0].name
            self.messages = (*self.messages, NO_CALLS)
        message = f"{self.llm.model}: calls '{called}' although it was told to answer without tools"
        raise ModelAnswerInvalid(message, model=self.llm.model, usage=self.asker.scope.account.usage.model_copy())

    async def _call(self, reply: Reply) -> list[ToolResult]:
        assert self.tools is not None, "without tools a turn has no calls"
        self.turns += 1
        calls = _told_apart(reply.calls, self.turns)
        results = await self.tools.run(calls, self.asker)
        self.used += [each.tool or each.call.name for each in results if each.has_run]
        told = [Message("tool", each.text, call_id=each.call.id) for each in results]
        self.messages = (*self.messages, Message("assistant", reply.text, calls), *told)
        await self._tell(reply, tuple(results))
        return results

    async def _tell(self, reply: Reply, results: tuple[ToolResult, ...]) -> None:
        if self.on_step is not None:
            await self.on_step(AgentStep(self.asker.agent, self.asker.task, reply.text, results))

    def _answered(self, reply: Reply, text: str) -> Answer:
        return Answer(
            text=text,
            forced=self._is_forced,
            model=reply.model or self.llm.model,
            tools_used=tuple(self.used),
            messages=self.messages,
        )


def _told_apart(calls: tuple[ToolCall, ...], turn: int) -> tuple[ToolCall, ...]:
    """The calls under ids that are unlike: some models give none, or the same to all, and no provider takes those."""
    ids = [call.id for call in calls]
    if all(ids) and len(set(ids)) == len(ids):
        return calls
    return tuple(replace(call, id=f"call_{turn}_{number}") for number, call in enumerate(calls, 1))
