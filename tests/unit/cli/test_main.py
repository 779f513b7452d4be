"""The two ways in, and what is told of the version."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError

import pytest
from click.shell_completion import BashComplete

from crewgraph.cli import cli, version
from crewgraph.cli.commands import Named


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


@pytest.mark.parametrize("name", cli.commands)
def test_a_command_is_listed_as_it_tells_of_itself(name: str) -> None:
    """The list of commands, which imports none of them, has the name and the first sentence of each."""
    listed = cli.commands[name]
    assert isinstance(listed, Named)
    command = listed.load()
    assert command.name == name
    assert command.get_short_help_str(limit=1_000) == listed.get_short_help_str(limit=1_000)


def _loaded_by(*args: str, env: Mapping[str, str] | None = None) -> set[str]:
    """The modules that a process of the command line has imported."""
    command = [sys.executable, "-X", "importtime", "-m", "crewgraph", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **(env or {})})
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["explain", "--help"]], ids=" ".join)
def test_only_the_command_that_is_called_is_imported(args: list[str]) -> None:
    """Help does not wait for what only other commands need."""
    loaded = _loaded_by(*args)
    assert "crewgraph.cli" in loaded
    assert not {"pydantic.main", "anyio", "asyncio", "crewgraph.cli.run", "crewgraph.syntax"} & loaded


def test_a_shell_completes_commands_by_their_names_and_options_by_what_they_are() -> None:
    """Names are completed without importing a command, and options from the command that has them."""
    env = {"_CREWGRAPH_COMPLETE": "bash_complete"}
    names = _completed("crewgraph re", 1)
    assert names == ["plain,reject", "plain,report", "plain,resume", "plain,retry"]
    assert "crewgraph.cli.again" not in _loaded_by(env={**env, "COMP_WORDS": "crewgraph re", "COMP_CWORD": "1"})
    assert "plain,--format" in _completed("crewgraph check --fo", 2)


def _completed(words: str, at: int) -> list[str]:
    completion = BashComplete(cli, {}, "crewgraph", "_CREWGRAPH_COMPLETE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMP_WORDS", words)
        patch.setenv("COMP_CWORD", str(at))
        return completion.complete().splitlines()
