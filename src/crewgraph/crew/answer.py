"""From a model's text to a value of the declared shape: parse, mend, and say what does not fit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import anyio
from anyio.to_thread import run_sync
from pydantic import BaseModel, ValidationError

__all__ = ["Misfit", "Shaped", "read"]

M = TypeVar("M", bound=BaseModel)

MAX_MENDED = 64_000
"""Characters that json-repair is given; the time it takes grows with the square of them."""
MEND_SECONDS = 5.0
"""How long mending may take before the model is asked again instead."""
MAX_ERRORS = 10
"""How many errors of one answer are told to the model."""
MAX_BUILT = 1_000
"""With more errors only their number is told: pydantic can only write out all of them, which holds up the loop."""
NO_JSON = "it is not JSON"

_FENCE = re.compile(r"```[\w-]*[^\S\n]*\n(.*?)```", re.DOTALL)


class Misfit(ValueError):
    """Raised when a text has no value of the shape in it; its words are meant for the model that wrote it."""


@dataclass(frozen=True, slots=True)
class Shaped(Generic[M]):
    """A value of the declared shape, and whether its text had to be mended to be read."""

    value: M
    repaired: bool


async def read(text: str, shape: type[M]) -> Shaped[M]:
    """The value of a shape that a text holds: as it is, out of its fence or prose, or mended.

    Raises:
        Misfit: there is none.
    """
    problem = None
    for candidate in dict.fromkeys(_candidates(text)):
        try:
            return Shaped(shape.model_validate_json(candidate), repaired=candidate != text)
        except Exception as error:  # noqa: BLE001 - a validator of the shape may raise anything
            problem = problem or _told(error)
    mended = None if problem else await _mended(text)
    if mended is not None:
        try:
            return Shaped(shape.model_validate_json(mended), repaired=True)
        except Exception as error:  # noqa: BLE001 - see above
            problem = _told(error)
    raise Misfit(problem or NO_JSON)


def _candidates(text: str) -> Iterator[str]:
    """The text, what stands in its fences, and what lies between its outer braces."""
    yield text
    yield from _FENCE.findall(text)
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        yield text[start : end + 1]


def _told(error: Exception) -> str | None:
    """What does not fit, in words; ``None`` where the text is no JSON at all."""
    if not isinstance(error, ValidationError):
        return f"- the object: {type(error).__name__}: {error}"
    if error.error_count() > MAX_BUILT:
        return f"- {error.error_count()} values do not fit the schema"
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    if rows[0]["type"] == "json_invalid" and not rows[0]["loc"]:
        return None
    lines = [f"- {'.'.join(map(str, row['loc'])) or 'the object'}: {row['msg']}" for row in rows[:MAX_ERRORS]]
    rest = len(rows) - MAX_ERRORS
    return "\n".join(lines + ([f"- and {rest} more"] if rest > 0 else []))


async def _mended(text: str) -> str | None:
    """JSON made from what is almost JSON; ``None`` where that is hopeless or takes too long."""
    if "{" not in text or len(text) > MAX_MENDED:
        return None
    with anyio.move_on_after(MEND_SECONDS):
        return await run_sync(partial(_mend, text), abandon_on_cancel=True)
    return None


def _mend(text: str) -> str | None:
    from json_repair import loads

    try:
        return json.dumps(loads(text[text.index("{") :]), allow_nan=False)
    except (ValueError, RecursionError):
        return None
