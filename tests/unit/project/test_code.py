"""Classes of crews are read from their text: what is written plainly is understood, and nothing is run."""

from __future__ import annotations

import pytest

from crewgraph.project.code import UNKNOWN, Method, classes_in

HEAD = "from crewai.project import CrewBase, agent, crew, task\n"


def read(folder, text):
    path = folder / "crew.py"
    path.write_text(text, encoding="utf-8")
    return classes_in(path)


def one(folder, body, head="@CrewBase\nclass C:\n"):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    [found] = read(folder, f"{HEAD}{head}{lines}    x = 1\n")
    return found


@pytest.mark.parametrize(
    ("text", "key", "fields", "is_open"),
    [
        ("return Agent(config=self.agents_config['a'])", "a", {}, False),
        ("return crewai.Agent(config=self.agents_config.get('a'), verbose=True)", "a", {"verbose": True}, False),
        ("return Agent(role='r', goal='g', max_iter=3, llm=None)", None, {"role": "r", "goal": "g", "max_iter": 3, "llm": None}, False),
        ("return Agent(config=load('a'))", None, {}, True),
        ("return Agent(config=self.agents_config[name])", None, {}, True),
        ("return Agent(self.agents_config['a'])", None, {}, True),
        ("return Agent(config=self.agents_config['a'], **more)", "a", {}, True),
        ("return make()", None, {}, True),
        ("return Agent() if x else Agent()", None, {}, True),
        ("return Agent(config=self.agents_config['a'], tools=[Search()], llm=self.llm, x=[self.a(), self.b()], y=(1, 'z'))",
         "a", {"tools": UNKNOWN, "llm": UNKNOWN, "x": [Method("a"), Method("b")], "y": [1, "z"]}, False),
        ("return Agent(config=self.agents_config['a'], llm=self.fast(), temperature=-1, b=self.a(1))",
         "a", {"llm": Method("fast"), "temperature": UNKNOWN, "b": UNKNOWN}, False),
    ],
)  # fmt: skip
def test_what_a_method_makes(tmp_path, text, key, fields, is_open):
    """Its key in YAML, and what is said beside that."""
    made = one(tmp_path, f"@agent\ndef a(self):\n    {text}").agents["a"]
    assert (made.key, made.fields, made.is_open) == (key, fields, is_open)


def test_tasks_and_the_crew(tmp_path):
    """In their order; a method that is defined again counts where it stood first, as in Python."""
    found = one(
        tmp_path,
        "@task\ndef one(self):\n    return Task(config=self.tasks_config['x'])\n"
        "@task\ndef two(self):\n    return ConditionalTask(config=self.tasks_config['y'], condition=check)\n"
        "@task\ndef three(self):\n    return ConditionalTask(config=self.tasks_config['z'])\n"
        "@task\nasync def one(self):\n    return Task(config=self.tasks_config['w'], agent=self.a(), context=[self.two()])\n"
        "@crew\ndef crew(self):\n    return Crew(agents=self.agents, tasks=self.tasks, process=Process.hierarchical)\n"
        "def helper(self):\n    return Task()",
    )
    assert [(name, made.key) for name, made in found.tasks.items()] == [("one", "w"), ("two", "y"), ("three", "z")]
    assert found.tasks["one"].fields == {"agent": Method("a"), "context": [Method("two")]}
    assert found.tasks["two"].fields == found.tasks["three"].fields == {"condition": UNKNOWN}
    assert found.crew is not None
    assert found.crew.fields == {"agents": None, "tasks": None, "process": "hierarchical"}
    assert found.is_hierarchical
    assert repr(UNKNOWN) == "what the code says"


def test_methods_under_other_decorators(tmp_path):
    """Models, tools, functions and shapes are known by name."""
    found = one(
        tmp_path,
        "@llm\ndef fast(self): ...\n@project.tool\ndef search(self): ...\n@callback\ndef watch(self): ...\n"
        "@output_json\nclass A(BaseModel):\n    x: int\n@output_pydantic\nclass B(BaseModel):\n    y: int\n"
        "@before_kickoff\ndef go(self, inputs): ...\n@property\ndef p(self): ...\n@tools['x']\ndef q(self): ...",
    )
    named = {mark: set(names) for mark, names in found.methods.items() if names}
    assert named == {
        "llm": {"fast"},
        "tool": {"search"},
        "callback": {"watch"},
        "output_json": {"A"},
        "output_pydantic": {"B"},
        "before_kickoff": {"go"},
    }


@pytest.mark.parametrize(
    ("head", "is_open"),
    [
        ("@CrewBase\nclass C:\n", False),
        ("@CrewBase\nclass C():\n", False),
        ("@CrewBase\nclass C(object):\n", False),
        ("@CrewBase\nclass C(Base):\n", True),
        ("@project.CrewBase\nclass C(lib.Base):\n", True),
    ],
)
def test_classes_with_bases_are_open(tmp_path, head, is_open):
    """What they inherit is not looked into."""
    assert one(tmp_path, "y = 2", head).is_open is is_open


def test_the_files_of_a_class(tmp_path):
    """Where it says, or where crewAI looks; not known where it computes them."""
    assert one(tmp_path, "y = 2").configs == (tmp_path / "config/agents.yaml", tmp_path / "config/tasks.yaml")
    said = one(tmp_path, "agents_config: str = 'a.yaml'\ntasks_config = 'b' + '.yaml'\nother: int\na, b = 1, 2")
    assert said.configs == (tmp_path / "a.yaml", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "class C: pass",
        "@CrewBase\nclass",
        "# CrewBase\nx = 1",
        "CrewBase\0",
        "CrewBase = " + "(" * 10_000,
        "# CrewBase" + " " * 1_000_001,
    ],
    ids=["empty", "no crew", "broken", "comment", "null", "deep", "large"],
)
def test_files_without_a_crew(tmp_path, text):
    """Broken, hostile or just something else: there is no crew in them."""
    assert read(tmp_path, text) == []


def test_files_that_cannot_be_read(tmp_path):
    """Missing, or no text."""
    assert classes_in(tmp_path / "gone.py") == []
    (tmp_path / "latin.py").write_bytes(b"# CrewBase \xff")
    assert classes_in(tmp_path / "latin.py") == []
