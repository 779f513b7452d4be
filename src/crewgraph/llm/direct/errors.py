"""What went wrong with an endpoint that is asked directly: who, what and where; and, as a note, the edit that helps."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from crewgraph.errors import ModelAnswerInvalid, ModelError, ModelRejected, ModelTimeout, ModelUnavailable
from crewgraph.llm.direct.http import NoJSON, NoProxy, Refused, Unreached, Words, unreached
from crewgraph.llm.failure import TWO_LOGINS, failure, kind_of
from crewgraph.llm.retry import told_by_headers, told_in_words

__all__ = ["Endpoint", "complaint", "explained"]

READ = 2000
"""Characters of a page that are looked at for its words."""
NO_PAGE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)

PROXY = "hint: the environment names this proxy (http_proxy, https_proxy, all_proxy); no_proxy={host} asks without one"
NOT_RUNNING = "hint: {said_by} says where the server is; is it running there?"
FAR = "hint: is there a way to it from here? https_proxy= names a proxy, OPENAI_BASE_URL or base_url= another endpoint"
NO_TLS = 'hint: the server there speaks no TLS: base_url="http://…"'
UNTRUSTED = "hint: SSL_CERT_FILE= names the certificates that are trusted"
ELSEWHERE = "hint: {url} was asked; {said_by} is to be the address of its API, which most servers have under /v1"
MOVED = "hint: write the new address, without /chat/completions, as {said_by}"
LOGIN = (
    "hint: the proxy that the environment names wants a user and a password: http_proxy=http://user:password@host:port"
)
KEY = "hint: the key came from {key_by}"
NO_KEY = "hint: no key was sent; set OPENAI_API_KEY, or give api_key="


class Endpoint(NamedTuple):
    """Who was asked, and where.

    Attributes:
        model: as events and results name it.
        url: that was asked, without secrets.
        said_by: the argument or variable that names it; "" for OpenAI's own.
        key_by: the argument or variable that holds the key; "" where there is none, or headers of the user say it.
        wants_key: whether a key might have helped.
        secrets: which no message may hold.
    """

    model: str
    url: str
    said_by: str
    key_by: str
    wants_key: bool
    secrets: Iterable[str]


def explained(error: Exception, there: Endpoint) -> ModelError:
    """What it means that asking raised this; the caller chains the original."""
    if isinstance(error, Refused):
        return _refused(error, there)
    way = unreached(error)
    kind, reason, hint = _no_way(way) if way else _broken(error, there)
    told = failure(kind, reason, model=there.model, secrets=there.secrets)
    return _noted(told, hint, there)


def complaint(error: Any, body: str, there: Endpoint) -> ModelError:
    """The error that a provider sends in an answer that has begun well."""
    code = error.code if isinstance(error, Words) else None
    kind = kind_of(code if isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST else 500)
    return failure(kind, _words(error), model=there.model, said=body, wait=told_in_words(body), secrets=there.secrets)


# ---- no answer -------------------------------------------------------------------------------------------------


def _no_way(way: Unreached) -> tuple[type[ModelError], str, str]:
    """What it is that there was no connection."""
    reason = f"no connection to {way.place}: {way.cause}"
    if "WRONG_VERSION_NUMBER" in way.cause:
        return ModelUnavailable, reason, NO_TLS
    if os.strerror(errno.EMFILE) in way.cause:
        return ModelUnavailable, reason, ""  # it is not for the place, and the error says what helps
    if way.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return ModelRejected, reason, LOGIN
    if HTTPStatus.BAD_REQUEST <= way.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return ModelRejected, reason, PROXY  # it will not let us through the next time either
    return ModelUnavailable, reason, PROXY if way.is_proxy else UNTRUSTED if way.is_untrusted else NOT_RUNNING


def _broken(error: Exception, there: Endpoint) -> tuple[type[ModelError], str, str]:
    """What it is that no answer came back, or none that is one."""
    if isinstance(error, NoProxy):
        return ModelRejected, f"{error}, and only proxies that speak HTTP can be used", PROXY
    if isinstance(error, ValueError) and "credentials encoded in URL" in str(error):
        return ModelRejected, TWO_LOGINS, ""
    if isinstance(error, ValueError | TypeError | AttributeError):
        is_other = isinstance(error, NoJSON) and not error.begin.startswith(("{", "["))  # a page, say
        return ModelAnswerInvalid, f"its answer is none: {error}", ELSEWHERE if is_other else ""
    if isinstance(error, TimeoutError):
        return ModelTimeout, str(error) or "the connection timed out", ""
    words = str(error).partition(": <")[0] or type(error).__name__  # without the inner exception of the transport
    return ModelUnavailable, f"the connection to {urlsplit(there.url).netloc} broke: {words}", ""


# ---- a refusal -------------------------------------------------------------------------------------------------


def _refused(error: Refused, there: Endpoint) -> ModelError:
    """What a status means that is no good one."""
    is_moved = error.status < HTTPStatus.BAD_REQUEST
    words = f"the endpoint has moved to {error.headers.get('Location')}" if is_moved else _words_of_body(error.body)
    by_headers = told_by_headers(error.headers)
    told = failure(
        ModelRejected if is_moved else kind_of(error.status),
        words or error.args[0],
        model=there.model,
        said=error.body,
        status=error.status,
        wait=told_in_words(error.body) if by_headers is None else by_headers,
        secrets=there.secrets,
    )
    return _noted(told, _hint(error.status, words, there), there)


def _hint(status: int, words: str, there: Endpoint) -> str:
    """What helps against a refusal, where that is not in the provider's own words."""
    if status < HTTPStatus.BAD_REQUEST:
        return MOVED
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return LOGIN
    if status == HTTPStatus.UNAUTHORIZED:
        return KEY if there.key_by else NO_KEY if there.wants_key else ""
    return ELSEWHERE if status in NO_PAGE and "model" not in words.lower() else ""


def _noted(told: ModelError, hint: str, there: Endpoint) -> ModelError:
    """The error with a hint, as it holds of this endpoint."""
    if hint in (NOT_RUNNING, ELSEWHERE, MOVED) and not there.said_by:
        hint = FAR if hint == NOT_RUNNING else ""
    if hint:
        host = urlsplit(there.url).hostname
        told.add_note(hint.format(url=there.url, said_by=there.said_by, key_by=there.key_by, host=host))
    return told


# ---- words -----------------------------------------------------------------------------------------------------


def _words_of_body(body: str) -> str:
    """A provider's own words, out of the forms in which they come."""
    try:
        said = Words.read(body.encode())
    except (ValueError, RecursionError):
        return _plain(body)
    error = said.error if isinstance(said, Words) and said.error else said
    return _words(error) or body.strip()


def _plain(body: str) -> str:
    """A text; of a page, what it says."""
    text = body.strip()
    return " ".join(_TAGS.sub(" ", text[:READ]).split()) if text.startswith("<") else text


def _words(error: Any) -> str:
    if isinstance(error, Mapping):
        told = error.get("message") or error.get("detail") or error
        return told if isinstance(told, str) else json.dumps(told)
    return str(error)
