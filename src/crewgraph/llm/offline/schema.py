"""A value that fits the JSON Schema of a pydantic model, made up from a seed and the same each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from crewgraph.errors import ModelAnswerInvalid
from crewgraph.llm.offline.pattern import PatternTooHard, matching
from crewgraph.llm.port import json_schema

__all__ = ["made_up", "made_up_value"]

T = TypeVar("T")
Schema = Mapping[str, Any]

ATTEMPTS = 16
"""How many values are tried; the second half leaves out what is optional."""
DEEP = 4
"""From this depth on only what is required is made, so that recursive models end."""
DEEPEST = 24
"""Where a branch is given up: a model that requires itself for ever has no value."""
LOW, HIGH = 1, 9
"""Between which numbers lie that have no bounds of their own."""

FORMATS = {
    "date": ("2024-02-{:02d}", "2024-11-{:02d}"),
    "date-time": ("2024-02-{:02d}T09:30:00Z", "2024-11-{:02d}T16:45:00Z"),
    "time": ("09:30:{:02d}Z",),
    "duration": ("P{}D", "PT{}H"),
    "uuid": ("00000000-0000-4000-8000-0000000000{:02d}",),
    "uuid1": ("00000000-0000-1000-8000-0000000000{:02d}",),
    "uuid3": ("00000000-0000-3000-8000-0000000000{:02d}",),
    "uuid4": ("00000000-0000-4000-8000-0000000000{:02d}",),
    "uuid5": ("00000000-0000-5000-8000-0000000000{:02d}",),
    "email": ("offline{}@example.com",),
    "idn-email": ("offline{}@example.com",),
    "name-email": ("Offline <offline{}@example.com>",),
    "uri": ("https://example.com/{}",),
    "hostname": ("host{}.example.com",),
    "ipv4": ("192.0.2.{}",),
    "ipv6": ("2001:db8::{}",),
    "ipvanyaddress": ("192.0.2.{}",),
    "ipv4network": ("192.0.2.{}/32",),
    "ipv6network": ("2001:db8::{}/128",),
    "ipvanynetwork": ("192.0.2.{}/32",),
    "ipv4interface": ("192.0.2.{}/24",),
    "ipv6interface": ("2001:db8::{}/64",),
    "ipvanyinterface": ("192.0.2.{}/24",),
    "json-string": ('{{"offline": {}}}',),
    "base64": ("b2ZmbGluZQ==",),
    "base64url": ("b2ZmbGluZQ==",),
}
"""Texts for each format that pydantic writes into a schema; the braces take a number from 1 to 28."""


class _NoValueError(Exception):
    """Raised inside where a branch of the schema leads to no value, so that another one is tried."""


def made_up(schema: type[BaseModel], *, seed: int) -> str:
    """JSON text that ``schema`` accepts.

    Raises:
        ModelAnswerInvalid: none was found, for example because the model has validators of its own.
    """

    def text(value: Any) -> str:
        written = json.dumps(value, ensure_ascii=False)
        schema.model_validate_json(written)
        return written

    script = 'script it with OfflineLLM(rules={"words of the task": {…}}) or OfflineLLM(answer=function)'
    return _found(json.loads(json_schema(schema)), schema.__name__, seed, text, script)


def made_up_value(schema: Schema, *, name: str, seed: int) -> Any:
    """A value that a JSON Schema accepts, such as the arguments of a tool.

    Raises:
        ModelAnswerInvalid: none was found.
    """
    script = 'script the call with OfflineLLM(rules={"words of the task": ToolCall(…)})'
    return _found(schema, name, seed, lambda value: value, script)


def _found(written: Schema, name: str, seed: int, accepted: Callable[[Any], T], script: str) -> T:
    """The first of several values that is accepted."""
    chance = Random(seed)  # noqa: S311 - deterministic on purpose, and no secret
    defs = {**written.get("definitions", {}), **written.get("$defs", {})}
    problem = ""
    for attempt in range(ATTEMPTS):
        maker = _Maker(defs, chance.random, sparse=attempt >= ATTEMPTS // 2)
        try:
            return accepted(maker.value(written, name, 0))
        except (_NoValueError, ValidationError) as error:
            problem = str(error).partition("For further information")[0]
    raise ModelAnswerInvalid(
        f"the offline model cannot make up a {name}: {' '.join(problem.split())}. hint: {script}", model="offline"
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """One attempt.

    Attributes:
        defs: the named parts of the schema.
        chance: gives numbers from 0 up to 1.
        sparse: whether only what is required is made.
    """

    defs: Mapping[str, Schema]
    chance: Callable[[], float]
    sparse: bool

    def value(self, schema: Any, name: str, depth: int) -> Any:
        """A value for a schema; ``name`` is the field it is for."""
        if depth > DEEPEST:
            raise _NoValueError(f"'{name}' contains itself for ever")
        if not isinstance(schema, Mapping):  # true: anything goes
            return f"[offline] {name}"
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.pick(schema["enum"])
        if inner := self.referred(schema):
            return self.value(inner, name, depth)
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self.one_of(options, name, depth)
        return self.typed(schema, name, depth)

    def referred(self, schema: Schema) -> Schema | None:
        """The schema with its ``$ref`` and ``allOf`` written out, where it has any."""
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            target = self.defs.get(schema["$ref"].rpartition("/")[2])
            if target is None:
                raise _NoValueError(f"{schema['$ref']} leads nowhere")
            return {**target, **rest}
        if "allOf" not in schema:
            return None
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            for key, value in (self.referred(part) or part).items():
                merged[key] = _joined(merged.get(key), value)
        return merged

    def one_of(self, options: list[Schema], name: str, depth: int) -> Any:
        """A value for one of several schemas: not null while there is room, the simplest when it gets deep."""
        if depth >= DEEP:
            ordered = sorted(options, key=_complexity)
        else:
            first = int(self.chance() * len(options))
            ordered = sorted(options[first:] + options[:first], key=_reluctance)
        reason = ""
        for option in ordered:
            try:
                return self.value(option, name, depth + 1)
            except _NoValueError as error:
                reason = str(error)
        raise _NoValueError(reason)

    def typed(self, schema: Schema, name: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            return self.one_of([{**schema, "type": each} for each in kind], name, depth)
        match kind:
            case "object":
                return self.object(schema, name, depth)
            case "array":
                return self.array(schema, name, depth)
            case "integer" | "number":
                return self.number(schema, whole=kind == "integer")
            case "boolean":
                return bool(self.pick((True, False)))
            case "null":
                return None
            case _:
                return self.text(schema, name)

    def object(self, schema: Schema, name: str, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        everything = not self.sparse and depth < DEEP
        made = dict[str, Any]()
        for key, part in schema.get("properties", {}).items():
            if key in required or everything:
                try:
                    made[key] = self.value(part, key, depth + 1)
                except _NoValueError:
                    if key in required:
                        raise
        patterns: Mapping[str, Any] = schema.get("patternProperties", {})
        pattern, part = next(iter(patterns.items()), (None, schema.get("additionalProperties")))
        names = {"pattern": pattern} if pattern else schema.get("propertyNames", {})
        wanted = schema.get("minProperties", 1 if everything and isinstance(part, Mapping) else 0)
        for number in range(1, wanted - len(made) + 1):
            key = str(self.value({"type": "string", **names}, f"{name} {number}", depth + 1))
            made[key] = self.value(part, name, depth + 1)
        return made

    def array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        made = [self.value(part, name, depth + 1) for part in schema.get("prefixItems", ())]
        least, most = schema.get("minItems", 0), schema.get("maxItems", HIGH)
        some = 1 + int(self.chance() * 2) if depth < DEEP and not self.sparse else 0
        wanted = min(max(least, some), most)
        tries = 0
        while len(made) < wanted and tries < 8 * (wanted + 1):
            tries += 1
            item = self.value(schema.get("items", True), f"{name} {tries}", depth + 1)
            if not (schema.get("uniqueItems") and item in made):
                made.append(item)
        return made

    def number(self, schema: Schema, *, whole: bool) -> int | float:
        step = schema.get("multipleOf", 1 if whole else None)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        span = (HIGH - LOW) * (step or 1)
        if low is None:
            low = LOW * (step or 1) if high is None or high > LOW * (step or 1) else high - span
        if high is None:
            high = low + span
        if step is None:
            # the middle half keeps clear of bounds that are themselves excluded
            made = low + (high - low) * (0.25 + 0.5 * self.chance())
            return round(made, 2) if low < round(made, 2) < high else made
        first = -(-low // step) + ("exclusiveMinimum" in schema and low % step == 0)
        last = high // step - ("exclusiveMaximum" in schema and high % step == 0)
        if first > last:
            raise _NoValueError(f"no number from {low} to {high} is a multiple of {step}")
        made = (first + int(self.chance() * (last - first + 1))) * step
        return int(made) if whole else made

    def text(self, schema: Schema, name: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if "pattern" in schema:
            try:
                return matching(schema["pattern"], chance=self.chance, least=least, most=most)
            except PatternTooHard as error:
                raise _NoValueError(str(error)) from error
        if "contentSchema" in schema:
            return json.dumps(self.value(schema["contentSchema"], name, DEEP))
        form = FORMATS.get(schema.get("format", ""))
        if form:
            return str(self.pick(form)).format(1 + int(self.chance() * 28))
        return f"[offline] {name}".ljust(least, ".")[:most]

    def pick(self, options: Any) -> Any:
        return options[int(self.chance() * len(options))]


def _joined(known: Any, value: Any) -> Any:
    """Two values of one keyword under ``allOf``, as one."""
    if isinstance(known, Mapping) and isinstance(value, Mapping):
        return {**known, **value}
    if isinstance(known, list) and isinstance(value, list):
        return [*known, *value]
    return value


def _reluctance(schema: Schema) -> int:
    """Which alternatives come last: null, and before it text, which beside a number may have to look like one."""
    return ("string", "null").index(kind) + 1 if (kind := schema.get("type")) in ("string", "null") else 0


def _complexity(schema: Schema) -> int:
    """How far a schema is from a plain value."""
    if "$ref" in schema or "allOf" in schema or schema.get("type") == "object":
        return 3
    if schema.get("type") == "array":
        return 2
    return 0 if schema.get("type") == "null" or "const" in schema else 1
