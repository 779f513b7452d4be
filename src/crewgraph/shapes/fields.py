"""The keys of a model, a TypedDict or a dataclass: those it is filled from, and those it is handed over as."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
        is_inside: whether it is only looked for inside of other keys, by an ``AliasPath``.
    """

    kind: Any = Any
    required: bool = True
    has_default: bool = False
    default: Any = None
    description: str = ""
    names: tuple[str, ...] = ()
    is_inside: bool = False


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
    return {name: shape for name, (shape, is_taken, _) in _of_dataclass(kind).items() if is_taken}


@by_identity
def given_by(kind: Any) -> Mapping[str, Shape]:
    """The keys that something is handed over as: of a model those of ``model_dump()``.

    A type is what is declared, whatever validators make sure beside.

    Raises:
        TypeError: it is no model, TypedDict or dataclass.
    """
    if typing_extensions.is_typeddict(kind):
        return _of_typed_dict(kind)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        kept = [(name, shape, is_taken) for name, (shape, is_taken, is_kept) in _of_dataclass(kind).items() if is_kept]
        return {name: replace(shape, required=is_taken or shape.has_default) for name, shape, is_taken in kept}
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
    return _of_info(info, name, [*info.metadata, *_deciding(model, name)], model.model_config)


def _of_info(info: FieldInfo, name: str, metadata: list[Any], config: Mapping[str, Any]) -> Shape:
    """A field as pydantic knows it, of a model or of a dataclass."""
    shape = replace(_with_default(info, _annotated(info, metadata)), description=info.description or "")
    return _said(shape, name, info, config)


def _with_default(info: FieldInfo, kind: Any) -> Shape:
    is_required = info.is_required()
    default = None if is_required or info.default_factory is not None else info.default
    return Shape(kind, is_required, not is_required, default)


def _said(shape: Shape, name: str, info: FieldInfo, config: Mapping[str, Any]) -> Shape:
    """A key, with what its field says of the names under which it is looked for."""
    alias = info.validation_alias if info.validation_alias is not None else info.alias
    if alias is None or not config.get("validate_by_alias", True):
        return shape
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    names = [each for each in choices if isinstance(each, str)]
    by_name = config.get("validate_by_name") or config.get("populate_by_name")
    known = tuple(dict.fromkeys([*names, *([name] if by_name else [])]))
    return replace(shape, names=known, is_inside=not known)


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
    return {key: _hinted(kind, key, Shape(hint, is_required)) for key, (hint, is_required) in keys.items()}


def _hinted(kind: Any, key: str, shape: Shape) -> Shape:
    """A key, with what ``Annotated[…, Field(…)]`` says of it."""
    config = getattr(kind, "__pydantic_config__", None) or {}
    for each in typing.get_args(shape.kind)[1:]:
        if isinstance(each, FieldInfo):
            shape = _said(replace(shape, description=each.description or shape.description), key, each, config)
    return shape


def _of_dataclass(kind: Any) -> Mapping[str, tuple[Shape, bool, bool]]:
    """The fields of a dataclass, each with whether it is filled in from outside and whether it is kept.

    Raises:
        TypeError: it is none.
    """
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TypeError(f"{kind!r:.60} has no fields. hint: a model, a TypedDict or a dataclass has")
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception:  # noqa: BLE001 - resolving runs whatever the annotation says
        hints = {}
    kept = {each.name for each in dataclasses.fields(kind)}
    passed = [name for name, hint in hints.items() if isinstance(hint, dataclasses.InitVar)]
    said: Mapping[str, FieldInfo] = getattr(kind, "__pydantic_fields__", {})
    found = dict[str, tuple[Shape, bool, bool]]()
    for each in kind.__dataclass_fields__.values():
        if each.name not in kept and each.name not in passed:
            continue  # a ClassVar
        hint = hints.get(each.name, Any)
        hint = hint.type if isinstance(hint, dataclasses.InitVar) else hint
        info = said.get(each.name)
        if info is None:
            shape = _hinted(kind, each.name, _of_attribute(each, hint))
        else:
            shape = _of_info(info, each.name, info.metadata, getattr(kind, "__pydantic_config__", None) or {})
        found[each.name] = shape, each.init, each.name in kept
    return found


def _of_attribute(field: dataclasses.Field[Any], hint: Any) -> Shape:
    has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    default = field.default if field.default is not dataclasses.MISSING else None
    return Shape(hint, not has_default, has_default, default)
