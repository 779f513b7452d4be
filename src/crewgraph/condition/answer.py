"""The question whether there are some values, and its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from crewgraph.condition.alternatives import Alternative
from crewgraph.condition.condition import Path

__all__ = ["Answer", "Known", "Verdict"]


class Verdict(StrEnum):
    """Whether there are such values."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether there are such values.

    Attributes:
        verdict: YES where there is an example, NO where it is proven that there is none.
        example: values for which it comes out so, tried by evaluating the conditions; only for YES.
        reason: why it is unknown.
    """

    verdict: Verdict
    example: Mapping[str, Any] | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the values beside their types.

    Attributes:
        kinds: the types of top-level keys; those of other keys, and ``Any``, may be any plain data.
        present: the keys that are surely there; others may be missing.
        absent: the keys that are surely not there.
        pinned: the only alternative that counts at a path.
    """

    kinds: Mapping[str, Any] = field(default_factory=dict[str, Any])
    present: Collection[str] = ()
    absent: Collection[str] = ()
    pinned: Mapping[Path, Alternative] = field(default_factory=dict[Path, Alternative])
