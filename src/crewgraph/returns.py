"""What a return annotation promises: which keys a step hands over, always or at times."""

from __future__ import annotations

import dataclasses
import enum
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

import typing_extensions
from pydantic import BaseModel

from crewgraph import outputs
from crewgraph.shapes import given_by, is_union, peeled, union_of

__all__ = ["Given", "given_by_model", "gives_of", "one_of"]

VALUES = (
    str, int, float, bool, bytes, list, tuple, set, frozenset,
    enum.Enum, date, time, timedelta, Decimal, PurePath, UUID,
)  # fmt: skip
"""Types whose values are handed over under the step's name."""


@dataclass(frozen=True, slots=True)
class Given:
    """The keys that a step gives.

    Attributes:
        always: those it always gives, with their types.
        sometimes: those it declares and does not give each time.
        is_open: whether it may give others.
    """

    always: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sometimes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    is_open: bool = False

    @property
    def may_give(self) -> frozenset[str] | None:
        """All keys that it may give beside the sure ones; ``None`` where it may be any."""
        return None if self.is_open else frozenset(self.sometimes)


NOTHING = Given()
ANYTHING = Given(is_open=True)


def gives_of(name: str, returns: Any) -> Given:
    """The keys that a step of this name gives, by its return annotation.

    A dict or model is merged into the values, ``None`` gives nothing, anything else is given under the step's name.
    """
    kind = peeled(returns).kind
    if kind is None or kind is type(None):
        return NOTHING
    if is_union(kind):
        return one_of([gives_of(name, member) for member in typing.get_args(kind)])
    if typing_extensions.is_typeddict(kind):
        return _fields(kind)
    if typing.get_origin(kind) is typing.Literal:
        return _literal(name, returns, typing.get_args(kind))
    return _of_class(name, returns, typing.get_origin(kind) or kind)


def _outputs() -> tuple[type, ...]:
    """What a step hands over as if it were its own, with whatever keys are in it."""
    return outputs.CrewOutput, outputs.PipelineRunResult, outputs.PipelineKickoffResult


def _of_class(name: str, returns: Any, kind: Any) -> Given:
    if not isinstance(kind, type) or issubclass(kind, _outputs()):
        return ANYTHING
    if issubclass(kind, BaseModel):
        return given_by_model(kind)
    if issubclass(kind, VALUES) or (dataclasses.is_dataclass(kind) and not issubclass(kind, Mapping)):
        return Given({name: returns})
    return ANYTHING


def given_by_model(kind: type[BaseModel]) -> Given:
    """The keys that ``model_dump`` of a model holds, always or at times."""
    if kind.__pydantic_root_model__ or kind.__pydantic_decorators__.model_serializers:
        return ANYTHING  # whatever it makes of itself
    return _fields(kind, is_open=kind.model_config.get("extra") == "allow")


def _fields(kind: Any, *, is_open: bool = False) -> Given:
    fields = given_by(kind)
    always = {key: each.kind for key, each in fields.items() if each.required}
    return Given(always, {key: each.kind for key, each in fields.items() if not each.required}, is_open)


def _literal(name: str, returns: Any, values: tuple[Any, ...]) -> Given:
    """What gives one of these values, of which ``None`` hands over nothing."""
    told = tuple(value for value in values if value is not None)
    if len(told) == len(values):
        return Given({name: returns})
    return Given(sometimes={name: typing.Literal[told]}) if told else NOTHING


def one_of(several: Iterable[Given]) -> Given:
    """What somebody gives who gives one of several things."""
    every = list(several)
    kinds = dict[str, list[Any]]()
    for each in every:
        for key, kind in (*each.always.items(), *each.sometimes.items()):
            kinds.setdefault(key, []).append(kind)
    sure = {key for key in kinds if all(key in each.always for each in every)}
    united = {key: union_of(told) for key, told in kinds.items()}
    return Given(
        {key: kind for key, kind in united.items() if key in sure},
        {key: kind for key, kind in united.items() if key not in sure},
        any(each.is_open for each in every),
    )
