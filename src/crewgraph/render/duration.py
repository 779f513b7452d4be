"""Seconds as a person says them."""

from __future__ import annotations

__all__ = ["duration"]

_MINUTE = 60
_INSTANT = 0.0995
"""Below so many seconds, thousandths are of interest."""
_SHORT = 9.95
"""Below so many seconds, tenths are of interest."""


def duration(seconds: float) -> str:
    """Seconds as a person says them: "45 ms", "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < _INSTANT:
        return f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{seconds:.1f} s" if seconds < _SHORT else f"{rest} s"
