"""What a node gave, as JSON and back: never pickled, checked against the declared types when it is read.

What is written comes back as it was, in value and type. Where that cannot be, it is not written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from crewgraph.definition import named
from crewgraph.node import Interface
from crewgraph.outputs import CrewOutput, OutputFormat, ProcedureRunResult, TaskOutput
from crewgraph.shapes import adapter, by_identity, coercer
from crewgraph.store.entries import Spent
from crewgraph.store.plain import PLAIN, NotPlain, as_json, is_same, misfit
from crewgraph.template import as_text
from crewgraph.usage import Call, UsageMetrics

__all__ = [
    "NotPlain",
    "decoded",
    "decoded_task",
    "encoded",
    "encoded_keys",
    "encoded_task",
    "read_spent",
    "written_spent",
]

_WORDS = TaskOutput.model_fields.keys() - {"raw", "pydantic", "json_dict", "output_format", "output_file"}
"""What of a task's output is plain."""
ANSWER = {"raw", "keys", "typed", "has_keys"}
"""What there is of an answer that is keys and their text."""


# ---- outputs ---------------------------------------------------------------------------------------------------


def encoded(output: CrewOutput, face: Interface) -> str:
    """An output as JSON, without what it took.

    Args:
        output: what a node gave.
        face: what the node says of itself, its declared types among it.

    Raises:
        NotPlain: it would not come back as it was.
    """
    if type(output) not in (CrewOutput, ProcedureRunResult):
        raise NotPlain(f"it gives a {type(output).__qualname__}")
    record = _answer(output, face)
    if output.tasks_output:
        record["tasks"] = [_task(task, face) for task in output.tasks_output]
    elif record.keys() == ANSWER and not record["typed"] and output.raw == as_text(output.json_dict):
        return _plain_keys(record["keys"])
    return as_json({key: value for key, value in record.items() if value})


def encoded_keys(keys: dict[str, Any], face: Interface) -> str:
    """The same of an output of plain keys alone, which is not made for it.

    Args:
        keys: what a step gave that took nothing.
        face: what the node says of itself.

    Raises:
        NotPlain: it would not come back as it was.
    """
    record, typed = _keys(keys, face)
    if typed:
        return as_json({"raw": as_text(keys), "keys": record, "typed": typed, "has_keys": True})
    return _plain_keys(record)


def _plain_keys(keys: dict[str, Any]) -> str:
    """An output that is no more than its keys: its text is written of them when somebody looks."""
    return as_json({"plain": keys})


def decoded(text: str, face: Interface | None) -> CrewOutput:
    """The output that was written.

    Args:
        text: the JSON.
        face: what the node says of itself; ``None`` where nobody knows, then values stay as JSON has them.

    Raises:
        ValueError: it does not fit the types that are declared now; the text says why.
    """
    record: dict[str, Any] = json.loads(text)
    if "plain" in record:
        if face is not None:
            _check(record["plain"], face)
        return CrewOutput.of_keys(record["plain"])
    return CrewOutput.model_construct(
        **_answer_read(record, face), tasks_output=[_task_read(task, face) for task in record.get("tasks", ())]
    )


def _answer(output: CrewOutput | TaskOutput, face: Interface) -> dict[str, Any]:
    """Text, model and keys of an answer; whatever is not plain, by its declared type."""
    _plain(output.raw, "its text")
    record: dict[str, Any] = {"raw": output.raw}
    if output.json_dict is not None:
        record["keys"], record["typed"] = _keys(output.json_dict, face)
        record["has_keys"] = True
    if output.pydantic is not None:
        record["value"] = _model(output.pydantic, face)
    return record


def _answer_read(record: Mapping[str, Any], face: Interface | None) -> dict[str, Any]:
    keys, model = dict(record.get("keys", {})), record.get("value")
    if face is not None:
        for key in record.get("typed", ()):
            keys[key] = _adapter(face, key).validate_json(as_json(keys[key]))
        _check(keys, face)
    return {
        "raw": record.get("raw", ""),
        "json_dict": keys if "has_keys" in record else None,
        "pydantic": None if model is None else _model_read(model, face),
    }


def _keys(keys: Mapping[str, Any], face: Interface) -> tuple[dict[str, Any], list[str]]:
    """The keys as plain values, and which of them are so by their declared type alone."""
    record: dict[str, Any] = {}
    typed: list[str] = []
    for key, value in keys.items():
        if type(key) is not str:
            raise NotPlain(f"the key {key!r:.40} is a {type(key).__qualname__}, which JSON does not know")
        record[key] = value
        told = None if type(value) in PLAIN else misfit(value, f"'{key}'")
        if told is not None:
            typed.append(key)
            record[key] = _by_type(value, face, key, told)
    _check(keys, face)
    return record, typed


def _by_type(value: Any, face: Interface, key: str, told: str) -> Any:
    """A value as its declared type writes it, if reading that gives the same value."""
    if key not in _declared(face):
        raise NotPlain(f"{told}. hint: declare the key, in a TypedDict or a model")
    made = _adapter(face, key)
    try:
        plain = made.dump_python(value, mode="json", round_trip=True, warnings="error")
        if misfit(plain, "") is None and is_same(made.validate_json(as_json(plain)), value):
            return plain
    except Exception as error:  # a serialiser or a validator of the user's
        raise NotPlain(f"{told}, and its type cannot write it") from error
    raise NotPlain(f"{told}, and what its type writes is read as something else")


def _declared(face: Interface) -> dict[str, Any]:
    return {**face.sometimes, **face.gives}


def _adapter(face: Interface, key: str) -> TypeAdapter[Any]:
    made = adapter(_declared(face).get(key, Any))
    return TypeAdapter(Any) if made is None else made


def _check(keys: Mapping[str, Any], face: Interface) -> None:
    """Refuse keys of a step that do not fit what it declares; a crew's are what its model says."""
    for key, fits in _checks(face):
        if key in keys:
            try:
                fits(keys[key])
            except ValueError as error:
                raise NotPlain(f"'{key}': {error}") from error


@by_identity
def _checks(face: Interface) -> Sequence[tuple[str, Callable[[Any], Any]]]:
    """What checks the declared keys of a step; looked up once."""
    declared = _declared(face).items() if face.kind == "step" else ()
    return [(key, fits) for key, kind in declared if (fits := coercer(kind)) is not None]


def _plain(value: Any, place: str) -> Any:
    told = misfit(value, place)
    if told is not None:
        raise NotPlain(told)
    return value


# ---- models ----------------------------------------------------------------------------------------------------


def _model(value: Any, face: Interface) -> list[Any]:
    """A model by the name of its class and its fields, if reading them gives the same model."""
    kind: type[Any] = type(value)
    name = named(kind)
    if not isinstance(value, BaseModel) or _class_of(name, face) is not kind:
        raise NotPlain(f"it gives a {kind.__qualname__}, which nobody could find again. hint: annotate what it returns")
    try:
        record = json.loads(value.model_dump_json(round_trip=True, warnings="error"))
        is_kept = is_same(_validated(kind, record), value)
    except Exception as error:  # a serialiser or a validator of the user's
        raise NotPlain(f"a {kind.__qualname__} cannot be written and read: {error}") from error
    if not is_kept:
        raise NotPlain(f"a {kind.__qualname__} is not read as it was written")
    return [name, record]


class Fields(BaseModel):
    """The fields of a model whose class is not known."""

    model_config = ConfigDict(extra="allow")


def _model_read(written: Sequence[Any], face: Interface | None) -> BaseModel:
    name, record = written
    if face is None:
        return Fields.model_construct(**{str(key): value for key, value in record.items()})
    kind = _class_of(name, face)
    if kind is None:
        raise NotPlain(f"there is no {name} any more")
    return _validated(kind, record)


def _validated(kind: type[BaseModel], record: Any) -> BaseModel:
    """By the names of the fields, which is how they are written."""
    return kind.model_validate_json(json.dumps(record), by_alias=False, by_name=True)


def _class_of(name: str, face: Interface) -> type[BaseModel] | None:
    """A class that the node declares, else one of a module that is loaded: nothing is imported because a file says so."""
    declared = next((kind for kind in face.models if named(kind) == name), None)
    if declared is not None:
        return declared
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


# ---- tasks -----------------------------------------------------------------------------------------------------


def encoded_task(task: TaskOutput, face: Interface) -> str:
    """The output of one task as JSON.

    Raises:
        NotPlain: it would not come back as it was.
    """
    return as_json(_task(task, face))


def decoded_task(text: str, face: Interface) -> TaskOutput:
    """The output of a task that was written.

    Raises:
        ValueError: it does not fit the types that are declared now; the text says why.
    """
    return _task_read(json.loads(text), face)


def _task(task: TaskOutput, face: Interface) -> dict[str, Any]:
    if type(task) is not TaskOutput:
        raise NotPlain(f"it gives a {type(task).__qualname__}")
    record = {name: _plain(getattr(task, name), name) for name in _WORDS}
    record |= _answer(task, _models_only(face))
    record |= {"output_format": str(task.output_format), "output_file": task.output_file and str(task.output_file)}
    return {key: value for key, value in record.items() if value}


def _task_read(record: Mapping[str, Any], face: Interface | None) -> TaskOutput:
    words = {name: record[name] for name in _WORDS if name in record}
    file = record.get("output_file")
    return TaskOutput.model_construct(
        **_answer_read(record, None if face is None else _models_only(face)),
        **words,
        output_format=OutputFormat(record["output_format"]),
        output_file=None if file is None else Path(file),
    )


@lru_cache(maxsize=1024)
def _known_models(models: tuple[type[BaseModel], ...]) -> Interface:
    return Interface(models=models)


def _models_only(face: Interface) -> Interface:
    """The keys of a crew are not those of each of its tasks."""
    return _known_models(face.models)


# ---- what it took ----------------------------------------------------------------------------------------------

_CALL = {field.name for field in fields(Call)} - {"usage"}


def written_spent(usage: UsageMetrics, calls: Iterable[Call]) -> str | None:
    """What a node took, as JSON; ``None`` where it took nothing."""
    counts, every = _counts(usage), [_call(call) for call in calls]
    return as_json({"usage": counts, "calls": every}) if counts or every else None


def read_spent(text: str) -> Spent:
    """What was written."""
    record = json.loads(text)
    calls = [replace(Call(**each["call"]), usage=UsageMetrics(**each["usage"])) for each in record["calls"]]
    return Spent(UsageMetrics(**record["usage"]), calls)


def _call(call: Call) -> dict[str, Any]:
    return {"call": {name: getattr(call, name) for name in _CALL}, "usage": _counts(call.usage)}


def _counts(usage: UsageMetrics) -> dict[str, int]:
    return {name: count for name, count in usage.__dict__.items() if count}
