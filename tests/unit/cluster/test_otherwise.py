"""What is otherwise on a cluster is listed once, and told to users."""

from __future__ import annotations

from pathlib import Path

from tests import clustered
from tests.clustered import MODULES, NAMED, OTHERWISE, REFUSED, TIMED

ROOT = Path(__file__).parents[3]


def test_users_are_told_what_is_otherwise() -> None:
    """Each reason for which a test of behaviour does not run on a cluster stands on the page about clusters."""
    page = " ".join((ROOT / "docs/cluster.md").read_text().split())
    reasons = {*OTHERWISE.values(), *MODULES.values(), REFUSED, clustered.INSIDE} - {NAMED, TIMED}
    assert [reason for reason in sorted(reasons) if reason not in page] == []


def test_tests_that_are_otherwise_are_there() -> None:
    """A test that was renamed does not stay on the list."""
    there = "".join(path.read_text() for path in (ROOT / "tests/behaviour").glob("test_*.py"))
    assert [name for name in OTHERWISE if f"def {name}(" not in there] == []
