"""The codes of findings, and how they are looked up."""

from __future__ import annotations

import re

import pytest

from crewgraph.diagnostics import CODES, Severity, code_of


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_short_name_and_a_severity(code: str) -> None:
    """A code is CG and three digits, its name is words joined by hyphens."""
    name, severity = CODES[code]
    assert re.fullmatch(r"CG\d{3}", code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert isinstance(severity, Severity)


def test_short_names_are_unique() -> None:
    """A short name stands for one code."""
    assert len({name for name, _ in CODES.values()}) == len(CODES)


@pytest.mark.parametrize("text", ["CG302", "cg302", " Cg302\n", "sometimes-missing", "Sometimes-Missing"])
def test_a_code_is_found_by_its_number_or_name(text: str) -> None:
    """In capitals or not."""
    assert code_of(text) == "CG302"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CG320", "there is no finding 'CG320'. Did you mean CG302 (sometimes-missing) or CG310 (no-placeholder)?"),
        ("cg602", "there is no finding 'cg602'. Did you mean CG601 (useless-ignore) or CG102 (empty)?"),
        ("CG9999", "there is no finding 'CG9999'. hint: `crewgraph explain` lists all of them"),
        ("somtimes-missing", "there is no finding 'somtimes-missing'. Did you mean CG302 (sometimes-missing)?"),
        ("xyz", "there is no finding 'xyz'. hint: `crewgraph explain` lists all of them"),
        ("", "there is no finding ''. hint"),
    ],
    ids=["digits in another order", "a wrong digit", "too long", "a letter is missing", "nothing like it", "empty"],
)
def test_an_unknown_code_is_answered_with_those_that_read_like_it(text: str, told: str) -> None:
    """Or with where all of them stand."""
    with pytest.raises(ValueError, match=re.escape(told)):
        code_of(text)
