"""Pictures compared byte by byte; ``CREWGRAPH_UPDATE_GOLDEN=1 pytest tests/golden`` writes them anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from crewgraph.cli.target import load
from tests.golden.gallery import GALLERY, letters, look, nasty, newsroom, office, run_of, runs

PICTURES = Path(__file__).parent / "pictures"
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "pictures" / "inbox.svg"
UPDATE = os.environ.get("CREWGRAPH_UPDATE_GOLDEN") == "1"


def drawn(name: str, ending: str) -> str:
    pipeline = GALLERY[name]()
    match ending:
        case "LR.dot":
            return pipeline.to_dot()
        case "TB.dot":
            return pipeline.to_dot(orientation="TB")
        case "LR.svg":
            return pipeline.to_svg()
        case "TB.svg":
            return pipeline.to_svg(orientation="TB")
        case "mmd":
            return pipeline.to_mermaid()
        case _:
            return pipeline.to_text()


ENDINGS = ("LR.svg", "TB.svg", "LR.dot", "TB.dot", "mmd", "txt")
LAID_OVER: dict[str, dict[str, Any]] = {
    "office.depth0": {"depth": 0},
    "office.depth1": {"depth": 1},
    "office.run": {"run": runs(office())[3]},
    "office.runs": {"run": runs(office())},
    "office.runs-depth0": {"run": runs(office()), "depth": 0},
    "letters.run": {"run": run_of(letters(), routes={}, waiting="Release it")},
    "letters.runs": {
        "run": [run_of(letters(), routes={}, waiting="Release it"), run_of(letters(), routes={}, index=1)]
    },
    "office.style": {"style": look},
    "nasty.style": {"style": look},
}
"""What may be laid over a picture, and how much of it is drawn."""
THEMES = {"newsroom": newsroom, "office": office, "nasty": nasty}


def laid_over(name: str, ending: str) -> str:
    orientation, _, form = ending.rpartition(".")
    ways: dict[str, Any] = {"orientation": orientation} if orientation else {}
    verb = {"svg": "to_svg", "dot": "to_dot", "mmd": "to_mermaid", "txt": "to_text"}[form]
    picture: str = getattr(GALLERY[name.partition(".")[0]](), verb)(**ways, **LAID_OVER[name])
    return picture


def compared(file: Path, picture: str) -> None:
    if UPDATE:
        file.write_text(picture, encoding="utf-8")
    assert picture == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", LAID_OVER)
def test_what_is_laid_over(name: str, ending: str) -> None:
    """Depth, runs and styles are drawn in every format as they were when somebody looked at them."""
    compared(PICTURES / f"{name}.{ending}", laid_over(name, ending))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", THEMES)
def test_themes(name: str, theme: Any) -> None:
    """Light and dark, from left to right and from top to bottom."""
    compared(PICTURES / f"{name}.{theme}.svg", THEMES[name]().to_svg(theme=theme))
    compared(PICTURES / f"{name}.{theme}.TB.svg", THEMES[name]().to_svg(theme=theme, orientation="TB"))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", GALLERY)
def test_picture(name, ending):
    """Every pipeline of the gallery is drawn as it was when somebody looked at it."""
    compared(PICTURES / f"{name}.{ending}", drawn(name, ending))


def test_the_picture_of_the_docs():
    """It is the example's, as it is today."""
    picture = load(str(ROOT / "examples" / "inbox" / "pipeline.py")).pipeline.to_svg()
    compared(DOCS, picture)


def test_no_picture_is_left_over():
    """Each file in the folder belongs to a pipeline of the gallery."""
    assert {file.name.partition(".")[0] for file in PICTURES.iterdir()} == set(GALLERY)


@pytest.mark.parametrize("source", [(drawn, name) for name in GALLERY] + [(laid_over, name) for name in LAID_OVER])
def test_labels_are_well_formed(source):
    """Every HTML-like label is XML of the few elements that we write, whatever the names."""
    draw, name = source
    labels = re.findall(r"label=<(.*?)>(?= \w+=|\])", draw(name, "LR.dot"))
    assert labels
    for label in labels:
        elements = {element.tag for element in ET.fromstring(f"<LABEL>{label}</LABEL>").iter()}
        assert elements <= {"LABEL", "TABLE", "TR", "TD", "FONT", "B", "I", "BR", "HR"}


if shutil.which("dot"):  # defined and not skipped: it is an extra where Graphviz happens to be installed

    @pytest.mark.parametrize("ending", ["LR.dot", "TB.dot"])
    @pytest.mark.parametrize("name", [*GALLERY, *LAID_OVER])
    def test_graphviz_draws_it_without_a_word(name, ending):
        """Graphviz accepts the source and has nothing to complain about."""
        source = (drawn if name in GALLERY else laid_over)(name, ending)
        done = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, check=True, encoding="utf-8")
        assert not done.stderr
        assert "<script" not in done.stdout
