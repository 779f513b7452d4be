"""Declared inputs: a pydantic model, a TypedDict, a dataclass or a JSON Schema that each row of inputs must fit."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Generator, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import typing_extensions
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from crewgraph.errors.root import in_words, shortened
from crewgraph.shapes import Shape, fields_of, given_by, kinds_of, peeled
from crewgraph.shapes.adapter import adapter
from crewgraph.shapes.shown import shown

__all__ = ["Declared", "declared", "is_declarable"]

Made = tuple[Any, list[str], dict[str, str]]
"""What was made of values, the keys that are missing, and what is wrong with others."""
Looked = tuple[dict[str, Any], list[str], dict[str, str]]
"""The values to go on with, the keys that are missing, and what is wrong with others."""
MAX_WORDS = 200
"""Characters of what is said about one value: it is quoted, and may be long."""
_NAMED = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"}
"""Words of JSON Schema whose value has names as keys."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA = {"enum", "const", "default", "example", "examples"}
"""Words of JSON Schema whose value is data: a ``$ref`` in it is none."""

_ONCE = {Iterable, Iterator, Generator}


@dataclass(frozen=True)
class Declared:
    """What somebody declares to take.

    Attributes:
        source: the model, TypedDict, dataclass or JSON Schema.
        fields: the keys that it is filled from, as they are handed over.
        added: the keys that it adds to them: computed fields, and those of dataclasses that no caller fills.
    """

    source: Any
    fields: Mapping[str, Shape]
    added: Mapping[str, Shape] = field(default_factory=dict[str, Shape])

    @property
    def name(self) -> str:
        """What it is called in messages."""
        title = self.source.get("title") if isinstance(self.source, Mapping) else self.source.__name__
        return str(title or "the JSON Schema")

    @cached_property
    def provided(self) -> Mapping[str, Shape]:
        """All keys that are there after values were looked at."""
        return {**self.fields, **self.added}

    @property
    def reads(self) -> Iterable[str]:
        """The keys that it is filled from: the names of a model's fields, and their aliases."""
        return self._names

    def made(self, values: Mapping[str, Any]) -> Made:
        """Values as what is declared, or what is wrong with them; a JSON Schema leaves them a dict."""
        if isinstance(self.source, Mapping):
            return self._by_schema(values)
        try:
            return self._adapter.validate_python(self._renamed(values)), [], {}
        except ValidationError as error:
            return None, *self._sorted(error)

    def look_at(self, values: Mapping[str, Any]) -> Looked:
        """Validate a row; what is not declared stays as it is, unless it is forbidden."""
        made, missing, misfits = self.made(values)
        if missing or misfits:
            return dict(values), missing, misfits
        return {**values, **self.dumped(made)}, [], {}

    def dumped(self, made: Any) -> dict[str, Any]:
        """What was made, as it is handed over: each key by the name and of the type that is declared.

        Whatever a model says about how it is dumped would change names and types, or leave keys out; it is asked about
        the values in it only.
        """
        if isinstance(made, BaseModel):
            keys = {name: getattr(made, name) for name in (*self.provided, *(made.model_extra or ()))}
        elif isinstance(made, Mapping):
            keys = dict[str, Any](made)
        else:
            keys = {name: getattr(made, name) for name in self._kept if hasattr(made, name)}
        return {key: _dumped(value, self._dumpers.get(key, _anything())) for key, value in keys.items()}

    def json_schema(self) -> dict[str, Any]:
        """It as a JSON Schema."""
        if isinstance(self.source, Mapping):
            return deepcopy({**self.source})
        return self._adapter.json_schema(schema_generator=Lenient)

    @cached_property
    def _kept(self) -> Iterable[str]:
        return given_by(self.source).keys()

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for key, each in self.fields.items() for name in (key, *each.names)))

    @cached_property
    def _aliases(self) -> Mapping[str, tuple[str, ...]]:
        """The aliases of the fields that have any, but for a field whose own name is the alias of another."""
        named = {key: {*each.names} for key, each in self.fields.items() if each.names}
        foreign = {key for key in named if any(key in others for other, others in named.items() if other != key)}
        return {key: self.fields[key].names for key in named if key not in foreign}

    @cached_property
    def _dumpers(self) -> Mapping[str, TypeAdapter[Any]]:
        known = {} if isinstance(self.source, Mapping) else self.provided
        return {key: adapter(each.kind) or _anything() for key, each in known.items()}

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        made = adapter(self.source)
        if made is None:
            raise ValueError(f"{self.name} cannot be validated: a type in it leads nowhere. hint: import what it names")
        return made

    def _renamed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values under the aliases by which a model looks for them: whoever hands them over knows its fields' names."""
        renamed = dict(values)
        for key, (alias, *others) in self._aliases.items():
            if key in values:
                value = renamed.pop(key)
                for other in others:
                    renamed.pop(other, None)
                renamed[alias] = value
        return renamed

    def _sorted(self, error: ValidationError) -> tuple[list[str], dict[str, str]]:
        """The keys that are missing, and what is wrong with the others, by the names of the fields."""
        missing, misfits = list[str](), dict[str, str]()
        names = {alias: key for key, aliases in self._aliases.items() for alias in aliases}
        for each in error.errors(include_url=False, include_context=False):
            place = ".".join(
                str(names.get(str(step), step) if at == 0 else step) for at, step in enumerate(each["loc"])
            )
            if each["type"] == "missing" and len(each["loc"]) == 1:
                missing.append(place)
            else:
                misfits.setdefault(
                    place or "the row", shortened(f"{each['msg']}, not {shown(each['input'])}", MAX_WORDS)
                )
        return missing, misfits

    @cached_property
    def _validator(self) -> Any:
        return _validator_of(self.source)

    def _by_schema(self, values: Mapping[str, Any]) -> Looked:
        missing, misfits = list[str](), dict[str, str]()
        defaults = {key: each.default for key, each in self.fields.items() if each.has_default and key not in values}
        known = {**deepcopy(defaults), **values}
        try:
            errors = sorted(self._validator.iter_errors(known), key=lambda each: [str(step) for step in each.path])
        except Exception as failed:  # noqa: BLE001 - numbers that are none, values whose repr fails, schemas without end
            why = f"it cannot be held against {self.name}: {in_words(failed)}"
            return known, [], {"the row": shortened(why, MAX_WORDS)}
        for error in errors:
            if error.validator == "required" and not error.path:
                missing += [key for key in error.validator_value if key not in known and key not in missing]
            else:
                place = ".".join(map(str, error.path)) or "the row"
                misfits.setdefault(place, shortened(error.message, MAX_WORDS))
        return known, missing, misfits


class Lenient(GenerateJsonSchema):
    """A JSON Schema in which what has no JSON form may be anything."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:  # noqa: ARG002 - pydantic's
        """What stands for a type without JSON form."""
        return {}


@cache
def _anything() -> TypeAdapter[Any]:
    return TypeAdapter(Any)


def declared(source: Any) -> Declared:
    """Look into what somebody declares to take.

    Raises:
        ValueError: it is neither a model, a TypedDict, a dataclass nor the JSON Schema of an object.
    """
    if isinstance(source, Declared):
        return source
    if isinstance(source, Mapping):
        _check(source)
        known = kinds_of(source)
        required: Any = source.get("required", ())
        return Declared(source, {**known, **{key: Shape() for key in required if key not in known}})
    if not is_declarable(source):
        told = f"the class {source.__name__}" if isinstance(source, type) else shown(source)
        raise ValueError(
            f"inputs are declared by a pydantic model, a TypedDict, a dataclass or a JSON Schema, not by {told}. "
            "hint: class Mail(BaseModel): subject: str"
        )
    fields = fields_of(source)
    for key, each in fields.items():
        _refuse(source, key, each)
    return Declared(source, fields, _added_by(source, fields))


def _refuse(source: Any, key: str, shape: Shape) -> None:
    """Refuse a field that cannot be handed over by its name.

    Raises:
        ValueError: it is looked for inside of other keys, or can be read only once.
    """
    if shape.is_inside:
        raise ValueError(
            f"{source.__name__}.{key} is looked for inside of another key (AliasPath), and values are handed over by "
            "name. hint: declare that key with a model of its own, and read the field from it"
        )
    origin = typing.get_origin(peeled(shape.kind).kind)
    if origin in _ONCE:
        raise ValueError(
            f"{source.__name__}.{key} is {origin.__name__}[…], which can be read only once, and several nodes may read "
            "it. hint: write list[…]"
        )


def _added_by(source: Any, fields: Mapping[str, Shape]) -> Mapping[str, Shape]:
    if issubclass(source, BaseModel):
        return {name: Shape(each.return_type) for name, each in source.model_computed_fields.items()}
    return {key: each for key, each in given_by(source).items() if key not in fields}


def is_declarable(source: object) -> bool:
    """Whether something is a model, a TypedDict or a dataclass: a type that names keys."""
    if not isinstance(source, type) or getattr(source, "__pydantic_root_model__", False):  # which names no keys
        return False
    return issubclass(source, BaseModel) or dataclasses.is_dataclass(source) or typing_extensions.is_typeddict(source)


def _dumped(value: Any, by: TypeAdapter[Any]) -> Any:
    try:
        return by.dump_python(value, warnings=False)
    except ValueError:  # it contains itself, or is very deep
        return value


def _check(schema: Mapping[str, Any]) -> None:
    """Refuse what is no JSON Schema, or one that leads out of itself, nowhere, or around in circles.

    Raises:
        ValueError: it is such a one.
    """
    from jsonschema.exceptions import SchemaError

    parts = list(_parts(schema))
    told = dict.fromkeys(part[word] for part in parts for word in _REFERENCES if isinstance(part.get(word), str))
    for ref in told:
        if not ref.startswith("#"):
            raise ValueError(f"the JSON Schema of the inputs refers to {ref!r:.60}. hint: put it into its $defs")
    try:
        validator = _validator_of(schema)
        validator.check_schema(validator.schema)
        if not any("$id" in part or "id" in part for part in parts[1:]):  # else it depends on the place where it leads
            _look_up(validator, told)
        next(validator.iter_errors({}), None)
    except RecursionError as error:
        raise ValueError("the JSON Schema of the inputs leads back into itself without end, or is too deep") from error
    except Exception as error:  # a schema is data, and may be whatever it is
        why = error.message if isinstance(error, SchemaError) else in_words(error)
        raise ValueError(f"the JSON Schema of the inputs is none: {shortened(why, MAX_WORDS)}") from error


def _validator_of(schema: Mapping[str, Any]) -> Any:
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing import Registry

    made = validator_for(schema, default=Draft202012Validator)
    return made({**schema}, registry=Registry())  # nothing is ever fetched


def _look_up(validator: Any, references: Iterable[str]) -> None:
    """Follow references inside of a schema.

    Raises:
        LookupError: one leads nowhere.
    """
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    resource = specification_with(validator.META_SCHEMA["$schema"]).create_resource(validator.schema)
    resolver = Registry().resolver_with_root(resource)
    for ref in references:
        try:
            resolver.lookup(ref)
        except Unresolvable as error:
            raise LookupError(f"{ref!r:.60} leads nowhere") from error


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schemas in a schema, itself first."""
    todo, seen = [(schema, False)], set[int]()
    while todo:
        part, is_named = todo.pop()
        if id(part) in seen:
            continue
        if isinstance(part, Mapping):
            seen.add(id(part))
            if not is_named:
                yield part
            todo += [
                (inner, not is_named and word in _NAMED)
                for word, inner in part.items()
                if is_named or word not in _DATA
            ]
        elif isinstance(part, list | tuple):
            seen.add(id(part))
            todo += [(inner, False) for inner in part]
