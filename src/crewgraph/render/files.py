"""Pictures as bytes and files: SVG, DOT, Mermaid and text by ourselves, PNG and PDF through the ``dot`` program.

``dot`` is called directly and not through python-graphviz, which knows no time limit. Nothing here uses the network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Unpack

from crewgraph.errors import RenderError
from crewgraph.graph import Graph
from crewgraph.render.dot import to_dot
from crewgraph.render.escape import clean
from crewgraph.render.mermaid import to_mermaid
from crewgraph.render.scene import Over
from crewgraph.render.sketch import Orientation
from crewgraph.render.svg import to_svg
from crewgraph.render.text import to_text
from crewgraph.render.theme import Theme

__all__ = ["FORMATS", "encoded", "format_of", "replacing", "write"]

TIMEOUT = 120.0
"""Seconds that ``dot`` may take; a pipeline of a thousand nodes takes about ten."""

_ENDINGS = {
    ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".mermaid": "mermaid", ".txt": "text", ".svg": "svg", ".png": "png",
    ".pdf": "pdf",
}  # fmt: skip
_BY_DOT = {"png": ["-Tpng", "-Gdpi=144"], "pdf": ["-Tpdf"]}
LEAST_SCALE = 0.25
"""Where Graphviz makes a bitmap smaller than that, to fit what it can draw, nobody can read it."""
_SCALED = re.compile(r"too large for .* bitmaps\. Scaling by ([0-9.e-]+) to fit")
FORMATS = tuple(dict.fromkeys(_ENDINGS.values()))
"""The formats, by name."""

_NO_DOT = """\
{name} pictures are drawn by Graphviz, and its program 'dot' was not found.
hint: install it: 'apt install graphviz' (Debian, Ubuntu), 'brew install graphviz' (macOS), \
'choco install graphviz' (Windows); without it there are .svg, .dot, .mmd (Mermaid) and .txt"""


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file's ending stands for.

    Raises:
        RenderError: it stands for none.
    """
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        told = f"the ending '{ending}'" if ending else "a name without an ending"
        raise RenderError(f"{told} ({Path(path).name}) stands for no picture; there are {', '.join(_ENDINGS)}")
    return _ENDINGS[ending]


def encoded(
    graph: Graph,
    format: str,  # noqa: A002 - it is its name
    *,
    orientation: Orientation = "LR",
    theme: Theme = "auto",
    **over: Unpack[Over],
) -> bytes:
    """A picture in one of the :data:`FORMATS`, with what is laid over it; only SVG has a theme.

    Raises:
        RenderError: Graphviz is needed and not there, or cannot draw it.
    """
    sources: dict[str, Callable[[], str]] = {
        "svg": lambda: to_svg(graph, orientation=orientation, theme=theme, **over),
        "mermaid": lambda: to_mermaid(graph, orientation=orientation, **over),
        "text": lambda: to_text(graph, **over),
    }
    source = sources.get(format, lambda: to_dot(graph, orientation=orientation, **over))().encode()
    return _by_dot(source, format) if format in _BY_DOT else source


def _by_dot(source: bytes, name: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise RenderError(_NO_DOT.format(name=name.upper()))
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and nothing of the user's is in the command
            [program, *_BY_DOT[name]], input=source, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        hint = "draw it as .dot or .mmd, or draw its parts"
        raise RenderError(f"Graphviz took longer than {TIMEOUT:g} s and was stopped. hint: {hint}") from None
    except OSError as error:
        raise RenderError(f"Graphviz cannot be started: {error}") from error
    said = clean(done.stderr.decode(errors="replace"))
    if done.returncode or not done.stdout:
        raise RenderError(f"Graphviz failed with exit code {done.returncode}; it said: {said[:500] or 'nothing'}")
    scaled = _SCALED.search(said)
    if scaled and float(scaled[1]) < LEAST_SCALE:
        raise RenderError(
            f"the picture is too large for a {name.upper()}: Graphviz would draw it at {float(scaled[1]):.2%} of its size, "
            "which nobody can read. hint: draw it as .svg or .txt, or with fewer frames open: --depth 1, draw(…, depth=1)"
        )
    return done.stdout


def write(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file in one go: see :func:`replacing`.

    Raises:
        RenderError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(content)
    return Path(path)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A new file that takes the place of this one when all of it is written: whoever reads it sees the old one or the new one.

    Missing folders are made.

    Raises:
        RenderError: it cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RenderError(f"'{target}' cannot be written: {error.strerror or error}") from error


def _umask() -> int:
    """The process's umask, which can only be read by setting it; temporary files ignore it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
