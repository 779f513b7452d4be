"""The keys of a model, a TypedDict or a dataclass: those it is filled from, and those it is handed over as."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from crewgraph.shapes.peel import by_identity, typed_dict_keys

__all__ = ["Shape", "fields_of", "given_by"]


@dataclass(frozen=True, slots=True)
class Shape:
    """One key.

    Attributes:
        kind: its type, with its bounds.
        required: whether it must be there.
        has_default: whether a value is filled in where it is not.
        default: that value; ``None`` where it is made anew each time.
        description: what is said of it.
        names: the names under which it is looked for, where these are others.
    """

    kind: Any = Any
    required: bool = True
    has_default: bool = False
    default: Any = None
    description: str = ""
    names: tuple[str, ...] = ()


@by_identity
def fields_of(kind: Any) -> Mapping[str, Shape]:
    """The keys that something is filled from, by the names under which they are handed over afterwards."""
    if typing.is_typeddict(kind):
        keys = typed_dict_keys(kind)
        if keys is None:
            return dict.fromkeys(kind.__annotations__, Shape())
        return {key: Shape(hint, is_required) for key, (hint, is_required) in keys.items()}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: _of_field(info) for name, info in kind.model_fields.items()}
    return _of_dataclass(kind)


@by_identity
def given_by(kind: Any) -> Mapping[str, Shape]:
    """The keys that something is handed over as: of a model those of ``model_dump()``."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return fields_of(kind)
    stored = {name: Shape(_with_none(info)) for name, info in kind.model_fields.items() if not info.exclude}
    return stored | {name: Shape(info.return_type) for name, info in kind.model_computed_fields.items()}


def _annotated(info: FieldInfo) -> Any:
    annotation: Any = info.annotation
    return Annotated[(annotation, *info.metadata)] if info.metadata else annotation


def _with_none(info: FieldInfo) -> Any:
    """The type of a stored field: pydantic does not look at defaults, so ``name: str = None`` may hold None."""
    kind = _annotated(info)
    return kind | None if info.default is None and not info.is_required() and info.default_factory is None else kind


def _of_field(info: FieldInfo) -> Shape:
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    is_required = info.is_required()
    default = None if is_required or info.default_factory is not None else info.default
    names = tuple(each for each in choices if isinstance(each, str))
    return Shape(_annotated(info), is_required, not is_required, default, info.description or "", names)


def _of_dataclass(kind: Any) -> Mapping[str, Shape]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotation says
        hints = {}
    found = dict[str, Shape]()
    for each in dataclasses.fields(kind):
        has_default = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        default = each.default if each.default is not dataclasses.MISSING else None
        found[each.name] = Shape(hints.get(each.name, Any), not has_default, has_default, default)
    return found
