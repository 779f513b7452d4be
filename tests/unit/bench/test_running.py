"""Who is measured, in which process, and what is made of what it says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import guard, imports, running
from bench.figures import HERE, Figures
from bench.profile import CASES, MISSED, PACKAGE, Looks, place_of, profiled
from bench.running import entries, lines_of


def test_every_peer_has_an_adapter_and_pinned_packages():
    """What was measured can be installed again."""
    for entry in entries().values():
        assert all("==" in package for package in entry.packages)
        assert not entry.is_foreign or entries()[entry.environment].packages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{\n "one": [{"a": 1}],\n "two": [{"a": 2}]\n}\n', [{"part": "one", "a": 1}, {"part": "two", "a": 2}]),
        ("", []),
    ],
    ids=["lines", "lists", "nothing"],
)
def test_lines_of_json_are_read(text, expected):
    """Whether a script prints lines or one object of lists."""
    assert list(lines_of(text)) == expected


def answering(monkeypatch, *said):
    """Answer commands in turn, and note them."""
    asked, each = [], iter(said)

    def answer(words, timeout, *_paths):
        asked.append((words, timeout))
        if isinstance(told := next(each), Exception):
            raise told
        return "".join(f"{json.dumps(line)}\n" for line in told)

    monkeypatch.setattr(running, "_output", answer)
    return asked


def test_ours_share_a_process_and_peers_have_their_own(monkeypatch):
    """Each is run by the Python of its environment."""
    every = [entries()[name] for name in ("anyio", "crewgraph", "langgraph-saved")]
    asked = answering(monkeypatch, [{"peer": "anyio"}], [{"peer": "asyncio"}, {"peer": "langgraph-saved", "us": 1}])
    found = list(running.workload("w1", every, Path("made"), ["--rounds", "2"]))
    assert found == [{"peer": "anyio"}, {"peer": "langgraph-saved", "us": 1}]
    assert asked[0][0][1:] == ["-m", "bench.measure", "w1", "anyio", "crewgraph", "--rounds", "2"]
    assert Path(asked[1][0][0]).parts[:2] == ("made", "langgraph")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (subprocess.TimeoutExpired("python", 1), "too slow"),
        (RuntimeError("ended with 1:\nNotImplementedError: no routes"), "NotImplementedError: no routes"),
    ],
    ids=["slow", "broken"],
)
def test_a_peer_that_fails_is_told_and_the_next_one_measured(error, told, monkeypatch):
    """With its last words."""
    every = [entries()["burr"], entries()["haystack"]]
    answering(monkeypatch, error, [{"peer": "haystack"}])
    found = list(running.workload("w1", every, Path("made")))
    assert found == [{"work": "w1", "peer": "burr", "failed": told}, {"peer": "haystack"}]


def test_a_workload_leaves_out_whom_it_does_not_suit(monkeypatch):
    """Nobody is asked then."""
    asked = answering(monkeypatch)
    assert list(running.workload("w7", [entries()["crewgraph-each"], entries()["dask"]], Path("made"))) == []
    assert asked == []


def test_a_section_that_nothing_measures_has_no_lines(monkeypatch):
    """It is left out, for others write what measures it."""
    monkeypatch.setitem(running.SECTIONS, "nothing", ["bench.no_such_module"])
    assert running.measured("nothing") is None


def test_a_command_that_fails_says_why():
    """With the end of what it said."""
    with pytest.raises(RuntimeError, match="ended with 3:\nbecause"):
        running._output([sys.executable, "-c", "import sys; print('because', file=sys.stderr); sys.exit(3)"], None)


def test_an_environment_is_made_once(monkeypatch, tmp_path):
    """And its packages are installed each time, which does nothing where they are there."""
    made, ran = [], []
    monkeypatch.setattr(running.venv, "create", lambda folder, **_: made.append(folder.name))
    monkeypatch.setattr(running.subprocess, "run", lambda words, **_: ran.append(words[-1]))
    burr = entries()["burr"]
    running.set_up(tmp_path, [entries()["crewgraph"], burr, entries()["langgraph-saved"]])
    python = running.python_in(tmp_path, burr)
    python.parent.mkdir(parents=True)
    python.touch()
    running.set_up(tmp_path, [burr])
    assert (made, ran) == (["burr"], [*burr.packages] * 2)


def test_imports_are_told_without_what_python_takes(monkeypatch):
    """In each round; the first one compiles, and does not count. Commands are told with it."""
    answers = iter([9.0, 9.0, 9.0, 1.0, 3.0, 4.0, 2.0, 5.0, 7.0])
    monkeypatch.setattr(imports, "took", lambda *_: next(answers))
    found = imports.measure([imports.Start("a", ["-c"], is_import=True), imports.Start("b", ["-m"])], 2)
    assert found == [
        {"what": "a", "s": 2.5, "low": 2.0, "high": 3.0},
        {"what": "b", "s": 5.5, "low": 4.0, "high": 7.0},
    ]


def test_peers_are_imported_by_their_own_python(monkeypatch):
    """Each in its environment; ours, and those that share one, are left out."""
    seen = []
    monkeypatch.setattr(running, "measure", lambda starts, rounds: seen.append((starts, rounds)) or [])
    assert running.imports(entries().values(), Path("made"), 3) == []
    ((starts, rounds),) = seen
    assert (rounds, {Path(start.python).parts[1] for start in starts}) == (
        3,
        {e.name for e in entries().values() if e.packages},
    )


def test_a_start_that_fails_says_why():
    """With what was run."""
    assert imports.took(sys.executable, ["-c", "pass"]) > 0
    with pytest.raises(RuntimeError, match=r"-c print\(1\); exit\(2\) ended with 2: 1"):
        imports.took(sys.executable, ["-c", "print(1); exit(2)"])


# ---- the command -----------------------------------------------------------------------------------------------


def test_a_peer_that_nobody_knows_is_refused():
    """With those that there are."""
    with pytest.raises(SystemExit, match=r"no peer is called 'bur'\. hint: there is langgraph, .*burr"):
        command.main(["run", "--peers", "bur"])


@pytest.mark.parametrize("is_kept", [True, False])
def test_figures_are_kept_where_that_is_asked_for(is_kept, monkeypatch, tmp_path, capsys):
    """Those of others apart from ours, with what was there before."""
    kept, line = Figures(), {"work": "w1", "us": 1.0, "ratio": 2.0, "low": 1.0, "high": 3.0, "by_hand_us": 2.0}
    kept.put("ours", [{**line, "work": "w3", "peer": "crewgraph"}], {})
    monkeypatch.setattr(command.Figures, "read", lambda: kept)
    saved = []
    monkeypatch.setattr(command.Figures, "save", lambda figures: saved.extend([figures]))
    failed = {"work": "w1", "peer": "haystack", "failed": "too slow"}
    found = [{**line, "peer": "crewgraph"}, {**line, "peer": "burr"}, failed]
    monkeypatch.setattr(command.running, "workload", lambda *_: iter(found))
    assert command.main(["run", "w1", "--peers", "all", *(["--save"] if is_kept else [])]) == 0
    assert bool(saved) is is_kept
    if is_kept:
        assert [(each["work"], each["peer"]) for each in kept.lines("ours")] == [
            ("w3", "crewgraph"),
            ("w1", "crewgraph"),
        ]
        assert len(kept.lines("peers")) == 2
    assert "| crewgraph |" in capsys.readouterr().out


def test_imports_of_peers_are_kept_before_workloads_are_measured(monkeypatch):
    """A workload may take long, or fail."""
    figures, saved = Figures(), []
    monkeypatch.setattr(command.Figures, "read", lambda: figures)
    monkeypatch.setattr(command.Figures, "save", lambda kept: saved.append(list(kept.sections)))
    monkeypatch.setattr(command.running, "imports", lambda *_: [{"what": "burr"}])
    monkeypatch.setattr(command.running, "workload", lambda *_: iter([]))
    command.main(["run", "w1", "--peers", "burr", "--imports", "--save"])
    assert saved[0] == ["peer_imports"]


def test_all_goes_on_where_a_section_fails(monkeypatch, capsys):
    """The others are worth having, and the page is written of them."""
    figures, written = Figures(), []

    def measured(section):
        if section == "crews":
            raise RuntimeError("no model")
        return None if section == "growth" else [{"what": section}]

    monkeypatch.setattr(command.Figures, "read", lambda: figures)
    monkeypatch.setattr(command.Figures, "save", lambda _: None)
    monkeypatch.setattr(command, "write", written.append)
    monkeypatch.setattr(command.running, "measured", measured)
    line = {"work": "w1", "peer": guard.PEER, "us": 1.0, "ratio": 2.0, "low": 1.0, "high": 3.0}
    monkeypatch.setattr(command.running, "workload", lambda *_: iter([line]))
    assert command.main(["all"]) == command.main(["section", "memory"]) == command.main(["page"]) == 0
    assert figures.line("memory", what="memory") is not None
    assert {"crews", "growth"}.isdisjoint(figures.sections)
    assert figures.line("ours", **line) is not None
    assert {each["ratio"] for each in figures.lines("guard")} == {2.0}
    assert written == [figures] * 3
    assert "crews: no model" in capsys.readouterr().err


def test_set_up_takes_all_peers_where_none_is_named(monkeypatch):
    """Or those that are."""
    seen = []
    monkeypatch.setattr(command.running, "set_up", lambda _, every: seen.append({entry.name for entry in every}))
    command.main(["setup"])
    command.main(["setup", "--peers", "burr"])
    assert seen[0] == set(entries())
    assert {"burr"} == seen[1] & {name for name, entry in entries().items() if entry.is_foreign}


# ---- profiles --------------------------------------------------------------------------------------------------


def test_a_profile_sums_up_to_the_whole():
    """What the collector takes is taken off the rest."""
    looks = Looks()
    looks.seen.update({"asyncio": 5, "node › run": 1, "node › end": 2})
    looks.collecting = 0.5
    of_functions = {"the collector of garbage": 0.5, "asyncio": 0.3125, "node › end": 0.125, "node › run": 0.0625}
    assert list(looks.shares(1.0).items()) == list(of_functions.items())
    assert looks.shares(1.0, of_modules=True) == {"the collector of garbage": 0.5, "asyncio": 0.3125, "node": 0.1875}


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (PACKAGE / "engine/pool.py", "engine/pool › Pool.step.inner"),
        (HERE / "work.py", "the nodes themselves"),
        (PACKAGE.parent / "lib/python3.11/site-packages/anyio/_core/_tasks.py", "anyio"),
        ("/lib/python3.11/asyncio/events.py", "asyncio"),
        ("/lib/python3.11/contextlib.py", None),
    ],
)
def test_a_look_says_whose_code_runs(file, place):
    """Python's library runs for somebody else, so it is nobody's."""
    assert place_of(str(file), "Pool.step.<locals>.inner") == place


@pytest.mark.parametrize("name", ["w1", "w7", "crews"])
def test_what_is_looked_at_has_words_and_shares(name):
    """Of a workload and of crews; the places that take most take most of it."""
    found = asyncio.run(profiled(name, 0.02))
    assert found["work"] == name
    assert found["told"].startswith(("chain of 10", "1,000 chains"))
    assert found["looks"] > 0
    assert 0.5 < sum(found["modules"].values()) < 1.001


def test_every_missed_goal_can_be_looked_at():
    """By the names that the command takes."""
    assert set(MISSED) <= CASES.keys()
    assert CASES["compile"]().told == "compiling a grid of keys of 10,000 nodes"
