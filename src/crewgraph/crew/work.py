"""One task: asked, checked, shown to a person, written to its file, told to whoever wants to know; in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crewgraph.crew.callback import consulted
from crewgraph.crew.conversation import Conversation
from crewgraph.crew.desk import Desk
from crewgraph.crew.guardrail import Refusal, guarded
from crewgraph.crew.human import HumanQuestion, ask
from crewgraph.crew.outcome import outcome
from crewgraph.crew.output_file import OutputFile
from crewgraph.crew.prompt import Brief, Source, messages, wish
from crewgraph.errors import GuardrailFailed
from crewgraph.errors.root import counted, in_words, shortened
from crewgraph.outputs import TaskOutput
from crewgraph.scope import entered, too_long, within
from crewgraph.trace import TaskFailed, TaskFinished, TaskStarted

__all__ = ["Work"]

MAX_SHOWN = 300
"""Characters of a refused answer that its error repeats."""


@dataclass(slots=True, kw_only=True)
class Work:
    """One task of a run.

    Attributes:
        desk: where its agents talk to their models.
        brief: its texts, filled in.
        context: what it is given to read.
        file: where its answer is written to.
    """

    desk: Desk
    brief: Brief
    context: Sequence[Source]
    file: OutputFile | None = None

    async def do(self) -> TaskOutput:
        """Do the task and report it.

        Raises:
            ModelError: a call failed for good; ``.usage`` is what the run has spent.
            GuardrailFailed: the answer was refused as often as it may be.
            HumanInputUnavailable: a person was to be asked, and there was none.
            OutputFileError: the answer cannot be written to its file.
            CallbackFailed: a function that the crew was given raised.
            DeadlineExceeded: it took longer than its ``task_timeout``.
        """
        scope, asker = self.desk.scope, self.desk.asker(self.desk.agent)
        who: dict[str, Any] = {"crew": asker.crew, "task": asker.task, "agent": asker.agent}
        if scope.emit is not None:
            scope.tell(TaskStarted(**who))
        seconds = asker.policy.task_timeout
        try:
            with entered(scope):
                output = await (within([too_long(asker.task, seconds)], self._output) if seconds else self._output())
        except BaseException as error:
            scope.tell(TaskFailed(**who, error=in_words(error)))
            raise
        if scope.emit is not None:
            scope.tell(TaskFinished(**who, tokens=scope.account.usage.total_tokens))
        return output

    async def _output(self) -> TaskOutput:
        brief, task = self.brief, self.brief.task
        talk = self.desk.talk(messages(brief, self.context), task.shape)
        output = await (self._accepted(talk) if task.human_input else self._guarded(talk))
        if self.file is not None:
            output = await self.file.write(output)
        if task.callback is not None:
            await consulted(task.callback, output, what=f"{task.label}: its callback")
        if self.desk.terms.task_callback is not None:
            await consulted(self.desk.terms.task_callback, output, what=f"{task.label}: the task_callback")
        return output

    async def _accepted(self, talk: Conversation) -> TaskOutput:
        """The answer that a person accepts."""
        task = self.brief.task
        output = await self._guarded(talk)
        for number in range(1, task.max_human_rounds + 1):
            said = await ask(self.desk.terms.human, self._question(output, number))
            if not said:
                return output
            if number < task.max_human_rounds:
                talk.messages = (*talk.messages, wish(said, by="A person who has read it"))
                output = await self._guarded(talk)
        raise GuardrailFailed(
            f"{task.label}: the person who was asked did not accept the answer in {task.max_human_rounds} rounds. "
            f"hint: Task(…, max_human_rounds=…)\nIts last answer: {shortened(output.raw, MAX_SHOWN)}",
            answer=output.raw,
        )

    def _question(self, output: TaskOutput, number: int) -> HumanQuestion:
        return HumanQuestion(
            crew=self.desk.scope.crew,
            task=self.brief.task.label,
            agent=output.agent,
            description=self.brief.description,
            answer=output.raw,
            round=number,
        )

    async def _guarded(self, talk: Conversation) -> TaskOutput:
        """The next answer of the conversation that passes all guardrails."""
        task, problem, raw = self.brief.task, "", ""
        for _ in range(1 + task.guardrail_max_retries):
            output = outcome(self.brief, await talk.answer())
            if not self.brief.guardrails:
                return output
            try:
                return await guarded(
                    output,
                    self.brief.guardrails,
                    task=task,
                    llm=talk.llm,
                    asker=talk.asker,
                    max_reasks=talk.max_reasks,
                )
            except Refusal as refusal:
                problem, raw = str(refusal), output.raw
                talk.messages = (*talk.messages, wish(problem, by="A check of it"))
        raise GuardrailFailed(
            f"{task.label}: a guardrail refused {counted(1 + task.guardrail_max_retries, 'answer')}:\n{problem}\n"
            f"Its last answer: {shortened(raw, MAX_SHOWN)}",
            answer=raw,
        )
