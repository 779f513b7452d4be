"""What is wrong with a document, as findings: flaws of its text, misfits that pydantic found, and what a builder says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from crewgraph.diagnostics import Diagnostic
from crewgraph.document.bounds import Flaw, Path, json_path
from crewgraph.document.forms import (
    MARKS,
    VERSION,
    AgentForm,
    BudgetForm,
    CrewForm,
    Document,
    EdgeForm,
    IgnoreForm,
    LimitForm,
    PipelineForm,
    PolicyForm,
    RouteForm,
    RouterForm,
    TaskForm,
    Use,
)
from crewgraph.document.yaml import Node
from crewgraph.errors.near import meant

__all__ = ["Place", "mended", "misfits"]

NOBODY = "\0"
"""In place of a name that does not fit: nobody looks for it."""

_NEUTRAL_IGNORE: Mapping[str, Any] = {"code": "CG305", "reason": "…"}
_NEUTRAL: Mapping[str, Any] = {
    "role": "",
    "description": "",
    **_NEUTRAL_IGNORE,
    "condition": "True",
    "use": NOBODY,
    "source": NOBODY,
    "target": NOBODY,
    "crewgraph": VERSION,
}
"""What stands for required fields that do not fit, so that the rest can be looked at."""

_SECTIONS: Mapping[str, type[BaseModel]] = {"agents": AgentForm, "tasks": TaskForm, "crews": CrewForm}
_FIELDS: Mapping[str, type[BaseModel]] = {
    "policy": PolicyForm,
    "limit": LimitForm,
    "budget": BudgetForm,
    "?router": RouterForm,
    "?pipeline": PipelineForm,
    "?use": Use,
    "?edge": EdgeForm,
}

_WORDS: Mapping[str, str] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
"""What should stand there, where pydantic says only what should not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document comes from.

    Attributes:
        file: its file; ``None`` for data.
        root: tells its values with their lines, where they are known; asked only when something is wrong.
    """

    file: str | None = None
    root: Callable[[], Node | None] = lambda: None

    def finding(self, code: str, message: str, path: Path, hint: str = "", *, line: int | None = None) -> Diagnostic:
        """A finding at a place of the document."""
        where = json_path(path)
        source = None if self.file is None else (self.file, line or self._line(path))
        return Diagnostic(code, message, (where,) if where else (), hint, source=source)

    def _line(self, path: Path) -> int:
        root = self.root()
        return 1 if root is None else root.line_of(path)

    def flaws(self, flaws: Iterable[Flaw]) -> Iterator[Diagnostic]:
        """Flaws of a text as findings."""
        for flaw in flaws:
            yield self.finding("CG701", flaw.message, flaw.path, flaw.hint, line=flaw.line)


def misfits(error: ValidationError, place: Place, *, prefix: Path = ()) -> Iterator[Diagnostic]:
    """What pydantic found, as findings.

    Args:
        error: of a form, or of what was built from one.
        place: where the document comes from.
        prefix: the path of what was validated.
    """
    for each in error.errors(include_url=False):
        loc = (*prefix, *each["loc"])
        path = _path(loc, is_unknown=each["type"] == "extra_forbidden")
        match each["type"]:
            case "extra_forbidden":
                message, hint = _unknown(loc)
                yield place.finding("CG702", message, path, hint)
            case "missing":
                where = _named(_form_at(loc[:-1]))
                yield place.finding("CG702", f"{where} lacks '{path[-1]}'", path[:-1], f"{path[-1]}: …")
            case kind:
                message, _, hint = each["msg"].removeprefix("Value error, ").partition(" hint: ")
                if kind in _WORDS:
                    message = f"expected {_WORDS[kind]}, got {_shown(each['input'])}"
                message = re.sub(r"^(Input|String) should", "it should", message).rstrip(".")
                yield place.finding("CG702", message, path, hint)


def _path(loc: Sequence[str | int], *, is_unknown: bool = False) -> Path:
    """Keys and places, without the marks that pydantic puts between them; what nobody knows is a key, whatever it looks like."""
    path = tuple(key for place, key in enumerate(loc, 1) if key not in MARKS or (is_unknown and place == len(loc)))
    if path[-1:] == ("input_model",) and path[0] != "crews":  # the field of a pipeline, whose argument is ``inputs``
        return (*path[:-1], "inputs")
    return path


def _form_at(loc: Sequence[str | int]) -> type[BaseModel]:
    """The form that stands at a location of the document."""
    if len(loc) == 2 and loc[0] in _SECTIONS:  # noqa: PLR2004 - a section and a key
        return _SECTIONS[str(loc[0])]
    if len(loc) > 1 and loc[-2] == "routes":
        return RouteForm
    if len(loc) > 1 and loc[-2] == "ignore":
        return IgnoreForm
    return _FIELDS.get(str(loc[-1]), Document) if loc else Document


def _named(form: type[BaseModel]) -> str:
    if form is Document:
        return "the document"
    noun = form.__name__.removesuffix("Form").lower()
    return f"the {noun}" if form is not Use else "{use: name}"


def _unknown(loc: Sequence[str | int]) -> tuple[str, str]:
    form, field = _form_at(loc[:-1]), str(loc[-1])
    there = f"there is: {', '.join(form.model_fields)}"
    return f"{_named(form)} has no field '{field:.60}'", meant(field, form.model_fields) or there


def _shown(value: Any) -> str:
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | float():
            return str(value)
        case str():
            return f"the text '{value:.40}'"
        case list():
            return "a list"
        case _:
            return "a mapping"


def mended(data: dict[str, Any], error: ValidationError) -> dict[str, Any]:
    """The data with something harmless wherever it did not fit, so that the rest can be looked at; it is changed."""
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        is_unknown = each["type"] == "extra_forbidden"
        path = _path(each["loc"], is_unknown=is_unknown)
        last, holder = path[-1], _holder(data, path)
        if isinstance(holder, list) and isinstance(last, int):
            holder[last] = _harmless(path, each["loc"])
        elif isinstance(holder, dict):
            _mend(holder, str(last), is_unknown=is_unknown or each["loc"][-1] == "[key]")
    return data


def _harmless(path: Path, loc: Sequence[str | int]) -> Any:
    """What stands for an item of a list that does not fit."""
    if path[-2:-1] == ("ignore",):
        return dict(_NEUTRAL_IGNORE)
    if path[-2:-1] == ("edges",):
        return [NOBODY, NOBODY]
    return {"stages": []} if path[-2:-1] == ("stages",) or "?parallel" in loc[-2:] else NOBODY


def _holder(data: Any, path: Path) -> Any:
    """What holds the value at a place; ``None`` where that was mended away before."""
    for key in path[:-1]:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _mend(holder: dict[str, Any], key: str, *, is_unknown: bool) -> None:
    if not is_unknown and key in _NEUTRAL:
        holder[key] = _NEUTRAL[key]
    elif not is_unknown and key in {"pipeline", "default"}:
        holder[key] = {"stages": []}
    else:
        holder.pop(key, None)
