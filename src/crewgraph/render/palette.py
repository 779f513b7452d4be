"""The colours of every picture; state is never told by colour alone."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AMBER",
    "CORE",
    "DEFAULT",
    "GREEN",
    "HUES",
    "INK",
    "RED",
    "ROUTES",
    "Hue",
    "Ink",
    "faded",
    "hue_of",
    "named_hue",
]


@dataclass(frozen=True, slots=True)
class Hue:
    """One hue in four strengths.

    Attributes:
        name: how formats with classes call it.
        accent: bars and edges.
        tint: the ground of a cluster.
        border: its frame.
        text: its title.
    """

    name: str
    accent: str
    tint: str
    border: str
    text: str


CORE = Hue("core", "#2563eb", "#eff6ff", "#bfdbfe", "#1d4ed8")
DEFAULT = Hue("slate", "#64748b", "#f8fafc", "#cbd5e1", "#475569")
RED = Hue("red", "#dc2626", "#fef2f2", "#fecaca", "#b91c1c")
"""For what is wrong and nothing else."""
AMBER = Hue("amber", "#d97706", "#fffbeb", "#fde68a", "#b45309")
GREEN = Hue("green", "#059669", "#ecfdf5", "#a7f3d0", "#047857")
ROUTES = (
    GREEN,
    AMBER,
    Hue("violet", "#7c3aed", "#f5f3ff", "#ddd6fe", "#6d28d9"),
)
"""The hues of routes, in order; a fifth route begins again."""


HUES = (
    CORE,
    *ROUTES,
    Hue("teal", "#0d9488", "#f0fdfa", "#99f6e4", "#0f766e"),
    Hue("pink", "#db2777", "#fdf2f8", "#fbcfe8", "#be185d"),
    DEFAULT,
)
"""All hues; teal and pink are none of routes, and left to the user."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours that have no hue."""

    canvas: str = "#fcfcfd"
    card: str = "#ffffff"
    frame: str = "#cbd5e1"
    text: str = "#0f172a"
    soft: str = "#475569"
    faint: str = "#64748b"
    edge: str = "#7c8ba1"
    router: str = "#f59e0b"


INK = Ink()


def hue_of(place: int, route: str) -> Hue:
    """The hue of a router's route by its place among them; the fallback is slate."""
    return DEFAULT if route == "default" else ROUTES[place % len(ROUTES)]


def named_hue(name: str) -> Hue:
    """A hue by the name that users call it; the core's is blue."""
    return next(hue for hue in HUES if hue.name == ("core" if name == "blue" else name))


def faded(color: str) -> str:
    """A colour half way to that of the canvas, for formats that know no opacity."""
    pairs = ((int(color[place : place + 2], 16), int(INK.canvas[place : place + 2], 16)) for place in (1, 3, 5))
    return "#" + "".join(f"{round(one * 0.45 + other * 0.55):02x}" for one, other in pairs)
