"""Types of a hand-over: shown, compared, witnessed and enforced by one set of rules, pydantic's lax validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.shapes.adapter import adapter
    from crewgraph.shapes.blank import NOTHING
    from crewgraph.shapes.coerce import coercer
    from crewgraph.shapes.example import example
    from crewgraph.shapes.fields import Shape, fields_of, given_by
    from crewgraph.shapes.json_schema import as_json, kind_of, kinds_of
    from crewgraph.shapes.member import Member, Presence, member
    from crewgraph.shapes.peel import by_identity, is_union, peeled
    from crewgraph.shapes.relation import Fit, Verdict, as_it_is, fit, refusals, refused
    from crewgraph.shapes.union import union_of
    from crewgraph.shapes.written import written

__all__ = [
    "NOTHING",
    "Fit",
    "Member",
    "Presence",
    "Shape",
    "Verdict",
    "adapter",
    "as_it_is",
    "as_json",
    "by_identity",
    "coercer",
    "example",
    "fields_of",
    "fit",
    "given_by",
    "is_union",
    "kind_of",
    "kinds_of",
    "member",
    "peeled",
    "refusals",
    "refused",
    "union_of",
    "written",
]

lazily(
    __name__,
    {
        "crewgraph.shapes.adapter": "adapter",
        "crewgraph.shapes.blank": "NOTHING",
        "crewgraph.shapes.coerce": "coercer",
        "crewgraph.shapes.example": "example",
        "crewgraph.shapes.fields": "Shape fields_of given_by",
        "crewgraph.shapes.json_schema": "as_json kind_of kinds_of",
        "crewgraph.shapes.member": "Member Presence member",
        "crewgraph.shapes.peel": "by_identity is_union peeled",
        "crewgraph.shapes.relation": "Fit Verdict as_it_is fit refusals refused",
        "crewgraph.shapes.union": "union_of",
        "crewgraph.shapes.written": "written",
    },
)
