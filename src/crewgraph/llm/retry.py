"""When a provider wants to be asked again: what its headers say, in all the ways in which they say it, and its words."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["LONGEST", "told_by_headers", "told_in_words"]

LONGEST = 86_400.0
"""Seconds: more than a day is not waited for, whatever a header says."""

_IN_WORDS = re.compile(
    r"(?:retry|try again) in (\d{1,6}(?:\.\d+)?) ?(ms|s)\b|\"retryDelay\": ?\"(\d{1,6}(?:\.\d+)?)s\""
)


def told_by_headers(headers: Any) -> float | None:
    """Seconds until the provider wants to be asked again; ``None`` where its headers do not say."""
    if not headers or not isinstance(headers, Mapping):
        return None
    named = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    milliseconds = _number(named.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    said = named.get("retry-after", "")
    seconds = _number(said)
    return _bounded(seconds) if seconds is not None else _until(said, now=named.get("date", ""))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _until(said: str, *, now: str) -> float | None:
    """Seconds until a date, by the provider's own clock where it says what time it is."""
    then = _moment(said)
    if then is None:
        return None
    begun = _moment(now)
    return _bounded(then - (time.time() if begun is None else begun))


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def told_in_words(text: str) -> float | None:
    """Seconds until the provider wants to be asked again; ``None`` where its message does not say."""
    found = _IN_WORDS.search(text)
    if found is None:
        return None
    amount, unit, delay = found.groups()
    return _bounded(float(delay or amount) / (1000 if unit == "ms" else 1))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST)
