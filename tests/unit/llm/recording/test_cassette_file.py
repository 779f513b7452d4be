from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from crewgraph import Cassette, record, replay
from crewgraph.errors import (
    CassetteError,
)
from crewgraph.llm import LiteLLM
from crewgraph.llm.port import Request
from crewgraph.llm.recording.cassette_file import Writer
from crewgraph.scope import Scope
from crewgraph.testing import ScriptedLLM
from tests.unit.llm.cassettes import HEADER, LINE, Dead, ask_one, content, lines, put

pytestmark = pytest.mark.anyio


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "tape.jsonl"


async def test_recorded_anew(tape: Path) -> None:
    """A new recording takes the place of the old one at the end, and not before."""
    put(tape, "old")
    part = tape.with_name("tape.jsonl.part")
    with record(tape):
        await ask_one(ScriptedLLM("1", model="m"))
        assert content(tape) == "old"
        assert len(lines(part)) == 2
    assert len(lines(tape)) == 2
    assert not part.exists()


@pytest.mark.parametrize("old", [None, "old"], ids=["first", "again"])
async def test_failed_one_is_not_kept(tape: Path, old: str | None) -> None:
    """Where a failed recording is not to be kept, the folder is left as it was."""
    if old is not None:
        put(tape, old)
    before = list(tape.parent.iterdir())
    with pytest.raises(ZeroDivisionError) as caught, Cassette(tape, mode="record", keep_failed=False):
        await ask_one(ScriptedLLM("1", model="m"))
        raise ZeroDivisionError
    assert list(tape.parent.iterdir()) == before
    assert old is None or content(tape) == old
    assert not hasattr(caught.value, "__notes__")


async def test_exception_keeps_the_old_one(tape: Path) -> None:
    """If an exception leaves the ``with`` the old recording stays, and the new one is named."""
    put(tape, "old")
    with pytest.raises(ZeroDivisionError) as caught, record(tape):
        await ask_one(ScriptedLLM("1", model="m"))
        raise ZeroDivisionError
    assert content(tape) == "old"
    (note,) = caught.value.__notes__
    part = tape.with_name("tape.jsonl.part")
    assert note == f"{tape} was left as it is; what was recorded until then is in {part}"
    assert len(lines(part)) == 2


async def test_exception_without_an_old_one(tape: Path) -> None:
    """Where there was no recording, what was recorded until the exception is kept."""
    with pytest.raises(ZeroDivisionError), record(tape):
        await ask_one(ScriptedLLM("1", model="m"))
        raise ZeroDivisionError
    assert len(lines(tape)) == 2


def test_crash(tape: Path) -> None:
    """What was recorded when the process died is there, and can be completed."""
    script = f"""
import os, crewgraph
from crewgraph.testing import ScriptedLLM

def die(request):
    os._exit(9)

crew = crewgraph.Crew(
    agents=[crewgraph.Agent(role="A")],
    tasks=[crewgraph.Task(description="one"), crewgraph.Task(description="two")],
    llm=ScriptedLLM("kept", die, model="m"),
)
with crewgraph.record({str(tape)!r}, only_missing=True):
    crew.kickoff()
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert [line["reply"]["text"] for line in lines(tape)[1:]] == ["kept"]


async def test_nothing_recorded(tape: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A recording without a single call is suspicious, and said to be."""
    with record(tape):
        pass
    assert caplog.messages == [f"{tape}: no model was called, so nothing is recorded"]
    assert lines(tape) == [json.loads(HEADER)]


async def test_too_late(tape: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A call that outlives the ``with`` is answered and not recorded, which is said."""
    may_end, llm = anyio.Event(), None

    async def late(request: Request) -> str:
        await may_end.wait()
        return "late"

    llm = ScriptedLLM(late, model="m")
    async with anyio.create_task_group() as tasks:
        with record(tape):
            tasks.start_soon(ask_one, llm)
            while not llm.asked:
                await anyio.lowlevel.checkpoint()
        may_end.set()
    assert f"{tape}: a call ended after the cassette was closed, and is not recorded" in caplog.messages


def test_once_only(tape: Path) -> None:
    """A cassette is used once: what it has played is gone."""
    put(tape, HEADER + "\n")
    played = replay(tape)
    with played, pytest.raises(CassetteError, match="used once"):
        played.__enter__()
    with pytest.raises(CassetteError, match="used once"):
        played.__enter__()


@pytest.mark.parametrize("only_missing", [False, True])
def test_one_writer(tape: Path, *, only_missing: bool) -> None:
    """A file that is being recorded cannot be recorded a second time, until the first has ended."""
    with record(tape), pytest.raises(CassetteError, match="is being recorded already"):
        record(tape.parent / "." / tape.name, only_missing=only_missing).__enter__()
    with record(tape, only_missing=only_missing):
        pass


async def test_nested(tape: Path) -> None:
    """A recording around a replay records what is replayed; one inside of a replay is not asked."""
    other = tape.with_name("other.jsonl")
    with record(tape):
        await ask_one(ScriptedLLM("1", model="m"))
    with record(other), replay(tape):
        await ask_one(Dead(model="m"))
    with replay(other), record(tape) as inner:
        assert await ask_one(Dead(model="m")) == "1"
    assert inner.recorded == 0


BAD = [
    pytest.param(b"", 1, "this is no cassette", id="empty"),
    pytest.param(b"\x00\xff\xfe", 1, "this is no cassette", id="binary"),
    pytest.param(b"[" * 100_000, 1, "this is no cassette", id="deep"),
    pytest.param(b'{"version":1}\n', 1, "this is no cassette", id="foreign"),
    pytest.param(b'{"crewgraph":"cassette","version":2}\n', 1, "version 2; this crewgraph reads version 1", id="newer"),
    pytest.param(b'{"crewgraph":"cassette"}\n', 1, "version None", id="no-version"),
    pytest.param(f"{HEADER}\n{LINE}\n{LINE[:-9]}".encode(), 3, "is cut off; .*hint: delete this line", id="cut"),
    pytest.param(f"{HEADER}\n\n{LINE[:-9]}\n".encode(), 3, "is no JSON object", id="broken"),
    pytest.param(f"{HEADER}\n7\n".encode(), 2, "is no JSON object", id="number"),
    pytest.param(HEADER.encode() + b"\n\xff\n", 2, "is no JSON object", id="no-utf-8"),
    pytest.param(HEADER.encode() + b"\n" + b"[" * 100_000 + b"\n", 2, "is no JSON object", id="deep-line"),
    pytest.param(f"{HEADER}\n{{}}\n".encode(), 2, "request: Field required", id="no-request"),
    pytest.param(f'{HEADER}\n{LINE.replace("hi", "hi").replace("model", "mode")}\n'.encode(), 2, "model: Field", id="no-model"),
    pytest.param(f'{HEADER}\n{LINE.replace(chr(34) + "hi" + chr(34), "5")}\n'.encode(), 2, "messages.0.content", id="bad-message"),
    pytest.param(f'{HEADER}\n{LINE.replace("reply", "answer")}\n'.encode(), 2, "answer: Extra", id="unknown-field"),
    pytest.param(f'{HEADER}\n{LINE[:-1]},"nth":0}}\n'.encode(), 2, "nth: Input", id="bad-number"),
    pytest.param(f'{HEADER}\n{LINE[:-1]},"cancelled":true}}\n'.encode(), 2, "one of reply, error and cancelled", id="two"),
    pytest.param(
        f'{HEADER}\n{LINE[:-23]},"error":{{"kind":"os","message":""}}}}\n'.encode(), 2, "no error of a model 'os'", id="kind"
    ),
    pytest.param(
        f'{HEADER}\n{LINE[:-23]},"error":{{"kind":"InputError","message":""}}}}\n'.encode(), 2, "'InputError'", id="wrong-kind"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "message"), BAD)
@pytest.mark.parametrize("open_it", [replay, lambda path: record(path, only_missing=True)], ids=["replay", "missing"])
def test_bad_files(tape: Path, content: bytes, line: int, message: str, open_it: Callable[[Path], Cassette]) -> None:
    """A file that is no cassette, or a damaged one, is refused with the line; and is left as it is."""
    tape.write_bytes(content)
    with pytest.raises(CassetteError, match=rf"tape\.jsonl, line {line}: .*{message}"):
        open_it(tape).__enter__()
    assert tape.read_bytes() == content


def test_no_file(tape: Path) -> None:
    """Without a file there is nothing to replay, and the error says how to make one."""
    with pytest.raises(CassetteError, match=r"there is no such cassette\. hint: record it: with crewgraph\.record"):
        replay(tape).__enter__()


def test_a_folder(tmp_path: Path) -> None:
    """A folder can be neither replayed nor recorded to."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for opened in (replay(folder), record(folder, only_missing=True)):
        with pytest.raises(CassetteError, match="cannot be read: Is a directory"):
            opened.__enter__()
    with pytest.raises(CassetteError, match="cannot be written: Is a directory"), record(folder):
        pass


def test_no_folder(tmp_path: Path) -> None:
    """A path through a file cannot be written."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CassetteError, match="cannot be written"):
        record(tmp_path / "file" / "tape.jsonl").__enter__()


@pytest.mark.parametrize("anew", [True, False], ids=["anew", "missing"])
def test_two_processes(tape: Path, anew: bool) -> None:
    """A file that another process is recording is left to it; when that has ended, the file is free."""
    first = Writer(tape, anew=anew)
    with pytest.raises(CassetteError, match=r"another process is recording it\. hint: give each process a file"):
        Writer(tape, anew=anew)
    assert content(tape) == f"{HEADER}\n"
    first.close()
    Writer(tape, anew=anew).close()
    assert content(tape) == f"{HEADER}\n"


def test_two_processes_with_record(tape: Path) -> None:
    """A whole recording is not disturbed by another process that begins one."""
    script = f"import crewgraph; crewgraph.record({str(tape)!r}).__enter__()"
    with record(tape):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "CassetteError" in done.stderr
    assert content(tape) == f"{HEADER}\n"


@pytest.mark.parametrize("again", [True, False], ids=["another", "none"])
def test_moved_before_it_was_locked(tape: Path, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    """Who opened a file that another process then put in its place does not write to it."""
    done = tape.with_name("done.jsonl")

    def late(file: int, operation: int) -> None:
        tape.rename(done)
        if again:
            tape.touch()

    put(tape, "theirs")
    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(CassetteError, match="another process"):
        Writer(tape, anew=True)
    assert content(done) == "theirs"


def test_no_locks(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks recordings are made all the same."""

    def none(file: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    with record(tape):
        pass
    assert content(tape) == f"{HEADER}\n"


async def test_full_disk(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that cannot be recorded stops the run and is charged: it was paid for."""
    scope = Scope()

    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with record(tape), pytest.raises(CassetteError, match="cannot be written: No space left on device"):
        monkeypatch.setattr(os, "write", full)
        await ask_one(ScriptedLLM("x", model="m"), scope=scope)
    assert scope.account.usage.total_tokens == 10


async def test_written_in_pieces(tape: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes only a part of what is written at a time gets all of it."""
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, bytes(data[:7])))
    with record(tape):
        await ask_one(ScriptedLLM("x", model="m"))
    monkeypatch.undo()
    assert len(lines(tape)) == 2


async def test_edited_by_hand(tape: Path) -> None:
    """A recording may be edited: what matters is what it says, not how."""
    put(tape, f"{HEADER}\n\n{json.dumps(json.loads(LINE), indent=None, sort_keys=True)}\n")
    with replay(tape):
        assert await ask_one(Dead(model="m")) == "ho"


async def test_odd_text(tape: Path) -> None:
    """Text with half a surrogate pair, line separators and a zero comes back as it was."""
    odd = "a\ud800b\u2028c\x00d\n\r"
    with record(tape):
        await ask_one(ScriptedLLM(odd, model="m"), odd)
    with replay(tape):
        assert await ask_one(Dead(model="m"), odd) == odd


def test_without_litellm(tape: Path) -> None:
    """A replay of a model behind litellm imports no litellm and needs no key."""
    line = json.loads(LINE)
    script = f"""
import sys, crewgraph
crew = crewgraph.Crew(agents=[crewgraph.Agent(role="A")], tasks=[crewgraph.Task(description="hi")], llm="gpt-5-mini")
with crewgraph.replay({str(tape)!r}):
    print(crew.kickoff().raw, "litellm" in sys.modules)
"""
    llm = LiteLLM("gpt-5-mini")

    async def make() -> None:
        with record(tape):
            await ask_one(like(llm), "hi")

    anyio.run(make)
    recorded = lines(tape)[1]
    recorded["request"]["messages"] = [{"role": "system", "content": "You are A."}, line["request"]["messages"][0]]
    put(tape, f"{HEADER}\n{json.dumps(recorded)}\n")
    env = {name: value for name, value in os.environ.items() if "KEY" not in name}
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["ho", "False"]


def like(llm: LiteLLM) -> ScriptedLLM:
    """A double that says the same of itself as a model of litellm."""
    return ScriptedLLM("ho", model=llm.model, parameters=getattr(llm, "parameters", {}))
