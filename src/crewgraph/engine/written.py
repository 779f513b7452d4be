"""What the nodes before a place write over, as far as that is declared: the input alone decides the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crewgraph.compiler import Plan
from crewgraph.graph import Switch, Work

__all__ = ["Writers", "Written", "written"]

Writers = tuple[tuple[int, int], ...]
"""The nodes that write a key, in plan order, each with how many keys it writes."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the nodes before a place write.

    Attributes:
        keys: the declared keys that somebody reads, with those who write them.
        maybe: all keys that might be written; ``None`` where it might be any.
    """

    keys: Mapping[str, Writers] = field(default_factory=dict[str, Writers])
    maybe: frozenset[str] | None = frozenset()


def written(plan: Plan) -> list[Written]:
    """For each node what the nodes before it write."""
    read = {need.key for work in plan.graph.works for need in work.interface.needs}
    before, after = list[Written](), list[Written]()
    for number, node in enumerate(plan.nodes):
        here = _together([after[source] for source in plan.sources[number]])
        before.append(here)
        if isinstance(node, Work):
            is_new = plan.graph.is_procedure and not node.interface.hands_on
            here = _beyond(here, number, node, read, is_new=is_new)
        elif isinstance(node, Switch) and node.is_open:
            here = Written(here.keys, None)
        after.append(here)
    return before


def _beyond(here: Written, number: int, node: Work, read: set[str], *, is_new: bool) -> Written:
    """What is written behind a crew or step, which hands over nothing else where that is new."""
    face = node.interface
    own = {key: ((number, len(face.gives)),) for key in face.gives if key in read}
    keys = own if is_new else {**here.keys, **own} if own else here.keys
    if here.maybe is None or face.may_give is None:
        return Written(keys, None)
    return Written(keys, here.maybe | face.may_give | {*face.gives, node.label})


def _together(parts: list[Written]) -> Written:
    if len(parts) == 1:
        return parts[0]
    keys = dict[str, Writers]()
    for part in parts:
        for key, writers in part.keys.items():
            keys[key] = tuple(sorted({*keys.get(key, ()), *writers}))
    known = [part.maybe for part in parts if part.maybe is not None]
    return Written(keys, frozenset().union(*known) if len(known) == len(parts) else None)
