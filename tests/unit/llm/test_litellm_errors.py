from __future__ import annotations

from json import JSONDecodeError

import pytest

from crewgraph.errors import (
    ModelAccessDenied,
    ModelAnswerInvalid,
    ModelError,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from crewgraph.llm.litellm_errors import MAX_REASON, translated


class Response:
    """An HTTP response; litellm invents some, which have no headers."""

    def __init__(self, status_code: int, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.headers = headers or {}


class InternalServerError(Exception):
    """What litellm makes of nearly everything."""

    def __init__(self, message: str, *, status: int = 500, real: bool = False) -> None:
        super().__init__(message)
        self.status_code = status
        self.response = Response(status, {"date": "today"} if real else None)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


CASES = [
    pytest.param(InternalServerError("no", real=True, status=429), ModelRateLimited, 429, id="real 429"),
    pytest.param(InternalServerError("no", real=True, status=418), ModelRejected, 418, id="some other 4xx"),
    pytest.param(InternalServerError("no", real=True, status=529), ModelUnavailable, 529, id="overloaded"),
    pytest.param(InternalServerError("no", real=True, status=402), ModelAccessDenied, 402, id="unpaid"),
    pytest.param(InternalServerError("no", real=True, status=409), ModelUnavailable, 409, id="conflict"),
    pytest.param(InternalServerError("no", status=400), ModelRejected, None, id="litellm itself refuses"),
    pytest.param(InternalServerError("no"), ModelUnavailable, None, id="invented 500"),
    pytest.param(RuntimeError("no"), ModelUnavailable, None, id="anything else"),
    pytest.param(InternalServerError("Missing Gemini API key. Set …"), ModelAccessDenied, None, id="no key"),
    pytest.param(InternalServerError("Unable to locate credentials"), ModelAccessDenied, None, id="no AWS key"),
    pytest.param(
        caused(InternalServerError("x"), ConnectionRefusedError("refused")), ModelUnavailable, None, id="refused"
    ),
    pytest.param(caused(InternalServerError("x"), TimeoutError("slow")), ModelTimeout, None, id="timeout"),
    pytest.param(
        caused(InternalServerError("x"), JSONDecodeError("cut", "{", 1)), ModelAnswerInvalid, None, id="no JSON"
    ),
]


@pytest.mark.parametrize(("error", "kind", "status"), CASES)
def test_translation(error: Exception, kind: type[ModelError], status: int | None) -> None:
    """The class follows from what happened on the wire, not from litellm's class."""
    told = translated(error, model="m")
    assert type(told) is kind
    assert (told.model, told.status) == ("m", status)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InternalServerError("litellm.BadRequestError: OpenAIException - boom"), "m: boom"),
        (InternalServerError("litellm.APIError: APIError: OpenAIException - boom"), "m: boom"),
        (InternalServerError("litellm.Timeout: Timeout Error: OpenAIException - boom"), "m: boom"),
        (InternalServerError("boom\nTraceback (most recent call last):\n secret"), "m: boom"),
        (InternalServerError(""), "m: InternalServerError"),
        (
            OSError("Cannot connect to host h:1 ssl:<ssl.SSLContext object at 0x1> [no]"),
            "m: Cannot connect to host h:1 [no]",
        ),
        (InternalServerError("boom", status=503, real=True), "m (HTTP 503): boom"),
    ],
    ids=["one class", "two classes", "timeout", "traceback", "empty", "address", "status"],
)
def test_words(error: Exception, text: str) -> None:
    """The message is the provider's own, without litellm's class names and tracebacks."""
    assert str(translated(error, model="m")) == text


def test_long_message() -> None:
    """A page of HTML is cut."""
    assert len(str(translated(RuntimeError("x" * 10_000), model="m"))) == len("m: ") + MAX_REASON


def test_secret() -> None:
    """The key never stands in a message."""
    assert "sk-1" not in str(translated(RuntimeError("key sk-1 is wrong"), model="m", secret="sk-1"))


def test_circular_causes() -> None:
    """Errors that name each other as causes are read once."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__context__, second.__context__ = second, first
    assert str(translated(first, model="m")) == "m: a"
