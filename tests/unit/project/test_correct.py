"""Projects as people write them, in which nothing is wrong: nothing is found, whatever their form."""

from __future__ import annotations

import pytest

from crewgraph import project
from tests.unit.project.conftest import AGENTS, CREW, TASKS

TEMPLATE = {
    "src/newsroom/config/agents.yaml": AGENTS,
    "src/newsroom/config/tasks.yaml": TASKS,
    "src/newsroom/crew.py": CREW,
    "src/newsroom/main.py": "from newsroom.crew import Newsroom\nNewsroom().crew().kickoff(inputs={'topic': 'AI'})\n",
    "src/newsroom/tools/custom_tool.py": "raise RuntimeError('never imported')\n",
    "pyproject.toml": "[project]\nname = 'newsroom'\n",
}

IN_CODE = {
    "config/agents.yaml": """
        engineer_agent:
          role: Senior Engineer
          goal: Write software
          backstory: "You know Python."

        qa_agent:
          role: QA Engineer
          goal: Find errors
          backstory: "You check code for {{literal}} braces, such as {\\"a\\": 1}."
        """,
    "config/tasks.yaml": """
        code_task:
          description: |
            Write this game: {game}
            Your answer is code alone, such as {"key": [1, 2]}.
          expected_output: Python code.
        review_task:
          description: Review the code for {game}
          expected_output: Python code.
        """,
    "crew.py": """
        from typing import List
        from crewai import Agent, Crew, Process, Task
        from crewai.project import CrewBase, agent, crew, task
        from pydantic import BaseModel
        from crewai_tools import SerperDevTool

        class Verdict(BaseModel):
            ok: bool

        @CrewBase
        class GameCrew:
            agents_config = 'config/agents.yaml'
            tasks_config = 'config/tasks.yaml'

            @agent
            def engineer(self) -> Agent:
                return Agent(config=self.agents_config['engineer_agent'], allow_delegation=False, tools=[SerperDevTool()])

            @agent
            def qa(self) -> Agent:
                tool = SerperDevTool()
                return Agent(config=self.agents_config.get('qa_agent'), tools=[tool], llm=self.llm)

            @task
            def write_code(self) -> Task:
                return Task(config=self.tasks_config['code_task'], agent=self.engineer())

            @task
            def review(self) -> Task:
                return Task(
                    config=self.tasks_config['review_task'],
                    agent=self.qa(),
                    context=[self.write_code()],
                    output_json=Verdict,
                )

            @crew
            def crew(self) -> Crew:
                return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential, verbose=2)
        """,
}

LED = {
    "config/agents.yaml": """
        lead: {role: Lead, goal: Lead, backstory: You lead., allow_delegation: true}
        one: {role: One, goal: Work, backstory: You work.}
        two: {role: Two, goal: Work, backstory: You work.}
        """,
    "config/tasks.yaml": """
        whole:
          description: Do it all for {client}
          expected_output: All of it
        """,
    "crew.py": """
        from crewai.project import CrewBase, agent, crew, task
        from crewai import Agent, Crew, Process, Task

        @CrewBase
        class Led:
            @agent
            def lead(self):
                return Agent(config=self.agents_config["lead"])
            @agent
            def one(self):
                return Agent(config=self.agents_config["one"])
            @agent
            def two(self):
                return Agent(config=self.agents_config["two"])
            @task
            def whole(self):
                return Task(config=self.tasks_config["whole"])
            @crew
            def crew(self):
                return Crew(agents=[self.one(), self.two()], tasks=self.tasks, process=Process.hierarchical, %s)
        """,
}


def led_by(manager):
    return {name: text % manager if name == "crew.py" else text for name, text in LED.items()}


BARE = {
    "agents.yaml": """
        defaults: &defaults
          verbose: true
          llm: openai/gpt-4o
        scout:
          <<: *defaults
          role: Scout
          goal: Find places in {city}
          backstory: |-
            You know {city}.
            Very well.
        guide:
          <<: *defaults
          role: Guide
          goal: Guide {people}
          backstory: ""
          max_iter: 5
          max_rpm: 10
          max_execution_time: 300
        """,
    "tasks.yaml": """
        find:
          description: Find places in {city} for {people}, on {date}
          expected_output: Places
          agent: scout
          async_execution: true
        weather:
          description: Tell the weather in {city} on {date}
          expected_output: The weather
          agent: scout
          async_execution: true
        plan:
          description: Make a plan for {people}
          expected_output: A plan
          agent: guide
          context:
            - find
            - weather
          human_input: true
          guardrail: It names no place twice.
          guardrail_max_retries: 2
          output_file: plans/{city}.md
          tools:
        """,
}

FLOW = {
    f"src/book/crews/{name}_crew/{file}": text
    for name in ("outline", "chapter")
    for file, text in {
        "config/agents.yaml": AGENTS,
        "config/tasks.yaml": TASKS.replace("report.md", f"{name}.md"),
        f"{name}_crew.py": CREW.replace("Newsroom", name.title()).replace("def researcher", "def researcher"),
    }.items()
}

SHARED = {
    "config/agents.yaml": AGENTS,
    "config/tasks.yaml": TASKS.replace("  context: [research_task]\n", ""),
    "crew.py": """
        from crewai import Agent, Crew, Task
        from crewai.project import CrewBase, agent, crew, task

        @CrewBase
        class First:
            @agent
            def researcher(self):
                return Agent(config=self.agents_config['researcher'])
            @agent
            def writer(self):
                return Agent(config=self.agents_config['writer'])
            @task
            def research(self):
                return Task(config=self.tasks_config['research_task'])
            @crew
            def crew(self):
                return Crew(agents=self.agents, tasks=self.tasks)

        @CrewBase
        class Second:
            @agent
            def researcher(self):
                return Agent(config=self.agents_config['researcher'])
            @agent
            def writer(self):
                return Agent(config=self.agents_config['writer'])
            @task
            def report(self):
                return Task(config=self.tasks_config['report_task'])
            @crew
            def crew(self):
                return Crew(agents=self.agents, tasks=self.tasks)
        """,
}

NAMED = {
    "config/agents.yaml": """
        scout:
          role: Scout
          goal: Scout
          backstory: You scout.
          llm: fast
          tools: [search, scrape]
          step_callback: watch
          function_calling_llm: openai/gpt-4o-mini
          embedder: {provider: openai}
        """,
    "config/tasks.yaml": """
        look:
          description: Look for {thing}
          expected_output: A thing
          agent: scout
          tools: [search]
          callbacks: [watch]
          output_pydantic: Thing
        again:
          description: Look again for {thing}
          expected_output: A thing
          agent: scout
          output_json: Thing2
          context: [look]
          markdown: true
        """,
    "crew.py": """
        import crewai.project as p
        from crewai import Agent, Crew, Task, LLM
        from pydantic import BaseModel

        @p.CrewBase
        class Scouts(object):
            @p.llm
            def fast(self):
                return LLM(model="openai/gpt-4o-mini")
            @p.tool
            def search(self):
                return Search()
            @p.tool
            def scrape(self):
                return Scrape()
            @p.callback
            def watch(self):
                return print
            @p.output_pydantic
            class Thing(BaseModel):
                name: str
            @p.output_json
            class Thing2(BaseModel):
                name: str
            @p.before_kickoff
            def prepare(self, inputs):
                return inputs
            @p.agent()
            def scout(self):
                return Agent(config=self.agents_config["scout"])
            @p.task
            def look(self):
                return Task(config=self.tasks_config["look"])
            @p.task
            def again(self):
                return Task(config=self.tasks_config["again"])
            @p.crew
            def crew(self):
                return Crew(agents=self.agents, tasks=[self.look(), self.again()])
        """,
}

DYNAMIC = {
    "config/agents.yaml": AGENTS,
    "config/tasks.yaml": "research_task:\n  description: x {topic}\n",
    "crew.py": """
        from crewai.project import CrewBase, agent, crew, task

        @CrewBase
        class Dynamic:
            @agent
            def anyone(self):
                return make_agent(self.agents_config)
            @task
            def one(self):
                options = dict(config=self.tasks_config["research_task"])
                return Task(**options)
            @task
            def two(self):
                return Task(config=pick("research_task"), agent=self.anyone())
            @task
            def three(self):
                if self.fast:
                    return Task(description="x", expected_output="y", agent=self.anyone())
                return Task(description="x", expected_output="z", agent=self.anyone())
        """,
}

INHERITED = {
    "config/agents.yaml": "writer: {role: w, goal: g, backstory: b}\n",
    "config/tasks.yaml": "t: {description: x, expected_output: y, agent: someone, tools: [any], context: [before]}\n",
    "crew.py": """
        from crewai import Agent, Crew, Task
        from crewai.project import CrewBase, agent, crew, task
        from base import BaseCrew

        @CrewBase
        class Child(BaseCrew):
            @task
            def t(self):
                return Task(config=self.tasks_config["t"])
        """,
}

PROJECTS = {
    "template": TEMPLATE,
    "agents in code": IN_CODE,
    "led by a model": led_by('manager_llm="openai/gpt-4o"'),
    "led by a model in code": led_by("manager_llm=llm"),
    "led by an agent": led_by("manager_agent=self.lead()"),
    "led by an agent in code": led_by("manager_agent=manager"),
    "two files alone": BARE,
    "crews of a flow": FLOW,
    "classes that share files": SHARED,
    "names of code": NAMED,
    "dynamic": DYNAMIC,
    "inherited": INHERITED,
}


@pytest.mark.parametrize("files", PROJECTS.values(), ids=PROJECTS.keys())
def test_nothing_is_found_in_a_correct_project(found, files):
    """There may be notes, but no errors and no warnings."""
    assert found(files) == []


@pytest.mark.parametrize(
    ("files", "needs"),
    [
        (TEMPLATE, ["current_year", "topic"]),
        (IN_CODE, ["game", "literal"]),
        (BARE, ["city", "date", "people"]),
        (FLOW, ["current_year", "topic"]),
    ],
    ids=["template", "agents in code", "two files alone", "flow"],
)
def test_the_needed_inputs_are_known(write, files, needs):
    """With who reads them."""
    write(files)
    assert [*project.read(".").needs] == needs


def test_the_inputs_of_a_correct_project_suffice(found):
    """With the inputs declared, nothing is missing."""
    assert found(TEMPLATE, inputs=["topic", "current_year"]) == []


def test_notes_tell_what_is_not_looked_at(found):
    """What stands in code is told, and what crewgraph would not take over."""
    notes = found(NAMED, notes=True)
    assert notes == [
        ("CG710", "config/agents.yaml:9", "agent 'scout': crewgraph has no function_calling_llm"),
        (
            "CG711",
            "config/tasks.yaml:1",
            (
                "not checked, for it stands in crew.py: tools of 'scout', 'look'; step_callback of 'scout'; "
                "function_calling_llm of 'scout'; callbacks of 'look'; output_pydantic of 'look'; output_json of 'again'"
            ),
        ),
        ("CG710", "config/tasks.yaml:15", "task 'again': crewgraph has no markdown"),
    ]
