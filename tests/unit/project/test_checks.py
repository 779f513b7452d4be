"""Defects in projects of crewAI: each is found, where it stands, and nothing else is."""

from __future__ import annotations

import pytest

from crewgraph import project
from crewgraph.diagnostics import Ignore
from tests.unit.project.conftest import AGENTS, CREW, TASKS

BARE = {"config/agents.yaml": AGENTS, "config/tasks.yaml": TASKS}
WITH_CLASS = {**BARE, "crew.py": CREW}


def changed(files, name, old, new):
    """A project with a change in one of its files."""
    path = next(path for path in files if path.endswith(name))
    assert old in files[path], f"{old!r} is not in {name}"
    return {**files, path: files[path].replace(old, new)}


DEFECTS = {
    "agent that is not there": (
        changed(BARE, "tasks.yaml", "agent: writer", "agent: writter"),
        [
            ("CG703", "config/tasks.yaml:11", "task 'report_task' names agent 'writter', and there is none"),
        ],
    ),
    "context that is not there": (
        changed(BARE, "tasks.yaml", "[research_task]", "[reserch_task]"),
        [("CG703", "config/tasks.yaml:12", "task 'report_task' has task 'reserch_task' as context, and there is none")],
    ),
    "context that comes later": (
        changed(BARE, "tasks.yaml", "  agent: researcher", "  agent: researcher\n  context: [report_task]"),
        [("CG706", "config/tasks.yaml:8", "task 'research_task' has 'report_task', which is done later as context")],
    ),
    "own context": (
        changed(BARE, "tasks.yaml", "[research_task]", "[report_task]"),
        [("CG706", "config/tasks.yaml:12", "task 'report_task' has itself as context")],
    ),
    "context that is no list": (
        changed(BARE, "tasks.yaml", "[research_task]", "research_task"),
        [("CG702", "config/tasks.yaml:12", "task 'report_task': context is a list of names")],
    ),
    "agent that is a list": (
        changed(BARE, "tasks.yaml", "agent: writer", "agent: [writer]"),
        [("CG702", "config/tasks.yaml:11", "task 'report_task': agent is a name")],
    ),
    "role missing": (
        changed(BARE, "agents.yaml", "  role: Writer\n", ""),
        [("CG702", "config/agents.yaml:9", "agent 'writer' lacks role")],
    ),
    "goal and backstory empty": (
        changed(
            BARE, "agents.yaml", "  goal: Write about {topic}\n  backstory: You write well.", "  goal:\n  backstory: ~"
        ),
        [
            ("CG702", "config/agents.yaml:9", "agent 'writer' lacks goal"),
            ("CG702", "config/agents.yaml:9", "agent 'writer' lacks backstory"),
        ],
    ),
    "expected_output misspelt": (
        changed(BARE, "tasks.yaml", "  expected_output: A report", "  expected_ouput: A report"),
        [
            ("CG702", "config/tasks.yaml:8", "task 'report_task' lacks expected_output"),
            (
                "CG702",
                "config/tasks.yaml:10",
                "task 'report_task' has a field 'expected_ouput' that crewAI does not know, and leaves out without a word",
            ),
        ],
    ),
    "description missing": (
        changed(BARE, "tasks.yaml", "  description: Expand each point into a section.\n", ""),
        [("CG702", "config/tasks.yaml:8", "task 'report_task' lacks description")],
    ),
    "agent missing": (
        changed(BARE, "tasks.yaml", "  agent: writer\n", ""),
        [("CG702", "config/tasks.yaml:8", "task 'report_task' lacks agent")],
    ),
    "all agents missing": (
        changed(changed(BARE, "tasks.yaml", "  agent: writer\n", ""), "tasks.yaml", "  agent: researcher\n", ""),
        [("CG702", "config/tasks.yaml:1", "no task names its agent, unless code does")],
    ),
    "field of nobody": (
        changed(BARE, "agents.yaml", "  role: Writer", "  role: Writer\n  favourite_colour: blue"),
        [
            (
                "CG709",
                "config/agents.yaml:11",
                "the field 'favourite_colour' of agent 'writer' is never used: crewAI does not know it",
            )
        ],
    ),
    "values of the wrong kind": (
        changed(
            BARE,
            "agents.yaml",
            "  role: Writer",
            "  role: [Writer]\n  max_iter: many\n  verbose: 'yes'\n  tools: search",
        ),
        [
            ("CG702", "config/agents.yaml:10", "agent 'writer': role is a text"),
            ("CG702", "config/agents.yaml:11", "agent 'writer': max_iter is a whole number"),
            ("CG702", "config/agents.yaml:12", "agent 'writer': verbose is true or false"),
            ("CG702", "config/agents.yaml:13", "agent 'writer': tools is a list of names"),
        ],
    ),
    "values out of bounds": (
        changed(BARE, "agents.yaml", "  role: Writer", "  role: Writer\n  max_iter: 0"),
        [("CG702", "config/agents.yaml:11", "agent 'writer': max_iter: it should be greater than or equal to 1")],
    ),
    "agent that nobody uses": (
        changed(BARE, "agents.yaml", "writer:", "idle: {role: Idle, goal: Wait, backstory: You wait.}\nwriter:"),
        [("CG709", "config/agents.yaml:9", "agent 'idle' is never used: no task names it")],
    ),
    "key twice": (
        changed(BARE, "tasks.yaml", "  agent: writer", "  agent: writer\n  agent: researcher"),
        [("CG701", "config/tasks.yaml:12", "the key 'agent' stands here twice")],
    ),
    "entry twice": (
        changed(BARE, "agents.yaml", "writer:", "researcher: {role: x, goal: y, backstory: z}\nwriter:"),
        [("CG701", "config/agents.yaml:9", "the key 'researcher' stands here twice")],
    ),
    "no YAML": (
        changed(BARE, "agents.yaml", "  role: Writer", "  role: 'Writer"),
        [
            (
                "CG701",
                "config/agents.yaml:13",
                "it is no YAML: found unexpected end of stream while scanning a quoted scalar",
            )
        ],
    ),
    "tag": (
        changed(BARE, "agents.yaml", "  role: Writer", "  role: !!python/object/apply:os.system [id]"),
        [
            (
                "CG701",
                "config/agents.yaml:10",
                "the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed: this is data",
            ),
            ("CG702", "config/agents.yaml:10", "agent 'writer': role is a text"),
        ],
    ),
    "entry that is no mapping": (
        {**BARE, "config/tasks.yaml": TASKS + "notes: remember this\n"},
        [("CG702", "config/tasks.yaml:14", "task 'notes' is no mapping of fields")],
    ),
    "file without entries": (
        {**BARE, "config/tasks.yaml": "# to do\n"},
        [("CG701", "config/tasks.yaml:1", "there are no tasks in it")],
    ),
    "file that is missing": (
        {"config/tasks.yaml": TASKS},
        [
            ("CG701", "config/tasks.yaml:1", "there is no agents.yaml beside it"),
        ],
    ),
    "other file that is missing": (
        {"config/agents.yaml": AGENTS},
        [("CG701", "config/agents.yaml:1", "there is no tasks.yaml beside it")],
    ),
    "placeholders that look alike": (
        changed(BARE, "agents.yaml", "Write about {topic}", "Write about {tpoic}"),
        [("CG708", "config/agents.yaml:11", "agent 'writer', goal: {tpoic} looks like {topic} of agent 'researcher'")],
    ),
    "placeholders of different case": (
        changed(BARE, "tasks.yaml", "{current_year}", "{current_year} and {currentYear}"),
        [
            (
                "CG708",
                "config/tasks.yaml:3",
                "task 'research_task', description: {currentYear} looks like {current_year} of task 'research_task'",
            )
        ],
    ),
    "file outside": (
        changed(BARE, "tasks.yaml", "report.md", "../report.md"),
        [
            (
                "CG707",
                "config/tasks.yaml:13",
                "task 'report_task' writes to '../report.md', which leads out of the folder",
            )
        ],
    ),
    "file for a shell": (
        changed(BARE, "tasks.yaml", "report.md", "~/report.md"),
        [
            (
                "CG707",
                "config/tasks.yaml:13",
                "task 'report_task' writes to '~/report.md', which a shell would expand, and nothing else",
            )
        ],
    ),
    "file with a sign": (
        changed(BARE, "tasks.yaml", "report.md", "a|b.md"),
        [("CG707", "config/tasks.yaml:13", "task 'report_task' writes to 'a|b.md', whose '|' crewAI does not allow")],
    ),
    "file with a placeholder that is none": (
        changed(BARE, "tasks.yaml", "report.md", "'{the topic}.md'"),
        [
            (
                "CG707",
                "config/tasks.yaml:13",
                "task 'report_task' writes to '{the topic}.md', whose {the topic} is no placeholder",
            )
        ],
    ),
    "one file one after the other": (
        changed(BARE, "tasks.yaml", "  agent: researcher", "  agent: researcher\n  output_file: report.md"),
        [
            (
                "CG707",
                "config/tasks.yaml:14",
                "task 'research_task' and task 'report_task' both write to 'report.md', and the later answer is all that is left",
            )
        ],
    ),
    "two kinds of guardrails": (
        changed(
            BARE, "tasks.yaml", "  agent: writer", "  agent: writer\n  guardrail: short\n  guardrails: [kind, true]"
        ),
        [
            ("CG702", "config/tasks.yaml:13", "task 'report_task': guardrails is a text, or a list of them"),
        ],
    ),
    "something in braces that is no placeholder": (
        changed(BARE, "tasks.yaml", "Expand each point", "Expand each point of { topic }"),
        [("CG310", "config/tasks.yaml:8", "{ topic } in task 'report_task' is no placeholder and stays as it is")],
    ),
    "asynchronous at the end": (
        changed(
            changed(BARE, "tasks.yaml", "  agent: researcher", "  agent: researcher\n  async_execution: true"),
            "tasks.yaml",
            "  context: [research_task]",
            "  async_execution: true",
        ),
        [("CG706", "config/tasks.yaml:13", "the crew ends with 2 asynchronous tasks, and crewAI allows one")],
    ),
    "asynchronous with one another": (
        changed(
            changed(BARE, "tasks.yaml", "  agent: researcher", "  agent: researcher\n  async_execution: true"),
            "tasks.yaml",
            "  output_file: report.md",
            "  async_execution: true\nend: {description: x, expected_output: y, agent: writer}",
        ),
        [
            (
                "CG706",
                "config/tasks.yaml:13",
                "task 'report_task' runs side by side with 'research_task', and has it as context",
            )
        ],
    ),
}

IN_CLASSES = {
    "key that is not there": (
        changed(WITH_CLASS, "crew.py", "tasks_config['report_task']", "tasks_config['reprot_task']"),
        [
            ("CG703", "crew.py:24", "Newsroom.report_task reads 'reprot_task', which tasks.yaml does not have"),
        ],
    ),
    "method of another name": (
        changed(WITH_CLASS, "crew.py", "def writer(", "def author("),
        [
            (
                "CG703",
                "config/tasks.yaml:11",
                "task 'report_task' names agent 'writer', and Newsroom has no such @agent method",
            )
        ],
    ),
    "agent of nobody, in a task that no method makes": (
        {
            **changed(WITH_CLASS, "crew.py", "report_task", "research_task_2"),
            "config/tasks.yaml": TASKS + "research_task_2: {description: x, expected_output: y, agent: writer}\n",
        },
        [("CG709", "config/tasks.yaml:8", "task 'report_task' is never used: no @task method reads it")],
    ),
    "unused task with an agent of nobody": (
        {
            **WITH_CLASS,
            "config/tasks.yaml": TASKS + "old: {description: x, expected_output: y, agent: gone, context: [away]}\n",
        },
        [
            ("CG703", "config/tasks.yaml:14", "task 'old' names agent 'gone', and Newsroom has no such @agent method"),
            (
                "CG703",
                "config/tasks.yaml:14",
                "task 'old' has task 'away' as context, and Newsroom has no such @task method",
            ),
            ("CG709", "config/tasks.yaml:14", "task 'old' is never used: no @task method reads it"),
        ],
    ),
    "tool that no method makes": (
        changed(WITH_CLASS, "agents.yaml", "  role: Writer", "  role: Writer\n  tools: [search]"),
        [
            (
                "CG703",
                "config/agents.yaml:11",
                "agent 'writer' names 'search' in tools, and Newsroom has no such @tool method",
            )
        ],
    ),
    "tool without a name": (
        changed(WITH_CLASS, "agents.yaml", "  role: Writer", "  role: Writer\n  tools: ['']"),
        [
            (
                "CG703",
                "config/agents.yaml:11",
                "agent 'writer' names '' in tools, and Newsroom has no such @tool method",
            )
        ],
    ),
    "shape that no method makes": (
        changed(
            WITH_CLASS,
            "tasks.yaml",
            "  agent: writer",
            "  agent: writer\n  output_pydantic: Report\n  callbacks: [told]",
        ),
        [
            (
                "CG703",
                "config/tasks.yaml:12",
                "task 'report_task' names 'Report' in output_pydantic, and Newsroom has no such @output_pydantic method",
            ),
            (
                "CG703",
                "config/tasks.yaml:13",
                "task 'report_task' names 'told' in callbacks, and Newsroom has no such @callback method",
            ),
        ],
    ),
    "entry of a class that is no mapping": (
        {**WITH_CLASS, "config/tasks.yaml": TASKS + "notes: remember this\n"},
        [("CG702", "config/tasks.yaml:14", "task 'notes' is no mapping of fields")],
    ),
    "entry that a method reads and that is no mapping": (
        {**WITH_CLASS, "config/agents.yaml": AGENTS.partition("writer:")[0] + "writer: Ada\n"},
        [("CG702", "config/agents.yaml:9", "agent 'writer' is no mapping of fields")],
    ),
    "asynchronous with one before them": (
        changed(
            WITH_CLASS,
            "tasks.yaml",
            "  output_file: report.md",
            "  async_execution: true\nend: {description: x, expected_output: y, agent: writer, async_execution: true}",
        ),
        [("CG709", "config/tasks.yaml:14", "task 'end' is never used: no @task method reads it")],
    ),
    "agent lacking in a class": (
        changed(WITH_CLASS, "tasks.yaml", "  agent: writer\n", ""),
        [("CG702", "config/tasks.yaml:8", "task 'report_task' lacks agent")],
    ),
    "file that is not there": (
        {name: text for name, text in WITH_CLASS.items() if "agents" not in name},
        [
            ("CG703", "crew.py:12", "Newsroom.researcher reads 'researcher', which agents.yaml does not have"),
            ("CG703", "crew.py:16", "Newsroom.writer reads 'writer', which agents.yaml does not have"),
        ],
    ),
    "order of the methods": (
        {
            **WITH_CLASS,
            "crew.py": CREW.replace("research_task", "SWAP")
            .replace("report_task", "research_task")
            .replace("SWAP", "report_task"),
        },
        [("CG706", "config/tasks.yaml:12", "task 'report_task' has 'research_task', which is done later as context")],
    ),
    "order in the crew": (
        changed(WITH_CLASS, "crew.py", "tasks=self.tasks", "tasks=[self.report_task(), self.research_task()]"),
        [("CG706", "config/tasks.yaml:12", "task 'report_task' has 'research_task', which is done later as context")],
    ),
    "hierarchical without a manager": (
        changed(WITH_CLASS, "crew.py", "Process.sequential", "Process.hierarchical"),
        [("CG502", "crew.py:7", "the crew is hierarchical and has no manager")],
    ),
}


@pytest.mark.parametrize(("files", "expected"), [*DEFECTS.values(), *IN_CLASSES.values()], ids=[*DEFECTS, *IN_CLASSES])
def test_a_defect_is_found_where_it_stands(found, files, expected):
    """With its code, its file and line, and what is wrong."""
    assert sorted(found(files)) == sorted(expected)


def test_two_tasks_that_write_one_file_at_a_time(write):
    """Side by side it is an error, for nobody knows which answer is left."""
    tasks = "".join(
        f"{name}: {{description: x, expected_output: y, agent: writer, output_file: a.md, async_execution: true}}\n"
        for name in ("one", "two")
    )
    write({"agents.yaml": "writer: {role: r, goal: g, backstory: b}\n", "tasks.yaml": tasks})
    findings = project.read(".").check()
    assert [(each.code, each.severity.value) for each in findings] == [("CG706", "error"), ("CG707", "error")]
    assert findings[1].message == "task 'one' and task 'two' both write to 'a.md', at the same time"


HINTS = {
    "near agent": (changed(BARE, "tasks.yaml", "agent: writer", "agent: writter"), "did you mean 'writer'?"),
    "far agent": (changed(BARE, "tasks.yaml", "agent: writer", "agent: x"), "there is: researcher, writer"),
    "context as text": (changed(BARE, "tasks.yaml", "[research_task]", "research_task"), "context: [research_task]"),
    "misspelt field": (changed(BARE, "tasks.yaml", "  context:", "  contxt:"), "did you mean 'context'?"),
    "name of the method": (
        changed(WITH_CLASS, "crew.py", "def writer(", "def author("),
        "the method that makes it is called 'author'",
    ),
    "missing agent": (
        changed(BARE, "tasks.yaml", "  agent: writer\n", ""),
        "agent: one of researcher, writer",
    ),
    "later context": (
        changed(BARE, "tasks.yaml", "  agent: researcher", "  agent: researcher\n  context: [report_task]"),
        "put the other task before it",
    ),
    "own context": (
        changed(BARE, "tasks.yaml", "[research_task]", "[report_task]"),
        "done before it: research_task",
    ),
    "missing file": (
        {name: text for name, text in WITH_CLASS.items() if "agents" not in name},
        "there is no file config/agents.yaml",
    ),
}


@pytest.mark.parametrize(("files", "hint"), HINTS.values(), ids=HINTS.keys())
def test_hints_are_edits(write, files, hint):
    """The first finding says what to write."""
    write(files)
    assert project.read(".").check()[0].hint == hint


class TestInputs:
    """With the inputs declared, what is missing is an error, and what nobody reads a note."""

    def test_what_is_missing_is_told_where_it_is_read_first(self, found):
        """Once for each key, with all who read it."""
        assert found(BARE, inputs=["current_yaer"], notes=True)[:2] == [
            (
                "CG301",
                "config/agents.yaml:3",
                "agent 'researcher', agent 'writer', task 'research_task': {topic} is not among the inputs",
            ),
            ("CG301", "config/tasks.yaml:3", "task 'research_task': {current_year} is not among the inputs"),
        ]

    def test_a_near_miss_is_told(self, write):
        """On both sides."""
        write(BARE)
        findings = project.read(".").check(inputs=["topic", "current_yaer"])
        assert [(each.code, each.hint) for each in findings] == [
            ("CG301", "did you mean {current_yaer}?"),
            ("CG309", "did you mean {current_year}?"),
        ]
        assert project.read(".").check(inputs=["topic", "current_year", "x"])[0].hint == "write {x} where it is wanted"

    def test_many_readers_are_counted(self, found):
        """A message stays short."""
        agents = "".join(
            f"a{n}: {{role: r {{x}}, goal: g, backstory: b}}\n".replace("r {x}", '"{x}"') for n in range(6)
        )
        tasks = "".join(f"t{n}: {{description: x, expected_output: y, agent: a{n}}}\n" for n in range(6))
        [(_, _, message)] = found({"agents.yaml": agents, "tasks.yaml": tasks}, inputs=[])
        assert message == "agent 'a0', agent 'a1', agent 'a2', agent 'a3' and 2 more: {x} is not among the inputs"

    def test_a_method_before_the_kickoff_may_add_some(self, found):
        """Then nobody can be sure."""
        hook = "    @before_kickoff\n    def prepare(self, inputs):\n        return inputs\n\n    @agent\n    def researcher"
        files = changed(WITH_CLASS, "crew.py", "    @agent\n    def researcher", hook)
        write = found(files, inputs=["topic"])
        assert write == [
            (
                "CG301",
                "config/tasks.yaml:3",
                "task 'research_task': {current_year} is not among the inputs, unless prepare adds it",
            )
        ]
        assert project.read(".").check(inputs=["topic"]).ok


class TestVerdict:
    """What is meant so can be ignored, and warnings can be made errors."""

    def test_findings_can_be_ignored(self, write):
        """They are kept apart."""
        write({**BARE, "config/agents.yaml": AGENTS + "idle: {role: r, goal: g, backstory: b}\n"})
        findings = project.read(".").check(ignore=[Ignore("CG709", "for later")])
        assert findings == ()
        assert findings.suppressed[0].reason == "for later"

    def test_warnings_can_be_errors(self, write):
        """All, or those of a code."""
        write({**BARE, "config/agents.yaml": AGENTS + "idle: {role: r, goal: g, backstory: b}\n"})
        read = project.read(".")
        assert read.check().ok
        assert not read.check(strict=True).ok
        assert not read.check(strict=["CG709"]).ok
        assert read.check(strict=["CG708"]).ok

    def test_errors_come_first_and_then_the_order_of_the_files(self, write):
        """As one reads."""
        files = changed(BARE, "tasks.yaml", "[research_task]", "[reserch_task]")
        files = changed(files, "agents.yaml", "  role: Writer\n", "  colour: red\n")
        write(files)
        assert [each.source for each in project.read(".").check()] == [
            ("config/agents.yaml", 9),
            ("config/tasks.yaml", 12),
            ("config/agents.yaml", 10),
        ]
