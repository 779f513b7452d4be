"""Documents as text and in files, in JSON and YAML, with the line of whatever is wrong."""

from __future__ import annotations

import json
import os
import sys
import time

import pytest

from crewgraph.document import dump, dumps, loads, read, write
from crewgraph.document.bounds import MAX_TEXT
from crewgraph.errors import DocumentError, DocumentInvalid
from tests.unit.document import examples
from tests.unit.document.examples import NAMES, tidy

MINIMAL = """\
# a comment
crewgraph: 1
agents:
  writer: {role: Writer, llm: offline}
tasks:
  write: {description: "Write about {topic}."}
crews:
  author:
    agents: [writer]
    tasks: [write]
stages:
  - tidy
  - author
"""


def wrong(text, form):
    """What is wrong with a text: the source, the path and the message of each finding."""
    with pytest.raises(DocumentInvalid) as caught:
        loads(text, form=form, names=NAMES)
    return [(each.path, each.message) for each in caught.value.findings]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_everything_survives_the_way_through_text(form):
    """What is written and read is the same."""
    text = dumps(examples.everything(), names=NAMES, form=form)
    assert dumps(loads(text, names=NAMES, form=form), names=NAMES, form=form) == text
    assert dump(loads(text, names=NAMES, form=form), names=NAMES) == dump(examples.everything(), names=NAMES)


def test_json_is_the_form_that_needs_nothing():
    """Where no form is said, it is JSON, as people read it."""
    text = dumps(tidy, names=NAMES)
    assert text == '{\n  "crewgraph": 1,\n  "stages": [\n    "tidy"\n  ]\n}\n'
    assert loads(text, names=NAMES).stages == [tidy]


@pytest.mark.parametrize("ending", [".json", ".yaml", ".yml", ".YAML"])
def test_files_are_written_and_read_by_their_ending(tmp_path, ending):
    """The ending says the form."""
    path = write(tidy, tmp_path / f"p{ending}", names=NAMES)
    assert path.read_bytes().startswith(b"{" if ending == ".json" else b"crewgraph: 1\n")
    assert read(str(path), names=NAMES).stages == [tidy]


def test_a_file_with_a_mark_of_byte_order_is_read(tmp_path):
    """Some editors write one."""
    path = tmp_path / "p.yaml"
    path.write_text(MINIMAL, encoding="utf-8-sig")
    assert read(path, names=NAMES).stages[0] is tidy


class TestFlaws:
    """What is wrong with a text, beside what is wrong with a document."""

    def test_findings_in_yaml_have_their_line(self, tmp_path):
        """The line of the key, in the path and for programs."""
        path = tmp_path / "p.yaml"
        path.write_text(MINIMAL.replace("role: Writer", "rol: Writer").replace("[write]", "[wrote]"), encoding="utf-8")
        with pytest.raises(DocumentInvalid) as caught:
            read(path, names={})
        assert [(each.path, each.source) for each in caught.value.findings] == [
            (("agents.writer",), (str(path), 4)),
            (("agents.writer.rol",), (str(path), 4)),
            (("crews.author.tasks[0]",), (str(path), 10)),
            (("stages[0]",), (str(path), 12)),
        ]
        assert f"({path}:10 › crews.author.tasks[0])" in str(caught.value)

    def test_findings_in_json_have_their_line(self, tmp_path):
        """Of the key too, and where it cannot be parsed."""
        path = tmp_path / "p.json"
        path.write_text('{"crewgraph": 1,\n "stage": []}', encoding="utf-8")
        with pytest.raises(DocumentInvalid) as caught:
            read(path)
        assert [(each.path, each.source) for each in caught.value.findings] == [(("stage",), (str(path), 2))]
        path.write_text('{"crewgraph": 1,\n stage: []}', encoding="utf-8")
        with pytest.raises(DocumentInvalid) as caught:
            read(path)
        assert [(each.path, each.source) for each in caught.value.findings] == [((), (str(path), 2))]

    def test_keys_that_stand_twice_in_json(self):
        """The first counts, and each place is told."""
        text = '{"crewgraph": 1, "name": "a", "name": "b", "stages": ["tidy", {"stages": [], "stages": ["tidy"]}]}'
        assert wrong(text, "json") == [
            (("name",), "the key 'name' stands here twice"),
            (("stages[1].stages",), "the key 'stages' stands here twice"),
        ]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "it is no JSON: Expecting value"),
            ("{", "it is no JSON: Expecting property name"),
            ('{"crewgraph": NaN}', "NaN is no number"),
            ('{"crewgraph": 1e999, "stages": []}', "inf is no data"),
            ('{"crewgraph": ' + "1" * 5000 + "}", "it is no JSON that can be read here"),
            ("[" * 100_000, "it is no JSON that can be read here"),
            ("[" * 500 + "]" * 500, "nested deeper"),
            (" " * (MAX_TEXT + 1), f"may have {MAX_TEXT:,}"),
            ('{"crewgraph": 1, "name": "\\ud800"}', "half of a character"),
        ],
        ids=["empty", "cut", "nan", "infinity", "digits", "deep", "rather deep", "long", "surrogate"],
    )
    def test_texts_that_are_no_json(self, text, words):
        """Hostile or broken, it is told in words, and soon."""
        begin = time.monotonic()
        assert words in wrong(text, "json")[0][1]
        assert time.monotonic() - begin < 30

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "a document is a mapping"),
            ("crewgraph: 1\nstages: [!!python/name:os.system x]", "the tag tag:yaml.org,2002:python/name:os.system"),
            ("crewgraph: 1\nname: &a [*a]", "it would contain itself"),
            ("crewgraph: 1\nname: {yes: 1}", "a key is text, and yes is none"),
        ],
        ids=["empty", "tag", "endless", "key"],
    )
    def test_texts_that_are_no_data(self, text, words):
        """Tags, cycles and odd keys are told."""
        assert words in wrong(text, "yaml")[0][1]


class TestFiles:
    """What a file must be."""

    @pytest.mark.parametrize("name", ["p.txt", "p", "p.toml"])
    def test_other_endings_are_refused(self, tmp_path, name):
        """They do not say the form."""
        for do in (lambda path: write(tidy, path, names=NAMES), read):
            with pytest.raises(DocumentError, match=r"ends in none of .json, .yaml, .yml"):
                do(tmp_path / name)

    def test_files_that_cannot_be_read(self, tmp_path):
        """Missing, a folder, no text: told in words."""
        (tmp_path / "folder.yaml").mkdir()
        (tmp_path / "latin.yaml").write_bytes("name: ü".encode("latin-1"))
        for name, words in {
            "gone.yaml": "cannot be read: No such file",
            "folder.yaml": "cannot be read: Is a directory",
            "latin.yaml": "is not UTF-8: .* at byte 6",
        }.items():
            with pytest.raises(DocumentError, match=words):
                read(tmp_path / name)

    def test_large_files_are_not_read_to_their_end(self, tmp_path):
        """The size is bounded before anything is parsed."""
        path = tmp_path / "large.json"
        with path.open("wb") as file:
            file.truncate(5 * MAX_TEXT)
        with pytest.raises(DocumentError, match="too large"):
            read(path)

    def test_a_file_is_not_touched_where_nothing_can_be_written(self, tmp_path):
        """What was there is still there."""
        path = tmp_path / "p.yaml"
        path.write_text("before", encoding="utf-8")
        with pytest.raises(DocumentInvalid):
            write(tidy, path)
        assert path.read_text(encoding="utf-8") == "before"

    def test_a_place_that_cannot_be_written_to(self, tmp_path):
        """It is told in words."""
        with pytest.raises(DocumentError, match="cannot be written: No such file"):
            write(tidy, tmp_path / "none" / "p.yaml", names=NAMES)

    @pytest.mark.parametrize("form", ["toml", "", None])
    def test_other_forms_are_refused(self, form):
        """There are two."""
        for do in (lambda: dumps(tidy, names=NAMES, form=form), lambda: loads("", form=form)):
            with pytest.raises(DocumentError, match='form is "json" or "yaml"'):
                do()


def test_json_needs_no_pyyaml(monkeypatch):
    """YAML is an extra; all else works without it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert loads(dumps(tidy, names=NAMES), names=NAMES).stages == [tidy]
    for do in (lambda: dumps(tidy, names=NAMES, form="yaml"), lambda: loads("", form="yaml")):
        with pytest.raises(DocumentError, match=r"crewgraph\[yaml\]"):
            do()


def test_importing_the_room_loads_no_pyyaml():
    """It is imported when a YAML text is read or written."""
    import subprocess

    code = "import sys, crewgraph, crewgraph.document; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "False"


def test_a_large_pipeline_is_written_and_read_soon():
    """Thousands of crews are no trouble."""
    stages = [f"c{n}" for n in range(3_000)]
    tasks = {f"t{n}": {"description": "x"} for n in range(3_000)}
    crews = {f"c{n}": {"agents": ["r"], "tasks": [f"t{n}"]} for n in range(3_000)}
    data = {"crewgraph": 1, "agents": {"r": {"role": "r"}}, "tasks": tasks, "crews": crews, "stages": stages}
    begin = time.monotonic()
    text = dumps(loads(json.dumps(data)))
    assert json.loads(text) == data
    assert time.monotonic() - begin < 40
