from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crewgraph.crew import Task
from crewgraph.crew.output_file import MAX_NAME, VARIABLE, OutputFile
from crewgraph.errors import KickoffError, OutputFileError
from crewgraph.node import interface_of
from crewgraph.outputs import TaskOutput
from tests.unit.crew.doubles import Recorder, Verdict, crew

pytestmark = pytest.mark.anyio

GOOD = '{"urgent": true, "score": 3}'


def written(file: str, **options: Any) -> Task:
    return Task(description="Write", name="write", output_file=file, **options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path.resolve() / "root"
    made.mkdir()
    return made


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class TestWritten:
    """Answers in files."""

    async def test_text(self, root: Path) -> None:
        """Text is written as it is, under the root, into folders that are made; nothing else is left there."""
        done = await crew(written("reports/{topic}.md"), llm=Recorder("héllo\nthere"), output_root=root).kickoff_async(
            {"topic": "tea"}
        )
        assert done.tasks_output[0].output_file == root / "reports" / "tea.md"
        assert (root / "reports" / "tea.md").read_bytes() == "héllo\nthere".encode()
        assert files(root) == ["reports/tea.md"]

    @pytest.mark.parametrize("shape", ["output_json", "output_pydantic"])
    async def test_json(self, root: Path, shape: str) -> None:
        """A structured answer is written as JSON, whatever the model wrote around it."""
        task = written("a.json", **{shape: Verdict})
        await crew(task, llm=Recorder(f"Here: {GOOD}"), output_root=str(root)).kickoff_async()
        text = (root / "a.json").read_text()
        assert json.loads(text) == json.loads(GOOD)
        assert text.endswith("}\n")

    async def test_replaces(self, root: Path) -> None:
        """A second run replaces the file."""
        made = crew(written("a.md"), llm=Recorder("long answer", "short"), output_root=root)
        await made.kickoff_async()
        await made.kickoff_async()
        assert (root / "a.md").read_text() == "short"

    async def test_environment(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a root of the crew's, the environment names it."""
        monkeypatch.setenv(VARIABLE, str(root))
        await crew(written("a.md")).kickoff_async()
        assert files(root) == ["a.md"]

    async def test_current_folder(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without either it is the current folder."""
        monkeypatch.delenv(VARIABLE, raising=False)
        monkeypatch.chdir(root)
        done = await crew(written("a.md")).kickoff_async()
        assert done.tasks_output[0].output_file == root / "a.md"

    async def test_order(self, root: Path) -> None:
        """The file is there before callbacks are called, and only for an answer that was accepted."""
        seen = list[Any]()

        def guardrail(output: TaskOutput) -> Any:
            seen.append(files(root))
            return (True, None) if output.raw == "good" else (False, "bad")

        task = written("a.md", guardrail=guardrail, callback=lambda output: seen.append(output.output_file.read_text()))
        await crew(task, llm=Recorder("bad", "good"), output_root=root).kickoff_async()
        assert seen == [[], [], "good"]

    async def test_odd_letters(self, root: Path) -> None:
        """What cannot be encoded is replaced; names may hold letters of any script."""
        await crew(written("{topic}.md"), llm=Recorder("a\ud800b"), output_root=root).kickoff_async({"topic": "茶 é…"})
        assert (root / "茶 é….md").read_text() == "a?b"

    async def test_needs(self) -> None:
        """Placeholders of the name are needs of the crew."""
        assert [(need.key, need.where) for need in interface_of(crew(written("{a}/{b}.md"))).needs] == [
            ("a", "task 'write'"),
            ("b", "task 'write'"),
        ]

    async def test_link_inside(self, root: Path) -> None:
        """A link that stays under the root is followed, and stays a link."""
        (root / "real.md").write_text("old")
        (root / "link.md").symlink_to(root / "real.md")
        await crew(written("link.md"), llm=Recorder("new"), output_root=root).kickoff_async()
        assert (root / "real.md").read_text() == "new"
        assert (root / "link.md").is_symlink()


class TestRefused:
    """Places that cannot be written to; the model is not asked."""

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("", "it is empty"),
            ("  ", "it is empty"),
            ("/etc/passwd", "it is absolute. hint: Crew(output_root=…)"),
            ("C:/x", "it is absolute"),
            ("~/x", "it is absolute"),
            ("../x", "leads out of its folder"),
            ("a/../../x", "leads out of its folder"),
            ("a/..", "leads out of its folder"),
            ("..\\x", r"holds '\\\\'"),
            ("a\0.md", "control character"),
            ("a\n.md", "control character"),
            ("a\u202egnp.md", "control character"),
            ("a//b", "a part of it is empty"),
            ("a/", "a part of it is empty"),
            ("./a", "a part of it is empty"),
            ("CON", "the name of a device"),
            ("nul.txt", "the name of a device"),
            ("a/com1.tar.gz/b", "the name of a device"),
            ("x" * (MAX_NAME + 1), "too long"),
            ("é" * 200, "too long"),
            ("x/" * 600 + "x", "too long"),
            ("folder", "there is a folder of that name"),
            ("file/x", "file' is no folder"),
            ("out/x", "a symbolic link leads out of the output root"),
            ("out.md", "a symbolic link leads out of the output root"),
            ("loop/x", "loop|Symlink|levels"),
        ],
    )  # fmt: skip
    async def test_place(self, root: Path, name: str, words: str) -> None:
        """A name that leads out of the root, or is none, is refused before anything is paid, by task and path."""
        (root / "folder").mkdir()
        (root / "file").write_text("")
        (root / "out").symlink_to(root.parent, target_is_directory=True)
        (root / "out.md").symlink_to(root.parent / "elsewhere.md")
        (root / "loop").symlink_to(root / "loop")
        llm, before = Recorder(), files(root.parent)
        with pytest.raises(OutputFileError, match=words.replace("(", r"\(").replace(")", r"\)")) as caught:
            await crew(Task(description="a"), written("{name}"), llm=llm, output_root=root).kickoff_async(
                {"name": name}
            )
        assert str(caught.value).startswith("task 'write': output_file ")
        assert str(root) in str(caught.value)
        assert not llm.requests
        assert files(root.parent) == before

    async def test_long_names_are_shown_in_part(self, root: Path) -> None:
        """An error repeats only the beginning of a long name."""
        with pytest.raises(OutputFileError) as caught:
            await crew(written("x" * 5000), output_root=root).kickoff_async()
        assert len(str(caught.value)) < 600

    async def test_no_folder(self, root: Path) -> None:
        """Where folders are not to be made, they must be there."""
        with pytest.raises(OutputFileError, match=r"there is no folder .*hint: make it, or set create_directory=True"):
            await crew(written("a/b.md", create_directory=False), output_root=root).kickoff_async()
        (root / "a").mkdir()
        await crew(written("a/b.md", create_directory=False), output_root=root).kickoff_async()
        assert files(root) == ["a/b.md"]

    async def test_read_only(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder that cannot be written to is found before."""
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        llm = Recorder()
        with pytest.raises(OutputFileError, match="cannot be written to"):
            await crew(written("a.md"), llm=llm, output_root=root).kickoff_async()
        assert not llm.requests

    async def test_root_is_no_path(self) -> None:
        """A root that no file system knows is refused, too."""
        with pytest.raises(OutputFileError, match="null"):
            await crew(written("a.md"), output_root="a\0b").kickoff_async()

    async def test_two_tasks(self, root: Path) -> None:
        """Two tasks of a crew do not write the same file."""
        tasks = [written("{topic}.md"), Task(description="b", name="b", output_file="tea.md")]
        llm = Recorder()
        with pytest.raises(OutputFileError, match=r"task 'write' and task 'b' would both be written to it. hint: tell"):
            await crew(*tasks, llm=llm, output_root=root).kickoff_async({"topic": "tea"})
        assert not llm.requests

    async def test_moved_meanwhile(self, root: Path) -> None:
        """The place is looked at again before it is written to: much may have happened."""

        class Mover(Recorder):
            async def complete(self, request: Any) -> Any:
                (root / "reports").symlink_to(root.parent, target_is_directory=True)
                return await super().complete(request)

        with pytest.raises(OutputFileError, match="a symbolic link leads out"):
            await crew(written("reports/a.md"), llm=Mover(), output_root=root).kickoff_async()
        assert not (root.parent / "a.md").exists()

    async def test_write_fails(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where writing fails, what was there before is still there, and no draft is left."""
        (root / "a.md").write_text("old")

        def full(self: Path, target: Any) -> Path:
            raise OSError("No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OutputFileError, match=r"task 'write'.*No space left on device"):
            await crew(written("a.md"), output_root=root).kickoff_async()
        assert files(root) == ["a.md"]
        assert (root / "a.md").read_text() == "old"


class TestForEach:
    """One crew over many inputs."""

    async def test_same_file(self, root: Path) -> None:
        """Inputs whose answers would overwrite each other are refused before anything runs."""
        llm = Recorder()
        made = crew(written("report.md"), llm=llm, output_root=root)
        with pytest.raises(OutputFileError, match="task 'write' of input 0 and task 'write' of input 1 would both"):
            await made.kickoff_for_each_async([{}, {}])
        assert not llm.requests
        assert len(await made.kickoff_for_each_async([{}])) == 1

    async def test_told_apart(self, root: Path) -> None:
        """With a placeholder in the name each has its own."""
        made = crew(written("{topic}.md"), output_root=root)
        await made.kickoff_for_each_async([{"topic": "tea"}, {"topic": "milk"}])
        assert files(root) == ["milk.md", "tea.md"]

    async def test_one_is_hostile(self, root: Path) -> None:
        """A name that leads out fails that input only."""
        made = crew(written("{topic}.md"), output_root=root)
        with pytest.raises(KickoffError, match=r"1 of 2 runs failed\ninput 1: task 'write': output_file '\.\./x\.md'"):
            await made.kickoff_for_each_async([{"topic": "tea"}, {"topic": "../x"}])
        assert files(root) == ["tea.md"]

    async def test_hooks_make_the_name(self, root: Path) -> None:
        """Where a hook makes the values, nobody knows the names before."""
        made = crew(written("{topic}.md"), output_root=root, before_kickoff=lambda inputs: {"topic": inputs["n"]})
        await made.kickoff_for_each_async([{"n": "a"}, {"n": "b"}])
        assert files(root) == ["a.md", "b.md"]

    async def test_values_that_lie_beside(self, root: Path) -> None:
        """A name whose values are not among the inputs is left to the run."""
        file = OutputFile("task 'a'", root, "x.md", may_make_folder=True)
        assert file.path == root / "x.md"
        made = crew(written("{topic}.md"), output_root=root)
        with pytest.raises(Exception, match="topic"):
            await made.kickoff_for_each_async([{}, {}])
