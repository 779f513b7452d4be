"""What a user says about findings beforehand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from crewgraph.diagnostics import CODES, Ignore, can_be_ignored, ignores_of, is_fatal, strict_of, strictness


def test_an_ignore_has_a_code_and_a_reason() -> None:
    """And a node, where it is one node's finding."""
    ignore = Ignore("CG305", "the tidy mail replaces the raw one", node="tidy")
    assert (ignore.code, ignore.reason, ignore.node) == ("CG305", "the tidy mail replaces the raw one", "tidy")
    assert ignore == Ignore("shadows-input", "the tidy mail replaces the raw one", "tidy")
    assert str(ignore) == 'Ignore("CG305", node="tidy")'
    assert str(Ignore("cg305", "why")) == 'Ignore("CG305")'


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("CG350", "why"), "there is no finding 'CG350'. Did you mean CG305 (shadows-input) or CG310"),
        (("CG305", " "), 'Ignore("CG305") needs a reason. hint: Ignore("CG305", "why it is meant so")'),
        (("CG305", None), 'Ignore("CG305") needs a reason'),
        ((305, "why"), 'Ignore takes a code, such as "CG305", got 305'),
        (("CG305", "why", ""), "node of Ignore(\"CG305\") is the name of a node, got ''"),
        (("CG305", "why", ["tidy"]), "is the name of a node, got ['tidy']"),
        (("CG202", "why"), "CG202 cycle cannot be ignored: nothing could run. hint: `crewgraph explain CG202`"),
        (("no-model", "why"), "CG501 no-model cannot be ignored"),
    ],
    ids=["unknown", "blank", "no reason", "a number", "no name", "a list", "a cycle", "no model"],
)
def test_what_cannot_be_ignored_is_refused(arguments: Any, told: str) -> None:
    """With the edit that mends it."""
    with pytest.raises(ValueError, match=re.escape(told)):
        Ignore(*arguments)


def test_what_is_ignored_is_a_tuple() -> None:
    """Whatever it was told in; what is in it is looked at by the pipeline."""
    ignore = Ignore("CG305", "why")
    assert ignores_of([ignore]) == ignores_of(iter([ignore])) == (ignore,)
    assert ignores_of([7]) == (7,)


@pytest.mark.parametrize(
    ("ignore", "told"),
    [
        ("CG305", "ignore is a list, got 'CG305'. hint: ignore=[Ignore("),
        (Ignore("CG305", "why"), "ignore is a list, got Ignore"),
        (7, "ignore is a list, got 7"),
        (["CG305"], 'ignore wants a reason. hint: Ignore("CG305", "why it is meant so")'),
    ],
    ids=["a code", "one", "a number", "a code in it"],
)
def test_what_is_no_list_of_ignores_is_refused(ignore: Any, told: str) -> None:
    """With the edit that mends it."""
    with pytest.raises(ValueError, match=re.escape(told)):
        ignores_of(ignore)


def test_nothing_could_run_with_some_findings() -> None:
    """Those of structure, of what a node lacks, and of documents that say no pipeline."""
    fatal = {"CG101", "CG102", "CG103", "CG104", "CG202", "CG203", "CG501", "CG502", "CG503"}
    fatal |= {"CG701", "CG702", "CG703", "CG704", "CG705", "CG712"}
    assert {code for code in CODES if is_fatal(code)} == fatal
    assert {code for code in CODES if not can_be_ignored(code)} == fatal - {"CG203"}


@pytest.mark.parametrize(
    ("strict", "codes"),
    [
        (True, {"warnings"}),
        (False, set()),
        ([], set()),
        (["CG305", "opaque-condition", "Warnings"], {"CG305", "CG403", "warnings"}),
    ],
    ids=["true", "false", "nothing", "several"],
)
def test_strictness_is_a_set_of_codes(strict: Any, codes: set[str]) -> None:
    """``True`` stands for all warnings."""
    assert strictness(strict) == codes


@pytest.mark.parametrize(
    ("strict", "told"),
    [
        ("CG305", "strict is True, False or a list of codes, got 'CG305'. hint: strict=['CG305']"),
        (1, 'got 1. hint: strict=["CG305"]'),
        ([True], "strict is a list of codes, such as \"CG305\", got <class 'bool'> in it"),
        (["CG999"], "there is no finding 'CG999'"),
    ],
    ids=["a string", "a number", "no string", "unknown"],
)
def test_what_is_no_strictness_is_refused(strict: Any, told: str) -> None:
    """With the edit that mends it."""
    with pytest.raises(ValueError, match=re.escape(told)):
        strictness(strict)


@pytest.mark.parametrize(
    ("several", "together"),
    [
        ((), False),
        ((False, []), False),
        ((True, False), True),
        ((["warnings"],), True),
        ((["CG305"], False), frozenset({"CG305"})),
        ((["CG403"], True), frozenset({"CG403", "warnings"})),
    ],
    ids=["none", "no", "yes", "in words", "codes", "both"],
)
def test_several_together_are_as_strict_as_each_of_them(several: tuple[Any, ...], together: Any) -> None:
    """In the shortest form."""
    assert strict_of(*several) == together
