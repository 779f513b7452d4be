from __future__ import annotations

from typing import Any

import pytest

from crewgraph.llm import LiteLLM, Price
from crewgraph.llm.settings import address, checked, patient, public, secrets
from crewgraph.policy import Policy


@pytest.mark.parametrize("name", ["tools", "stream", "num_retries", "messages", "n"])
def test_ours(name: str) -> None:
    """What crewgraph does by itself cannot be set beside it."""
    with pytest.raises(ValueError, match=f"extra= cannot set {name}: crewgraph sets it itself"):
        checked("LiteLLM", {name: 1})


@pytest.mark.parametrize(
    ("name", "argument"),
    [("temperature", "temperature="), ("api_base", "base_url="), ("max_completion_tokens", "max_tokens=")],
)
def test_named(name: str, argument: str) -> None:
    """What has an argument of its own is refused with its name."""
    with pytest.raises(ValueError, match=rf"extra= cannot set {name}. hint: say it as LiteLLM\(…, {argument}"):
        LiteLLM("m", extra={name: 1})


def test_nothing() -> None:
    """No further parameters are none, and one without a value is none."""
    assert checked("LiteLLM", None) == checked("LiteLLM", {"seed": None}) == {}


@pytest.mark.parametrize(
    ("timeout", "policy", "expected"),
    [
        (None, None, None),
        (None, Policy(retries=1), Policy(retries=1)),
        (5, None, Policy(call_timeout=5)),
        (5, Policy(retries=1), Policy(retries=1, call_timeout=5)),
        (5, Policy(call_timeout=5), Policy(call_timeout=5)),
    ],
    ids=["neither", "policy", "timeout", "both", "same"],
)
def test_timeout(timeout: float | None, policy: Policy | None, expected: Policy | None) -> None:
    """A timeout is short for a policy with one."""
    assert patient(timeout, policy) == expected


def test_two_timeouts() -> None:
    """Two different time limits are refused."""
    with pytest.raises(ValueError, match=r"timeout=5 and Policy\(call_timeout=6\) disagree. hint: give one"):
        LiteLLM("m", timeout=5, policy=Policy(call_timeout=6))


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_bad_timeout(timeout: float) -> None:
    """A time limit that is none is refused."""
    with pytest.raises(ValueError, match="call_timeout"):
        LiteLLM("m", timeout=timeout)


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        (None, None),
        ("http://h:1/v1", "http://h:1/v1"),
        ("https://user:pw@h/v1?key=1#x", "https://h/v1"),
        ("https://user:p@w@h", "https://h"),
    ],
    ids=["none", "plain", "secret", "two ats"],
)
def test_endpoint(base_url: str | None, endpoint: str | None) -> None:
    """The address is shown without whatever might be secret."""
    assert address(base_url) == LiteLLM("m", base_url=base_url).endpoint == endpoint


def test_parameters() -> None:
    """The parameters are plain data that bears on the answers, without secrets at any depth."""
    extra: dict[str, Any] = {
        "seed": 7,
        "stop": ["a", "b"],
        "thinking": {"budget_tokens": 5, "auth_token": "t"},
        "extra_headers": {"x": "y"},
        "aws_secret_access_key": "s",
        "vertex_credentials": "s",
        "token": "t",
        "client": object(),
        "mixed": [object()],
    }
    llm = LiteLLM("m", temperature=0.5, max_tokens=9, api_key="k", structured="native", extra=extra)
    assert llm.parameters == {
        "seed": 7,
        "stop": ["a", "b"],
        "thinking": {"budget_tokens": 5},
        "temperature": 0.5,
        "max_tokens": 9,
        "structured": "native",
    }
    assert public({"logprobs": True, "keyword": "x", "monkey": 1}) == {"logprobs": True, "keyword": "x", "monkey": 1}


def test_secrets() -> None:
    """What must not stand in messages: texts under secret names, and all below one."""
    extra = {"seed": 7, "extra_headers": {"x-mine": "abc", "n": 1}, "extra_body": {"api_key": "def"}, "token": "ghi"}
    assert sorted(secrets(extra)) == ["abc", "def", "ghi"]


def test_attributes() -> None:
    """What others may know of a model."""
    price, policy = Price(input=1, output=2), Policy(retries=0)
    llm = LiteLLM("m", max_tokens=9, price=price, policy=policy)
    assert (llm.max_tokens, llm.price, llm.policy, llm.endpoint) == (9, price, policy, None)


def test_unknown_price() -> None:
    """A model that nobody knows has no price."""
    assert LiteLLM("openai/m").price is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "the name of a model"),
        ({"model": None}, "the name of a model"),
        ({"max_tokens": 0}, "a whole number of tokens above 0"),
        ({"max_tokens": "9"}, "a whole number"),
        ({"max_tokens": True}, "a whole number"),
        ({"structured": "natively"}, '"auto", "native" or "instruct"'),
        ({"price": 0.5}, "a Price in USD for a million tokens"),
        ({"policy": {"retries": 1}}, "a Policy, such as"),
    ],
    ids=str,
)
def test_settings_that_cannot_work(options: dict[str, Any], message: str) -> None:
    """What cannot work is refused when the model is made, with what it should be."""
    [name] = options
    with pytest.raises(ValueError, match=rf"{name}=.*: {name} is {message}"):
        LiteLLM(**({"model": "m"} | options))


def test_no_address() -> None:
    """An address that is none is refused without repeating it: there may be a password in it."""
    with pytest.raises(ValueError, match=r"base_url= is no address: Invalid IPv6 URL\. hint: ") as caught:
        LiteLLM("m", base_url="http://me:pw@[::1")
    assert "pw" not in str(caught.value)
    assert caught.value.__cause__ is None
