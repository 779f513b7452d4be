"""An answer that comes in pieces: handed on as it comes, and put together to a whole one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from crewgraph.errors import ModelAnswerInvalid
from crewgraph.llm.pieces import Pieces
from crewgraph.llm.wire import refusal_of

__all__ = ["Whole", "gather"]

CUT_SHORT = frozenset({"content_filter", "length"})
"""Reasons to stop that must not be forgotten; litellm may put "stop" in their place."""


@dataclass(slots=True)
class Whole:
    """An answer put together from its pieces.

    Attributes:
        text: what was said.
        calls: id, name and arguments of the tool calls, in their order.
        finish_reason: why the model stopped.
        usage: the tokens as the provider reported them; ``None`` where it did not.
        refusal: the words by which the model refused to answer.
    """

    text: str = ""
    calls: list[tuple[str | None, str, str]] = field(default_factory=list[tuple[str | None, str, str]])
    finish_reason: str | None = None
    usage: Any = None
    refusal: str = ""


async def gather(stream: Any, whole: Whole, tell: Callable[[str], None], *, model: str) -> None:
    """Read a stream of litellm to its end, and close it in any case.

    Args:
        stream: what litellm returned.
        whole: where the answer is put together; its usage is also set where the stream breaks.
        tell: called with each piece of text.
        model: for the errors.

    Raises:
        ModelAnswerInvalid: it ended without the word that it is complete. litellm hides that: it makes up a reason to
            stop where none was sent.
    """
    heard, pieces = _Ear(stream), Pieces(tell)
    try:
        async for chunk in stream:
            choice: Any = chunk.choices[0] if chunk.choices else None
            if choice is None:
                continue
            whole.finish_reason = choice.finish_reason or whole.finish_reason
            pieces.add(choice.delta)
        _insist_on_end(stream, heard, model)
    finally:
        whole.usage = _reported(stream)
        await stream.aclose()  # else the connection stays open until somebody collects the garbage
    if heard.finish_reason in CUT_SHORT:
        whole.finish_reason = heard.finish_reason
    whole.text, whole.calls, whole.refusal = pieces.text, pieces.calls, "".join(heard.refusal)


class _Ear:
    """Hears why the model stopped before litellm makes something up.

    litellm keeps what it received in an attribute of the stream, but not for all providers: every chunk of Gemini it
    marks with "stop" and then says not to believe it. So Gemini's own words are heard before litellm has read them.
    """

    def __init__(self, stream: Any) -> None:
        self.finish_reason: str | None = None
        self.refusal = list[str]()  # litellm passes on its first piece at most
        self._create: Any = getattr(stream, "chunk_creator", None)
        self._open: Any = getattr(stream, "make_call", None)
        if callable(self._create):
            stream.chunk_creator = self._created
        if callable(self._open):  # the source is opened with the first chunk
            stream.make_call = self._opened
        self._listen_at(getattr(stream, "completion_stream", None))

    async def _opened(self, *args: Any, **kwargs: Any) -> Any:
        source = await self._open(*args, **kwargs)
        self._listen_at(source)
        return source

    def _listen_at(self, source: Any) -> None:
        parse = getattr(source, "chunk_parser", None)
        if callable(parse):
            source.chunk_parser = partial(self._parsed, parse)

    def _parsed(self, parse: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        chunk = parse(*args, **kwargs)
        if any(_gemini_stops(raw) for raw in (*args, *kwargs.values())):
            self.finish_reason = _finish_reason(chunk) or self.finish_reason
        return chunk

    def _created(self, *args: Any, **kwargs: Any) -> Any:
        for chunk in (*args, *kwargs.values()):
            choices: Any = getattr(chunk, "choices", None) or ()
            self.refusal += (refusal_of(getattr(each, "delta", None)) for each in choices)
            hidden: Any = getattr(chunk, "_hidden_params", None)
            if not isinstance(hidden, dict) or hidden.get("is_finished") is not False:
                self.finish_reason = _finish_reason(chunk) or self.finish_reason
        return self._create(*args, **kwargs)


def _gemini_stops(raw: Any) -> bool:
    """Whether this is Gemini's word that the model stopped, or that it did not begin."""
    if not isinstance(raw, dict):
        return False
    candidates, feedback = raw.get("candidates") or (), raw.get("promptFeedback") or {}
    return bool(feedback.get("blockReason") or any(each.get("finishReason") for each in candidates))


def _finish_reason(chunk: Any) -> str | None:
    """The reason to stop in a chunk, in either of the forms that litellm has for them."""
    choices: Any = [chunk] if isinstance(chunk, dict) else getattr(chunk, "choices", None) or ()
    reasons = (each.get("finish_reason") if isinstance(each, dict) else each.finish_reason for each in choices)
    return next((reason for reason in reasons if isinstance(reason, str) and reason), None)


def _insist_on_end(stream: Any, heard: _Ear, model: str) -> None:
    try:
        received = heard.finish_reason or stream.received_finish_reason
    except AttributeError:
        message = (
            f"{model}: this version of litellm does not tell whether a streamed answer is complete. "
            "hint: install another version of litellm, or do not stream"
        )
        error = ModelAnswerInvalid(message, model=model)
        error.is_transient = False
        raise error from None
    if not received:
        raise ModelAnswerInvalid(f"{model}: the answer was cut off: its stream ended without a reason", model=model)


def _reported(stream: Any) -> Any:
    """The tokens that the provider reported; where it reported none, litellm makes some up, but not in these chunks."""
    chunks: Iterable[Any] = getattr(stream, "chunks", ())
    return next((usage for chunk in reversed(list(chunks)) if (usage := getattr(chunk, "usage", None))), None)
