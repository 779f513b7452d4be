"""What a user sets for a model: checked, and shown without its secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from crewgraph.llm.price import Price
from crewgraph.llm.secrets import is_secret_name, masked
from crewgraph.policy import Policy

__all__ = ["address", "checked", "insist", "patient", "public", "secrets"]

OURS = frozenset(
    {
        "messages", "response_format", "stream", "stream_options", "max_retries", "num_retries", "tools", "tool_choice", "n",
        "fallbacks", "caching",
    }
)  # fmt: skip
"""Parameters of a call that crewgraph sets by itself, or does by itself."""

NAMED = {
    "model": "its name",
    "temperature": "temperature=",
    "max_tokens": "max_tokens=",
    "max_completion_tokens": "max_tokens=",
    "timeout": "timeout=",
    "request_timeout": "timeout=",
    "api_key": "api_key=",
    "base_url": "base_url=",
    "api_base": "base_url=",
}
"""Parameters of a call that have an argument of their own."""


def insist(whose: str, **settings: Any) -> None:
    """Refuse settings that cannot work, rather than fail with the first call or ignore them.

    Args:
        whose: the class of the model.
        settings: by their names.

    Raises:
        ValueError: names the first of them, and what it should be.
    """
    for name, value in settings.items():
        fits, wanted = RIGHT[name]
        if not fits(value):
            message = f"{whose}(…, {name}={value!r}): {name} is {wanted}"
            raise ValueError(message)


RIGHT: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "model": (
        lambda value: isinstance(value, str) and bool(value.strip()),
        'the name of a model, such as "openai/gpt-5-mini"',
    ),
    "max_tokens": (
        lambda value: value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0),
        "a whole number of tokens above 0, or None",
    ),
    "structured": (lambda value: value in ("auto", "native", "instruct"), '"auto", "native" or "instruct"'),
    "price": (
        lambda value: value is None or isinstance(value, Price),
        "a Price in USD for a million tokens, such as Price(input=0.25, output=2.0), or None",
    ),
    "policy": (
        lambda value: value is None or isinstance(value, Policy),
        "a Policy, such as Policy(retries=2), or None",
    ),
}
"""What settings must be: a test, and the words for it."""


def checked(whose: str, extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """The further parameters of a model.

    Raises:
        ValueError: one of them is crewgraph's own business, or has an argument of its own.
    """
    for name in sorted(extra or {}):
        if name in OURS:
            message = f"extra= cannot set {name}: crewgraph sets it itself"
            raise ValueError(message)
        if name in NAMED:
            message = f"extra= cannot set {name}. hint: say it as {whose}(…, {NAMED[name]}…)"
            raise ValueError(message)
    return {name: value for name, value in (extra or {}).items() if value is not None}


def patient(timeout: float | None, policy: Policy | None) -> Policy | None:
    """The policy of a model, with its time limit.

    Raises:
        ValueError: there are two time limits, and they differ.
    """
    if timeout is None:
        return policy
    other = policy.call_timeout if policy else None
    if other is not None and other != timeout:
        message = f"timeout={timeout:g} and Policy(call_timeout={other:g}) disagree. hint: give one of them"
        raise ValueError(message)
    return Policy(call_timeout=timeout).over(policy)


def address(base_url: str | None) -> str | None:
    """The address of a server without user, password and query: fit to be shown and written.

    Raises:
        ValueError: it is no address.
    """
    if base_url is None:
        return None
    try:
        parts = urlsplit(base_url)
    except ValueError as error:  # it is not repeated: there may be a password in it
        message = f'base_url= is no address: {error}. hint: write it as in base_url="http://127.0.0.1:8080/v1"'
        raise ValueError(message) from None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def public(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are plain data, without those whose name says that they are secret, at any depth."""
    return {name: _public(value) for name, value in extra.items() if not is_secret_name(name) and _is_plain(value)}


def _public(value: Any) -> Any:
    match value:
        case Mapping():
            return public(value)
        case list() | tuple():
            return [_public(each) for each in value]
        case str():
            return masked(value)
        case _:
            return value


def secrets(extra: Mapping[str, Any]) -> Iterator[str]:
    """The texts among the parameters whose name says that they are secret, at any depth."""
    for name, value in extra.items():
        is_secret = is_secret_name(name)
        if isinstance(value, Mapping):
            yield from secrets({"secret_" + str(key) if is_secret else key: each for key, each in value.items()})
        elif is_secret and isinstance(value, str):
            yield value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool | Mapping)
