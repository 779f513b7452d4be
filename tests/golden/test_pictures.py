"""Pictures compared byte by byte; ``CREWGRAPH_UPDATE_GOLDEN=1 pytest tests/golden`` writes them anew."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from crewgraph.cli.target import load
from tests.golden.gallery import GALLERY

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


@pytest.mark.parametrize("ending", ["LR.svg", "TB.svg", "LR.dot", "TB.dot", "mmd", "txt"])
@pytest.mark.parametrize("name", GALLERY)
def test_picture(name, ending):
    """Every pipeline of the gallery is drawn as it was when somebody looked at it."""
    file = PICTURES / f"{name}.{ending}"
    picture = drawn(name, ending)
    if UPDATE:
        file.write_text(picture, encoding="utf-8")
    assert picture == file.read_text(encoding="utf-8")


def test_the_picture_of_the_docs():
    """It is the example's, as it is today."""
    picture = load(str(ROOT / "examples" / "inbox" / "pipeline.py")).pipeline.to_svg()
    if UPDATE:
        DOCS.write_text(picture, encoding="utf-8")
    assert picture == DOCS.read_text(encoding="utf-8")


def test_no_picture_is_left_over():
    """Each file in the folder belongs to a pipeline of the gallery."""
    assert {file.name.partition(".")[0] for file in PICTURES.iterdir()} == set(GALLERY)


@pytest.mark.parametrize("name", GALLERY)
def test_labels_are_well_formed(name):
    """Every HTML-like label is XML of the few elements that we write, whatever the names."""
    labels = re.findall(r"label=<(.*?)>(?= \w+=|\])", drawn(name, "LR.dot"))
    assert labels
    for label in labels:
        elements = {element.tag for element in ET.fromstring(f"<LABEL>{label}</LABEL>").iter()}
        assert elements <= {"LABEL", "TABLE", "TR", "TD", "FONT", "B", "I", "BR", "HR"}


if shutil.which("dot"):  # defined and not skipped: it is an extra where Graphviz happens to be installed

    @pytest.mark.parametrize("ending", ["LR.dot", "TB.dot"])
    @pytest.mark.parametrize("name", GALLERY)
    def test_graphviz_draws_it_without_a_word(name, ending):
        """Graphviz accepts the source and has nothing to complain about."""
        source = drawn(name, ending)
        done = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, check=True, encoding="utf-8")
        assert not done.stderr
        assert "<script" not in done.stdout
