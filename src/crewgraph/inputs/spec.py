"""What the inputs of a pipeline must bring, and whether a row brings it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, NotRequired, Required, TypedDict

from pydantic import Field

from crewgraph.inputs.declared import Declared
from crewgraph.shapes import coercer, written
from crewgraph.shapes.adapter import adapter

__all__ = ["InputField", "InputSpec", "Needed", "Row"]


class Needed(StrEnum):
    """When a key is needed."""

    ALWAYS = "always"
    ON_ROUTES = "on some routes"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class InputField:
    """One key of an input.

    Attributes:
        key: the key.
        kind: its type, as it is declared or as those who read it want it; ``Any`` where nobody says.
        need: whether every run needs it, only some routes do, or whoever reads it can do without.
        used_by: who reads it, in words: ``'write', task 'x'``.
        routes: the routes on which it is needed, in words; empty where it is all of them.
        is_declared: whether the pipeline's declared inputs have it.
        has_default: whether the declaration fills it in where a row leaves it out.
        description: what the declaration says of it.
        checks: the types of those who read it as it stands in the input on every run; a row's value must fit each.
    """

    key: str
    kind: Any = Any
    need: Needed = Needed.ALWAYS
    used_by: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    is_declared: bool = False
    has_default: bool = False
    description: str = ""
    checks: tuple[Any, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a row without it is refused."""
        return self.need is Needed.ALWAYS and not self.has_default

    def __str__(self) -> str:
        kind = "" if self.kind is Any else f": {written(self.kind)}"
        when = "" if self.is_required else f" ({self.need})"
        whom = f" – {'; '.join(self.used_by)}" if self.used_by else " – nobody reads it"
        return f"{self.key}{kind}{when}{whom}"


@dataclass(slots=True)
class Row:
    """A row of inputs, looked at. There is one for each input, and a frozen one takes longer to make.

    Attributes:
        values: the values to run with, coerced where the inputs are declared.
        missing: the keys it lacks, each with who needs them.
        misfits: what is wrong with keys that it has, in words.
    """

    values: Mapping[str, Any]
    missing: Mapping[str, tuple[str, ...]]
    misfits: Mapping[str, str]


class InputSpec(Mapping[str, InputField]):
    """The keys that inputs must bring, may bring, and what is known of their types.

    It is a mapping of keys to :class:`InputField`, in the order in which they are declared or first read.

    Attributes:
        declared: what the pipeline declares with ``inputs=``, or ``None``.
    """

    def __init__(self, fields: Iterable[InputField] = (), *, declared: Declared | None = None) -> None:
        self._fields = {each.key: each for each in fields}
        self.declared = declared

    def __getitem__(self, key: str) -> InputField:
        return self._fields[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The keys that each row must have."""
        return tuple(key for key, each in self._fields.items() if each.is_required)

    @cached_property
    def on_routes(self) -> tuple[str, ...]:
        """The keys that only some routes need; a run that takes such a route without them fails there."""
        return tuple(key for key, each in self._fields.items() if each.need is Needed.ON_ROUTES)

    def missing(self, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """What a row with these keys lacks for sure, with those who need it."""
        given = set(keys)
        return {key: self._fields[key].used_by for key in self.required if key not in given}

    def look_at(self, values: Mapping[str, Any]) -> Row:
        """Everything that is wrong with a row, together, and the values to run with."""
        if self.declared is not None:
            checked, lacking, misfits = self.declared.look_at(values)
            wanted = {key: self._fields[key].used_by if key in self._fields else () for key in lacking}
            others = {key: whom for key, whom in self.missing(checked).items() if not self._fields[key].is_declared}
            return Row(checked, others | wanted, misfits or self._misfits(checked))
        return Row(values, self.missing(values), self._misfits(values))

    def _misfits(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The values that those who read them on every run could not take."""
        found: dict[str, str] = {}
        for each, check in self._checks:
            if each.key in values and each.key not in found:
                try:
                    check(values[each.key])
                except ValueError as error:
                    found[each.key] = f"{error} (needed by {', '.join(each.used_by)})"
        return found

    @cached_property
    def _checks(self) -> list[tuple[InputField, Any]]:
        known = ((each, coercer(kind)) for each in self._fields.values() for kind in each.checks)
        return [(each, check) for each, check in known if check is not None]

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of one row."""
        if self.declared is not None:
            return self.declared.json_schema()
        fields = {key: _marked(each) for key, each in self._fields.items()}
        made = adapter(TypedDict("Inputs", fields))  # type: ignore[operator]
        schema: dict[str, Any] = made.json_schema() if made is not None else {"type": "object"}
        schema.pop("title", None)
        for each in schema.get("properties", {}).values():
            each.pop("title", None)  # made of the key, tells nothing
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}

    def __repr__(self) -> str:
        told = ", ".join(key if each.is_required else f"{key}?" for key, each in self._fields.items())
        return f"InputSpec({told})"

    def __str__(self) -> str:
        return "\n".join(map(str, self._fields.values())) or "no inputs are needed"

    def _repr_html_(self) -> str:
        import html  # for notebooks only

        rows = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in _cells(each)) + "</tr>"
            for each in self._fields.values()
        )
        head = "".join(f"<th style='text-align:left'>{name}</th>" for name in ("input", "type", "needed", "read by"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(each: InputField) -> tuple[str, str, str, str]:
    when = "default" if each.has_default else "; ".join(each.routes) or each.need.value
    return each.key, written(each.kind), when, "; ".join(each.used_by)


def _marked(each: InputField) -> Any:
    """A field as a TypedDict has it, with a type that has a JSON form."""
    kind = each.kind
    made = adapter(kind)
    try:
        assert made is not None
        made.json_schema()
    except Exception:  # noqa: BLE001 - pydantic raises errors of many kinds for what has no JSON form
        kind = Any
    words = f"needed by {'; '.join(each.used_by)}" if each.used_by else "nobody reads it"
    where = f" (on {'; '.join(each.routes)})" if each.routes else ""
    marked: Any = Annotated[kind, Field(description=f"{words}{where}")]
    return Required[marked] if each.is_required else NotRequired[marked]
