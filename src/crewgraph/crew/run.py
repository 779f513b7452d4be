"""One run of a crew. All that changes while it runs lives here, nothing on the definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crewgraph.crew.assign import Job
from crewgraph.crew.decide import is_wanted
from crewgraph.crew.desk import Desk, Terms
from crewgraph.crew.human import Terminal
from crewgraph.crew.outcome import skipped
from crewgraph.crew.output_file import OutputFile, keep_apart, output_file, root_of
from crewgraph.crew.prompt import Brief, Source, briefs
from crewgraph.crew.schedule import Place, in_order, schedule
from crewgraph.crew.tools.shed import ToolShed
from crewgraph.crew.work import Work
from crewgraph.errors.root import in_words
from crewgraph.handoff import Handoff
from crewgraph.llm.choose import resolve
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.scope import Scope, current
from crewgraph.threads import called
from crewgraph.trace import TaskFailed, TaskSkipped
from crewgraph.usage import Account

__all__ = ["perform"]


async def perform(jobs: Sequence[Job], values: Handoff, *, terms: Terms) -> CrewOutput:
    """Do the jobs in their order; the answer is that of the last one that was done.

    Everything that can be known before a model is asked is looked at before: models, placeholders, files, people.

    Raises:
        ModelNotConfigured: an agent has no model; nothing has been asked.
        TemplateError: placeholders have no value; nothing has been asked.
        OutputFileError: an answer cannot be written where it is to go; nothing has been asked.
        HumanInputUnavailable: a person is to be asked, and there is none; nothing has been asked.
        CrewgraphError: a call failed, an answer did not pass, …; ``.usage`` is what the run has spent.
    """
    for job in jobs:
        for agent in job.staff:
            resolve(job.llm_of(agent), who=agent.label)
    filled = briefs(jobs, values)
    files = await _files(filled, terms)
    for job in jobs:
        if job.task.human_input and isinstance(terms.human, Terminal):
            terms.human.check(job.task.label)
    scope = current()
    async with ToolShed.opened() as shed:
        run = _Run(jobs=jobs, briefs=filled, files=files, values=values, terms=terms, scope=scope, shed=shed)
        await in_order(schedule([job.task for job in jobs]), run.do)
    return run.output()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a run knows, and what has come of it so far."""

    jobs: Sequence[Job]
    briefs: Sequence[Brief]
    files: dict[int, OutputFile]
    values: Handoff
    terms: Terms
    scope: Scope
    shed: ToolShed
    done: dict[int, TaskOutput] = field(default_factory=dict[int, TaskOutput])

    async def do(self, place: Place) -> None:
        """Do one task, or skip it."""
        job, brief = self.jobs[place.index], self.briefs[place.index]
        who: dict[str, Any] = {"crew": self.scope.crew, "task": job.task.label, "agent": brief.role}
        try:
            is_done = await is_wanted(job.task, self._previous(place), self.values)
        except Exception as error:
            self.scope.tell(TaskFailed(**who, error=in_words(error)))
            raise
        if not is_done:
            self.scope.tell(TaskSkipped(**who))
            self.done[place.index] = skipped(brief)
            return
        scope = replace(self.scope, account=Account(self.scope.account))
        desk = Desk(job=job, values=self.values, terms=self.terms, scope=scope, shed=self.shed)
        work = Work(desk=desk, brief=brief, context=self._context(place), file=self.files.get(place.index))
        self.done[place.index] = await work.do()

    def _previous(self, place: Place) -> TaskOutput | None:
        """The last answer before a task; one that was skipped where all were."""
        outputs = [self.done[index] for index in place.before]
        ran = [output for output in outputs if not output.skipped]
        return next(reversed(ran or outputs), None)

    def _context(self, place: Place) -> list[Source]:
        """What a task is given to read: the tasks it names, else all that ended before it and the crews upstream."""
        wanted = self.jobs[place.index].task.context
        told = [(self.jobs[index].task, self.done[index].raw) for index in place.before if not self.done[index].skipped]
        if wanted is not None:
            named = {id(each) for each in wanted}
            return [(task.label, raw) for task, raw in told if id(task) in named]
        upstream = self.values.upstream.items()
        texts = [(f"crew '{name}'", output.raw) for name, output in upstream if output.raw.strip()]
        return texts + [(task.label, raw) for task, raw in told]

    def output(self) -> CrewOutput:
        """What came of the run: the last answer; nothing where every task was skipped."""
        outputs = [self.done[index] for index in range(len(self.jobs))]
        last = next((each for each in reversed(outputs) if not each.skipped), TaskOutput())
        return CrewOutput(
            raw=last.raw,
            pydantic=last.pydantic,
            json_dict=last.json_dict,
            tasks_output=outputs,
            token_usage=self.scope.account.usage,
            calls=self.scope.account.calls,
        )


async def _files(filled: Sequence[Brief], terms: Terms) -> dict[int, OutputFile]:
    """The places of all answers that are written to files, checked."""
    named = {index: brief for index, brief in enumerate(filled) if brief.output_file is not None}
    return await called(_checked, named, terms.output_root) if named else {}


def _checked(named: dict[int, Brief], declared: Path | str | None) -> dict[int, OutputFile]:
    root = root_of(declared)
    files = {
        index: output_file(
            brief.task.label, brief.output_file or "", root=root, may_make_folder=brief.task.create_directory
        )
        for index, brief in named.items()
    }
    keep_apart((file, file.task) for file in files.values())
    return files
