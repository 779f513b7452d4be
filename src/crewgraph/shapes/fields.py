"""The keys of a model, a TypedDict or a dataclass: those it is filled from, and those it is handed over as."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typing_extensions
from pydantic import AfterValidator, AliasChoices, BaseModel, WrapValidator
from pydantic.fields import FieldInfo

from crewgraph.shapes.code import as_decided, as_declared
from crewgraph.shapes.peel import VALIDATORS, by_identity, typed_dict_keys

__all__ = ["Shape", "fields_of", "given_by"]

_CONFIG = {
    *("strict", "coerce_numbers_to_str", "allow_inf_nan", "regex_engine", "val_temporal_unit"),
    *("str_strip_whitespace", "str_to_lower", "str_to_upper", "str_min_length", "str_max_length"),
}
"""Settings of a model that decide beside the type of a field what it takes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One key.

    Attributes:
        kind: its type, with its bounds.
        required: whether it must be there.
        has_default: whether a value is filled in where it is not.
        default: that value; ``None`` where it is made anew each time.
        description: what is said of it.
        names: the names under which it is looked for, where these are others; the first one found counts.
    """

    kind: Any = Any
    required: bool = True
    has_default: bool = False
    default: Any = None
    description: str = ""
    names: tuple[str, ...] = ()


@by_identity
def fields_of(kind: Any) -> Mapping[str, Shape]:
    """The keys that something is filled from, by the names under which they are handed over afterwards.

    Where validators or settings of the model decide beside the type of a field, the type says so: nobody knows what it
    takes.

    Raises:
        TypeError: it is no model, TypedDict or dataclass.
    """
    if typing_extensions.is_typeddict(kind):
        return _of_typed_dict(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: _of_field(kind, name, info) for name, info in kind.model_fields.items()}
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TypeError(f"{kind!r:.60} has no fields. hint: a model, a TypedDict or a dataclass has")
    return _of_dataclass(kind)


@by_identity
def given_by(kind: Any) -> Mapping[str, Shape]:
    """The keys that something is handed over as: of a model those of ``model_dump()``.

    A type is what is declared, whatever validators make sure beside.

    Raises:
        TypeError: it is no model, TypedDict or dataclass.
    """
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return fields_of(kind)
    by_alias = kind.model_config.get("serialize_by_alias", False)
    given = dict[str, Shape]()
    for name, info in kind.model_fields.items():
        if not info.exclude:
            is_sure = getattr(info, "exclude_if", None) is None
            key = info.serialization_alias if by_alias and info.serialization_alias else name
            given[key] = Shape(_stored(kind, name, info), is_sure, description=info.description or "")
    for name, computed in kind.model_computed_fields.items():
        key = computed.alias if by_alias and computed.alias else name
        given[key] = Shape(computed.return_type, description=computed.description or "")
    return given


def _stored(model: type[BaseModel], name: str, info: FieldInfo) -> Any:
    """The type of a field as it is dumped: pydantic does not look at defaults, so ``name: str = None`` may be None."""
    serializers = model.__pydantic_decorators__.field_serializers.values()
    if any(name in each.info.fields or "*" in each.info.fields for each in serializers):
        return Any
    kind = _annotated(info, [each for each in info.metadata if not isinstance(each, VALIDATORS)])
    is_none = info.default is None and not info.is_required() and info.default_factory is None
    return typing.Optional[kind] if is_none else kind  # noqa: UP045 - a type made at run time


def _annotated(info: FieldInfo, metadata: list[Any]) -> Any:
    return Annotated[(info.annotation, *metadata)] if metadata else info.annotation


def _of_field(model: type[BaseModel], name: str, info: FieldInfo) -> Shape:
    is_required = info.is_required()
    default = None if is_required or info.default_factory is not None else info.default
    return Shape(
        _annotated(info, [*info.metadata, *_deciding(model, name)]),
        is_required,
        not is_required,
        default,
        info.description or "",
        _names(model, name, info),
    )


def _names(model: type[BaseModel], name: str, info: FieldInfo) -> tuple[str, ...]:
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if alias is None or not model.model_config.get("validate_by_alias", True):
        return ()
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    names = [each for each in choices if isinstance(each, str)]
    by_name = model.model_config.get("validate_by_name") or model.model_config.get("populate_by_name")
    return tuple(dict.fromkeys([*names, *([name] if by_name else [])]))


def _deciding(model: Any, name: str) -> Iterator[Any]:
    """What says of a field's type that more than the type decides."""
    decorators = model.__pydantic_decorators__
    modes = [each.info.mode for each in decorators.model_validators.values()]
    modes += [
        each.info.mode
        for each in decorators.field_validators.values()
        if name in each.info.fields or "*" in each.info.fields
    ]
    if any(model.model_config.get(key) for key in _CONFIG) or any(mode != "after" for mode in modes):
        yield WrapValidator(as_decided)
    elif modes:
        yield AfterValidator(as_declared)


def _of_typed_dict(kind: Any) -> Mapping[str, Shape]:
    keys = typed_dict_keys(kind)
    if keys is None:
        return {key: Shape(required=key in kind.__required_keys__) for key in kind.__annotations__}
    return {key: Shape(hint, is_required, description=_described(hint)) for key, (hint, is_required) in keys.items()}


def _described(hint: Any) -> str:
    """What ``Annotated[…, Field(description=…)]`` says."""
    said = [each.description for each in typing.get_args(hint)[1:] if isinstance(each, FieldInfo)]
    return next((each for each in said if each), "")


def _of_dataclass(kind: Any) -> Mapping[str, Shape]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotation says
        hints = {}
    found = dict[str, Shape]()
    for each in dataclasses.fields(kind):
        has_default = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        default = each.default if each.default is not dataclasses.MISSING else None
        hint = hints.get(each.name, Any)
        found[each.name] = Shape(hint, not has_default, has_default, default, _described(hint))
    return found
