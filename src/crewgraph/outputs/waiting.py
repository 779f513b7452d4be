"""A question that a run waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a person is asked by an approval, and until when there is time to answer.

    Attributes:
        node: the name of the approval.
        ask: the question, with its values filled in.
        since: when it was asked.
        until: when it is too late; ``None`` where it waits for ever.
        values: what the question is about: what it reads, and what may be changed.
        edits: for each key that may be changed the JSON Schema of its values.
    """

    node: str
    ask: str
    since: datetime
    until: datetime | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    edits: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        """Who waits for what: ``'publish' asks: Publish it?``."""
        return f"'{self.node}' asks: {self.ask}"
