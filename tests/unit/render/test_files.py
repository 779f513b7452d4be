from __future__ import annotations

import stat
import sys

import pytest

from crewgraph.errors import RenderError
from crewgraph.render import files
from crewgraph.render.files import format_of, write
from tests.golden.gallery import newsroom

posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for 'dot'")


@pytest.fixture
def dot(tmp_path, monkeypatch):
    """Put a shell script called ``dot`` on an otherwise empty PATH."""

    def install(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "dot").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "dot").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


@pytest.mark.parametrize("ending", ["png", "PNG", "pdf"])
def test_without_graphviz_the_error_says_what_to_do(tmp_path, monkeypatch, ending):
    """It names the program, its installation, and the endings that work without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        RenderError, match=r"'dot' was not found\.\n.*apt install graphviz.*brew.*choco.*\.svg, \.dot, \.mmd"
    ):
        newsroom().draw(tmp_path / f"x.{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ending", "start"),
    [("svg", "<svg"), ("dot", "digraph"), ("gv", "digraph"), ("mmd", "---"), ("mermaid", "---"), ("txt", "Newsroom")],
)
def test_sources_need_no_graphviz(tmp_path, monkeypatch, ending, start):
    """SVG, DOT, Mermaid and text are written by ourselves, into folders that are made where they are missing."""
    monkeypatch.setenv("PATH", "")
    path = newsroom().draw(tmp_path / "new" / f"x.{ending}")
    assert path == tmp_path / "new" / f"x.{ending}"
    assert path.read_text(encoding="utf-8").startswith(start)


@posix
@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_graphviz_is_asked_for_the_format(tmp_path, dot, ending):
    """What it answers is the file."""
    dot('while read -r line; do last="$line"; done; printf "%s %s" "$1" "$last"')
    path = newsroom().draw(str(tmp_path / f"x.{ending}"), orientation="TB")
    assert path.read_text() == f"-T{ending} }}"


@posix
def test_what_graphviz_complains_about_is_in_the_error(tmp_path, dot):
    """Its exit code and its words, without terminal codes."""
    dot('printf "bad \\033[31mthing\\033[0m\\nhere" >&2; exit 3')
    with pytest.raises(RenderError, match=r"exit code 3; it said: bad thing here$"):
        newsroom().draw(tmp_path / "x.png")


@posix
@pytest.mark.parametrize(
    ("scale", "is_drawn"), [("0.00134", False), ("8.5e-05", False), ("0.249", False), ("0.61", True)]
)
def test_a_bitmap_that_nobody_can_read_is_an_error(tmp_path, dot, scale, is_drawn):
    """Graphviz shrinks what is too large for it, to nothing at last; the error says in which other ways to draw it."""
    said = f"dot: graph is too large for cairo-renderer bitmaps. Scaling by {scale} to fit"
    dot(f'echo "{said}" >&2; printf picture')
    if is_drawn:
        assert newsroom().draw(tmp_path / "x.png").read_text() == "picture"
        return
    with pytest.raises(RenderError, match=r"too large for a PNG: .* at \d+\.\d\d% of its size.*hint: .*\.svg.*depth=1"):
        newsroom().draw(tmp_path / "x.png")
    assert not list(tmp_path.glob("x.*"))


@posix
def test_graphviz_without_an_answer_is_an_error(tmp_path, dot):
    """An empty picture is none."""
    dot("exit 0")
    with pytest.raises(RenderError, match="it said: nothing"):
        newsroom().draw(tmp_path / "x.png")


@posix
def test_graphviz_has_a_time_limit(tmp_path, dot, monkeypatch):
    """A picture that takes too long is given up."""
    dot("exec /bin/sleep 30")
    monkeypatch.setattr(files, "TIMEOUT", 0.05)
    with pytest.raises(RenderError, match=r"took longer than 0\.05 s"):
        newsroom().draw(tmp_path / "x.png")


@posix
def test_a_program_that_does_not_start_is_an_error(tmp_path, dot):
    """As where ``dot`` is for another machine."""
    dot("")
    (tmp_path / "bin" / "dot").write_bytes(b"\x00\x01")
    with pytest.raises(RenderError, match="Graphviz cannot be started"):
        newsroom().draw(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("name", "told"), [("x.jpg", "the ending '.jpg' (x.jpg)"), ("x", "a name without an ending (x)")]
)
def test_an_unknown_ending_is_refused(name, told):
    """The error lists those that are known."""
    with pytest.raises(RenderError) as caught:
        format_of(name)
    assert str(caught.value).startswith(told)
    assert ".svg" in str(caught.value)


def test_a_file_is_replaced_in_one_go(tmp_path):
    """The old one stays until the new one is there; nothing else is left, and others may read it."""
    write(tmp_path / "x.txt", b"old")
    write(tmp_path / "x.txt", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_bytes() == b"new"
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) & 0o400


def test_a_file_that_cannot_be_written_is_an_error(tmp_path):
    """It says which one; no half of it is left."""
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(RenderError, match=r"folder\.svg' cannot be written: "):
        write(tmp_path / "folder.svg", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.svg"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    """A file stands where a folder is needed."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RenderError, match="cannot be written"):
        write(tmp_path / "file" / "x.png", b"x")
