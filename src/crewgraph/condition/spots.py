"""What conditions ask of each value, collected over all of them: the places that are looked at, as trees."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from crewgraph.condition.alternatives import Alternative
from crewgraph.condition.condition import Path
from crewgraph.condition.numbers import Turn
from crewgraph.condition.terms import NO_VALUE, Term, constant, pairs, paths, term_of
from crewgraph.condition.texts import TextUses

__all__ = ["Numbers", "Spot", "Spots"]

MAX_SUBSTRINGS = 200
"""Of more parts of a text than these not each is tried."""
_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(slots=True)
class Numbers:
    """What is asked of a number: what it is compared with, and what else has a turning point."""

    targets: dict[int | float, None] = field(default_factory=dict[int | float, None])
    turns: list[Turn] = field(default_factory=list[Turn])

    def __bool__(self) -> bool:
        return bool(self.targets or self.turns)

    def compare(self, term: Term, target: float) -> None:
        """Note that a term is compared with a number."""
        if term.is_bare:
            self.targets[target] = None
            return
        for each in (target, -target, 0) if term.is_distance else (target,):
            questions = (operator.ge, operator.gt) if term.rises else (operator.le, operator.lt)
            self.turns.extend(_turn(term, question, each) for question in questions)

    def join(self, other: Numbers) -> None:
        """Add what is asked elsewhere."""
        self.targets |= other.targets
        self.turns += other.turns


def _turn(term: Term, question: Callable[[Any, Any], Any], target: float) -> Turn:
    return Turn(lambda number: bool(question(term.of(number), target)))


@dataclass(slots=True)
class Spot:
    """A place that is looked at, and what is asked there.

    Attributes:
        numbers: what is asked of a number.
        sizes: what is asked of ``len``.
        text: what is asked of a text.
        folded: what is asked of its ``lower`` and ``upper`` form.
        is_raw: whether a text's case may matter.
        wholes: lists, tuples and sets that it is compared with.
        inside: what is looked for in it.
        is_used: whether the value matters at all; ``has`` only asks whether there is one.
        is_singleton: whether it is asked to be ``True`` or ``False`` itself.
        children: the places below.
        pinned: the only alternative that counts here.
    """

    numbers: Numbers = field(default_factory=Numbers)
    sizes: Numbers = field(default_factory=Numbers)
    text: TextUses = field(default_factory=TextUses)
    folded: dict[str, TextUses] = field(default_factory=lambda: {"lower": TextUses(), "upper": TextUses()})
    is_raw: bool = False
    wholes: list[Any] = field(default_factory=list[Any])
    inside: list[Any] = field(default_factory=list[Any])
    is_used: bool = False
    is_singleton: bool = False
    children: dict[str | int, Spot] = field(default_factory=dict[str | int, "Spot"])
    pinned: Alternative | None = None

    def at(self, path: Iterable[str | int]) -> Spot:
        """The place further down."""
        spot = self
        for key in path:
            spot = spot.children.setdefault(key, Spot())
        return spot

    def join(self, other: Spot) -> None:
        """Add what is asked at another place: both stand for any item of a list."""
        self.numbers.join(other.numbers)
        self.sizes.join(other.sizes)
        for mine, theirs in (
            (self.text, other.text),
            *((self.folded[fold], uses) for fold, uses in other.folded.items()),
        ):
            mine.equal |= theirs.equal
            mine.pieces |= theirs.pieces
            mine.ordered |= theirs.ordered
        self.is_raw |= other.is_raw
        self.is_singleton |= other.is_singleton
        self.is_used |= other.is_used
        self.wholes += other.wholes
        self.inside += other.inside
        for key, child in other.children.items():
            self.at((key,)).join(child)

    def met(self, value: Any) -> None:
        """Note that the value is compared with a constant for equality."""
        match value:
            case str():
                self.text.equal[value] = None
                self.is_raw = True
            case int() | float():
                self.numbers.targets[value] = None
            case list() | tuple() | set():
                self.wholes.append(value)
            case _:
                pass


class Spots:
    """The places that some conditions look at, by top-level key."""

    def __init__(self) -> None:
        self.roots = dict[str, Spot]()
        self._met = list[Sequence[Path]]()

    def at(self, path: Path) -> Spot:
        """The place of a path."""
        root, *rest = path
        return self.roots.setdefault(str(root), Spot()).at(rest)

    def use(self, path: Path) -> Spot:
        """The place of a path whose value is looked at."""
        spot = self.at(path)
        spot.is_used = True
        return spot

    def note(self, atom: ast.expr) -> bool:
        """Note what an atom asks; false where more than one value decides it, or nobody can tell how."""
        every = paths(atom)
        for path in every:
            self.at(path)
        is_plain = self._note(atom)
        if not is_plain:
            self._guess(atom, every)
        return is_plain

    def mix(self) -> None:
        """Try the constants of one value for those that it is compared with, too."""
        for group in self._met:
            spots = [self.at(path) for path in group]
            numbers = {number: None for spot in spots for number in spot.numbers.targets}
            targets = {number + step: None for number in numbers for step in (0, 1, -1, 2, -2)}
            texts = {text: None for spot in spots for text in spot.text.equal}
            for spot in spots:
                spot.numbers.targets |= targets
                spot.text.equal |= texts

    def _note(self, atom: ast.expr) -> bool:
        match atom:
            case ast.Call(func=ast.Name(id="has")):
                return True
            case ast.Compare():
                noted = [self._pair(pair) for pair in pairs(atom)]
                return all(noted)
            case _:
                return constant(atom) is not NO_VALUE or self._truth(atom)

    def _truth(self, atom: ast.expr) -> bool:
        """Where a value decides by being empty or zero."""
        term = term_of(atom)
        if term is None:
            return False
        spot = self.use(term.path)
        match term.side:
            case "size":
                spot.sizes.compare(term, 0)
            case "value" if not term.is_bare:
                spot.numbers.compare(term, 0)
            case _:
                pass  # being empty or zero is always looked at
        return True

    def _pair(self, pair: ast.Compare) -> bool:
        left, op, right = pair.left, pair.ops[0], pair.comparators[0]
        before, after = constant(left), constant(right)
        if before is not NO_VALUE and after is not NO_VALUE:
            return True
        term = term_of(left if after is not NO_VALUE else right)
        if term is None or (before is NO_VALUE and after is NO_VALUE):
            return False
        spot = self.use(term.path)
        if not isinstance(op, ast.In | ast.NotIn):
            return _compared(spot, term, op, before if after is NO_VALUE else after)
        return _among(spot, term, after) if after is not NO_VALUE else _within(spot, term, before)

    def _guess(self, atom: ast.expr, every: Sequence[Path]) -> None:
        """Values worth trying where an atom is not understood: its constants, and what comes near them."""
        found = [node.value for node in ast.walk(atom) if isinstance(node, ast.Constant)]
        self._met.append(every)
        for path in every:
            spot = self.use(path)
            spot.is_raw = True
            for value in found:
                spot.met(value)
                if isinstance(value, str):
                    spot.inside.append(value)


def _compared(spot: Spot, term: Term, op: ast.cmpop, value: Any) -> bool:
    """A term is compared with a constant."""
    is_order = isinstance(op, _ORDERS)
    match value, term.side:
        case (int() | float(), "size"):
            spot.sizes.compare(term, value)
        case (int() | float(), "value"):
            spot.is_singleton |= isinstance(op, ast.Is | ast.IsNot)
            spot.numbers.compare(term, value)
        case (str(), "lower" | "upper" as fold):
            spot.folded[fold].equal[value] = None
            spot.folded[fold].ordered |= is_order
        case (str(), "value") if term.is_bare:
            spot.met(value)
            spot.text.ordered |= is_order
        case (list() | tuple() | set(), "value") if term.is_bare:
            spot.met(value)
            return not is_order
        case _:
            return True  # of other kinds, which are never equal and do not compare
    return True


def _among(spot: Spot, term: Term, values: Any) -> bool:
    """A term is looked for in a constant."""
    if isinstance(values, str):
        if term.side == "size" or not term.is_bare:
            return True  # a number is in no text
        spans = ((start, end) for start in range(len(values)) for end in range(start + 1, len(values) + 1))
        few = {values[start:end] for start, end in islice(spans, MAX_SUBSTRINGS)}
        is_all = len(values) * (len(values) + 1) // 2 <= MAX_SUBSTRINGS
        return _equals(spot, term, sorted(few)) and is_all
    if not isinstance(values, list | tuple | set):
        return True  # nothing is in it
    return _equals(spot, term, values)


def _equals(spot: Spot, term: Term, values: Iterable[Any]) -> bool:
    noted = [_compared(spot, term, ast.Eq(), value) for value in values]
    return all(noted)


def _within(spot: Spot, term: Term, value: Any) -> bool:
    """A constant is looked for in a term."""
    if not term.is_bare or term.side == "size":
        return True  # nothing is in a number
    uses = spot.text if term.side == "value" else spot.folded[term.side]
    if isinstance(value, str):
        uses.pieces[value] = None
        spot.is_raw |= term.side == "value"
    if term.side == "value":
        spot.inside.append(value)
    return True
