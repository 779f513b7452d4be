"""A folder with a project in it, and what is found there."""

from __future__ import annotations

from textwrap import dedent

import pytest

from crewgraph import project

AGENTS = """
researcher:
  role: >
    {topic} Senior Data Researcher
  goal: >
    Uncover cutting-edge developments in {topic}
  backstory: >
    You're a seasoned researcher with a knack for {topic}.
writer:
  role: Writer
  goal: Write about {topic}
  backstory: You write well.
"""
TASKS = """
research_task:
  description: >
    Conduct a thorough research about {topic}, in {current_year}.
  expected_output: >
    A list with 10 bullet points about {topic}
  agent: researcher
report_task:
  description: Expand each point into a section.
  expected_output: A report in Markdown.
  agent: writer
  context: [research_task]
  output_file: report.md
"""
CREW = '''
from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, task


@CrewBase
class Newsroom():
    """A crew"""

    @agent
    def researcher(self) -> Agent:
        return Agent(config=self.agents_config['researcher'], verbose=True)

    @agent
    def writer(self) -> Agent:
        return Agent(config=self.agents_config['writer'])

    @task
    def research_task(self) -> Task:
        return Task(config=self.tasks_config['research_task'])

    @task
    def report_task(self) -> Task:
        return Task(config=self.tasks_config['report_task'])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, with no model in the environment."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    """Write files: ``write({"config/agents.yaml": "…"})``."""

    def write_files(files):
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        return folder

    return write_files


@pytest.fixture
def found(write):
    """What is found in a project: (code, place, message) of each finding."""

    def find(files, *, inputs=None, notes=False, path=".", **options):
        write(files)
        findings = project.read(path).check(inputs=inputs, **options)
        return [
            (each.code, f"{each.source[0]}:{each.source[1]}", each.message)
            for each in findings
            if notes or each.severity.value != "info"
        ]

    return find
