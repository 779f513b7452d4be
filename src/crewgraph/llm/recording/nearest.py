"""The recorded request that comes nearest to one that has no answer, and how they differ; bounded in size and time."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

__all__ = ["difference", "nearest", "shown"]

Canonical = Mapping[str, Any]
"""A request in its canonical form."""

MAX_COMPARED = 2_000_000
"""Characters of recorded requests that are looked at; of a large cassette the first ones."""
MAX_EACH = 20_000
"""Characters of one of them."""
MAX_LINES = 400
MAX_WIDTH = 120
MAX_SHOWN = 40
"""Lines of a difference that are shown."""
OF_THE_MODEL = 0.2
"""What the same model counts, where the same words count 1."""

_WORD = re.compile(r"\w+|[^\w\s]")
_SENTENCE = re.compile(r"(?<=[.!?;:,])\s+")


def nearest(asked: Canonical, recorded: Iterable[Canonical]) -> Canonical | None:
    """The recorded request that has most words in common with another one; ``None`` where none is recorded."""
    wanted, looked_at = _words(asked), 0
    best, best_score = None, -1.0
    for each in recorded:
        score = _likeness(wanted, _words(each)) + OF_THE_MODEL * (each.get("model") == asked.get("model"))
        if score > best_score:
            best, best_score = each, score
        looked_at += len(_text(each))
        if looked_at > MAX_COMPARED:
            break
    return best


def difference(recorded: Canonical, asked: Canonical) -> str:
    """How two requests differ, as the lines of a unified diff."""
    old, new = (list(islice(_lines(each), MAX_LINES)) for each in (recorded, asked))
    changes = list(difflib.unified_diff(old, new, "recorded", "asked", n=1, lineterm=""))
    if not changes:
        return f"(they differ only after the first {MAX_LINES} lines)"
    rest = len(changes) - MAX_SHOWN
    return "\n".join([*changes[:MAX_SHOWN], *([f"… and {rest} more lines"] if rest > 0 else [])])


def shown(request: Canonical) -> str:
    """The first lines of a request."""
    lines = list(islice(_lines(request), MAX_SHOWN + 1))
    return "\n".join([*lines[:MAX_SHOWN], *(["…"] if len(lines) > MAX_SHOWN else [])])


def _words(request: Canonical) -> Counter[str]:
    return Counter(_WORD.findall(_text(request)))


def _text(request: Canonical) -> str:
    said = "\n".join(str(message.get("content", "")) for message in request.get("messages", ()))
    return said if len(said) <= MAX_EACH else said[: MAX_EACH // 2] + said[-MAX_EACH // 2 :]


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    both = one.total() + other.total()
    return 2 * (one & other).total() / both if both else 1.0


def _lines(request: Canonical) -> Iterator[str]:
    """A request as a person reads it: a line for a sentence, so that a changed word does not change a paragraph."""
    for name in ("model", "parameters", "tool_choice"):
        if name in request:
            yield f"{name}: {json.dumps(request[name], ensure_ascii=False, sort_keys=True)}"
    for message in request.get("messages", ()):
        called = f" (result of {message['call_id']})" if "call_id" in message else ""
        yield f"[{message.get('role')}]{called}"
        yield from _sentences(str(message.get("content", "")))
        for call in message.get("calls", ()):
            yield from _sentences(f"  calls {call.get('name')}({call.get('arguments')}) as {call.get('id')}")
    for name in ("schema", "tools"):
        if name in request:
            yield f"{name}:"
            for line in json.dumps(request[name], ensure_ascii=False, sort_keys=True, indent=1).splitlines():
                yield from _clipped(line)


def _sentences(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for sentence in _SENTENCE.split(line):
            yield from _clipped(sentence)


def _clipped(line: str) -> Iterator[str]:
    """A long line in pieces: what differs may stand at its end."""
    yield from (line[start : start + MAX_WIDTH] for start in range(0, len(line), MAX_WIDTH))
