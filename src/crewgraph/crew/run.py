"""One run of a crew. All that changes while it runs lives here, nothing on the definitions."""

from __future__ import annotations

import time
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
from crewgraph.definition import as_line
from crewgraph.errors.root import in_words
from crewgraph.handoff import Handoff
from crewgraph.llm.choose import resolve
from crewgraph.outputs import CrewOutput, TaskOutput
from crewgraph.scope import KeptTask, Scope, TaskLog, current
from crewgraph.threads import called
from crewgraph.trace import TaskFailed, TaskFinished, TaskSkipped, TaskStarted
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
    named = {index: brief for index, brief in enumerate(filled) if brief.output_file is not None}
    files = await called(_checked, named, terms.output_root) if named else {}
    for job in jobs:
        if job.task.human_input and isinstance(terms.human, Terminal):
            terms.human.check(job.task.label)
    scope = current()
    if not _may_connect(jobs):
        return await _performed(jobs, filled, files, values, terms=terms, scope=scope, shed=ToolShed())
    async with ToolShed.opened() as shed:
        return await _performed(jobs, filled, files, values, terms=terms, scope=scope, shed=shed)


def _may_connect(jobs: Sequence[Job]) -> bool:
    """Whether the shed may have to connect to servers. The place for that is a task group, a sixth of a small crew's time.

    A callback of an earlier task may give tools to a later one.
    """
    return len(jobs) > 1 or any(job.tools or job.team for job in jobs)


async def _performed(
    jobs: Sequence[Job],
    filled: Sequence[Brief],
    files: dict[int, OutputFile],
    values: Handoff,
    *,
    terms: Terms,
    scope: Scope,
    shed: ToolShed,
) -> CrewOutput:
    run = _Run(jobs=jobs, briefs=filled, files=files, values=values, terms=terms, scope=scope, shed=shed)
    await in_order(schedule([job.task for job in jobs]), run.do)
    return run.output()


@dataclass(slots=True, kw_only=True)
class _Run:
    """What a run knows, and what has come of it so far."""

    jobs: Sequence[Job]
    briefs: Sequence[Brief]
    files: dict[int, OutputFile]
    values: Handoff
    terms: Terms
    scope: Scope
    shed: ToolShed
    done: dict[int, TaskOutput] = field(default_factory=dict)

    @property
    def log(self) -> TaskLog | None:
        """Keeps what tasks give; a single task is kept with its crew."""
        return self.scope.tasks if len(self.jobs) > 1 else None

    async def do(self, place: Place) -> None:
        """Do one task, or skip it, or read what it gave before."""
        log = self.log
        if log is None:
            self.done[place.index] = await self._output(place)
            return
        kept = log.recall(place.index, _said(self.briefs[place.index]), place.before)
        if kept is not None:
            self._take_over(place, kept)
            return
        account, started = Account(self.scope.account), time.time()
        output = self.done[place.index] = await self._output(place, account)
        await log.gave(place.index, output, account, started=started, ended=time.time())

    def _who(self, place: Place) -> dict[str, Any]:
        label, role = self.jobs[place.index].task.label, self.briefs[place.index].role
        return {"crew": self.scope.crew, "task": label, "agent": role}

    def _take_over(self, place: Place, kept: KeptTask) -> None:
        """Note what a task gave before; its calls are those of the crew, and paid for already."""
        who = self._who(place)
        self.done[place.index] = kept.output
        self.scope.account.take_over(kept.usage, (replace(call, source="store") for call in kept.calls))
        if kept.output.skipped:
            self.scope.tell(TaskSkipped(**who))
        else:
            self.scope.tell(TaskStarted(**who))
            self.scope.tell(TaskFinished(**who, tokens=kept.usage.total_tokens, source="store"))

    async def _output(self, place: Place, account: Account | None = None) -> TaskOutput:
        """Do one task, or skip it.

        It is charged to an account of its own, which is part of the crew's. A single task, before which nothing was
        spent, needs none: what it takes is what the crew takes.
        """
        job, brief = self.jobs[place.index], self.briefs[place.index]
        if job.task.condition is not None:
            try:
                is_done = await is_wanted(job.task, self._previous(place), self.values)
            except Exception as error:
                self.scope.tell(TaskFailed(**self._who(place), error=in_words(error)))
                raise
            if not is_done:
                self.scope.tell(TaskSkipped(**self._who(place)))
                return skipped(brief)
        scope = self.scope
        if account is not None or len(self.jobs) > 1 or scope.account.calls:
            scope = scope.charged_to(account or Account(scope.account))
        desk = Desk(job=job, values=self.values, terms=self.terms, scope=scope, shed=self.shed)
        work = Work(desk=desk, brief=brief, context=self._context(place), file=self.files.get(place.index))
        return await work.do()

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
        last = next((each for each in reversed(outputs) if not each.skipped), None) or TaskOutput()
        # not validated: its parts are, and that takes a twentieth of a small crew's time
        fields = {
            "raw": last.raw,
            "pydantic": last.pydantic,
            "json_dict": last.json_dict,
            "tasks_output": outputs,
            "token_usage": self.scope.account.usage,
            "calls": [*self.scope.account.calls],
        }
        return CrewOutput.later(fields)


def _said(brief: Brief) -> str:
    """What a task and its agent are told, filled in."""
    checks = [each for each in brief.guardrails if isinstance(each, str)]
    told = [brief.role, brief.goal, brief.backstory, brief.description, brief.expected_output, brief.output_file]
    return as_line([*told, *checks])


def _checked(named: dict[int, Brief], declared: Path | str | None) -> dict[int, OutputFile]:
    """The places of all answers that are written to files, checked."""
    root = root_of(declared)
    files = {
        index: output_file(
            brief.task.label, brief.output_file or "", root=root, may_make_folder=brief.task.create_directory
        )
        for index, brief in named.items()
    }
    keep_apart((file, file.task) for file in files.values())
    return files
