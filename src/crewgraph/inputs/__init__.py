"""What the inputs of a pipeline, a crew or a step must bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.inputs.declared import Declared, declared, is_declarable
    from crewgraph.inputs.spec import InputField, InputSpec, Needed, Row

__all__ = ["Declared", "InputField", "InputSpec", "Needed", "Row", "declared", "is_declarable"]

lazily(
    __name__,
    {
        "crewgraph.inputs.declared": "Declared declared is_declarable",
        "crewgraph.inputs.spec": "InputField InputSpec Needed Row",
    },
)
