"""The codes of findings, their short names and how bad they are."""

from __future__ import annotations

from enum import StrEnum

from crewgraph.errors.near import near

__all__ = ["CODES", "Severity", "code_of"]


class Severity(StrEnum):
    """How bad a finding is; only an error keeps a pipeline from running."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


CODES: dict[str, tuple[str, Severity]] = {
    "CG101": ("double-nesting", Severity.ERROR),
    "CG102": ("empty", Severity.ERROR),
    "CG103": ("not-a-stage", Severity.ERROR),
    "CG104": ("too-deep", Severity.ERROR),
    "CG201": ("same-name", Severity.WARNING),
    "CG202": ("cycle", Severity.ERROR),
    "CG203": ("unreachable", Severity.ERROR),
    "CG301": ("missing", Severity.ERROR),
    "CG302": ("sometimes-missing", Severity.ERROR),
    "CG303": ("type-misfit", Severity.ERROR),
    "CG304": ("written-twice", Severity.WARNING),
    "CG305": ("shadows-input", Severity.WARNING),
    "CG306": ("unread-output", Severity.INFO),
    "CG307": ("near-miss", Severity.WARNING),
    "CG308": ("unproven", Severity.INFO),
    "CG309": ("unread-input", Severity.INFO),
    "CG310": ("no-placeholder", Severity.WARNING),
    "CG401": ("condition-key", Severity.ERROR),
    "CG402": ("unreachable-route", Severity.WARNING),
    "CG403": ("opaque-condition", Severity.INFO),
    "CG404": ("left-to-default", Severity.INFO),
    "CG405": ("overlap", Severity.INFO),
    "CG406": ("condition-type", Severity.ERROR),
    "CG501": ("no-model", Severity.ERROR),
    "CG502": ("no-agent", Severity.ERROR),
    "CG503": ("unfillable-parameter", Severity.ERROR),
    "CG601": ("useless-ignore", Severity.WARNING),
    "CG701": ("unreadable", Severity.ERROR),
    "CG702": ("misfit", Severity.ERROR),
    "CG703": ("unknown-name", Severity.ERROR),
    "CG704": ("document-version", Severity.ERROR),
    "CG705": ("unnamed-code", Severity.ERROR),
    "CG706": ("task-order", Severity.ERROR),
    "CG707": ("output-place", Severity.ERROR),
    "CG708": ("look-alike", Severity.WARNING),
    "CG709": ("unused-definition", Severity.WARNING),
    "CG710": ("no-counterpart", Severity.INFO),
    "CG711": ("in-code", Severity.INFO),
    "CG712": ("unloadable", Severity.ERROR),
}
"""Short name and severity of every code that this version reports; a single finding may be milder or worse."""

MAX_GUESSES = 2


def code_of(text: str) -> str:
    """The code that a text names: "CG302", "cg302" or its short name "sometimes-missing".

    Raises:
        ValueError: there is no such finding; the message names those that read like it.
    """
    wanted = text.strip().casefold()
    for code, (name, _) in CODES.items():
        if wanted in {code.casefold(), name}:
            return code
    raise ValueError(f"there is no finding '{text.strip()}'{_guess(wanted)}")


def _guess(wanted: str) -> str:
    if wanted.startswith("cg"):
        slips = {code: _slip(wanted, code.casefold()) for code in CODES}
        codes = sorted((code for code, place in slips.items() if place), key=slips.__getitem__, reverse=True)
    else:
        names = {name: code for code, (name, _) in CODES.items()}
        close = near(wanted, names)
        codes = [] if close is None else [names[close]]
    if not codes:
        return ". hint: `crewgraph explain` lists all of them"
    return f". Did you mean {' or '.join(f'{code} ({CODES[code][0]})' for code in codes[:MAX_GUESSES])}?"


def _slip(text: str, code: str) -> int:
    """Where a text differs from a code by one digit, or by two that changed places; 0 where it is something else."""
    wrong = [place for place, (one, other) in enumerate(zip(text, code, strict=False)) if one != other]
    has_changed_places = len(wrong) == 2 and sorted(text) == sorted(code)  # noqa: PLR2004 - two digits
    return wrong[-1] if len(text) == len(code) and (len(wrong) == 1 or has_changed_places) else 0
