"""Workers of two versions of a pipeline at the same time: nothing waits in silence, and nothing is mixed up."""

from __future__ import annotations

import logging
import os
import signal

import pytest

from tests.faults.cluster import Crew, is_alive, meanwhile, numbered, until

pytestmark = pytest.mark.filterwarnings("ignore")

OLD = """
import asyncio
from crewgraph import Pipeline, step
from tests import cluster_app
from tests.cluster_app import _note

@step
async def draft(n: int) -> dict[str, str]:
    _note(f"draft {n}")
    return {"text": f"draft {n}"}

@step
async def polish(text: str) -> dict[str, str]:
    await asyncio.sleep(cluster_app.PAUSE)
    _note(f"old polish {text}")
    return {"end": f"old {text}"}

pipeline = Pipeline([draft, polish], name="edited")
"""
PROMPT = OLD.replace("old", "new")
"""The second node says something else; the nodes are the same."""
STRUCTURE = OLD.replace("old", "new").replace(
    "pipeline = Pipeline([draft, polish],",
    """
@step
async def sign(end: str) -> dict[str, str]:
    return {"signed": f"{end}, signed"}

pipeline = Pipeline([draft, polish, sign],""",
)


OTHER = "workers have 'edited' as other code has it"


def test_another_prompt_at_the_worker_is_told(crew: Crew, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever submitted with an older prompt gets what the newer one made, and is told; with the newer one it is read at once."""
    old = crew.learn(OLD, "old")
    new = crew.learn(PROMPT, "new")
    crew.hire()
    made = [f"new draft {n}" for n in range(3)]
    assert [run.to_dict()["end"] for run in old.kickoff(numbered(3), store=crew.store)] == made
    assert caplog.text.count(OTHER) == 1
    before = crew.ran()
    assert [run.to_dict()["end"] for run in new.kickoff(numbered(3), store=crew.store)] == made
    assert crew.ran() == before
    assert caplog.text.count(OTHER) == 1


def test_workers_are_upgraded_while_runs_are_under_way(crew: Crew, caplog: pytest.LogCaptureFixture) -> None:
    """Half of the runs were polished by the old prompt when its worker goes; the new one drafts nothing again."""
    old = crew.learn(OLD, "old")
    retiring = crew.hire(0.3, concurrency=5)
    new = crew.learn(PROMPT, "new")

    def upgrade() -> None:
        until(lambda: sum("polish" in name for name in crew.ran()) >= 5)
        crew.hire()
        os.kill(retiring, signal.SIGKILL)

    with meanwhile(upgrade):
        ends = [run.to_dict()["end"] for run in old.kickoff(numbered(20), store=crew.store)]
    assert all(end in (f"old draft {n}", f"new draft {n}") for n, end in enumerate(ends))
    assert sum(end.startswith("old") for end in ends) >= 5
    assert OTHER in caplog.text
    crew.notes.unlink()
    assert [run.to_dict()["end"] for run in new.kickoff(numbered(20), store=crew.store)] == [
        f"new draft {n}" for n in range(20)
    ]
    assert {name.partition(" ")[0] for name in crew.ran()} <= {"new"}


def test_another_structure_finds_its_own_workers(crew: Crew, caplog: pytest.LogCaptureFixture) -> None:
    """Runs of the old structure wait for an old worker and say so; those of the new one read what has not changed."""
    old = crew.learn(OLD, "old")
    before = crew.hire()
    assert len(old.kickoff(numbered(3), store=crew.store)) == 3
    os.kill(before, signal.SIGTERM)
    until(lambda: not is_alive(before))
    new = crew.learn(STRUCTURE, "new")
    crew.hire()
    crew.notes.unlink()
    assert [run.to_dict() for run in new.kickoff(numbered(3), store=crew.store)] == [
        {"signed": f"new draft {n}, signed"} for n in range(3)
    ]
    assert {name.partition(" ")[0] for name in crew.ran()} == {"new"}

    def late() -> None:
        until(lambda: "no worker of 'edited'" in caplog.text)
        crew.said["app"] = str(crew.folder / "old.py")
        crew.hire()

    with caplog.at_level(logging.WARNING, "crewgraph.cluster"), meanwhile(late):
        assert [run.to_dict()["end"] for run in old.kickoff(numbered(5), store=crew.store)] == [
            f"old draft {n}" for n in range(5)
        ]
    assert "there is 1 of version" in caplog.text
