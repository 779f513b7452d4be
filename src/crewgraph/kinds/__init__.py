"""Types of what is handed over: shown, compared, and enforced by one rule, pydantic's lax validation."""

from __future__ import annotations

from crewgraph.kinds.coerce import coercer
from crewgraph.kinds.fields import Shape, fields_of, given_by
from crewgraph.kinds.json_schema import kinds_of
from crewgraph.kinds.relation import NOTHING, Fit, Verdict, example, fit, refused, union_of
from crewgraph.kinds.written import written
from crewgraph.shapes.peel import is_union, peeled

__all__ = [
    "NOTHING",
    "Fit",
    "Shape",
    "Verdict",
    "coercer",
    "example",
    "fields_of",
    "fit",
    "given_by",
    "is_union",
    "kinds_of",
    "peeled",
    "refused",
    "union_of",
    "written",
]
