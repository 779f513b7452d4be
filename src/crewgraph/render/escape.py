"""Text of users and models made fit for a picture: cleaned, shortened, and escaped for each format.

A name may hold anything: markup, quotes, line ends, terminal codes, characters that turn the reading direction. No
renderer writes a text that did not come through here.
"""

from __future__ import annotations

import html
import re
import unicodedata
from hashlib import sha256
from itertools import accumulate, islice
from urllib.parse import quote

__all__ = [
    "clean",
    "columns",
    "cut",
    "dot_text",
    "html_text",
    "identifier",
    "mermaid_text",
    "mermaid_title",
    "shortened",
    "visible",
]

_TERMINAL_CODE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: window titles, links, clipboard
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"
)
_JOINERS = "\u200c\u200d"  # emoji and several scripts are misspelt without them
_NO_CHARACTERS = "\ufffe\uffff"  # not allowed in XML
_UNNAMED = "(unnamed)"
MAX_IDENTIFIER = 80


def clean(text: str) -> str:
    """One line without terminal codes, control characters and marks that turn the reading direction."""
    return " ".join(visible(text).split())


def visible(text: str) -> str:
    """A line as it stands, without terminal codes, control characters and marks that turn the reading direction."""
    return "".join(map(_kept, _TERMINAL_CODE.sub("", text)))


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\v\f\r\x85" or category in {"Zl", "Zp"}:
        return " "
    dropped = category in {"Cc", "Cf", "Cs"} or character in _NO_CHARACTERS
    return "" if dropped and character not in _JOINERS else character


def columns(text: str) -> int:
    """How many columns a text takes in a terminal: wide characters take two, accents none."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: str, limit: int) -> str:
    """A cleaned text of at most ``limit`` columns, with … where something was cut off; never empty."""
    return cut(clean(text[: 20 * limit]) or _UNNAMED, limit)  # a name of a megabyte is not walked to its end


def cut(text: str, limit: int) -> str:
    """As much of a text as ``limit`` columns hold, with … where something was cut off."""
    if len(text) <= limit // 2 or columns(text) <= limit:
        return text
    taken = islice(accumulate(map(_columns, text), initial=1), 1, None)  # 1 for the …
    return "".join(character for character, end in zip(text, taken, strict=True) if end <= limit).rstrip() + "…"


def html_text(text: str) -> str:
    r"""Escaped for Graphviz's HTML-like labels, in which ``\N`` means something too."""
    return html.escape(text, quote=True).replace("\\", "&#92;&#92;")


def dot_text(text: str) -> str:
    r"""Escaped for a DOT string, in which ``\N`` and entities mean something and ``<…>`` would be markup."""
    return html.escape(text, quote=True).replace("\\", "\\\\")


_MERMAID_PLAIN = re.compile(r"[^\W_]|[ ,·…›–→]|(?<=[^\W_])[-._](?=[^\W_])")


def mermaid_text(text: str) -> str:
    """Escaped for a quoted Mermaid label.

    Letters and digits stay, and of the rest only what is neither markup, Markdown (``1. x``, ``__x__``), an icon
    (``fa:…``) nor a keyword there.
    """
    return _mermaid(text, "#{};")


def mermaid_title(text: str) -> str:
    """Escaped for Mermaid's title, which is a YAML string in double quotes."""
    return _mermaid(text, "\\U{:08x}")


def _mermaid(text: str, escape: str) -> str:
    plain = {match.start() for match in _MERMAID_PLAIN.finditer(text)}
    return "".join(
        character if place in plain or unicodedata.category(character) in _SIGNS else escape.format(ord(character))
        for place, character in enumerate(text)
    )


_SIGNS = {"Mn", "Mc", "So"}  # accents, vowel signs, emoji


def identifier(name: str) -> str:
    """An ASCII identifier that is another one for every name, and readable where the name is."""
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe="")
    if len(encoded) <= MAX_IDENTIFIER:
        return encoded
    return f"{encoded[: MAX_IDENTIFIER - 17]}-{sha256(encoded.encode()).hexdigest()[:16]}"
