"""Values that meet all goals: each combination of samples is tried, but for those that cannot lead anywhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crewgraph.condition.condition import Path
from crewgraph.condition.samples import MISSING
from crewgraph.condition.terms import Goal, cases
from crewgraph.errors import ConditionError

__all__ = ["Effort", "Here", "Kept", "Search", "Spent", "assembled"]

MAX_CASES = 150
"""So many times one goal is split into cases, one inside the other."""


OVERHEAD = 4
"""What it takes to put values together for one evaluation, in its steps."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """Stands for a dict whose members have samples of their own.

    Attributes:
        filled: the members that are always there, for those who look at others or at none.
    """

    filled: Mapping[str, Any] = field(default_factory=dict[str, Any])


def assembled(values: Mapping[Path, Any]) -> dict[str, Any]:
    """Values at their paths as one dict; what is below a value that is no dict is left out."""
    whole = dict[Any, Any]()
    dicts = dict[Path, dict[Any, Any]]({(): whole})
    for path in sorted(values, key=len):
        above, value = dicts.get(path[:-1]), values[path]
        if above is None or value is MISSING:
            continue
        above[path[-1]] = value
        if isinstance(value, Here):
            above[path[-1]] = dicts[path] = {**value.filled}
    return whole


@dataclass(slots=True)
class Kept:
    """What was tried, by the identity of the samples.

    Attributes:
        met: whether a goal is met by samples of its places.
        fit: which of so many samples of its one place meet a goal.
    """

    met: dict[tuple[Any, ...], bool] = field(default_factory=dict[tuple[Any, ...], bool])
    fit: dict[tuple[Any, ...], frozenset[int]] = field(default_factory=dict[tuple[Any, ...], frozenset[int]])


Found = dict[Path, Any]
NOTHING: Found = {}


@dataclass(slots=True)
class Search:
    """Tries samples of some places.

    Attributes:
        samples: of each place.
        effort: the work that may be done.
        kept: what was tried before, for other questions about the same samples.
        looked: at which places a goal looks.
    """

    samples: Mapping[Path, Sequence[Any]]
    effort: Effort
    kept: Kept
    looked: dict[Goal, tuple[Path, ...]] = field(default_factory=dict[Goal, tuple[Path, ...]])

    def places(self, goal: Goal) -> tuple[Path, ...]:
        """The places that decide about a goal: those that it names, and those on the way there."""
        if goal not in self.looked:
            ways = dict.fromkeys(path[:end] for path in goal.paths for end in range(1, len(path) + 1))
            self.looked[goal] = tuple(way for way in ways if way in self.samples)
        return self.looked[goal]

    def open(self, goal: Goal, fixed: Found) -> list[Path]:
        """The places of a goal that have no value yet."""
        return [place for place in self.places(goal) if place not in fixed]

    def groups(self, goals: Iterable[Goal], fixed: Found) -> list[list[Goal]]:
        """Goals that look at no place at which those of other groups look, but for those that have a value."""
        found = list[tuple[set[Path], list[Goal]]]()
        for goal in goals:
            places, mine, apart = set(self.open(goal, fixed)), [goal], list[tuple[set[Path], list[Goal]]]()
            for theirs, group in found:
                if places.isdisjoint(theirs):
                    apart.append((theirs, group))
                else:
                    places |= theirs
                    mine = [*group, *mine]
            found = [*apart, (places, mine)]
        return [group for _, group in found]

    # ---- trying ------------------------------------------------------------------------------------------------

    def by_cases(self, goals: Sequence[Goal], most: int = MAX_CASES) -> Found | None:
        """Values that meet the goals, one case after the other: where ``a`` is true, and where ``b`` is and ``a`` is not.

        Raises:
            Spent: there are too many cases.
        """
        self.effort.spend(len(goals))
        split = next((goal for goal in goals if cases(goal)), None)
        if split is None:
            return self.together(goals)
        if most == 0:
            raise Spent
        others = [goal for goal in goals if goal is not split]
        if self.together([goal for goal in others if not cases(goal)]) is None:
            return None
        ways = (self.by_cases([*others, *case], most - 1) for case in cases(split))
        return next((way for way in ways if way is not None), None)

    def together(self, goals: Iterable[Goal], fixed: Found = NOTHING) -> Found | None:
        """Values that meet the goals, or ``None``; one group after the other.

        Raises:
            Spent: there are too many combinations.
        """
        found = dict(fixed)
        for group in self.groups(goals, fixed):
            values = self.values(group, fixed)
            if values is None:
                return None
            found |= values
        return found

    def values(self, goals: Sequence[Goal], fixed: Found) -> Found | None:
        """Values that meet goals which have to do with each other: with a dict there, each of its members is alone."""
        places = dict.fromkeys(place for goal in goals for place in self.open(goal, fixed))
        dicts = [place for place in places if isinstance(next(iter(self.samples[place]), None), Here)]
        if not dicts:
            return self.tried(goals, dict(fixed), places)
        first = min(dicts, key=len)
        for value in self.samples[first]:
            self.effort.spend(len(goals))
            found = self.together(goals, {**fixed, first: value})
            if found is not None:
                return found
        return None

    def tried(self, goals: Sequence[Goal], fixed: Found, places: Iterable[Path]) -> Found | None:
        """Values that meet the goals, of places that are no dicts."""
        fitting: dict[Path, Sequence[Any]] = {place: self.samples[place] for place in places}
        for goal in goals:
            match self.open(goal, fixed):
                case []:
                    if not self.is_met(goal, fixed):
                        return None
                case [place]:
                    fit = self.fit(goal, place, fixed)
                    fitting[place] = [value for value in fitting[place] if id(value) in fit]
                case _:
                    pass
        if not all(fitting.values()):
            return None
        return self.combined([goal for goal in goals if len(self.open(goal, fixed)) > 1], fitting, fixed)

    def combined(self, goals: Sequence[Goal], fitting: Mapping[Path, Sequence[Any]], fixed: Found) -> Found | None:
        """A combination that meets the goals that look at more than one place; places with few samples come first."""
        order = sorted(fitting, key=lambda place: len(fitting[place]))
        number = {place: count for count, place in enumerate(order)}
        due = defaultdict[int, list[Goal]](list)  # a goal is looked at as soon as all its places have a value
        for goal in goals:
            due[max(number[place] for place in self.open(goal, fixed))].append(goal)
        values, ways = dict(fixed), [iter(fitting[place]) for place in order[:1]]
        while ways:
            depth = len(ways) - 1
            if not self.advance(values, order[depth], ways[-1], due[depth]):
                ways.pop()
            elif len(ways) < len(order):
                ways.append(iter(fitting[order[depth + 1]]))
            else:
                break
        return values if len(ways) == len(order) else None

    def advance(self, values: Found, place: Path, way: Iterator[Any], due: Sequence[Goal]) -> bool:
        """Go on to the next sample of a place that meets the goals; false where there is none."""
        for value in way:
            values[place] = value
            self.effort.spend(1)
            if all(self.is_met(goal, values) for goal in due):
                return True
        return False

    def fit(self, goal: Goal, place: Path, fixed: Found) -> frozenset[int]:
        """The samples that meet a goal, where it looks at one place that has no value yet."""
        values = self.samples[place]
        key = (goal, len(values), *(id(fixed[each]) for each in self.places(goal) if each in fixed))
        if key not in self.kept.fit:
            fitting = (value for value in values if self.is_met(goal, {**fixed, place: value}))
            self.kept.fit[key] = frozenset(map(id, fitting))
        return self.kept.fit[key]

    def is_met(self, goal: Goal, values: Found) -> bool:
        """Whether a goal comes out as wanted; one that fails does not."""
        mine = {place: values[place] for place in self.places(goal)}
        key = (goal, *map(id, mine.values()))
        if key not in self.kept.met:
            self.effort.spend(OVERHEAD + goal.size)
            self.kept.met[key] = _is_met(goal, assembled(mine))
        return self.kept.met[key]


def _is_met(goal: Goal, values: Mapping[str, Any]) -> bool:
    try:
        return goal.condition(values) is goal.wanted
    except ConditionError:
        return False
