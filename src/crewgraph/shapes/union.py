"""The union of several types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

from crewgraph.shapes.peel import members_of
from crewgraph.shapes.unseen import asks_nothing

__all__ = ["union_of"]


def union_of(kinds: Iterable[Any]) -> Any:
    """The union of several types, each once and in order; ``Any`` where one of them is, or where there are none."""
    members = list[Any]()
    for kind in kinds:
        for member in members_of(kind):
            if asks_nothing(member):
                return Any
            plain = type(None) if member is None else member
            if not any(plain is other or _is_same(plain, other) for other in members):
                members.append(plain)
    if len(members) < 2:  # noqa: PLR2004 - none or one
        return members[0] if members else Any
    try:
        return Union[tuple(members)]  # noqa: UP007 - made of a list
    except Exception:  # noqa: BLE001 - an annotation that is none, and whatever comparing it raises
        return Any


def _is_same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - comparing runs the code of whatever the annotation is
        return False
