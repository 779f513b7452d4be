"""What may be meant by a name that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from crewgraph.errors.near import beside, meant, near


@pytest.mark.parametrize(
    ("name", "others", "found"),
    [
        ("prodct", ["price", "product"], "product"),
        ("PRODUCT", ["Product"], "Product"),
        ("xyz", ["product"], None),
        ("", ["a"], None),
        ("a", [], None),
    ],
)
def test_the_most_alike_is_found(name: str, others: list[str], found: str | None) -> None:
    """In capitals or not, as it is written; where none is alike there is no guess."""
    assert near(name, others) == found
    assert meant(name, others) == ("" if found is None else f"did you mean '{found}'?")


def test_how_alike_may_be_said() -> None:
    """Who is less sure asks for more."""
    assert near("abxy", ["abcd"], alike=0.5) == "abcd"
    assert near("abxy", ["abcd"]) is None


def test_a_file_beside_is_found(tmp_path: Path) -> None:
    """No folder, nothing of another name, and nothing where there is no such folder."""
    (tmp_path / "mails.jsonl").touch()
    (tmp_path / "mailz.jsonl").mkdir()
    assert beside(tmp_path / "mail.jsonl") == f"did you mean '{tmp_path / 'mails.jsonl'}'?"
    assert beside(tmp_path / "letters.jsonl") == ""
    assert beside(tmp_path / "no" / "mail.jsonl") == ""
