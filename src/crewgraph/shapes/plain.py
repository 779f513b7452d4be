"""Read the forms of scalars, containers, unions and what is looked at once more."""

from __future__ import annotations

from collections import abc
from collections.abc import Mapping
from dataclasses import replace
from enum import Flag
from functools import partial
from operator import attrgetter
from typing import Any

from crewgraph.shapes.adapter import Core
from crewgraph.shapes.code import has_code, has_missing, is_decorator, is_pure, rule_of
from crewgraph.shapes.forms import (
    ANYTHING,
    NONE,
    UNPROVEN,
    VALIDATORS,
    Again,
    Choice,
    Either,
    Form,
    Guarded,
    Instance,
    Items,
    Opaque,
    Row,
    Scalar,
    Table,
)
from crewgraph.shapes.reader import ANY, Handler, Reader

__all__ = ["PLAIN"]

MAKERS = "code of its own makes it"
MAX_SHOWN = 4
"""How many values of a Literal its name shows."""

SCALARS = {
    **{kind: kind for kind in ("bool", "int", "float", "complex", "str", "bytes", "date", "datetime", "time")},
    "timedelta": "timedelta",
    "decimal": "Decimal",
    "uuid": "UUID",
    "fraction": "Fraction",
}
ONLY_PYDANTIC_KNOWS = {
    "url": "URL",
    "multi-host-url": "URL",
    "json": "JSON text",
    "callable": "function",
    "is-subclass": "class",
}


# ---- without parts ---------------------------------------------------------------------------------------------


def _any(_: Reader, __: Core) -> Form:
    return ANYTHING


def _none(_: Reader, __: Core) -> Form:
    return NONE


def _scalar(reader: Reader, core: Core) -> Form:
    return Scalar(core["type"], reader.bare(core), SCALARS[core["type"]])


def _only_pydantic(reader: Reader, core: Core) -> Form:
    if reader.takes and not has_code(core):
        return Scalar("other", core, ONLY_PYDANTIC_KNOWS[core["type"]])
    if core["type"] == "json" and not reader.takes:
        return reader.read(core.get("schema", ANY))
    return Opaque(VALIDATORS if reader.takes else MAKERS)


def _literal(reader: Reader, core: Core) -> Form:
    values = tuple(core["expected"])
    shown = ", ".join(repr(getattr(value, "value", value)) for value in values[:MAX_SHOWN])
    more = ", …" if len(values) > MAX_SHOWN else ""
    return Choice(values, reader.bare(core), f"Literal[{shown}{more}]")


def _enum(reader: Reader, core: Core) -> Form:
    cls = core["cls"]
    if issubclass(cls, Flag):
        return Opaque(f"the values of {cls.__name__} can be combined")
    return Choice(tuple(core["members"]), reader.bare(core), cls.__name__, has_code=has_missing(cls))


def _is_instance(reader: Reader, core: Core) -> Form:
    cls = core["cls"]
    if not isinstance(cls, type):
        cls = getattr(cls, "__origin__", None)  # typing.Sequence stands for the class of collections.abc
    if not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return Opaque("it is no class")
    if cls is abc.Sequence and not reader.takes:
        return Items("sequence", ANYTHING, {"type": "is-instance", "cls": cls})
    is_dumped = reader.side == "dumped" and (hasattr(cls, "model_dump") or hasattr(cls, "__dataclass_fields__"))
    return Opaque(MAKERS) if is_dumped else Instance(cls, {"type": "is-instance", "cls": cls})


# ---- containers ------------------------------------------------------------------------------------------------


def _items(reader: Reader, core: Core) -> Form:
    kind, item = core["type"], reader.read(core.get("items_schema", ANY))
    if kind == "generator":
        return Items("iterable", item, {"type": "generator"}) if reader.takes else Opaque("it can be read only once")
    shell = reader.bare(core) | {"items_schema": ANY}
    whole: Core | None = None
    if kind in {"set", "frozenset"} and reader.takes:
        whole = None if has_code(core) else core
        if not reader.is_strict(core):  # what may be in a set is seen when all of it is looked at
            shell = {"type": "list", "items_schema": ANY}
    return Items(kind, item, shell, core.get("min_length") or 0, core.get("max_length"), whole)


def _tuple(reader: Reader, core: Core) -> Form:
    parts, rest = core["items_schema"], core.get("variadic_item_index")
    if rest is None:
        shell = {"type": "tuple", "items_schema": [ANY] * len(parts), "strict": reader.is_strict(core)}
        return Row(tuple(reader.read(part) for part in parts), shell, len(parts))
    if len(parts) > 1:
        return Opaque("a tuple with a rest is not looked into")
    shell = reader.bare(core) | {"items_schema": [ANY]}
    return Items("tuple", reader.read(parts[0]), shell, core.get("min_length") or 0, core.get("max_length"))


def _named_tuple(reader: Reader, core: Core) -> Form:
    parts = [(field["name"], field["schema"]) for field in core["fields"]]
    least = sum(schema["type"] != "default" for _, schema in parts)
    row = Row(
        tuple(reader.read(schema) for _, schema in parts),
        {"type": "tuple", "items_schema": [ANY], "variadic_item_index": 0, "max_length": len(parts)},
        least,
        tuple if reader.side == "dumped" else core["cls"],
        tuple(name for name, _ in parts),
    )
    return Either((Instance(core["cls"], {"type": "is-instance", "cls": core["cls"]}), row)) if reader.takes else row


def _dict(reader: Reader, core: Core) -> Form:
    key, value = core.get("keys_schema", ANY), core.get("values_schema", ANY)
    shell = reader.bare(core) | {"type": "dict", "keys_schema": ANY, "values_schema": ANY}
    least, most = core.get("min_length") or 0, core.get("max_length")
    return Table(reader.read(key), reader.read(value), shell, least, most)


# ---- one of several, and looked at once more -----------------------------------------------------------------------


def _nullable(reader: Reader, core: Core) -> Form:
    return Either((reader.read(core["schema"]), NONE))


def _union(reader: Reader, core: Core) -> Form:
    choices = [choice[0] if isinstance(choice, tuple) else choice for choice in core["choices"]]
    return Either(tuple(reader.read(choice) for choice in choices))


def _tagged(reader: Reader, core: Core) -> Form:
    forms, tag = tuple(reader.read(choice) for choice in core["choices"].values()), core["discriminator"]
    if isinstance(tag, str) or not reader.takes:
        return Either(forms, tag if reader.takes else "")
    return Guarded(Either(forms))


def _inner(reader: Reader, core: Core) -> Form:
    return reader.read(core["schema"])


def _default(reader: Reader, core: Core) -> Form:
    if core.get("on_error", "raise") != "raise" and reader.takes:
        return Opaque("what it refuses becomes its default")
    form = reader.read(core["schema"])
    # pydantic does not look at defaults: `name: str = None` hands over None
    hands_none = not reader.takes and "default" in core and core["default"] is None
    return Either((form, NONE)) if hands_none and not _has_none(form) else form


def _has_none(form: Form) -> bool:
    return isinstance(form, Either) and NONE in form.forms


def _function(reader: Reader, core: Core) -> Form:
    function, inner = core["function"]["function"], core.get("schema")
    rule = rule_of(function)
    if rule is not None and inner is not None:
        return _with_rule(reader.read(inner), rule, None if has_code(core) else core)
    if reader.takes:
        return _checked(reader, core)
    if isinstance(function, attrgetter) and inner is not None:
        return _values(reader.read(inner))
    return reader.read(inner) if inner is not None and is_decorator(function, inner) else Opaque(MAKERS)


def _with_rule(form: Form, rule: partial[Any], core: Core | None) -> Form:
    """A form with a bound that pydantic keeps beside: the length of a sequence is one of its own."""
    if isinstance(form, Items) and form.kind == "sequence" and rule.keywords.keys() <= {"min_length", "max_length"}:
        least, most = rule.keywords.get("min_length", form.least), rule.keywords.get("max_length", form.most)
        return replace(form, least=least, most=most)
    return Guarded(form, rule, core, UNPROVEN)


def _checked(reader: Reader, core: Core) -> Form:
    """A sink with a function: what one of pydantic's own takes can be tried, the user's is only asked at run time."""
    if is_pure(core["function"]["function"]) and not has_code(core):
        return Scalar("other", core, _name_in(core))
    return Guarded(reader.read(core["schema"])) if core["type"] == "function-after" else Opaque(VALIDATORS)


def _name_in(core: Core) -> str:
    """What something that only pydantic knows is called."""
    named = getattr(core["function"]["function"], "__name__", "")
    return ONLY_PYDANTIC_KNOWS.get(core.get("schema", ANY)["type"], named.removesuffix("_validator"))


def _values(form: Form) -> Form:
    """What ``use_enum_values`` makes of an enum."""
    form = form.form if isinstance(form, Again) else form
    if not isinstance(form, Choice):
        return Opaque(MAKERS)
    values = tuple(member.value for member in form.values)
    return Choice(values, {"type": "literal", "expected": list(values)}, form.name)


def _lax_or_strict(reader: Reader, core: Core) -> Form:
    cls = _instance_in(core["strict_schema"])
    if not reader.takes:
        return Opaque(MAKERS) if cls is None else Instance(cls, {"type": "is-instance", "cls": cls})
    lax = core["strict_schema"] if reader.is_strict(core) else core["lax_schema"]
    if has_code(lax) or cls is None:
        return reader.read(lax)
    is_path = lax.get("custom_error_type") == "path_type"
    return Scalar("path" if is_path else "other", lax, cls.__name__, cls)


def _instance_in(core: Core) -> type | None:
    """The class of which a strict schema takes the instances."""
    if core["type"] == "is-instance":
        return core["cls"] if isinstance(core["cls"], type) else None
    inner: list[Any] = [core.get("python_schema"), *core.get("choices", ()), *core.get("steps", ())]
    return next((cls for part in inner if isinstance(part, Mapping) and (cls := _instance_in(part))), None)


def _chain(reader: Reader, core: Core) -> Form:
    steps = core["steps"]
    function = steps[-1].get("function", {}).get("function")
    if getattr(function, "__name__", "") == "sequence_validator" and is_pure(function):
        listed = steps[-1]["schema"]
        return Items("sequence", reader.read(listed.get("items_schema", ANY)), {**steps[0]})
    return Guarded(reader.read(steps[0])) if reader.takes else Opaque(MAKERS)


def _definitions(reader: Reader, core: Core) -> Form:
    reader.book.cores.update({part["ref"]: part for part in core["definitions"]})
    return reader.read(core["schema"])


def _reference(reader: Reader, core: Core) -> Form:
    return Again(core["schema_ref"], reader.book)


PLAIN: dict[str, Handler] = {
    **dict.fromkeys(SCALARS, _scalar),
    **dict.fromkeys(ONLY_PYDANTIC_KNOWS, _only_pydantic),
    **dict.fromkeys(["list", "set", "frozenset", "deque", "generator"], _items),
    **dict.fromkeys(["dict", "ordered-dict", "counter"], _dict),
    **dict.fromkeys(["function-after", "function-before", "function-wrap", "function-plain"], _function),
    "any": _any,
    "none": _none,
    "literal": _literal,
    "enum": _enum,
    "is-instance": _is_instance,
    "tuple": _tuple,
    "named-tuple": _named_tuple,
    "nullable": _nullable,
    "union": _union,
    "tagged-union": _tagged,
    "default": _default,
    "custom-error": _inner,
    "json-or-python": lambda reader, core: reader.read(core["python_schema"]),
    "lax-or-strict": _lax_or_strict,
    "chain": _chain,
    "definitions": _definitions,
    "definition-ref": _reference,
}
