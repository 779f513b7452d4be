"""One run of a crew: what it has spent, and who is told about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

from crewgraph.errors import ModelAnswerInvalid, ModelError
from crewgraph.llm.port import LLM, Reply, Request
from crewgraph.outputs import UsageMetrics
from crewgraph.trace import Event, ModelCallFailed, ModelCallFinished, ModelCallStarted

__all__ = ["Ledger"]


class Ledger:
    """Counts every model call of a run, the failed ones included, and reports each as an event.

    Attributes:
        spent: tokens and requests so far.
    """

    def __init__(self, emit: Callable[[Event], None] | None) -> None:
        self.spent = UsageMetrics()
        self._emit = emit

    def tell(self, event: Event) -> None:
        """Report an event, where somebody listens."""
        if self._emit is not None:
            self._emit(event)

    async def ask(self, llm: LLM, request: Request) -> Reply:
        """Ask a model once.

        Raises:
            ModelError: there is no answer, or none that is one; ``.usage`` is what the run has spent so far.
        """
        self.tell(ModelCallStarted(model=llm.model))
        began = perf_counter()
        try:
            reply = _checked(await llm.complete(request), request, llm.model)
            usage = reply.usage.model_copy(update={"successful_requests": 1, "failed_requests": 0})
        except ModelError as error:
            self._failed(llm, error, perf_counter() - began, error.usage)
            raise _with_usage(error, self.spent.model_copy()) from error
        except Exception as error:
            self._failed(llm, error, perf_counter() - began)
            message = f"{llm.model}: {type(error).__name__}: {error}"
            raise ModelError(message, model=llm.model, usage=self.spent.model_copy()) from error
        except BaseException as error:  # cancelled: the provider may have worked all the same
            self._failed(llm, error, perf_counter() - began)
            raise
        self.spent.add_usage_metrics(usage)
        seconds = perf_counter() - began
        self.tell(ModelCallFinished(model=llm.model, tokens=usage.total_tokens, usage=usage, seconds=seconds))
        return reply

    def _failed(self, llm: LLM, error: BaseException, seconds: float, usage: Any = None) -> None:
        known = usage if isinstance(usage, UsageMetrics) else UsageMetrics()
        counted = known.model_copy(update={"successful_requests": 0, "failed_requests": 1})
        self.spent.add_usage_metrics(counted)
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        self.tell(ModelCallFailed(model=llm.model, error=text, usage=counted, seconds=seconds))


def _with_usage(error: ModelError, usage: UsageMetrics) -> ModelError:
    """The same error anew, with what the run has spent: the model may raise its own object again and again."""
    kind = type(error)
    fresh = kind.__new__(kind, *error.args)  # not copy.copy(), which calls the __init__ of whatever subclass it is
    fresh.__dict__.update(vars(error), usage=usage)
    return fresh


def _checked(reply: Any, request: Request, model: str) -> Reply:
    """The reply, if it is an answer at all."""
    if not isinstance(reply, Reply):
        kind = type(reply).__name__
        raise ModelAnswerInvalid(f"{model}: complete() returned a {kind}, not a Reply(text=…)", model=model)
    if not reply.text.strip():
        reason = f" (finish reason: {reply.finish_reason})" if reply.finish_reason else ""
        raise ModelAnswerInvalid(f"{model}: the answer is empty{reason}", model=model, usage=reply.usage)
    if request.schema is not None and reply.finish_reason == "length":
        message = f"{model}: the answer was cut off before its JSON ended; raise max_tokens or ask for less"
        raise ModelAnswerInvalid(message, model=model, usage=reply.usage)
    usage: Any = reply.usage
    return replace(reply, usage=UsageMetrics()) if usage is None else reply
