"""Values of a type: a simple one."""

from __future__ import annotations

from typing import Any

from crewgraph.shapes.blank import Blank, filled, has_blank
from crewgraph.shapes.reading import form_of
from crewgraph.shapes.values import Maker

__all__ = ["example"]

ANY_VALUE = "text"


def example(kind: Any) -> Any:
    """A simple value that a type takes, a dict for a model; ``None`` where nobody can make one.

    Validators of the user's are not run, so a value may be refused by them.
    """
    maker = Maker(as_data=True)
    value = next(maker.values(form_of(kind, side="taken")), Blank(is_closed=True))
    if has_blank(value, closed_only=True):
        return None
    return ANY_VALUE if isinstance(value, Blank) and value.cls is None else filled(value)
