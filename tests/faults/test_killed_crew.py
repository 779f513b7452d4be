"""A process is killed in the middle of a crew: the tasks that were kept are not asked again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WORK = """
import os, sys, time
from crewgraph import Agent, Crew, Pipeline, Task
from crewgraph.llm import Reply, Request

asked = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

class Model:
    model = "mine"

    async def complete(self, request: Request) -> Reply:
        task = next(word for message in request.messages for word in message.content.split() if word.startswith("do-"))
        os.write(asked, f"{task}\\n".encode())
        if task == "do-4" and sys.argv[3] == "die":
            print("at the fourth", flush=True)
            time.sleep(60)
        return Reply(text=f"done {task}", finish_reason="stop")

office = Crew(agents=[Agent(role="Clerk", llm=Model())], tasks=[Task(description=f"do-{n}") for n in range(1, 6)])
(run,) = Pipeline([office], name="killed").kickoff({}, store=sys.argv[1])
print(run.raw, [task.raw for task in run.tasks_output])
"""


def started(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WORK, *map(str, args)], stdout=subprocess.PIPE, text=True)


def test_killed_in_the_fourth_task(tmp_path: Path) -> None:
    """Resumed, a crew of five tasks asks its model for the last two only, and gives what it would have given."""
    store, asked = tmp_path / "runs.sqlite", tmp_path / "asked"
    with started(store, asked, "die") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at the fourth\n"
        process.kill()
    assert asked.read_text().split() == ["do-1", "do-2", "do-3", "do-4"]
    asked.unlink()
    with started(store, asked, "live") as process:
        told, _ = process.communicate()
    assert asked.read_text().split() == ["do-4", "do-5"]
    with started(tmp_path / "other.sqlite", asked, "live") as process:
        undisturbed, _ = process.communicate()
    assert told == undisturbed
