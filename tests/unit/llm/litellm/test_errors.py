from __future__ import annotations

from json import JSONDecodeError
from typing import Any

import httpx
import pytest

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
from crewgraph.llm.failure import MAX_REASON
from crewgraph.llm.litellm.errors import NO_PROVIDER, translated


class Response:
    """An HTTP response; litellm invents some, which have no headers."""

    def __init__(self, status_code: int, headers: dict[str, str] | None = None) -> None:
        self.status_code = status_code
        self.headers = headers or {}


class InternalServerError(Exception):
    """What litellm makes of nearly everything."""

    def __init__(self, message: str, *, status: int = 500, real: bool = False, body: Any = None) -> None:
        super().__init__(message)
        self.status_code = status
        self.body = body
        self.response = Response(status, {"date": "today"} if real else None)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__context__ = cause
    return error


CASES = [
    pytest.param(InternalServerError("no", real=True, status=429), ModelRateLimited, 429, id="real 429"),
    pytest.param(InternalServerError("no", real=True, status=418), ModelRejected, 418, id="some other 4xx"),
    pytest.param(InternalServerError("no", real=True, status=529), ModelUnavailable, 529, id="overloaded"),
    pytest.param(InternalServerError("no", real=True, status=402), ModelQuotaExceeded, 402, id="unpaid"),
    pytest.param(InternalServerError("no", real=True, status=409), ModelUnavailable, 409, id="conflict"),
    pytest.param(InternalServerError("no", status=400), ModelRejected, None, id="litellm itself refuses"),
    pytest.param(InternalServerError("no"), ModelUnavailable, None, id="invented 500"),
    pytest.param(RuntimeError("no"), ModelUnavailable, None, id="anything else"),
    pytest.param(InternalServerError("Missing Gemini API key. Set …"), ModelAccessDenied, None, id="no key"),
    pytest.param(
        InternalServerError("The api_key client option must be set either by …"),
        ModelAccessDenied,
        None,
        id="unset key",
    ),
    pytest.param(
        InternalServerError("provider returned a response with no 'choices'"), ModelAnswerInvalid, None, id="no choices"
    ),
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
        (InternalServerError("no choices Traceback (most recent call last): File x"), "m: no choices"),
        (InternalServerError(""), "m: InternalServerError"),
        (
            OSError("Cannot connect to host h:1 ssl:<ssl.SSLContext object at 0x1> [no]"),
            "m: Cannot connect to host h:1 [no]",
        ),
        (InternalServerError("boom", status=503, real=True), "m (HTTP 503): boom"),
        (
            InternalServerError(
                "litellm.BadRequestError: LLM Provider NOT provided. You passed model=m\n Pass model as"
            ),
            f"m: {NO_PROVIDER}",
        ),
    ],
    ids=[
        "one class",
        "two classes",
        "timeout",
        "traceback",
        "traceback in a line",
        "empty",
        "address",
        "status",
        "no provider",
    ],
)
def test_words(error: Exception, text: str) -> None:
    """The message is the provider's own, without litellm's class names and tracebacks."""
    assert str(translated(error, model="m")) == text


def test_long_message() -> None:
    """A page of HTML is cut."""
    assert len(str(translated(RuntimeError("x" * 10_000), model="m"))) == len("m: ") + MAX_REASON


def test_secret() -> None:
    """The key never stands in a message."""
    assert "sk-1" not in str(translated(RuntimeError("key sk-1 is wrong"), model="m", secrets=("sk-1",)))


def test_circular_causes() -> None:
    """Errors that name each other as causes are read once."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__context__, second.__context__ = second, first
    assert str(translated(first, model="m")) == "m: a"


PLAN = "You exceeded your current quota, please check your plan and billing details."
LOW = "Your credit balance is too low to access the Anthropic API."
CODE = {"message": "no", "code": "insufficient_quota"}


@pytest.mark.parametrize(
    "error",
    [
        InternalServerError(PLAN, status=429, real=True),
        InternalServerError("no", status=429, real=True, body=CODE),
        InternalServerError(LOW, status=400, real=True),
        InternalServerError("Insufficient Balance", status=402, real=True),
        InternalServerError(
            "This API method requires billing to be enabled: billing is not enabled", status=403, real=True
        ),
        InternalServerError("Billing hard limit has been reached", status=400, real=True),
        InternalServerError("You are out of credits", status=429),
    ],
    ids=["plan", "code", "Anthropic", "402", "403", "hard limit", "no answer"],
)
def test_used_up(error: Exception) -> None:
    """A quota or credit that is used up is final, whatever the status and the words."""
    told = translated(error, model="m")
    assert type(told) is ModelQuotaExceeded
    assert not told.is_transient


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached for requests",
        PLAN + " Please retry in 34.07s.",
        PLAN + " quotaId: GenerateRequestsPerMinutePerProjectPerModel",
        "Limit 3 RPM: you exceeded your requests quota",
    ],
    ids=["plain", "soon again", "per minute", "rpm"],
)
def test_quota_that_fills_again(text: str) -> None:
    """Some providers say "quota" of what is there again in a minute."""
    assert type(translated(InternalServerError(text, status=429, real=True), model="m")) is ModelRateLimited


def test_quota_with_retry_after() -> None:
    """A provider that wants to be asked again has not run out of money."""
    error = InternalServerError(PLAN, status=429)
    error.response = httpx.Response(429, headers={"retry-after": "2"})  # type: ignore[assignment]
    told = translated(error, model="m")
    assert (type(told), told.retry_after) == (ModelRateLimited, 2)


def test_server_error_that_speaks_of_quota() -> None:
    """A server error stays one, whatever it says."""
    assert type(translated(InternalServerError(PLAN, status=500, real=True), model="m")) is ModelUnavailable


@pytest.mark.parametrize(
    ("text", "body", "hint"),
    [
        ("This model's maximum context length is 10 tokens", None, "longer than the model can read"),
        ("no", {"code": "context_length_exceeded"}, "longer than the model can read"),
        ("prompt is too long: 9 tokens", None, "longer than the model can read"),
        ("rejected by our safety system", None, "content filter"),
        ("no", {"code": "content_policy_violation"}, "content filter"),
        ("The response was filtered due to content management policy", None, "content filter"),
    ],
    ids=["length", "length by code", "Anthropic", "policy", "policy by code", "Azure"],
)
def test_refusals_with_a_hint(text: str, body: Any, hint: str) -> None:
    """A request that is too long or not wanted is refused for good, and a note says what helps."""
    told = translated(InternalServerError(text, status=400, real=True, body=body), model="m")
    assert type(told) is ModelRejected
    assert hint in "".join(told.__notes__)


def test_refusal_without_a_hint() -> None:
    """Other refusals have no note."""
    told = translated(InternalServerError("unknown parameter", status=400, real=True), model="m")
    assert not hasattr(told, "__notes__")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (429, ModelRateLimited),
        (529, ModelUnavailable),
        (400, ModelRejected),
        ("overloaded", ModelUnavailable),
        (200, ModelUnavailable),
    ],
    ids=str,
)
def test_error_in_a_stream(code: Any, kind: type[ModelError]) -> None:
    """An error that comes as part of a stream counts as its code says; there is no HTTP status to tell."""
    error = caused(
        InternalServerError("litellm.MidStreamFallbackError: no"), InternalServerError("no", body={"code": code})
    )
    told = translated(error, model="m")
    assert (type(told), told.status) == (kind, None)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (httpx.ReadError("Server disconnected"), "m: Server disconnected"),
        (
            httpx.HTTPStatusError(
                "Client error", request=httpx.Request("GET", "http://h"), response=httpx.Response(500)
            ),
            "m: x",
        ),
        (httpx.ReadError(""), "m: x"),
    ],
    ids=["transport", "status", "mute"],
)
def test_words_of_the_transport(cause: Exception, text: str) -> None:
    """A connection that broke is told in the words of the transport, which knows more than litellm."""
    assert str(translated(caused(InternalServerError("x"), cause), model="m")) == text


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefghijklmnop",
        "header Bearer abc.def.ghi is wrong",
        "no answer from http://user:pw@h/v1",
        "key AIzaSyA1234567890abcdef is wrong",
    ],
)
def test_secrets_that_nobody_told(text: str) -> None:
    """What looks like a key is masked, even where it came from the environment."""
    told = str(translated(RuntimeError(text), model="m"))
    assert "***" in told
    assert not any(secret in told for secret in ("abcdefghijklmnop", "abc.def", "pw@", "SyA123"))


def test_secrets_as_in_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is masked in a recording is masked in a message too."""
    monkeypatch.setenv("PROXY_PASSWORD", "correct horse battery")
    told = str(translated(RuntimeError("correct horse battery, github_pat_" + "aB3" * 9), model="m"))
    assert told == "m: ***, ***"


def test_short_secret() -> None:
    """A key of one letter is no secret, and masking it would make the message unreadable."""
    assert str(translated(RuntimeError("kick"), model="m", secrets=["k"])) == "m: kick"
