"""The two ways in, and what is told of the version."""

from __future__ import annotations

import runpy
from importlib.metadata import PackageNotFoundError

import pytest

from crewgraph.cli import version


def test_python_m_crewgraph_is_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m crewgraph`` is the same program."""
    monkeypatch.setattr("sys.argv", ["crewgraph", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("crewgraph", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("crewgraph, version ")


def test_a_checkout_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without metadata there is no version to tell, and no traceback either."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.crewgraph_version() == "(not installed)"
