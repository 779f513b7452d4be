"""What a provider's failure is, by its status and its words: one table for every way in which models are asked."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable

from crewgraph.errors import (
    ModelAccessDenied,
    ModelError,
    ModelQuotaExceeded,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from crewgraph.llm.secrets import masked

__all__ = ["MAX_REASON", "TWO_LOGINS", "failure", "kind_of"]

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
_SECRETS = re.compile(  # beside those of a conversation: here no ordinary word is lost by being strict
    r"(?<=://)[^/\s@]+(?=@)|(?<=Bearer )[^\s'\",]+|\b(?:sk|pk|rk|gsk|xai)-[\w-]{12,}|\bAIza[\w-]{12,}"
)

TWO_LOGINS = (
    "there are a user and a password in its address, and a key beside them; only one of both can be sent. hint: write "
    "base_url= without user and password"
)
"""In place of the transport's words."""

NO_FILES = (
    "this process has no room for another connection: each call under way takes one of the files that it may have open. "
    "hint: allow more (ulimit -n 8192), or fewer calls at a time: Policy(limit=Limit(concurrency=…)), max_concurrency=…"
)
"""In place of the system's words."""

SHORTER = (
    "hint: the conversation is longer than the model can read; give the task less to read (shorter inputs, or "
    "context=[…] with the tasks it needs), or take a model that reads more"
)
FILTERED = "hint: the provider's content filter refused this request; asking the same again will not help"
HINTS = ((_TOO_LONG, SHORTER), (_FILTERED, FILTERED))
"""What helps against some refusals."""


def kind_of(status: int) -> type[ModelError]:
    """What a status of the provider means."""
    known = BY_STATUS.get(status)
    return known or (ModelRejected if status in FAULTS_OF_THE_REQUEST else ModelUnavailable)


def failure(
    kind: type[ModelError],
    reason: str,
    *,
    model: str,
    said: str = "",
    status: int | None = None,
    wait: float | None = None,
    secrets: Iterable[str] = (),
) -> ModelError:
    """The error of crewgraph that says what happened; the caller chains the original, if there is one.

    Args:
        kind: what it is by its status; the provider's words decide where that means several things.
        reason: what is told, with the provider's own words.
        model: the model that was asked.
        said: everything that the provider said, with the codes that it sends beside its message.
        status: of the HTTP answer, where there was one.
        wait: seconds until the provider wants to be asked again.
        secrets: the API key and its like, which a provider's message might quote.
    """
    if issubclass(kind, ModelAccessDenied | ModelRateLimited | ModelRejected) and _is_unpaid(said, wait):
        kind = ModelQuotaExceeded
    if status is None and os.strerror(errno.EMFILE) in reason:
        reason = NO_FILES
    later = f", to be asked again in {wait:g} s" if status and wait else ""
    answered = f" (HTTP {status}{later})" if status else ""
    short = reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"
    told = kind(f"{model}{answered}: {_masked(short, secrets)}", model=model, status=status, retry_after=wait)
    if kind is ModelRejected:
        for sign, hint in HINTS:
            if sign.search(said):
                told.add_note(hint)
    return told


def _is_unpaid(said: str, wait: float | None) -> bool:
    """Whether the money or quota is gone. Some providers say "quota" of what is there again in a minute."""
    passes = wait is not None or bool(_PER_MINUTE.search(said))
    return bool(_UNPAID.search(said) or (_QUOTA.search(said) and not passes))


def _masked(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= MIN_SECRET:
            text = text.replace(secret, "***")
    return _SECRETS.sub("***", masked(text, by="***"))
