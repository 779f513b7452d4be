"""litellm's exceptions, translated: one table from what happened on the wire to the classes of crewgraph.

litellm's own classes do not tell: a missing key, a refused connection and a page of HTML are all ``InternalServerError``
with status 500. So the chain of causes is read: whether there was an HTTP answer at all, its status, and else the
error of the operating system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecodeError
from typing import Any

from crewgraph.errors import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)

__all__ = ["translated"]

MAX_REASON = 600
"""Characters of a provider's message that are kept: some send a whole page."""

BY_STATUS: dict[int, type[ModelError]] = {
    401: ModelAccessDenied,
    402: ModelAccessDenied,
    403: ModelAccessDenied,
    408: ModelTimeout,
    409: ModelUnavailable,
    425: ModelUnavailable,
    429: ModelRateLimited,
    504: ModelTimeout,
}
"""What a status of the provider means."""

FAULTS_OF_THE_REQUEST = range(400, 500)
"""What every other status in this range means; all the rest are the provider's own faults."""

_NO_KEY = re.compile(
    r"missing credentials|(missing|no|without) [^.]{0,40}api[ _-]?key|unable to locate credentials",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(r"empty or invalid response", re.IGNORECASE)
_CLASSES = re.compile(r"^(?:[\w.]*(?:Error|Exception)(?: APIError)?(?::| -)\s+|Timeout Error: |litellm\.Timeout: )+")
_SSL_OBJECT = re.compile(r" ssl:<[^>]*>")


def translated(error: Exception, *, model: str, secret: str | None = None) -> ModelError:
    """The error of crewgraph that says what happened; the caller chains the original.

    Args:
        error: what litellm raised.
        model: the model that was asked.
        secret: the API key, which a provider's message might quote.
    """
    causes = list(_causes(error))
    status = next(filter(None, map(_wire_status, causes)), None)
    kind = _by_status(status) if status else _without_answer(error, causes)
    reason = _reason(error, causes)
    if secret:
        reason = reason.replace(secret, "***")
    answered = f" (HTTP {status})" if status else ""
    return kind(f"{model}{answered}: {reason}", model=model, status=status)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen = set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status(error: object) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _wire_status(error: BaseException) -> int | None:
    """The status of a real HTTP answer; litellm invents responses, but those have no headers."""
    response: Any = getattr(error, "response", None)
    return _status(response) if getattr(response, "headers", None) else None


def _by_status(status: int) -> type[ModelError]:
    known = BY_STATUS.get(status)
    return known or (ModelRejected if status in FAULTS_OF_THE_REQUEST else ModelUnavailable)


def _without_answer(error: Exception, causes: list[BaseException]) -> type[ModelError]:
    """What it is when no HTTP error came back: a timeout, no connection, no key, or an answer that is none."""
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ModelTimeout
    if any(isinstance(cause, OSError) for cause in causes):
        return ModelUnavailable
    if _NO_KEY.search(str(error)):
        return ModelAccessDenied
    if _NO_ANSWER.search(str(error)) or any(isinstance(cause, JSONDecodeError) for cause in causes):
        return ModelAnswerInvalid
    return _by_status(_status(error) or 500)


def _reason(error: Exception, causes: list[BaseException]) -> str:
    """The provider's own words; the operating system's, which name the address, where there is no connection."""
    spoken = next((str(cause) for cause in causes if isinstance(cause, OSError) and str(cause)), str(error))
    text = _SSL_OBJECT.sub("", _CLASSES.sub("", spoken.partition("\nTraceback")[0])).strip() or type(error).__name__
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
