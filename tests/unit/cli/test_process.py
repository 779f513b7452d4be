"""The command line as a process of its own: exit codes, signals, pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes work in another way there")

SLOW = """
    import time
    from crewgraph import step

    @step
    def nap(n: int):
        time.sleep(0 if n < 3 else 600)
        return "x" * n
"""


@pytest.fixture
def start(folder):
    """Start ``python -m crewgraph …`` in the folder."""

    def started(*args, **options):
        command = [sys.executable, "-m", "crewgraph", *map(str, args)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=folder, env=environment, **(pipes | options))

    return started


def test_the_module_is_the_command_line(start, flow):
    """``python -m crewgraph`` with the folder it stands in."""
    with start("run", "flow:flow", "--input", "text=hi") as process:
        out, err = process.communicate()
    assert process.returncode == 0
    assert json.loads(out)["raw"] == "only 2"
    assert err.startswith(b"1 ok, ")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_keeps_its_lines(start, write, folder, number):
    """Lines are flushed one by one; Ctrl-C ends at once though a thread is still at work, and tells what it cut off."""
    write("slow.py", SLOW)
    write("rows.jsonl", "".join(f'{{"n": {n}}}\n' for n in range(6)))
    with start("run", "slow.py:nap", "rows.jsonl") as process:
        first = [process.stdout.readline() for _ in range(3)]
        process.send_signal(number)
        rest, err = process.communicate(timeout=100)
    assert sorted(json.loads(line)["index"] for line in first) == [0, 1, 2]
    assert {json.loads(line)["status"] for line in rest.splitlines()} <= {"cancelled"}
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert b"3 ok, 3 cancelled" in err
        assert b"Traceback" not in err


ASKING = """
    from crewgraph import Agent, Crew, Task

    ask = Crew(agents=[Agent(role="Clerk")], tasks=[Task(description="Say {x}", human_input=True)], llm="offline")
"""


@posix
@pytest.mark.parametrize("options", [[], ["--follow"]], ids=["progress", "follow"])
def test_a_person_who_is_asked_has_the_terminal(start, write, monkeypatch, options):
    """No picture is drawn over what they type, and they see the cursor."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    write("ask.py", ASKING)
    terminal, end = os.openpty()
    with start("run", "ask.py:ask", "--input", "x=hello", *options, stdin=end, stderr=end) as process:
        os.close(end)
        seen = b""
        for word in (b"shorter\n", b"\n"):
            begun = len(seen)
            while b"to be changed: " not in seen[begun:]:
                seen += os.read(terminal, 4096)
            assert seen.endswith(b"to be changed: ")
            assert seen.rfind(b"\x1b[?25h") > seen.rfind(b"\x1b[?25l")
            os.write(terminal, word)
            seen += os.read(terminal, 4096)
        out, _ = process.communicate(timeout=100)
    os.close(terminal)
    assert process.returncode == 0
    assert json.loads(out)["status"] == "ok"
    assert b"to be changed: shorter\r\n" in seen


@posix
def test_a_reader_that_leaves_ends_it_quietly(start, write):
    """As in ``crewgraph run … | head -1``: no traceback, no message."""
    write("slow.py", SLOW)
    write("rows.jsonl", '{"n": 1}\n' * 2000 + '{"n": 5}\n')
    with start("run", "slow.py:nap", "rows.jsonl", "--quiet") as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=100) == 141
        assert process.stderr.read() == b""


def test_rows_are_run_as_they_come(start, write):
    """Standard input is not read to its end before the first result is there."""
    write("slow.py", SLOW)
    with start("run", "slow.py:nap", "-", "--no-progress", stdin=subprocess.PIPE) as process:
        for number in (1, 2):
            process.stdin.write(b'{"n": %d}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["raw"] == "x" * number
        process.communicate()
    assert process.returncode == 0


def test_light_commands_import_nothing_heavy(folder, flow):
    """Neither litellm nor rich, graphviz or Graphviz's Python side for a check."""
    code = "import sys; from crewgraph.cli import cli; cli(['check', 'flow.py'], standalone_mode=False)"
    code = """
import sys
from crewgraph.cli import cli
try:
    cli(["check", "flow.py"])
except SystemExit as end:
    assert end.code == 0
print(sorted({"litellm", "rich", "graphviz"} & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
