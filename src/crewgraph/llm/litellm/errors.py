"""litellm's exceptions, translated: one table from what happened on the wire to the classes of crewgraph.

litellm's own classes do not tell: a missing key, a refused connection and a page of HTML are all ``InternalServerError``
with status 500. So the chain of causes is read: whether there was an HTTP answer at all, its status, and else the
error of the operating system.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Any

from crewgraph.errors import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from crewgraph.llm.failure import TWO_LOGINS, failure, kind_of
from crewgraph.llm.litellm.retry import retry_after

__all__ = ["translated"]

TRANSPORT = ("aiohttp", "httpcore", "httpx")
"""Whose errors say more of a connection than what litellm makes of them."""

_NO_KEY = re.compile(
    r"missing credentials|api_key client option must be set|(missing|no|without) [^.]{0,40}api[ _-]?key|unable to locate credentials",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(r"empty or invalid response|invalid response object|response with no 'choices'", re.IGNORECASE)
_TWO_LOGINS = re.compile(r"credentials encoded in URL", re.IGNORECASE)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided", re.IGNORECASE)

_CLASSES = re.compile(r"^(?:[\w.]*(?:Error|Exception)(?: APIError)?(?::| -)\s+|Timeout Error: |litellm\.Timeout: )+")
_SSL_OBJECT = re.compile(r" ssl:<[^>]*>")
_REPEATED = re.compile(r" Original exception: .*", re.DOTALL)
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")

NO_PROVIDER = (
    "litellm does not know whose model this is. hint: write the provider before the model, as in "
    '"openai/gpt-5-mini"; its providers: https://docs.litellm.ai/docs/providers'
)
"""In place of litellm's own words, which are about somebody else's model and about its Python function."""


def translated(error: Exception, *, model: str, secrets: Iterable[str] = ()) -> ModelError:
    """The error of crewgraph that says what happened; the caller chains the original.

    Args:
        error: what litellm raised.
        model: the model that was asked.
        secrets: the API key and its like, which a provider's message might quote.
    """
    causes = list(_causes(error))
    status = next(filter(None, map(_wire_status, causes)), None)
    return failure(
        kind_of(status) if status else _without_status(error, causes),
        _reason(error, causes),
        model=model,
        said=_said(causes),
        status=status,
        wait=retry_after(causes),
        secrets=secrets,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen = set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _said(causes: Iterable[BaseException]) -> str:
    """All words of the chain, with the codes that a provider sends beside its message."""
    return " ".join(f"{type(each).__name__} {each} {getattr(each, 'body', None) or ''}" for each in causes)


def _status(error: object) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _wire_status(error: BaseException) -> int | None:
    """The status of a real HTTP answer; litellm invents responses, but those have no headers."""
    response: Any = getattr(error, "response", None)
    return _status(response) if getattr(response, "headers", None) else None


def _without_status(error: Exception, causes: list[BaseException]) -> type[ModelError]:
    """What it is when no HTTP error came back: a timeout, no connection, no key, or an answer that is none."""
    if any(map(_has_two_logins, causes)):
        return ModelRejected
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ModelTimeout
    if any(isinstance(cause, OSError) for cause in causes):
        return ModelUnavailable
    if _NO_KEY.search(str(error)):
        return ModelAccessDenied
    if _NO_ANSWER.search(str(error)) or any(isinstance(cause, JSONDecodeError) for cause in causes):
        return ModelAnswerInvalid
    return kind_of(_code_in_stream(causes) or _status(error) or 500)


def _has_two_logins(cause: BaseException) -> bool:
    """Whether this is the transport's word for a key beside a password in the address."""
    return isinstance(cause, ValueError) and bool(_TWO_LOGINS.search(str(cause)))


def _code_in_stream(causes: Iterable[BaseException]) -> int | None:
    """The status that a provider sends as part of a stream, which has begun with 200 like any other."""
    bodies = (getattr(cause, "body", None) for cause in causes)
    codes = (body.get("code") for body in bodies if isinstance(body, dict))
    return next((code for code in codes if isinstance(code, int) and 400 <= code < 600), None)  # noqa: PLR2004 - HTTP's errors


def _reason(error: Exception, causes: list[BaseException]) -> str:
    """The provider's own words; where there is no connection, those of the system, which name the address."""
    if _NO_PROVIDER.search(str(error)):
        return NO_PROVIDER
    if any(map(_has_two_logins, causes)):
        return TWO_LOGINS
    system = (str(cause) for cause in causes if isinstance(cause, OSError))
    transport = (str(cause) for cause in causes if type(cause).__module__.startswith(TRANSPORT) and not _wire(cause))
    spoken = next(filter(None, (*system, *transport)), str(error))
    text = _REPEATED.sub("", _CLASSES.sub("", _TRACEBACK.split(spoken, maxsplit=1)[0]))
    return _SSL_OBJECT.sub("", text).strip() or type(error).__name__


def _wire(cause: BaseException) -> bool:
    """Whether this is the transport's word for an answer with a bad status; the provider's own words say more."""
    return getattr(cause, "response", None) is not None
