"""What can be said of work before it is done: how many calls, how many tokens, which cost, how long.

Every figure is a :class:`Range`. A node of a graph gives its own :class:`Outlook`; the graph adds them up and knows
nothing of models, the node knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crewgraph.policy import Limit, Policy

__all__ = ["ZERO", "Ask", "Load", "Outlook", "Range", "Sight", "tokens_of"]


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that nobody knows yet.

    Attributes:
        low: the least, if all goes as cheaply as it can.
        expected: what is to be expected.
        high: the most, if everything that may be done again is done again.
    """

    low: float
    expected: float
    high: float

    @classmethod
    def exactly(cls, figure: float) -> Range:
        """A figure that is known."""
        return cls(figure, figure, figure)

    @classmethod
    def sum(cls, parts: Iterable[Range]) -> Range:
        """All of them."""
        total = ZERO
        for part in parts:
            total = total + part
        return total

    @classmethod
    def longest(cls, parts: Iterable[Range]) -> Range:
        """The greatest of several, figure by figure: how long things take that go on side by side."""
        every = [ZERO, *parts]
        return cls(
            max(part.low for part in every), max(part.expected for part in every), max(part.high for part in every)
        )

    @classmethod
    def each(cls, work_out: Callable[..., float], *of: Range) -> Range:
        """The low figure worked out from the low ones, and so on."""
        return cls(
            work_out(*(one.low for one in of)),
            work_out(*(one.expected for one in of)),
            work_out(*(one.high for one in of)),
        )

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, factor: float | Range) -> Range:
        by = factor if isinstance(factor, Range) else Range.exactly(factor)
        return Range(self.low * by.low, self.expected * by.expected, self.high * by.high)

    def at_most(self, most: float) -> Range:
        """The same with an upper bound."""
        return Range(min(self.low, most), min(self.expected, most), min(self.high, most))


ZERO = Range(0.0, 0.0, 0.0)


def tokens_of(text: str) -> Range:
    """About how many tokens a text has: English has four or five bytes for one, other scripts about three."""
    size = len(text.encode("utf-8", "surrogatepass"))
    return Range(size // 5, size / 4, size // 3 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a piece of work takes.

    Attributes:
        calls: calls of models.
        prompt, answer: tokens.
        usd: the cost of the calls whose price is known.
        unpriced: the calls whose price nobody knows.
        unknown: how often something runs of which nothing is known.
        busy: seconds of work, added up whatever goes on side by side.
        seconds: from beginning to end.
    """

    calls: Range = ZERO
    prompt: Range = ZERO
    answer: Range = ZERO
    usd: Range = ZERO
    unpriced: Range = ZERO
    unknown: Range = ZERO
    busy: Range = ZERO
    seconds: Range = ZERO

    @property
    def sums(self) -> tuple[Range, ...]:
        """The figures that add up whatever goes on side by side: all but ``seconds``, in the order of the fields."""
        return (self.calls, self.prompt, self.answer, self.usd, self.unpriced, self.unknown, self.busy)

    @classmethod
    def _of(cls, figures: Iterable[Range], seconds: Range) -> Load:
        calls, prompt, answer, usd, unpriced, unknown, busy = figures
        return cls(
            calls=calls, prompt=prompt, answer=answer, usd=usd, unpriced=unpriced, unknown=unknown, busy=busy,
            seconds=seconds,
        )  # fmt: skip

    def __add__(self, other: Load) -> Load:
        """One after the other."""
        figures = (one + two for one, two in zip(self.sums, other.sums, strict=True))
        return Load._of(figures, self.seconds + other.seconds)

    def __mul__(self, times: Range) -> Load:
        """So many times, one after the other."""
        return Load._of((figure * times for figure in self.sums), self.seconds * times)

    @classmethod
    def series(cls, parts: Iterable[Load]) -> Load:
        """One after the other."""
        total = cls()
        for part in parts:
            total = total + part
        return total

    @classmethod
    def beside(cls, parts: Iterable[Load]) -> Load:
        """Side by side: it takes as long as the longest."""
        every = list(parts)
        total = cls.series(every)
        return cls._of(total.sums, Range.longest(part.seconds for part in every))

    @classmethod
    def one_of(cls, parts: Iterable[Load]) -> Load:
        """One of several, and nobody knows which: the least of them, their mean, and the most."""
        every = list(parts)
        if not every:
            return cls()

        def either(figures: Iterable[Range]) -> Range:
            some = list(figures)
            mean = sum(each.expected for each in some) / len(some)
            return Range(min(each.low for each in some), mean, max(each.high for each in some))

        columns = zip(*(part.sums for part in every), strict=True)
        return cls._of(map(either, columns), either(part.seconds for part in every))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The calls of one model that a node makes.

    Attributes:
        model: its name.
        load: what they take.
        place: tells models apart that are limited on their own: the name, and where it is.
        limit: how often it may be called.
    """

    model: str
    load: Load
    place: str = ""
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a node says of one run of itself beforehand.

    Attributes:
        asks: its model calls, by model.
        seconds: from its beginning to its end.
        text: the tokens of what it hands over.
        is_known: whether anything is known of it at all.
        unpriced: the models that it might ask whose price nobody knows; those that only answer instead of others too.
        assumptions: what this rests on, in words.
    """

    asks: tuple[Ask, ...] = ()
    seconds: Range = ZERO
    text: Range = ZERO
    is_known: bool = True
    unpriced: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def load(self) -> Load:
        """All calls together."""
        total = Load.series(ask.load for ask in self.asks)
        unknown = ZERO if self.is_known else Range.exactly(1)
        return replace(total, unknown=unknown, busy=self.seconds, seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a node can see of one run beforehand.

    Attributes:
        values: the values that are known: those of the input that nobody before the node writes over.
        sizes: the tokens of values that are written by nodes before it.
        texts: the nodes right before it, each with the tokens of its text.
        policy: what is declared around the node.
    """

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sizes: Mapping[str, Range] = field(default_factory=dict[str, Range])
    texts: tuple[tuple[str, Range], ...] = ()
    policy: Policy = field(default_factory=Policy.model_construct)
