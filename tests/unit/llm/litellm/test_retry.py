from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from crewgraph.llm.litellm.retry import retry_after
from crewgraph.llm.retry import LONGEST

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Failure(Exception):
    """An error with headers in one of the places where litellm puts them."""

    def __init__(self, text: str = "", *, beside: Any = None, on_response: Any = None) -> None:
        super().__init__(text)
        if beside is not None:
            self.litellm_response_headers = beside
        if on_response is not None:
            self.response = httpx.Response(429, headers=on_response)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"Retry-After": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "1e9"}, LONGEST),
        ({"retry-after": "inf"}, LONGEST),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "1, 2"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=30)), "date": format_datetime(NOW)}, 30.0),
        ({"retry-after": format_datetime(NOW - timedelta(days=1)), "date": format_datetime(NOW)}, 0.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
        ({"content-type": "x"}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["beside", "on_response"])
def test_headers(headers: dict[str, str], seconds: float | None, place: str) -> None:
    """Seconds, milliseconds and dates are understood, in both places; nonsense is none; nothing is beyond bounds."""
    assert retry_after([Failure(**{place: headers})]) == seconds


def test_headers_that_are_none() -> None:
    """Where the headers are something else, nothing is said."""
    assert retry_after([Failure(beside="nonsense"), Failure(beside={})]) is None


def test_only_the_cause_knows() -> None:
    """Where litellm's own error has lost the headers, those of its cause are read."""
    assert retry_after([Failure(on_response={"date": "x"}), Failure(on_response={"retry-after": "2"})]) == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 1.5s. Visit …", 1.5),
        ("Please retry in 250ms.", 0.25),
        ('{"@type": "…RetryInfo", "retryDelay": "34s"}', 34.0),
        ("try again in a minute", None),
        ("try again in 6m0s", None),
    ],
    ids=["seconds", "milliseconds", "Google", "vague", "minutes"],
)
def test_in_words(text: str, seconds: float | None) -> None:
    """A provider that says it in words only is heard."""
    assert retry_after([Failure("x"), Failure(text), Failure("try again in 99s")]) == (seconds or 99.0)


def test_header_before_words() -> None:
    """A header counts before words."""
    assert retry_after([Failure("try again in 9s", beside={"retry-after": "2"})]) == 2
