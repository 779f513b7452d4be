"""What one run of a crew would take, worked out from its real prompts. Nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from crewgraph.crew.agent import Agent
from crewgraph.crew.assign import Job, file_names, texts
from crewgraph.crew.expectation import (
    ASSUMED,
    CONDITIONS,
    ERRAND,
    FENCE,
    MESSAGE,
    TEAM,
    TOOLS,
    TURNS,
    UNKNOWN_VALUES,
    VALUE,
    answer_of,
    asked,
    conversation,
    judged,
    specs,
)
from crewgraph.crew.prompt import Brief, briefs, messages
from crewgraph.crew.schedule import Place, schedule
from crewgraph.crew.task import Task
from crewgraph.crew.team import MAX_DEPTH
from crewgraph.handoff import Handoff
from crewgraph.llm import resolve
from crewgraph.llm.ask import policy_for
from crewgraph.llm.port import LLM
from crewgraph.llm.price import price_of
from crewgraph.outlook import ZERO, Ask, Load, Outlook, Range, Sight, tokens_of
from crewgraph.policy import Policy
from crewgraph.template import parse

__all__ = ["foresee"]

SOMETIMES = Range(0, 0.5, 1)


def foresee(jobs: Sequence[Job], sight: Sight, *, max_reasks: int) -> Outlook:
    """The outlook of a crew that does these jobs.

    Args:
        jobs: the jobs.
        sight: what is known of the run; its policy is the crew's.
        max_reasks: how often a misshapen answer is asked for again.
    """
    crew, seconds = _Foresight(jobs, sight, max_reasks), ZERO
    for group in schedule([job.task for job in jobs]):
        seconds = seconds + Range.longest([crew.task(place) for place in group])
    return Outlook(
        asks=tuple(crew.asks),
        seconds=seconds,
        text=crew.done.get(len(jobs) - 1, ZERO),
        unpriced=tuple(crew.unpriced),
        assumptions=(*ASSUMED, *crew.said),
    )


@dataclass(slots=True)
class _Foresight:
    """Goes through the tasks of a crew as a run would."""

    jobs: Sequence[Job]
    sight: Sight
    max_reasks: int
    asks: list[Ask] = field(default_factory=list[Ask])
    done: dict[int, Range] = field(default_factory=dict[int, Range])
    said: dict[str, None] = field(default_factory=dict[str, None])
    unpriced: dict[str, None] = field(default_factory=dict[str, None])
    briefs: list[Brief] = field(default_factory=list[Brief])

    def __post_init__(self) -> None:
        """Fill the texts with all values that are known, and nothing in the place of the others."""
        keys = {key for _, text in (*texts(self.jobs), *file_names(self.jobs)) for key in parse(text).fields}
        self.briefs = briefs(self.jobs, Handoff(dict.fromkeys(keys, "") | dict(self.sight.values)))

    def task(self, place: Place) -> Range:
        """Note the calls of one task; gives how long it takes."""
        job, before = self.jobs[place.index], len(self.asks)
        task, llm = job.task, resolve(job.llm, who=job.task.label)
        answer = answer_of(llm, task.shape)
        rounds = Range(1, 1, (1 + task.guardrail_max_retries * bool(task.guardrails)) * _people(task))
        answers = rounds * Range(1, 1, 1 + self.max_reasks if task.shape else 1)
        question, turns = self.question(place), ZERO
        if job.tools or job.team:
            turns = self.turns(job.agent, bool(job.tools))
            question = question + specs(job.tools)
        load = conversation(question, answer, turns=turns, answers=answers)
        if words := sum(isinstance(each, str) for each in task.guardrails):
            load = load + judged(answer, rounds * Range(words, words, words * (1 + self.max_reasks)))
        chance = Range.exactly(1)
        if task.condition is not None:
            self.said[CONDITIONS] = None
            chance = SOMETIMES
        self.note(llm, load * chance, job.agent)
        self.errands(job, job.agent, job.team, chance, 0)
        self.done[place.index] = answer * chance
        return Range.sum(ask.load.seconds for ask in self.asks[before:])

    def question(self, place: Place) -> Range:
        """The tokens of a task's first prompt."""
        job, sizes = self.jobs[place.index], self.sight.sizes
        unknown = [key for _, text in texts([job]) for key in parse(text).fields if key not in self.sight.values]
        if any(key not in sizes for key in unknown):
            self.said[UNKNOWN_VALUES] = None
        return Range.sum(
            [
                *(MESSAGE + tokens_of(message.content) for message in messages(self.briefs[place.index], [])),
                *(sizes.get(key, VALUE) for key in unknown),
                *(FENCE + text for text in self.material(job.task, place)),
            ]
        )

    def material(self, task: Task, place: Place) -> list[Range]:
        """The texts from earlier work that a task is given."""
        if task.context is None:
            return [text for _, text in self.sight.texts] + [self.done[index] for index in place.before]
        wanted = {id(source) for source in task.context}
        return [text for index, text in self.done.items() if id(self.jobs[index].task) in wanted]

    def turns(self, agent: Agent | None, has_tools: bool) -> Range:  # noqa: FBT001 - two kinds of turns
        """How many turns of an agent call tools or coworkers."""
        if has_tools:
            self.said[TOOLS] = None
        most = agent.max_iter if agent else TURNS
        return Range(0, min(TURNS if has_tools else 1, most), most)

    def errands(self, job: Job, by: Agent | None, team: Sequence[Agent], chance: Range, depth: int) -> None:
        """Note the calls of those to whom work is handed: once is expected, and each time by another one."""
        if not team or by is None or depth >= MAX_DEPTH:
            return
        self.said[TEAM] = None
        often = chance * (Range(0, 0 if depth else 1, by.max_iter) * (1 / len(team)))
        for agent in team:
            llm = resolve(job.llm_of(agent), who=agent.label)
            who = Range.sum(tokens_of(text) for text in (agent.role, agent.goal, agent.backstory))
            further = job.team_of(agent)
            turns = self.turns(agent, bool(agent.tools)) if agent.tools or further else ZERO
            question = MESSAGE + MESSAGE + who + ERRAND + specs(agent.tools)
            load = conversation(question, answer_of(llm, None), turns=turns, answers=Range.exactly(1))
            self.note(llm, load * often, agent)
            self.errands(job, agent, further, often, depth + 1)

    def note(self, llm: LLM, load: Load, agent: Agent | None) -> None:
        """Note calls of a model, and the models that might be asked whose price nobody knows."""
        own = agent.policy if agent else None
        policy = policy_for(llm, own.over(self.sight.policy) if own else self.sight.policy)
        self.asks.append(asked(llm, load, policy))
        self.unpriced.update(dict.fromkeys(_unpriced(llm, policy)))


def _people(task: Task) -> int:
    return task.max_human_rounds if task.human_input else 1


def _unpriced(llm: LLM, policy: Policy) -> Iterator[str]:
    for model in (llm, *(resolve(each, who="a fallback") for each in policy.fallbacks or ())):
        if price_of(model) is None:
            yield model.model
