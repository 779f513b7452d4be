"""What a tool takes: the schema that a model is told, and from the JSON it writes back to a call."""

from __future__ import annotations

import copy
import json
import re
import typing
import unicodedata
from collections.abc import Container, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import InitErrorDetails

from crewgraph.errors import ToolError

__all__ = [
    "Arguments",
    "ArgumentsMisfit",
    "Signature",
    "api_name",
    "check_defaults",
    "described",
    "field_name",
    "is_hashable",
    "model_of",
    "opened",
    "parsed",
]

MAX_ERRORS = 10
"""How many errors of one call are told to the model."""
MAX_NAME = 64
_UNSAFE = re.compile(r"[^a-zA-Z0-9_-]+")


class ArgumentsMisfit(ValueError):
    """Raised when arguments do not fit; its words are meant for the model that wrote them."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call, validated.

    Attributes:
        args, kwargs: what the function is called with.
        values: all of them, by name.
        key: what was written, in one form, to tell equal calls; ``None`` where nobody has to, or it has no JSON form.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key: str | None = None


class _NoTitles(GenerateJsonSchema):
    """Titles made from names tell a model nothing; and a default without JSON form is just left out."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature of the overridden method
        return False


@dataclass(frozen=True, slots=True)
class Signature:
    """What a tool takes.

    Attributes:
        model: the arguments as a pydantic model.
        names: for each of its fields the parameter that it fills.
        positional: parameters that are filled by position only.
        only_given: parameters that are left to what is called where a call leaves them out.
        filled: parameters that are no caller's to choose, not even where anything may be added.
    """

    model: type[BaseModel]
    names: Mapping[str, str]
    positional: tuple[str, ...] = ()
    only_given: AbstractSet[str] = frozenset()
    filled: AbstractSet[str] = frozenset()

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, as models are told it."""
        schema = self.model.model_json_schema(schema_generator=_NoTitles)
        schema.pop("title", None)
        schema.pop("description", None)  # the docstring of the model is no description of the tool
        return {"type": "object", "properties": {}, **schema}

    def arguments(self, text: str) -> Arguments:
        """The arguments of a call that a model wrote.

        Raises:
            ArgumentsMisfit: they are no JSON object, or do not fit.
        """
        written = parsed(text)
        key = json.dumps(written, sort_keys=True)  # not what became of it, for a model may hide values that differ
        try:
            return self._bound(self.model.model_validate_json(text if written else "{}"), key)
        except Exception as error:  # a validator of the model may raise anything
            raise ArgumentsMisfit(_told(error)) from error

    def checked(self, arguments: Mapping[str, Any], *, who: str) -> Arguments:
        """The arguments of a call that a person wrote.

        Raises:
            ToolError: they do not fit.
        """
        try:
            return self._bound(self.model.model_validate(dict(arguments)))
        except ValidationError as error:
            raise ToolError(f"{who}: {_told(error)}") from error

    def _bound(self, value: BaseModel, key: str | None = None) -> Arguments:
        """Validated arguments, as the function takes them."""
        values = {
            name: getattr(value, inside)
            for inside, name in self.names.items()
            if inside in value.model_fields_set or name not in self.only_given
        } | self._added(value)
        return Arguments(
            args=tuple(values[name] for name in self.positional),
            kwargs={name: each for name, each in values.items() if name not in self.positional},
            values=values,
            key=key,
        )

    def _added(self, value: BaseModel) -> dict[str, Any]:
        """What was added to the fields, which must not stand in for anything that has its value already.

        Raises:
            ValidationError: it does.
        """
        added = value.model_extra or {}
        taken = [name for name in added if name in self.filled or name in self.names.values()]
        if taken:
            errors = [InitErrorDetails(type="extra_forbidden", loc=(name,), input=added[name]) for name in taken]
            raise ValidationError.from_exception_data(self.model.__name__, errors)
        return added


def parsed(text: str) -> dict[str, Any]:
    """The JSON object that a model wrote as arguments; nothing at all stands for none.

    Raises:
        ArgumentsMisfit: it is none.
    """
    try:
        value: Any = json.loads(text or "{}", parse_constant=_no_constant) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ArgumentsMisfit(f"the arguments are not JSON ({error}); write one JSON object") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ArgumentsMisfit(f"the arguments are a JSON {_kind(value)}; write one JSON object")
    return value


def opened(values: Mapping[str, Any]) -> Arguments:
    """Arguments that nobody but the tool itself checks."""
    try:
        key = json.dumps(values, sort_keys=True)
    except (TypeError, ValueError):
        key = None
    return Arguments(kwargs=values, values=values, key=key)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _kind(value: object) -> str:
    kinds: dict[type, str] = {bool: "boolean", str: "string", list: "array"}
    return kinds.get(type(value), "number")


def _told(error: Exception) -> str:
    """What does not fit, in words for the model."""
    if not isinstance(error, ValidationError):
        return f"the arguments do not fit: {type(error).__name__}: {error}"
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"- {'.'.join(map(str, row['loc'])) or 'the object'}: {row['msg']}" for row in rows[:MAX_ERRORS]]
    rest = len(rows) - MAX_ERRORS
    more = [f"- and {rest} more"] if rest > 0 else []
    return "\n".join(["the arguments do not fit the schema; correct these and call again:", *lines, *more])


# ---- models of arguments ---------------------------------------------------------------------------------------


def field_name(name: str, taken: Container[str]) -> str:
    """A name that a pydantic model can have a field under, and not one of those taken."""
    inside = name.lstrip("_") if name.isidentifier() else "field"
    while not inside.isidentifier() or hasattr(BaseModel, inside) or inside in taken:
        inside = f"field_{inside}"
    return inside


def described(hint: Any, name: str, inside: str, said: str | None, default: Any) -> Any:
    """The annotation of a field, with its outside name and what is known of its meaning."""
    notes: tuple[Any, ...] = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    infos = [note for note in (*notes, default) if isinstance(note, FieldInfo)]
    words = next((note for note in notes if isinstance(note, str)), None) or said
    more: dict[str, Any] = {} if inside == name else {"alias": name}
    if words and not any(info.description for info in infos):
        more["description"] = words
    return Annotated[hint, Field(**more)] if more else hint


def model_of(who: str, fields: dict[str, Any], extra: Any) -> type[BaseModel]:
    """The model of the fields, complete and with a JSON form, or the parameter that stands against it."""
    name = _model_name(who)
    config = ConfigDict(extra="forbid" if extra is None else "allow", protected_namespaces=())
    space = {"__module__": __name__, "__annotations__": {"__pydantic_extra__": dict[str, extra]}} if extra else {}
    try:
        parent = type(name, (BaseModel,), {"model_config": config, "__module__": __name__, **space})
        model: type[BaseModel] = create_model(name, __base__=parent, **fields)
        model.model_json_schema(schema_generator=_NoTitles)
    except Exception as error:
        raise _misdescribed(fields, who, error) from error
    return model


def check_defaults(model: type[BaseModel], *, who: str) -> None:
    """Refuse a default that pydantic would copy for each call, and cannot.

    Raises:
        ToolError: a field has such a default.
    """
    for name, info in model.model_fields.items():
        if is_hashable(info.default):
            continue  # it is handed over as it is
        try:
            copy.deepcopy(info.default)
        except Exception as error:
            hint = "fill it in with functools.partial, or make it where it is needed"
            raise ToolError(
                f"the default of '{info.alias or name}' of {who} cannot be copied for each call: {error}. hint: {hint}"
            ) from error


def is_hashable(value: object) -> bool:
    """Whether a value really has a hash, all the way down."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _misdescribed(fields: Mapping[str, Any], who: str, error: Exception) -> ToolError:
    """The error of arguments without a schema, with the parameter that is to blame."""
    problems = [f"'{name}': {problem}" for name, (hint, _) in fields.items() if (problem := _problem(hint))]
    blamed = "; ".join(problems) or _first_line(error)
    hint = "take text, numbers, lists, dicts or pydantic models; fill in the rest with functools.partial"
    return ToolError(f"a model cannot be told the arguments of {who}: {blamed}. hint: {hint}")


def _problem(hint: Any) -> str:
    """Why a type has no JSON form; nothing where it has one."""
    try:
        TypeAdapter(hint).json_schema()
    except Exception as error:  # noqa: BLE001 - pydantic raises errors of many kinds here
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _model_name(who: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", who.removeprefix("tool"))
    return "".join(word[0].upper() + word[1:] for word in words) + "Arguments"


# ---- names -----------------------------------------------------------------------------------------------------


def api_name(name: str, taken: Iterable[str] = ()) -> str:
    """A tool's name in the letters that providers allow, and not one of those taken."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    short = _UNSAFE.sub("_", ascii_only).strip("_")[:MAX_NAME] or "tool"
    others, unique, number = set(taken), short, 1
    while unique in others:
        number += 1
        unique = f"{short[: MAX_NAME - len(str(number)) - 1]}_{number}"
    return unique
