"""Declared inputs: a pydantic model, a TypedDict, a dataclass or a JSON Schema that each row of inputs must fit."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from crewgraph.shapes import Shape, fields_of, kinds_of
from crewgraph.shapes.adapter import adapter

__all__ = ["Declared", "declared", "is_declarable"]

Made = tuple[Any, list[str], dict[str, str]]
"""What was made of values, the keys that are missing, and what is wrong with others."""
Looked = tuple[dict[str, Any], list[str], dict[str, str]]
"""The values to go on with, the keys that are missing, and what is wrong with others."""


@dataclass(frozen=True)
class Declared:
    """What somebody declares to take.

    Attributes:
        source: the model, TypedDict, dataclass or JSON Schema.
        fields: its keys, as they are handed over.
    """

    source: Any
    fields: Mapping[str, Shape]

    @property
    def name(self) -> str:
        """What it is called in messages."""
        title = self.source.get("title") if isinstance(self.source, Mapping) else self.source.__name__
        return str(title or "the JSON Schema")

    @property
    def is_closed(self) -> bool:
        """Whether keys are refused that it does not declare."""
        if isinstance(self.source, Mapping):
            return self.source.get("additionalProperties") is False
        config = getattr(self.source, "model_config", None) or getattr(self.source, "__pydantic_config__", None) or {}
        return config.get("extra") == "forbid"

    @property
    def reads(self) -> Iterable[str]:
        """The keys that it is filled from: of a model those that its aliases name."""
        return self._names

    def made(self, values: Mapping[str, Any]) -> Made:
        """Values as what is declared, or what is wrong with them; a JSON Schema leaves them a dict."""
        if isinstance(self.source, Mapping):
            return self._by_schema(values)
        try:
            return self._adapter.validate_python(dict(values)), [], {}
        except ValidationError as error:
            return None, *_sorted(error)

    def look_at(self, values: Mapping[str, Any]) -> Looked:
        """Validate a row; what is not declared stays as it is, unless it is forbidden."""
        made, missing, misfits = self.made(values)
        if missing or misfits:
            return dict(values), missing, misfits
        return {**values, **self.dumped(made)}, [], {}

    def dumped(self, made: Any) -> dict[str, Any]:
        """What was made, as it is handed over."""
        given: Any = made.model_dump() if isinstance(made, BaseModel) else self._adapter.dump_python(made)
        return given

    def json_schema(self) -> dict[str, Any]:
        """It as a JSON Schema."""
        if isinstance(self.source, Mapping):
            return dict(self.source)
        return self._adapter.json_schema()

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for key, each in self.fields.items() for name in (key, *each.names)))

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        made = adapter(dict[str, Any] if isinstance(self.source, Mapping) else self.source)
        if made is None:
            raise ValueError(f"{self.name} cannot be validated: a type in it leads nowhere. hint: import what it names")
        return made

    @cached_property
    def _validator(self) -> Any:
        from jsonschema.validators import validator_for
        from referencing import Registry

        return validator_for(self.source)(self.source, registry=Registry())  # nothing is ever fetched

    def _by_schema(self, values: Mapping[str, Any]) -> Looked:
        missing, misfits = list[str](), dict[str, str]()
        known = {**{key: each.default for key, each in self.fields.items() if each.has_default}, **values}
        for error in sorted(self._validator.iter_errors(known), key=lambda each: [str(step) for step in each.path]):
            if error.validator == "required" and not error.path:
                missing += [key for key in error.validator_value if key not in known and key not in missing]
            else:
                place = ".".join(map(str, error.path)) or "the row"
                misfits.setdefault(place, _shortened(error.message))
        return known, missing, misfits


def declared(source: Any) -> Declared:
    """Look into what somebody declares to take.

    Raises:
        ValueError: it is neither a model, a TypedDict, a dataclass nor the JSON Schema of an object.
    """
    if isinstance(source, Declared):
        return source
    if isinstance(source, Mapping):
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for

        try:
            validator_for(source).check_schema(dict(source))
        except SchemaError as error:
            raise ValueError(f"the JSON Schema of the inputs is none: {_shortened(error.message)}") from error
        for outside in _outside(source):
            raise ValueError(f"the JSON Schema of the inputs refers to {outside!r:.60}. hint: put it into its $defs")
        return Declared(source, kinds_of(source))
    if not is_declarable(source):
        told = f"the class {source.__name__}" if isinstance(source, type) else repr(source)[:60]
        raise ValueError(
            f"inputs are declared by a pydantic model, a TypedDict, a dataclass or a JSON Schema, not by {told}. "
            "hint: class Mail(BaseModel): subject: str"
        )
    return Declared(source, fields_of(source))


def is_declarable(source: object) -> bool:
    """Whether something is a model, a TypedDict or a dataclass: a type that names keys."""
    is_model = isinstance(source, type) and (issubclass(source, BaseModel) or dataclasses.is_dataclass(source))
    return is_model or typing.is_typeddict(source)


def _outside(schema: Any) -> Iterator[str]:
    """The references of a schema that lead out of it."""
    todo: list[Any] = [schema]
    while todo:
        part = todo.pop()
        if isinstance(part, Mapping):
            ref: Any = part.get("$ref", "#")
            if isinstance(ref, str) and not ref.startswith("#"):
                yield ref
            todo += part.values()
        elif isinstance(part, list):
            todo += part


def _sorted(error: ValidationError) -> tuple[list[str], dict[str, str]]:
    """The keys that are missing, and what is wrong with the others."""
    missing, misfits = list[str](), dict[str, str]()
    for each in error.errors(include_url=False, include_context=False):
        place = ".".join(map(str, each["loc"])) or "the row"
        if each["type"] == "missing" and len(each["loc"]) == 1:
            missing.append(place)
        else:
            misfits.setdefault(place, _shortened(f"{each['msg']}, not {each['input']!r:.60}"))
    return missing, misfits


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"


MAX_WORDS = 200
"""Characters of what is said about one value: it is quoted, and may be long."""
