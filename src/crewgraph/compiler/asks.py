"""What the routers of a graph read: their conditions, as far as they can be looked into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from crewgraph.condition import Condition
from crewgraph.condition.callables import as_condition, keys_of
from crewgraph.condition.reads import reads_of
from crewgraph.graph import Switch

__all__ = ["Ask", "asks_of"]


@dataclass(frozen=True)
class Ask:
    """One condition of a router.

    Attributes:
        route: the route it decides about.
        condition: the expression, be it that a simple function says the same; ``None`` where nobody can tell.
        function: the callable, where it is one.
        sure: the keys that it reads each time it is asked.
        maybe: the keys that it reads at times.
        asked: the keys that it only asks for, with ``has(…)`` or ``.get(…)``.
        found: the keys that are there where it came out true.
        not_missed: the keys that are there where it came out false.
        is_open: whether it might read any key.
    """

    route: str
    condition: Condition | None = None
    function: Callable[..., Any] | None = None
    sure: tuple[str, ...] = ()
    maybe: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    found: frozenset[str] = frozenset()
    not_missed: frozenset[str] = frozenset()
    is_open: bool = False

    @cached_property
    def where(self) -> str:
        """It in words."""
        return f"the condition of route '{self.route}'"


def asks_of(switch: Switch) -> tuple[Ask, ...]:
    """The conditions of a router, in the order in which they are asked."""
    routes: Any = getattr(switch.router, "routes", None)
    if switch.is_open or not isinstance(routes, Mapping):
        return ()
    known = (routes.get(name) for name in switch.routes)
    return tuple(
        _ask(name, getattr(route, "condition", None), getattr(route, "declared", None))
        for name, route in zip(switch.routes, known, strict=True)
        if route is not None
    )


def _ask(route: str, written: Any, declared: Condition | None) -> Ask:
    function = written if callable(written) else None
    condition = declared if declared is not None else as_condition(written) if function else None
    if condition is not None:
        reads = reads_of(condition)
        asked = tuple(dict.fromkeys((*reads.asked_keys, *reads.guarded_keys)))
        return Ask(
            route, condition, function, reads.sure_keys, reads.maybe_keys,
            asked, reads.present_if_true, reads.present_if_false,
        )  # fmt: skip
    told = keys_of(function) if function else None
    if told is None:
        return Ask(route, function=function, is_open=True)
    sure = frozenset(told.sure)
    return Ask(route, None, function, tuple(told.sure), tuple(told.maybe), tuple(told.optional), sure, sure)
