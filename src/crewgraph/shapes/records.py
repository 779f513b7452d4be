"""Read the forms of models, dataclasses and TypedDicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from crewgraph.shapes.adapter import Core
from crewgraph.shapes.forms import ANYTHING, VALIDATORS, Either, Form, Guarded, Instance, Opaque, Record, Slot
from crewgraph.shapes.reader import ANY, Handler, Reader

__all__ = ["RECORDS"]

INITS = "its own __init__ decides what it takes"
PATHS = "it looks for a field inside of others"


def _model(reader: Reader, core: Core) -> Form:
    cls, inside = core["cls"], reader.within(core)
    if reader.side == "whole":
        return _instance(cls)
    form = inside.read(core["schema"])
    if not reader.takes:
        return form
    if core.get("custom_init"):
        form = Opaque(INITS)
    elif core.get("post_init") and getattr(cls.model_post_init, "__name__", "") != "init_private_attributes":
        form = Guarded(form)
    return Either((_as_it_is(inside, core), form))


def _dataclass(reader: Reader, core: Core) -> Form:
    inside = reader.within(core)
    if reader.side == "whole":
        return _instance(core["cls"])
    form = inside.read(core["schema"])
    if not reader.takes:
        return form
    return Either((_as_it_is(inside, core), Guarded(form) if core.get("post_init") else form))


def _instance(cls: type) -> Instance:
    return Instance(cls, {"type": "is-instance", "cls": cls})


def _as_it_is(inside: Reader, core: Core) -> Form:
    """An instance is handed on unchanged, unless the model wants it validated anew."""
    again = core.get("revalidate_instances") or inside.config.get("revalidate_instances", "never")
    instance = _instance(core["cls"])
    return instance if again == "never" else Guarded(instance)


def _model_fields(reader: Reader, core: Core) -> Form:
    return _record(reader, core, core.get("model_name", "dict"), core["fields"].items())


def _typed_dict(reader: Reader, core: Core) -> Form:
    inside = reader.within(core) if "config" in core else reader
    name = str(getattr(core.get("cls"), "__name__", core.get("cls_name", "dict")))
    return _record(inside, core, name, core["fields"].items())


def _dataclass_args(reader: Reader, core: Core) -> Form:
    # as a sink it takes what __init__ takes; as a source it hands over what was not for __init__ only
    skipped = "init" if reader.takes else "init_only"
    fields = [(part["name"], part) for part in core["fields"] if part.get(skipped, reader.takes) == reader.takes]
    return _record(reader, core, core["dataclass_name"], fields, only_text=reader.takes)


def _record(
    reader: Reader, core: Core, name: str, fields: Iterable[tuple[str, Core]], *, only_text: bool = False
) -> Form:
    extra = _extra(reader, core)
    if not reader.takes:
        slots = [_given(reader, key, part) for key, part in fields if not part.get("serialization_exclude")]
        slots += [_computed(reader, part) for part in core.get("computed_fields", ())]
        return Record(name, tuple(slots), extra)
    taken, doubt, total = list[Slot](), "", core.get("total", True)
    for key, part in fields:
        keys = _keys(reader, key, part)
        if keys:
            needed, certain = _needed(part["schema"])
            doubt = doubt if certain else VALIDATORS
            taken.append(Slot(keys, reader.read(part["schema"]), part.get("required", needed and total)))
        else:
            doubt, extra = PATHS, None if extra == "forbid" else extra
    objects = bool(core.get("from_attributes", reader.config.get("from_attributes", False)))
    record = Record(name, tuple(taken), extra, only_text=only_text, takes_objects=objects)
    return Guarded(record, reason=doubt) if doubt else record


def _extra(reader: Reader, core: Core) -> Form | Literal["forbid"] | None:
    extra = core.get("extra_behavior") or reader.config.get("extra_fields_behavior", "ignore")
    if extra == "allow":
        return reader.read(core["extras_schema"]) if "extras_schema" in core else ANYTHING
    return "forbid" if extra == "forbid" and reader.takes else None


def _given(reader: Reader, key: str, part: Core) -> Slot:
    """A key that a source hands over; a dump has all fields, also those with defaults."""
    if reader.side == "dumped" and reader.config.get("serialize_by_alias"):
        key = part.get("serialization_alias") or key
    return Slot(
        (key,), reader.read(part["schema"]), "serialization_exclude_if" not in part and part.get("required", True)
    )


def _computed(reader: Reader, part: Core) -> Slot:
    key = part.get("alias") if reader.config.get("serialize_by_alias") else None
    return Slot((key or part["property_name"],), reader.read(part.get("return_schema", ANY)), is_required=True)


def _keys(reader: Reader, name: str, part: Core) -> tuple[str, ...]:
    """Under which names a sink looks for a field; none where it looks inside of another."""
    alias: Any = part.get("validation_alias")
    if alias is None or not reader.config.get("validate_by_alias", True):
        return (name,)
    paths = [[alias]] if isinstance(alias, str) else [alias] if isinstance(alias[0], str) else alias
    if any(len(path) > 1 or not isinstance(path[0], str) for path in paths):
        return ()
    keys = [path[0] for path in paths]
    by_name = reader.config.get("validate_by_name") or reader.config.get("populate_by_name")
    return tuple(dict.fromkeys([*keys, *([name] if by_name else [])]))


def _needed(schema: Core) -> tuple[bool, bool]:
    """Whether a field has no default, and whether that is certain: a function around a default may change it."""
    if schema["type"] == "default":
        return False, True
    while schema["type"].startswith("function-") and "schema" in schema:
        schema = schema["schema"]
        if schema["type"] == "default":
            return False, False
    return True, True


RECORDS: dict[str, Handler] = {
    "model": _model,
    "dataclass": _dataclass,
    "model-fields": _model_fields,
    "dataclass-args": _dataclass_args,
    "typed-dict": _typed_dict,
}
