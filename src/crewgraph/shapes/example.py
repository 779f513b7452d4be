"""Values of a type: a simple one."""

from __future__ import annotations

from itertools import islice
from typing import Any

from crewgraph.shapes.blank import Blank, filled, has_blank
from crewgraph.shapes.reading import form_of
from crewgraph.shapes.refusal import Refusal, why
from crewgraph.shapes.values import Maker

__all__ = ["example"]

ANY_VALUE = "text"
TRIES = 50


def example(kind: Any) -> Any:
    """A simple value that a type takes, a dict for a model; ``None`` where nobody can make one.

    Validators of the user's are not run, so a value may be refused by them.
    """
    form = form_of(kind, side="taken")
    for value in islice(Maker(as_data=True).values(form), TRIES):
        if not isinstance(why(value, form), Refusal):
            is_any = isinstance(value, Blank) and value.cls is None
            return None if has_blank(value, closed_only=True) else ANY_VALUE if is_any else filled(value)
    return None
