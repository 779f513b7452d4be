from __future__ import annotations

import json

import pytest

from crewgraph.report.lines import encoded_line


@pytest.mark.parametrize(
    "text",
    ["\x9b2J", "\x7f", "\x1b[2J", "\u202egpj.exe", "\u2066a\u2069", "\u200b", "a\u2028b\u2029", "\U000e0041"],
    ids=ascii,
)
def test_unseen_characters_are_escaped(text: str) -> None:
    """What a terminal would obey is written as JSON escapes, in keys too; it is read back as it was."""
    line = encoded_line({text: text})
    assert line.isascii()
    assert line.decode().rstrip("\n").isprintable()
    assert json.loads(line) == {text: text}


def test_readable_text_stays_readable() -> None:
    """Letters of any script, spaces and signs stand in a line as they are."""
    text = "Grüße, 日本\u3000語 🪔 \u00a0\ue000"
    assert encoded_line({"raw": text}) == f'{{"raw": "{text}"}}\n'.encode()
    assert encoded_line({"raw": text + "\u202e"}) == f'{{"raw": "{text}\\u202e"}}\n'.encode()
