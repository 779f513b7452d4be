"""What makes the short version fail, and what does not."""

from __future__ import annotations

import pytest

from bench import __main__ as command
from bench import guard
from bench.figures import Figures


def slower(kept, *measured):
    """What the guard says of a workload, and how often it was measured."""
    seen, each = list[str](), iter(measured)
    found = guard.slower({"w1": kept}, lambda _: {"low": next(each)}, seen.append)
    return len(found), len(seen)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [((2.0,), (0, 1)), ((3.0,), (0, 1)), ((3.1, 2.9), (0, 2)), ((9.0, 9.0, 2.0), (0, 3)), ((3.1, 3.2, 3.3), (1, 3))],
    ids=["as before", "half as much again", "once too slow", "twice too slow", "slower"],
)
def test_only_what_stays_slow_fails(measured, expected):
    """A noisy neighbour slows some of the tries and not all."""
    assert slower(2.0, *measured) == expected


def test_without_kept_figures_there_is_nothing_to_compare(monkeypatch, capsys):
    """That is an error, not a pass."""
    monkeypatch.setattr(command.Figures, "read", Figures)
    assert command.main(["guard"]) == 1
    assert "hint: python -m bench guard --save" in capsys.readouterr().err


@pytest.mark.parametrize(("low", "code"), [(2.0, 0), (4.0, 1)], ids=["as before", "slower"])
def test_the_command_ends_with_what_was_found(low, code, monkeypatch, capsys):
    """And says which workload, and where to look."""
    figures = Figures()
    figures.put("guard", [{"work": "w1", "ratio": 2.0}], {})
    monkeypatch.setattr(command.Figures, "read", lambda: figures)
    monkeypatch.setattr(command.running, "workload", lambda *_: iter([{"peer": guard.PEER, "low": low}]))
    assert command.main(["guard"]) == code
    assert ("error: w1 takes 4.0 times" in capsys.readouterr().err) is bool(code)


def test_what_is_measured_can_be_kept(monkeypatch):
    """In the same way as it is compared later."""
    figures, asked = Figures(), []

    def workload(work, _entries, _environments, words):
        asked.append(words)
        return iter([{"peer": "asyncio"}, {"peer": guard.PEER, "work": work, "ratio": 2.0, "low": 1.5}])

    monkeypatch.setattr(command.Figures, "read", lambda: figures)
    monkeypatch.setattr(command.Figures, "save", lambda _: None)
    monkeypatch.setattr(command.running, "workload", workload)
    assert command.main(["guard", "--save"]) == command.main(["guard"]) == 0
    assert [line["work"] for line in figures.lines("guard")] == list(guard.WATCHED)
    assert set(asked) == {guard.SHORT}
