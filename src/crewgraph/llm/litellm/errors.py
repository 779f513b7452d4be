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
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from crewgraph.llm.litellm.retry import retry_after
from crewgraph.llm.secrets import masked

__all__ = ["translated"]

MAX_REASON = 600
"""Characters of a provider's message that are kept: some send a whole page."""

MIN_SECRET = 4
"""Characters; a shorter key ("k", "none") is none, and masking it would garble the message."""

BY_STATUS: dict[int, type[ModelError]] = {
    401: ModelAccessDenied,
    402: ModelQuotaExceeded,
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

TRANSPORT = ("aiohttp", "httpcore", "httpx")
"""Whose errors say more of a connection than what litellm makes of them."""

_NO_KEY = re.compile(
    r"missing credentials|api_key client option must be set|(missing|no|without) [^.]{0,40}api[ _-]?key|unable to locate credentials",
    re.IGNORECASE,
)
_NO_ANSWER = re.compile(r"empty or invalid response|invalid response object|response with no 'choices'", re.IGNORECASE)
_UNPAID = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|billing[ _](?:hard[ _])?limit|credit balance is too low"
    r"|billing (?:account|is) [^.]{0,40}(?:disabled|not active|not enabled)|(?:out of|no more|not enough) credits",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"exceeded your [\w ]{0,30}quota|quota (?:is )?exhausted|check your plan and billing", re.IGNORECASE
)
_PER_MINUTE = re.compile(r"per[ _]?(?:minute|second)|[rt]pm\b", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|ContextWindowExceeded|input is too long",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content[ _](?:policy|filter|management)|safety system|ContentPolicyViolation", re.IGNORECASE)

_TWO_LOGINS = re.compile(r"credentials encoded in URL", re.IGNORECASE)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided", re.IGNORECASE)

_CLASSES = re.compile(r"^(?:[\w.]*(?:Error|Exception)(?: APIError)?(?::| -)\s+|Timeout Error: |litellm\.Timeout: )+")
_SSL_OBJECT = re.compile(r" ssl:<[^>]*>")
_REPEATED = re.compile(r" Original exception: .*", re.DOTALL)
_TRACEBACK = re.compile(r"\s*Traceback \(most recent call last\)")
_SECRETS = re.compile(  # beside those of a conversation: here no ordinary word is lost by being strict
    r"(?<=://)[^/\s@]+(?=@)|(?<=Bearer )[^\s'\",]+|\b(?:sk|pk|rk|gsk|xai)-[\w-]{12,}|\bAIza[\w-]{12,}"
)

NO_PROVIDER = (
    "litellm does not know whose model this is. hint: write the provider before the model, as in "
    '"openai/gpt-5-mini"; its providers: https://docs.litellm.ai/docs/providers'
)
"""In place of litellm's own words, which are about somebody else's model and about its Python function."""
TWO_LOGINS = (
    "there are a user and a password in its address, and a key beside them; only one of both can be sent. hint: write "
    "base_url= without user and password"
)
"""In place of "Connection error."."""
SHORTER = (
    "hint: the conversation is longer than the model can read; give the task less to read (shorter inputs, or "
    "context=[…] with the tasks it needs), or take a model that reads more"
)
FILTERED = "hint: the provider's content filter refused this request; asking the same again will not help"
HINTS = ((_TOO_LONG, SHORTER), (_FILTERED, FILTERED))
"""What helps against some refusals."""


def translated(error: Exception, *, model: str, secrets: Iterable[str] = ()) -> ModelError:
    """The error of crewgraph that says what happened; the caller chains the original.

    Args:
        error: what litellm raised.
        model: the model that was asked.
        secrets: the API key and its like, which a provider's message might quote.
    """
    causes = list(_causes(error))
    status = next(filter(None, map(_wire_status, causes)), None)
    wait = retry_after(causes)
    kind = _kind(error, causes, status, wait)
    answered = f" (HTTP {status})" if status else ""
    reason = _masked(_reason(error, causes), secrets)
    told = kind(f"{model}{answered}: {reason}", model=model, status=status, retry_after=wait)
    if kind is ModelRejected:
        said = _said(causes)
        for sign, hint in HINTS:
            if sign.search(said):
                told.add_note(hint)
    return told


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    seen = set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _kind(error: Exception, causes: list[BaseException], status: int | None, wait: float | None) -> type[ModelError]:
    """The class, by the status on the wire, and by the provider's words where a status means several things."""
    kind = _by_status(status) if status else _without_status(error, causes)
    if issubclass(kind, ModelAccessDenied | ModelRateLimited | ModelRejected) and _is_unpaid(_said(causes), wait):
        return ModelQuotaExceeded
    return kind


def _is_unpaid(said: str, wait: float | None) -> bool:
    """Whether the money or quota is gone. Some providers say "quota" of what is there again in a minute."""
    passes = wait is not None or bool(_PER_MINUTE.search(said))
    return bool(_UNPAID.search(said) or (_QUOTA.search(said) and not passes))


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


def _by_status(status: int) -> type[ModelError]:
    known = BY_STATUS.get(status)
    return known or (ModelRejected if status in FAULTS_OF_THE_REQUEST else ModelUnavailable)


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
    return _by_status(_code_in_stream(causes) or _status(error) or 500)


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
    text = _SSL_OBJECT.sub("", text).strip() or type(error).__name__
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def _wire(cause: BaseException) -> bool:
    """Whether this is the transport's word for an answer with a bad status; the provider's own words say more."""
    return getattr(cause, "response", None) is not None


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= MIN_SECRET:
            text = text.replace(secret, "***")
    return _SECRETS.sub("***", masked(text, by="***"))
