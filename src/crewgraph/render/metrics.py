"""How wide a text is drawn, without a font at hand: Helvetica's widths, which Arial and Liberation Sans share."""

from __future__ import annotations

from crewgraph.render.escape import columns

__all__ = ["mono_width", "text_width"]

# Widths of the printable ASCII characters in thousandths of the type size, from Adobe's metrics of Helvetica.
_WIDTHS = dict(
    zip(
        map(chr, range(32, 127)),
        (
            278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
            556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
            1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
            667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
            333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
            556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
        ),
        strict=True,
    )
)  # fmt: skip
_COLUMN = 620
"""What one terminal column of any other character takes: wide ones have two, accents none."""
_BOLD = 1.08
"""How much wider bold letters are, at the most."""
_MONO = 602
"""Courier and its kin give each character the same width."""


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width in pixels of a line in a sans-serif face of this size."""
    units = sum(_WIDTHS[each] if each in _WIDTHS else _COLUMN * columns(each) for each in text)
    return units * size / 1000 * (_BOLD if bold else 1)


def mono_width(text: str, size: float) -> float:
    """The width in pixels of a line in a monospace face of this size."""
    return _MONO * columns(text) * size / 1000
