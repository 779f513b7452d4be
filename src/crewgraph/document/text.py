"""Documents as text and in files: JSON, and YAML where PyYAML is installed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Literal

from crewgraph.diagnostics import Diagnostic
from crewgraph.document.bounds import MAX_TEXT, Flaw, Path
from crewgraph.document.builder import pipeline_of
from crewgraph.document.names import Names, Registry
from crewgraph.document.noted import noted
from crewgraph.document.told import Place
from crewgraph.document.writer import dump
from crewgraph.document.yaml import Node, parse_yaml, write_yaml
from crewgraph.errors import DocumentError
from crewgraph.syntax import Pipeline

__all__ = ["Form", "dumps", "form_of", "loads", "read", "root_of", "write"]

Form = Literal["json", "yaml"]

_FORMS: dict[str, Form] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
MAX_BYTES = 4 * MAX_TEXT


def dumps(pipeline: Any, *, names: Registry = None, form: Form = "json") -> str:
    """A pipeline as the text of a document.

    Args:
        pipeline: the pipeline.
        names: what code is called, as for :func:`dump`.
        form: "json" or "yaml".

    Raises:
        DocumentInvalid: it cannot be written as a document.
        DocumentError: PyYAML is not installed, or there is no such form.
    """
    is_yaml = _checked(form) == "yaml"
    document = dump(pipeline, names=names)
    return write_yaml(document) if is_yaml else json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def loads(text: str, *, names: Registry = None, form: Form = "json") -> Pipeline:
    """The pipeline that the text of a document says.

    Args:
        text: the text.
        names: what the names of code in it stand for, as for :func:`load`.
        form: "json" or "yaml".

    Raises:
        DocumentInvalid: with everything that is wrong with the document.
        DocumentError: PyYAML is not installed, or there is no such form.
    """
    return _loaded(text, names, _checked(form), None)


def write(pipeline: Any, path: str | os.PathLike[str], *, names: Registry = None) -> FilePath:
    """Write a pipeline as a document, by the ending of the file: .json, .yaml or .yml.

    Raises:
        DocumentInvalid: it cannot be written as a document; the file is as it was.
        DocumentError: the ending is another one, or the file cannot be written.
    """
    file = FilePath(path)
    text = dumps(pipeline, names=names, form=form_of(file))
    try:
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DocumentError(f"'{file}' cannot be written: {error.strerror}") from error
    return file


def read(path: str | os.PathLike[str], *, names: Registry = None) -> Pipeline:
    """The pipeline that the document in a file says, by the ending of the file: .json, .yaml or .yml.

    Raises:
        DocumentInvalid: with everything that is wrong with the document, each with its line.
        DocumentError: the ending is another one, or the file cannot be read.
    """
    file = FilePath(path)
    form = form_of(file)
    return _loaded(text_of(file), names, form, str(file))


def text_of(file: FilePath) -> str:
    """The text of a file.

    Raises:
        DocumentError: it is not there, no text, or too large.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise DocumentError(f"'{file}' is too large to be a document")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise DocumentError(f"'{file}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"'{file}' is not UTF-8: {error.reason} at byte {error.start}") from error


def root_of(file: FilePath) -> Node | None:
    """What a file holds, with the line of everything in it; ``None`` where it is no text of its form.

    Raises:
        DocumentError: it cannot be read.
    """
    text = text_of(file)
    if form_of(file) == "yaml":
        return parse_yaml(text).root
    return None if _parsed_json(text)[0] is None else noted(text)


def form_of(file: FilePath) -> Form:
    """The form of a file, by its ending.

    Raises:
        DocumentError: it says nothing.
    """
    form = _FORMS.get(file.suffix.lower())
    if form is None:
        raise DocumentError(f"'{file}' ends in none of {', '.join(_FORMS)}. hint: name it pipeline.yaml")
    return form


def _checked(form: str) -> Form:
    if form not in _FORMS.values():
        raise DocumentError(f'form is "json" or "yaml", not {form!r}')
    return "yaml" if form == "yaml" else "json"


def _loaded(text: str, names: Registry, form: Form, file: str | None) -> Pipeline:
    registry = Names(names)
    if form == "json":
        data, flaws = _parsed_json(text)
        place = Place(file) if data is None else Place(file, cache(lambda: noted(text)))
    else:
        parsed = parse_yaml(text)
        data = None if parsed.root is None else parsed.root.plain()
        flaws, place = parsed.flaws, Place(file, lambda: parsed.root)
    return pipeline_of(data, registry, place, findings=list[Diagnostic](place.flaws(flaws)))


# ---- JSON ------------------------------------------------------------------------------------------------------


class _Object(dict[str, Any]):
    """An object of JSON that remembers the keys that stood in it twice."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(reversed(pairs))  # the first of several counts, as in YAML
    made = _Object((key, made[key]) for key, _ in pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = tuple(key for key in made if keys.count(key) > 1)
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number that JSON can hold")


def _parsed_json(text: str) -> tuple[Any, Sequence[Flaw]]:
    if len(text) > MAX_TEXT:
        return None, [Flaw(f"it has {len(text):,} characters, and may have {MAX_TEXT:,}")]
    try:
        data: Any = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return None, [Flaw(f"it is no JSON: {error.msg}, column {error.colno}", line=error.lineno)]
    except (ValueError, RecursionError) as error:
        return None, [Flaw(f"it is no JSON that can be read here: {error}")]
    flaws = list[Flaw]()
    _find_twice(data, (), flaws)
    return data, flaws


def _find_twice(data: Any, path: Path, flaws: list[Flaw]) -> None:
    """Keys that stand twice in an object; the recursion is no deeper than that of the parser."""
    pending: list[tuple[Any, Path]] = [(data, path)]
    while pending:
        value, where = pending.pop()
        inner: Any = ()
        if isinstance(value, _Object):
            flaws += (
                Flaw(f"the key '{key}' stands here twice", (*where, key), hint="take one away") for key in value.twice
            )
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        pending += [(each, (*where, key)) for key, each in inner]
