"""Values that meet all goals: each combination of samples is tried, but for those that cannot lead anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crewgraph.condition.samples import MISSING
from crewgraph.condition.terms import Goal
from crewgraph.errors import ConditionError

__all__ = ["Effort", "Spent", "groups", "search"]


class Spent(Exception):
    """Raised when an answer would take too long."""


@dataclass(slots=True)
class Effort:
    """How much work may still be done, for several questions together."""

    left: int

    def spend(self, work: int) -> None:
        """Note some work.

        Raises:
            Spent: that was all.
        """
        self.left -= work
        if self.left < 0:
            raise Spent

    def part(self, most: int) -> Effort:
        """Some of it, for one question; what is done there must be spent here too."""
        return Effort(min(most, self.left))


def groups(goals: Iterable[Goal]) -> list[list[Goal]]:
    """Goals that have no key in common with those of other groups."""
    found = list[tuple[set[str], list[Goal]]]()
    for goal in goals:
        roots, mine, apart = set(goal.roots), [goal], list[tuple[set[str], list[Goal]]]()
        for theirs, group in found:
            if roots.isdisjoint(theirs):
                apart.append((theirs, group))
            else:
                roots |= theirs
                mine = [*group, *mine]
        found = [*apart, (roots, mine)]
    return [group for _, group in found]


def search(goals: Sequence[Goal], samples: Mapping[str, Sequence[Any]], effort: Effort) -> dict[str, Any] | None:
    """Values that meet the goals, or ``None``.

    Raises:
        Spent: there are too many combinations.
    """
    fitting = {root: [*values] for root, values in samples.items()}
    for goal in goals:
        if not goal.roots and not _is_met(goal, {}, effort):
            return None
        if len(goal.roots) == 1:
            (root,) = goal.roots
            fitting[root] = [value for value in fitting[root] if _is_met(goal, {root: value}, effort)]
    if not all(fitting.values()):
        return None
    return _combined([goal for goal in goals if len(goal.roots) > 1], fitting, effort)


def _combined(goals: Sequence[Goal], fitting: Mapping[str, Sequence[Any]], effort: Effort) -> dict[str, Any] | None:
    """A combination that meets the goals that look at more than one key; keys with few samples come first."""
    order = sorted(fitting, key=lambda root: len(fitting[root]))
    place = {root: number for number, root in enumerate(order)}
    due = defaultdict[int, list[Goal]](list)  # a goal is looked at as soon as all its keys have a value
    for goal in goals:
        due[max(place[root] for root in goal.roots)].append(goal)
    values, ways = dict[str, Any](), [iter(fitting[root]) for root in order[:1]]
    while ways and len(values) < len(order):
        depth = len(ways) - 1
        root = order[depth]
        for value in ways[-1]:
            values[root] = value
            effort.spend(1)
            if all(_is_met(goal, values, effort) for goal in due[depth]):
                break
        else:
            values.pop(root, None)
            ways.pop()
            values.pop(order[depth - 1], None)
            continue
        if len(values) < len(order):
            ways.append(iter(fitting[order[depth + 1]]))
    if len(values) < len(order):
        return None
    return {root: values[root] for root in fitting if values[root] is not MISSING}


def _is_met(goal: Goal, values: Mapping[str, Any], effort: Effort) -> bool:
    """Whether a goal comes out as wanted; one that fails does not."""
    effort.spend(goal.size)
    try:
        return goal.condition({key: value for key, value in values.items() if value is not MISSING}) is goal.wanted
    except ConditionError:
        return False
