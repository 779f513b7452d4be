"""Whether some values make conditions come out so: yes with an example, no with certainty, or unknown."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from crewgraph.condition.answer import Answer, Known, Verdict
from crewgraph.condition.condition import Condition, Path
from crewgraph.condition.domains import Domain
from crewgraph.condition.places import places
from crewgraph.condition.search import Effort, Here, Kept, Search, Spent, assembled
from crewgraph.condition.spots import Spots
from crewgraph.condition.terms import Goal, atoms, goals, paths
from crewgraph.errors import ConditionError

__all__ = ["Ground", "Part", "satisfiable"]

MAX_WORK = 600_000
"""So many steps of evaluation are made to find an example, and for the proof that there is none as many again."""
SURVEY = 300
"""What it takes to make samples for one key, in such steps."""

TOO_MUCH = "there are too many combinations to try"
NOT_UNDERSTOOD = "what {} asks is more than can be decided"
ODD = "only odd values come here: NaN, which is no number, or what a pattern or validator may refuse"
Part = tuple[Condition, bool]
"""A condition, and what it must come to."""


def satisfiable(
    parts: Sequence[Part],
    kinds: Mapping[str, Any] | Known,
    *,
    present: Collection[str] = (),
    absent: Collection[str] = (),
    effort: Effort | None = None,
) -> Answer:
    """Whether there are values for which each condition comes out as wanted, one after the other.

    Values for which one of them fails do not count, as a router that tries them in this order fails then, too.

    Args:
        parts: the conditions, each with what it must come to.
        kinds: the types of top-level keys; of other keys, and where one is ``Any``, the value may be any plain data.
        present: the keys that are surely there; others may be missing, which is an error where they are read.
        absent: the keys that are surely not there.
        effort: the work that may be done; what is done is taken off.
    """
    known = kinds if isinstance(kinds, Known) else Known(kinds, present, absent)
    return Ground(known, parts, effort or Effort(2 * MAX_WORK)).ask(parts)


class Ground:
    """What some conditions look at, and samples of it: for one question, or for all questions about a router."""

    def __init__(self, known: Known, parts: Iterable[Part], effort: Effort) -> None:
        self.known = known
        self.effort = effort
        self._goals = dict[tuple[str, bool], Goal]()
        self.plain = set[ast.expr]()
        self.domains = dict[Path, Domain]()
        self._samples = dict[bool, dict[Path, Sequence[Any]]]()
        self._parts = dict[Part, tuple[Goal, ...]]()
        self._kept = Kept()
        self._spots = Spots()
        try:
            self._survey(dict.fromkeys(parts))
        except Spent:
            self.effort.left = 0  # and nothing can be asked

    def _survey(self, parts: Iterable[Part]) -> None:
        for part in parts:
            condition, wanted = part
            asked = list[Goal]()
            for each in goals(condition.tree, wanted=wanted):
                self.effort.spend(10 * each.size)
                goal = self._goals.setdefault((ast.unparse(each.condition.tree), each.wanted), each)
                asked.append(goal)
                self.plain |= {atom for atom in atoms(goal.condition.tree) if self._spots.note(atom)}
            self._parts[part] = tuple(asked)
        self._spots.mix()
        for path, alternative in self.known.pinned.items():
            self._spots.at(path).pinned = alternative
        for path, found in places(self._spots.roots, self.known):
            self.effort.spend(SURVEY + sum(map(_weight, found.values)))
            self.domains[path] = found
        self._samples = {
            False: {path: found.sure for path, found in self.domains.items()},
            True: {path: found.values for path, found in self.domains.items()},
        }

    def ask(self, parts: Sequence[Part]) -> Answer:
        """Whether there are values for which some of the conditions come out as wanted."""
        asked = dict.fromkeys(goal for part in parts for goal in self._parts.get(part, ()))
        example, unknown = dict[Path, Any](), list[Answer]()
        try:
            self.effort.spend(len(asked))
            together = self._search(Effort(0), odd=False).groups(asked, {})
        except Spent:
            return Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
        for group in together:
            answer = self._answer(group)
            if isinstance(answer, dict):
                example |= answer
            elif answer.verdict is Verdict.NO:
                return answer
            else:
                unknown.append(answer)
        if unknown:
            return unknown[0]
        values = assembled(example)
        return Answer(Verdict.YES, values) if _comes_out(parts, values) else Answer(Verdict.UNKNOWN, reason=TOO_MUCH)

    def _answer(self, group: Sequence[Goal]) -> dict[Path, Any] | Answer:
        """Values that meet some goals that have nothing to do with the others, or that there are none, or unknown."""
        is_over = True
        try:
            example = self._found(group, odd=False)
        except Spent:
            example, is_over = None, False
        if example is not None:
            return example
        hidden = dict[str, None]()
        proof = [self._hide(goal, hidden) for goal in group]
        looked = (place for goal in group for place in self._search(Effort(0), odd=False).places(goal))
        if not hidden and not (is_over and any(self.domains[place].doubtful for place in looked)):
            return Answer(Verdict.NO) if is_over else Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
        return self._proven(proof, hidden)

    def _proven(self, proof: Sequence[Goal], hidden: Mapping[str, None]) -> Answer:
        """That goals cannot be met, whatever that comes to which is not understood; or that this is unknown."""
        try:
            search = self._search(Effort(0), odd=True, hidden=hidden)
            if any(self._found(group, odd=True, hidden=hidden) is None for group in search.groups(proof, {})):
                return Answer(Verdict.NO)
        except Spent:
            return Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
        reason = NOT_UNDERSTOOD.format(f"`{next(iter(hidden))}`") if hidden else ODD
        return Answer(Verdict.UNKNOWN, reason=reason)

    def _hide(self, goal: Goal, hidden: dict[str, None]) -> Goal:
        """A goal in which what cannot be decided stands for itself: it may be true or false."""
        odd = [atom for atom in atoms(goal.condition.tree) if not self._is_decided(atom)]
        hidden |= dict.fromkeys(ast.unparse(atom) for atom in odd)
        return goal.of(_hidden(goal.condition.tree, odd)) if odd else goal

    def _is_decided(self, atom: ast.expr) -> bool:
        """Whether the samples show everything that an atom can come to."""
        found = [self.domains[place] for path in paths(atom) for place in _on_the_way(path) if place in self.domains]
        if atom in self.plain and all(each.is_all for each in found):
            return True
        ends = [self.domains[path] for path in paths(atom) if path in self.domains]
        has_dicts = any(isinstance(value, Here) for each in ends for value in each.values)
        return all(each.is_every for each in found) and not has_dicts

    def _found(self, group: Sequence[Goal], *, odd: bool, hidden: Iterable[str] = ()) -> dict[Path, Any] | None:
        """Values that meet some goals; ``None`` where no combination of samples does."""
        try:
            return self._tried(lambda search: search.together(group), odd=odd, hidden=hidden)
        except Spent:
            return self._tried(lambda search: search.by_cases(group), odd=odd, hidden=hidden)

    def _tried(
        self, how: Callable[[Search], dict[Path, Any] | None], *, odd: bool, hidden: Iterable[str]
    ) -> dict[Path, Any] | None:
        """What a search finds with half of the work that may be done for one question."""
        part = self.effort.part(MAX_WORK // 2)
        before = part.left
        try:
            return how(self._search(part, odd=odd, hidden=hidden))
        finally:
            self.effort.left -= before - part.left

    def _search(self, effort: Effort, *, odd: bool, hidden: Iterable[str] = ()) -> Search:
        """A search among the samples; what is hidden may be true or false."""
        either: dict[Path, Sequence[Any]] = {(name,): (True, False) for name in hidden}
        samples = self._samples.get(odd, {})
        return Search({**samples, **either} if either else samples, effort, self._kept)


def _weight(value: Any) -> int:
    """How much work it was to make up a sample."""
    return 1 + len(value) // 4 if isinstance(value, list | dict) else 1


def _on_the_way(path: Path) -> Iterator[Path]:
    return (path[:end] for end in range(1, len(path) + 1))


def _comes_out(parts: Iterable[Part], values: Mapping[str, Any]) -> bool:
    try:
        return all(condition(values) is wanted for condition, wanted in parts)
    except ConditionError:  # pragma: no cover - each was evaluated before, with the same values
        return False


def _hidden(tree: ast.expr, odd: Collection[ast.expr]) -> ast.expr:
    """An expression in which some atoms are keys of their own."""
    if tree in odd:
        return ast.Name(id=ast.unparse(tree), ctx=ast.Load())
    match tree:
        case ast.UnaryOp(op=ast.Not() as op, operand=operand):
            return ast.UnaryOp(op, _hidden(operand, odd))
        case ast.BoolOp(op=op, values=parts):
            return ast.BoolOp(op, [_hidden(part, odd) for part in parts])
        case _:
            return tree
