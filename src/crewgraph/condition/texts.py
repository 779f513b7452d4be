"""Texts as a few samples: of all texts that a condition cannot tell apart, one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, count, islice, product

__all__ = ["TextUses", "fresh", "texts"]

MAX_PIECES = 6
"""Of more pieces than these not every choice is tried."""
MAX_SIZE = 20_000
"""Longer texts are not made up."""
PLAIN = "something else"
_FOLDS: dict[str, Callable[[str], str]] = {"lower": str.lower, "upper": str.upper}


@dataclass(slots=True)
class TextUses:
    """What is asked of a text.

    Attributes:
        equal: what it is compared with.
        ordered: whether it is asked for the order too.
        pieces: what is looked for in it.
    """

    equal: dict[str, None] = field(default_factory=dict[str, None])
    ordered: bool = False
    pieces: dict[str, None] = field(default_factory=dict[str, None])

    def __bool__(self) -> bool:
        return bool(self.equal or self.pieces)

    @property
    def parts(self) -> list[str]:
        """The pieces that not every text holds."""
        return [piece for piece in self.pieces if piece]


def texts(
    raw: TextUses, folded: dict[str, TextUses], sizes: Sequence[int] | None, *, is_raw: bool = True
) -> tuple[list[str], bool]:
    """Samples of all texts, and whether none is missing.

    Args:
        raw: what is asked of the text itself.
        folded: what is asked of its ``lower`` and its ``upper`` form.
        sizes: the lengths that differ, ``None`` where nobody asks for the length.
        is_raw: whether the text itself is looked at, so that its case matters.
    """
    asked = {fold: uses for fold, uses in folded.items() if uses}
    if not asked:
        return _of_one(raw, sizes, str)
    if not is_raw and len(asked) == 1 and sizes is None:
        ((fold, uses),) = asked.items()
        return _of_one(uses, None, _FOLDS[fold])
    return _of_both(raw, asked, sizes)


def _of_one(uses: TextUses, sizes: Sequence[int] | None, fold: Callable[[str], str]) -> tuple[list[str], bool]:
    """Where only one form of a text is looked at; what is no such form is never met."""
    equal = [text for text in uses.equal if fold(text) == text]
    pieces = [piece for piece in uses.parts if fold(piece) == piece]
    is_all = sum((uses.ordered, bool(pieces), sizes is not None)) <= 1 and len(pieces) <= MAX_PIECES
    found = [*equal, *fresh(equal, pieces, sizes, fold), ""]
    if uses.ordered:
        found += [after for text in uses.equal for after in _after(text, uses.equal, fold)]
    few = pieces[:MAX_PIECES]
    for some in chain.from_iterable(combinations(few, many) for many in range(1, len(few) + 1)):
        found.append(_holding(some, [*uses.equal, *uses.pieces], fold))
    made = {len(text) for text in found}
    return list(dict.fromkeys(found)), is_all and all(size in made for size in sizes or ())


def _after(text: str, others: Iterable[str], fold: Callable[[str], str]) -> Iterator[str]:
    """A text behind this one and before the next; there is none where the next is the very next."""
    following = min((other for other in others if other > text), default=None)
    candidates = (fold(text + more) for more in ("a", " ", "\0"))
    yield from islice((each for each in candidates if text < each and (following is None or each < following)), 1)


def _holding(pieces: Sequence[str], others: Sequence[str], fold: Callable[[str], str]) -> str:
    """A text with these pieces and no others, that is none of those compared with."""
    gap = next(gap for gap in _signs() if not any(fold(gap) in other for other in others))
    return gap + gap.join(pieces) + gap


def _of_both(raw: TextUses, folded: dict[str, TextUses], sizes: Sequence[int] | None) -> tuple[list[str], bool]:
    """Where a text is looked at as it is and in another form: equality is understood, the rest is tried."""
    wanted = {text: fold for fold, uses in folded.items() for text in uses.equal}
    found = dict.fromkeys((*raw.equal, ""))
    is_all = len(folded) == 1 and sizes is None and not raw.ordered and all(text.isascii() for text in wanted)
    is_all = is_all and not any((uses.parts or uses.ordered) for uses in (raw, *folded.values()))
    for text, fold in wanted.items():
        others = (each for each in _cases(text, fold) if each not in raw.equal)
        other = next(others, None)
        is_all = is_all and (other is not None or _FOLDS[fold](text) != text)
        found |= dict.fromkeys(() if other is None else (other,))
    pieces = dict.fromkeys(piece for uses in (raw, *folded.values()) for piece in uses.parts)
    found |= dict.fromkeys([*wanted, *pieces])
    equal = [*raw.equal, *wanted, *(each for text in (*raw.equal, *wanted) for each in (text.lower(), text.upper()))]
    found |= dict.fromkeys(fresh(equal, pieces, sizes))
    return list(found), is_all


def _cases(text: str, fold: str) -> Iterator[str]:
    """The ways to write a text whose lower or upper form it is; at first the usual ones, and not endlessly many."""
    usual = (text, text.lower(), text.upper(), text.capitalize(), text.title(), text.swapcase())
    every = ("".join(signs) for signs in product(*(dict.fromkeys((sign.lower(), sign.upper())) for sign in text)))
    for written in chain(usual, islice(every, 4_096)):
        if _FOLDS[fold](written) == text:
            yield written


def fresh(
    equal: Iterable[str],
    pieces: Iterable[str] = (),
    sizes: Sequence[int] | None = None,
    fold: Callable[[str], str] = str,
) -> Iterator[str]:
    """Texts that are equal to none of these and hold none of those pieces: one, or one of each length."""
    taken, held = set(equal), tuple(filter(None, pieces))

    def is_fresh(text: str) -> bool:
        folded = fold(text)
        return folded not in taken and not any(piece in folded for piece in held)

    if sizes is None:
        yield from islice(filter(is_fresh, chain([PLAIN, "x"], (sign * 3 for sign in _signs()))), 1)
        return
    for size in sizes:
        if 0 < size <= MAX_SIZE:
            yield from islice(filter(is_fresh, (sign * size for sign in _signs())), 1)


def _signs() -> Iterator[str]:
    """Signs to make texts of, without end but for that of Unicode."""
    yield from "xyz-_.~"
    yield from (sign for sign in map(chr, count(0x4E00)))
