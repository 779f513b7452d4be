"""Whether some values make conditions come out so: yes with an example, no with certainty, or unknown."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from crewgraph.condition.alternatives import read
from crewgraph.condition.answer import Answer, Known, Verdict
from crewgraph.condition.condition import Condition
from crewgraph.condition.domains import Domain, domain
from crewgraph.condition.samples import MISSING
from crewgraph.condition.search import Effort, Spent, groups, search
from crewgraph.condition.spots import Spots
from crewgraph.condition.terms import Goal, atoms, goals, paths
from crewgraph.errors import ConditionError

__all__ = ["satisfiable"]

MAX_WORK = 400_000
"""So many steps of evaluation are made to find an example, and for the proof that there is none as many again."""

TOO_MUCH = "there are too many combinations to try"
NOT_UNDERSTOOD = "what is asked of {} is more than can be decided"
ODD = "the only values that come here are odd: not a number (NaN), or refused by what their type checks beside"


def satisfiable(
    parts: Sequence[tuple[Condition, bool]],
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
    effort = effort or Effort(2 * MAX_WORK)
    try:
        question = _Question(
            known, [goal for each, wanted in parts for goal in goals(each.tree, wanted=wanted)], effort
        )
        answers = [question.answer(group) for group in groups(question.goals)]
    except Spent:
        return Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
    if any(answer.verdict is Verdict.NO for answer in answers):
        return Answer(Verdict.NO)
    unknown = next((answer for answer in answers if answer.verdict is Verdict.UNKNOWN), None)
    if unknown is not None:
        return unknown
    example = {key: value for answer in answers for key, value in (answer.example or {}).items()}
    return Answer(Verdict.YES, example) if _comes_out(parts, example) else Answer(Verdict.UNKNOWN, reason=TOO_MUCH)


def _comes_out(parts: Iterable[tuple[Condition, bool]], values: Mapping[str, Any]) -> bool:
    try:
        return all(condition(values) is wanted for condition, wanted in parts)
    except ConditionError:  # pragma: no cover - each was evaluated before, with the same values
        return False


class _Question:
    """Goals that must all be met, and samples of the values that they look at."""

    def __init__(self, known: Known, asked: Sequence[Goal], effort: Effort) -> None:
        self.effort = effort
        self.goals = _once(asked)
        self.plain = set[ast.expr]()
        spots = Spots()
        for goal in self.goals:
            effort.spend(goal.size)
            self.plain |= {atom for atom in atoms(goal.condition.tree) if spots.note(atom)}
        spots.mix()
        for path, alternative in known.pinned.items():
            spots.at(path).pinned = alternative
        self.domains = {root: self._domain(known, root, spots) for root in spots.roots}

    def _domain(self, known: Known, root: str, spots: Spots) -> Domain:
        if root in known.absent:
            return Domain((MISSING,))
        found = domain(spots.roots[root], read(known.kinds.get(root, Any)))
        if root in known.present:
            return found
        return Domain((*found.sure, MISSING), found.doubtful, found.is_all, found.is_every)

    def answer(self, group: Sequence[Goal]) -> Answer:
        """Whether some goals can be met that have nothing to do with the others."""
        try:
            example = self.search(group, odd=False)
        except Spent:
            example, is_over = None, False
        else:
            is_over = True
        if example is not None:
            return Answer(Verdict.YES, example)
        hidden = dict[str, ast.expr]()
        proof = [self.hide(goal, hidden) for goal in group]
        if not is_over and not hidden:
            return Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
        if is_over and not hidden and not any(self.domains[root].doubtful for goal in group for root in goal.roots):
            return Answer(Verdict.NO)
        return self.proven(proof, hidden)

    def proven(self, proof: Sequence[Goal], hidden: Mapping[str, ast.expr]) -> Answer:
        """That goals cannot be met, whatever that comes to which is not understood; or that this is unknown."""
        try:
            if any(self.search(group, odd=True) is None for group in groups(proof)):
                return Answer(Verdict.NO)
        except Spent:
            return Answer(Verdict.UNKNOWN, reason=TOO_MUCH)
        if not hidden:
            return Answer(Verdict.UNKNOWN, reason=ODD)
        return Answer(Verdict.UNKNOWN, reason=NOT_UNDERSTOOD.format(f"`{next(iter(hidden))}`"))

    def hide(self, goal: Goal, hidden: dict[str, ast.expr]) -> Goal:
        """A goal in which what cannot be decided stands for itself: it may be true or false."""
        odd = [atom for atom in atoms(goal.condition.tree) if not self.is_decided(atom)]
        hidden |= {ast.unparse(atom): atom for atom in odd}
        return goal.of(_hidden(goal.condition.tree, odd)) if odd else goal

    def is_decided(self, atom: ast.expr) -> bool:
        """Whether the samples show everything that an atom can come to."""
        domains = [self.domains[str(path[0])] for path in paths(atom)]
        if atom in self.plain and all(each.is_all for each in domains):
            return True
        return all(each.is_every for each in domains)

    def search(self, group: Sequence[Goal], *, odd: bool) -> dict[str, Any] | None:
        """Values that meet some goals; ``None`` where no combination of samples does."""
        samples = dict[str, Sequence[Any]]()
        for root in dict.fromkeys(root for goal in group for root in goal.roots):
            found = self.domains.get(root, Domain((True, False)))  # what is hidden may be either
            samples[root] = found.values if odd else found.sure
        part = self.effort.part(MAX_WORK)
        before = part.left
        try:
            return search(group, samples, part)
        finally:
            self.effort.left -= before - part.left


def _once(asked: Iterable[Goal]) -> list[Goal]:
    """Goals without repetition."""
    return [*{(ast.unparse(goal.condition.tree), goal.wanted): goal for goal in asked}.values()]


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
