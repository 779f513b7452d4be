"""The style sheet of SVG pictures, light and dark; contrast is at least 4.5 : 1 for what is to be read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from crewgraph.render.palette import AMBER, CORE, DEFAULT, GREEN, HUES, INK, RED, Hue, Ink

__all__ = ["WIDTHS", "Theme", "line_width", "style_sheet"]

Theme = Literal["auto", "light", "dark"]
"""Which colours a picture has: "auto" leaves it to the reader's desktop."""

DARK_INK = Ink(
    canvas="#0d1117", card="#1c232c", frame="#3a434e", text="#e6edf3", soft="#b1bac4", faint="#8f99a4",
    edge="#8b949e", router="#d29922",
)  # fmt: skip
DARK = {
    "core": Hue("core", "#58a6ff", "#0d1d33", "#1f4570", "#79c0ff"),
    "green": Hue("green", "#3fb950", "#0e1f16", "#1d5230", "#56d364"),
    "amber": Hue("amber", "#d29922", "#211a0d", "#5c4313", "#e3b341"),
    "violet": Hue("violet", "#a371f7", "#1a152b", "#4b3580", "#c297ff"),
    "teal": Hue("teal", "#2dd4bf", "#0c2422", "#1b5650", "#5eead4"),
    "pink": Hue("pink", "#f778ba", "#2a1220", "#6b2a4c", "#ff9bce"),
    "slate": Hue("slate", "#8b949e", "#151b22", "#3a434e", "#b1bac4"),
}
SANS = "Helvetica,Arial,'Liberation Sans',Arimo,'Nimbus Sans','DejaVu Sans Condensed',sans-serif"
"""Faces as wide as :mod:`crewgraph.render.metrics` has it, and one that is nearly so, for where there is DejaVu alone."""
MONO = "ui-monospace,'Courier New',Courier,'Liberation Mono',monospace"


def line_width(step: int) -> float:
    """The width in pixels of a line of one of the :data:`WIDTHS`; 0 is one along which nothing was counted."""
    return 1.4 + 0.4 * step


WIDTHS = 8
"""In how many widths lines are drawn, by how many runs went along them."""
_WIDTHS = "\n".join(f".w{step} .way{{stroke-width:{line_width(step):g}}}" for step in range(1, WIDTHS + 1))

_CLASS = re.compile(r"\.([\w-]+)")
_SHAPES = f"""
text{{font-family:{SANS};font-size:10.5px;white-space:pre}}
.title{{font-size:16px;font-weight:bold}}
.name{{font-size:14px;font-weight:bold}}
.small{{font-size:12px}}
.summary{{font-size:9px}}
.agent{{font-size:9.5px;font-style:italic}}
.badge{{font-size:10px;font-weight:bold}}
.box-title{{font-size:10.5px;font-weight:bold}}
.mono{{font-family:{MONO};font-size:9.5px}}
.pill-text{{font-weight:bold}}
.card,.pill,.chip rect,.box rect{{stroke-width:1}}
.way{{fill:none;stroke-width:1.4}}
.route .way{{stroke-dasharray:5 4}}
.dashed rect,.found .card{{stroke-dasharray:5 4}}
.diamond{{stroke-width:1.6}}
.did-ok .card,.did-failed .card,.did-failed .diamond,.did-waiting .card{{stroke-width:2}}
.note,.sign,.foot,.figures,.error{{font-size:9.5px;font-weight:bold}}
.sign{{font-size:10.5px}}
.figures{{font-weight:normal}}
.did-not{{opacity:.45}}
.chip.did-not{{opacity:1}}
.chip.did-not text{{opacity:.5}}
{_WIDTHS}
.wrong .card,.wrong .diamond,.doubtful .card,.doubtful .diamond{{stroke-width:2.2}}
"""
DARK_RED = Hue("red", "#f85149", "#2d1214", "#6e2b2b", "#ff7b72")
_WRONG = {False: (RED.accent, AMBER.text), True: (DARK_RED.accent, DARK["amber"].accent)}
"""The colours of errors and of warnings, light and dark."""
_DID = {
    False: {
        "ok": (GREEN.accent, INK.card, GREEN.text),
        "failed": (RED.accent, RED.tint, RED.text),
        "waiting": (AMBER.accent, AMBER.tint, AMBER.text),
    },
    True: {
        "ok": (DARK["green"].accent, DARK_INK.card, DARK["green"].text),
        "failed": (DARK_RED.accent, DARK_RED.tint, DARK_RED.text),
        "waiting": (DARK["amber"].accent, DARK["amber"].tint, DARK["amber"].text),
    },
}
"""What went well, and what did not: frames, grounds and texts, light and dark."""


def style_sheet(theme: Theme, used: Collection[str] | None = None) -> str:
    """The style sheet of a picture.

    Args:
        theme: "light", "dark", or both for the desktop to choose.
        used: the classes that occur in the picture: rules for others are left out; ``None`` keeps all.

    Raises:
        ValueError: there is no such theme.
    """
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f'a theme is "auto", "light" or "dark", not {theme!r}')
    light = "\n".join(_colours(INK, HUES, is_dark=False))
    dark = "\n".join(_colours(DARK_INK, DARK.values(), is_dark=True))
    first, second = (light, dark) if theme == "auto" else (dark if theme == "dark" else light, "")
    if second:
        second = f"@media (prefers-color-scheme:dark){{\n{_scoped(second, theme, used)}\n}}\n"
    return f"\n{_scoped(_SHAPES + first, theme, used)}\n{second}"


def _scoped(rules: str, theme: Theme, used: Collection[str] | None) -> str:
    """Rules that hold in this picture alone: several may stand in one page, beside what else has such classes."""
    parts = (rule.partition("{") for rule in rules.splitlines() if rule)
    kept = ((_kept(selectors, used), body) for selectors, _, body in parts)
    return "\n".join(
        f"{','.join(f'.crewgraph-{theme} {each}' for each in selectors)}{{{body}"
        for selectors, body in kept
        if selectors
    )


def _kept(selectors: str, used: Collection[str] | None) -> list[str]:
    """Those selectors of which every class is used."""
    every = selectors.split(",")
    return every if used is None else [each for each in every if all(name in used for name in _CLASS.findall(each))]


def _colours(ink: Ink, hues: Iterable[Hue], *, is_dark: bool) -> Iterator[str]:
    core = DARK["core"] if is_dark else CORE
    ground, (wrong, doubtful) = ("#2b210b" if is_dark else "#fffbeb"), _WRONG[is_dark]
    yield f".canvas{{fill:{ink.canvas}}}"
    yield f"text,.title,.name,.task{{fill:{ink.text}}}"
    yield f".summary{{fill:{ink.faint}}}"
    yield f".agent,.note{{fill:{ink.soft}}}"
    yield f".card{{fill:{ink.card};stroke:{ink.frame}}}"
    yield f".rule{{stroke:{ink.frame};fill:none}}"
    yield f".way{{stroke:{ink.edge}}}"
    yield f".head,.point{{fill:{ink.edge}}}"
    yield f".diamond{{fill:{ground};stroke:{ink.router}}}"
    yield f".pill{{fill:{core.tint};stroke:{core.border}}}"
    yield f".pill-text{{fill:{core.text}}}"
    yield f".chip rect{{fill:{(DARK['slate'] if is_dark else DEFAULT).tint};stroke:{ink.frame}}}"
    yield f".chip text{{fill:{ink.soft}}}"
    for hue in hues:
        yield f".{hue.name} .bar{{fill:{hue.accent}}}"
        yield f".box.{hue.name} rect{{fill:{hue.tint};stroke:{hue.border}}}"
        yield f".{hue.name} .box-title{{fill:{hue.text}}}"
        yield f".line.{hue.name} .way{{stroke:{hue.accent}}}"
        yield f".line.{hue.name} .head{{fill:{hue.accent}}}"
        yield f".chip.{hue.name} rect{{stroke:{hue.border}}}"
        yield f".chip.{hue.name} text{{fill:{hue.text}}}"
        yield f".styled.{hue.name} .card,.styled.{hue.name} .diamond{{fill:{hue.tint};stroke:{hue.accent}}}"
        yield f".styled.{hue.name} .note{{fill:{hue.text}}}"
        yield f".closed.{hue.name} .card{{fill:{hue.tint};stroke:{hue.border}}}"
        yield f".closed.{hue.name} .summary{{fill:{hue.text}}}"
    # what follows wins over hues that the user gave, and over those of closed boxes: it has as many classes
    for name, color in (("wrong", wrong), ("doubtful", doubtful)):
        yield f".node.{name} .card,.node.{name} .diamond{{stroke:{color}}}"
        yield f".{name} .badge{{fill:{color}}}"
    yield f".sign,.figures{{fill:{ink.soft}}}"
    for state, (frame, card, text) in _DID[is_dark].items():
        yield f".node.did-{state} .card{{stroke:{frame};fill:{card}}}"
        yield f".node.did-{state} .diamond{{fill:{ground};stroke:{frame if state == 'failed' else ink.router}}}"
        yield f".did-{state} .bar{{fill:{frame}}}"
        yield f".did-{state} .sign,.did-{state} .foot,.did-{state} .error{{fill:{text}}}"
    took = _DID[is_dark]["ok"][0]
    yield f".line.took .way{{stroke:{took}}}"
    yield f".line.took .head{{fill:{took}}}"
