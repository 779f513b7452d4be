"""When a provider wants to be asked again, of what litellm raised: its versions keep the headers in several places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crewgraph.llm.retry import told_by_headers, told_in_words

__all__ = ["retry_after"]


def retry_after(causes: Iterable[BaseException]) -> float | None:
    """Seconds until the provider wants to be asked again; ``None`` where it does not say.

    Some versions of litellm keep the headers on the response of the error, others beside it, others only on what
    caused it; so all of these are read. A provider that says it in words only is heard too.
    """
    words = None
    for cause in causes:
        for headers in (getattr(cause, "litellm_response_headers", None), _headers_of_response(cause)):
            seconds = told_by_headers(headers)
            if seconds is not None:
                return seconds
        words = told_in_words(str(cause)) if words is None else words
    return words


def _headers_of_response(error: BaseException) -> Any:
    return getattr(getattr(error, "response", None), "headers", None)
