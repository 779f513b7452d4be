"""``{placeholder}`` texts: parsed once, filled in one pass, nothing else.

``{identifier}`` is a placeholder and ``{{``, ``}}`` are literal braces; everything else is text. There is no
attribute, index, format or conversion syntax, and a value is never scanned again, so neither a hostile template nor a
hostile value reaches anything (``str.format`` on user text walks attributes and allocates gigabytes).

A ``}}`` that closes two braces of text, as in ``{"a": {"b": 1}}``, is text: pasted JSON stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

__all__ = ["Template", "as_text", "is_text", "lookalikes", "parse", "placeholder_name"]

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\s]+)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text.

    Attributes:
        text: what the user wrote.
        literals: the pieces of text, one more than there are fields.
        fields: the placeholders' names, in order, repeated where the text repeats them.
    """

    text: str
    literals: tuple[str, ...]
    fields: tuple[str, ...]

    def render(self, value_of: Callable[[str], Any]) -> str:
        """Fill the placeholders; ``value_of`` is asked once per occurrence."""
        if not self.fields:
            return self.literals[0]
        filled = [self.literals[0]]
        for name, literal in zip(self.fields, self.literals[1:], strict=True):
            filled += (as_text(value_of(name)), literal)
        return "".join(filled)


@lru_cache(maxsize=4096)
def parse(text: str) -> Template:
    """Split a text into literals and placeholders. Every text is valid."""
    literals, fields, piece = list[str](), list[str](), list[str]()
    for token, name in _tokens(text):
        if name:
            literals.append("".join(piece))
            fields.append(name)
            piece = []
        else:
            piece.append(token)
    return Template(text, (*literals, "".join(piece)), tuple(fields))


def _tokens(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield ``(text, None)`` and ``(…, name of a placeholder)``, braces unescaped."""
    end, open_braces = 0, list[str]()
    while match := _TOKEN.search(text, end):
        yield text[end : match.start()], None
        token, name = match.group(), match.group(1)
        if name and not name.isidentifier():
            token, name = "{", None
        end = match.start() + len(token)
        if name:
            yield token, name
        elif token == "}}":  # noqa: S105 - a brace, not a secret
            yield _close_two(open_braces), None
        else:
            if token == "}":  # noqa: S105
                del open_braces[-1:]
            else:
                open_braces.append(token)
            yield token[0], None
    yield text[end:], None


def _close_two(open_braces: list[str]) -> str:
    """What ``}}`` stands for: the end of two braces of text, or one literal brace."""
    if open_braces[-2:] == ["{", "{"]:
        del open_braces[-2:]
        return "}}"
    del open_braces[-1:]
    return "}"


_LOOKS = re.compile(
    r"(?<!\{)\{\s*([^\W\d]\w*)((?:\.\w+|\[\w+\]|-\w+)*)(![rsa])?(:[^\s{}]*)?\s*\}(?!\})|(?<!\{)\{\d+\}(?!\})"
)
_SPEC = re.compile(r":(.?[<>=^])?[-+ ]?#?0?\d*[,_]?(\.\d+)?[a-zA-Z%]?")


def lookalikes(text: str) -> Iterator[tuple[str, str]]:
    """What looks like a placeholder of another language and is text here, each with the key that may be meant.

    ``{customer.name}``, ``{tags[0]}``, ``{price:.2f}``, ``{x!r}``, ``{ topic }`` and ``{0}``.
    """
    for match in _LOOKS.finditer(text):
        name, path, conversion, spec = match.groups()
        if name is None:
            yield match[0], ""
        elif (path or conversion or (spec and _SPEC.fullmatch(spec)) or re.search(r"\s", match[0])) and (
            spec is None or _SPEC.fullmatch(spec)
        ):
            yield match[0], name


def as_text(value: object) -> str:
    """A value as it stands in a prompt: text as it is, structures as JSON, all else by ``str``."""
    if isinstance(value, str):
        return value
    try:
        if isinstance(value, BaseModel):
            return value.model_dump_json()
        if isinstance(value, dict | list | tuple | set | frozenset):
            return _as_json(value)
    except (TypeError, ValueError, RecursionError):  # odd keys, or a value that contains itself, has no JSON
        return str(value)
    return str(value)


def _plain(value: object) -> Any:
    """What JSON has no form for, nearer to one that it has."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)  # the order of a set differs from process to process
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value)


def is_text(value: str) -> bool:
    """Whether a string is text: without lone surrogates, which no encoding takes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_as_json = json.JSONEncoder(ensure_ascii=False, default=_plain, check_circular=False).encode


def placeholder_name(name: str) -> str:
    """The placeholder by which a crew's text is reached: its name, made an identifier where it is none.

    "Market Research" is reached as ``{market_research}``.
    """
    if name.isidentifier():
        return name
    letters = name.lower()
    if not letters.isascii():  # else the pattern says the same, and the compiler asks some times for each node
        letters = "".join(letter if f"_{letter}".isidentifier() else "_" for letter in letters)
    slug = re.sub("[^0-9a-z]+" if letters.isascii() else "_+", "_", letters).strip("_")
    return slug if not slug or slug.isidentifier() else f"_{slug}"
