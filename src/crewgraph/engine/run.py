"""The state of one run: what each node gave and what the next is handed. Without clock, tasks or event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from crewgraph.compiler.plan import Plan
from crewgraph.engine.log import Log
from crewgraph.engine.merged import Merged
from crewgraph.errors import ModelError, NodeError
from crewgraph.errors.root import text_of
from crewgraph.errors.running import budget_behind
from crewgraph.frontier import DONE, Frontier
from crewgraph.graph import ANY_ROUTE, Switch, Work
from crewgraph.handoff import Handoff, isolated, structured
from crewgraph.outputs import CrewOutput, RunStatus, UsageMetrics, Waiting
from crewgraph.scope import Scope
from crewgraph.step import Step
from crewgraph.store import Kept
from crewgraph.usage import Account, Call

__all__ = ["Mark", "Run", "output_of"]


class Mark:
    """What is noted of a node that was started, and the account that its calls are charged to.

    Most of it is the same for nearly every node, and so it stands in the class until it is otherwise.

    Attributes:
        started, ended: when, in seconds since the epoch.
        error: what it raised.
        route: which one a router took.
        account: what its calls are charged to; ``None`` where there was none.
        attempt: how often it was started, the times before this kickoff included.
        source: "store" where it was read and not run.
        waiting: what a person is asked there, who has not decided yet.
    """

    ended: float | None = None
    error: BaseException | None = None
    route: str | None = None
    account: Account | None = None
    attempt: int = 1
    source: str | None = None
    waiting: Waiting | None = None

    def __init__(self, started: float) -> None:
        self.started = started


_LOCK = threading.Lock()
"""One for all: marks are made of times once, in microseconds."""


class Run:
    """One run of a plan, or of a pipeline that an open router came up with inside a run.

    Attributes:
        plan: what is run.
        index: which input.
        inputs: the run's own copy of the input.
        frontier: which nodes are ready, done or skipped.
        gave: by node, what it gave; see :meth:`output`.
        started, ended: by node when it began and ended, where no more than that is to be noted: numbers cost the
            collector of garbage nothing, as long as nobody looks at :attr:`marks`.
        subruns: by router, the run of a pipeline that nobody had declared.
        parent: the run and router this one is inside of.
        unsettled: how many nodes are handed out and not settled; 0 means the run is through.
        error: why the run failed.
        cancelled: whether it was stopped because of something outside of it.
        is_told: whether somebody was told of its end.
        scope: what surrounds its nodes.
        steps: by node the step, where it is one that nothing limits: then nobody but itself may ask what surrounds it.
        log: what is kept of it; ``None`` where nothing is.
    """

    __slots__ = (
        "_marks", "_merged", "_outputs", "_zero", "cancelled", "ended", "error", "frontier", "gave", "index", "inputs",
        "is_told", "log", "parent", "plan", "scope", "started", "steps", "subruns", "unsettled",
    )  # fmt: skip

    def __init__(
        self,
        plan: Plan,
        index: int,
        inputs: Mapping[str, Any],
        *,
        scope: Scope | None = None,
        parent: tuple[Run, int] | None = None,
    ) -> None:
        self.plan = plan
        self.index = index
        self.inputs = isolated(inputs)
        self.parent = parent
        self.frontier = Frontier(plan.wiring)
        self.gave: dict[int, CrewOutput | dict[str, Any]] = {}
        self.started: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.subruns: dict[int, Run] = {}
        self.unsettled = 0
        self.error: BaseException | None = None
        self.cancelled = False
        self.is_told = False
        self.log: Log | None = None
        self.scope: Scope = scope or (parent[0].scope if parent else Scope())
        is_limited = self.scope.meters or self.scope.policy.node_timeout is not None
        self.steps: Sequence[Step | None] = (None,) * len(plan.nodes) if is_limited else plan.free
        self._merged = Merged(self.inputs, plan.sources, self.frontier.state)
        self._outputs: dict[int, CrewOutput] = {}
        self._marks: dict[int, Mark] = {}
        self._zero = time.time() - perf_counter()

    # ---- noting ------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Now, in seconds since the epoch, as this run sees it: a clock that is set meanwhile changes nothing."""
        return self._zero + perf_counter()

    @property
    def marks(self) -> dict[int, Mark]:
        """By node, when it ran and how it ended."""
        if self.ended:
            with _LOCK:
                for node, ended in self.ended.items():
                    self._marks.setdefault(node, Mark(self.started[node])).ended = ended
                self.started, self.ended = {}, {}
        return self._marks

    def begin(self, node: int, started: float | None = None) -> Mark:
        """Note that a node begins: now, or when it began."""
        known = self._marks.get(node)
        return known or self._marks.setdefault(node, Mark(self.now() if started is None else started))

    def was_read(self, node: int) -> bool:
        """Whether what a node gave was read, and it did not run."""
        mark = self._marks.get(node)
        return mark is not None and mark.source is not None

    # ---- advancing ---------------------------------------------------------------------------------------------

    def start(self) -> list[int]:
        """The first nodes to run."""
        ready = self.frontier.start()
        self.unsettled = len(ready)
        return ready

    def settle(self, node: int, gave: CrewOutput | dict[str, Any] | None = None, route: str | None = None) -> list[int]:
        """Note that a node is done and return the nodes that are ready because of it.

        Args:
            node: which.
            gave: its output, or plain keys of which one is made when somebody looks: see :meth:`Step.kept`.
            route: of a router.
        """
        if gave is not None:
            self.gave[node] = gave
            keys = gave if isinstance(gave, dict) else structured(gave, parse_raw=self.plan.graph.merge_json)
            self._merged.write(node, keys)
        ready = self.frontier.done(node, route)
        if len(ready) != 1:
            self.unsettled += len(ready) - 1
        return ready

    def output(self, node: int) -> CrewOutput | None:
        """What a crew or step gave."""
        gave = self.gave.get(node)
        if not isinstance(gave, dict):
            return gave
        if node not in self._outputs:  # what it gave stays as it is: then everybody knows that it took nothing
            self._outputs[node] = CrewOutput.of_keys(gave)
        return self._outputs[node]

    def adopt(self, node: int, subrun: Run) -> list[int]:
        """Settle an open router whose pipeline has run: take over what it wrote."""
        self._merged.write(node, subrun._merged.written(subrun.exits()))
        if self.log is not None and subrun.log is not None:
            self.log.adopt(node, subrun.log, subrun.exits())
        return self.settle(node, route=ANY_ROUTE)

    def take_over(self, node: int, kept: Kept) -> list[int]:
        """Settle a node by what it gave before; its calls are charged to nobody, for they were paid for then."""
        account = Account()
        account.usage, account.calls = kept.spent.usage, list(kept.spent.calls)
        account.close()
        mark = self.marks[node] = Mark(kept.started)
        mark.ended, mark.route, mark.account = kept.ended, kept.route, account
        mark.attempt, mark.source = kept.attempt, "store"
        return self.settle(node, kept.output, kept.route)

    def fail(self, node: int, cause: BaseException) -> None:
        """Note that a node failed, and with it the whole run."""
        if self.root.error is None:
            self.root.error = NodeError(self.plan.nodes[node].name, cause)
        self.note_failure(node, cause)

    def note_failure(self, node: int, cause: BaseException) -> None:
        """Note of a node that it failed, also where the run did so before it."""
        mark = self.marks[node]
        mark.error = cause
        if self.log is not None:
            self.log.failed(node, cause, mark.account, started=mark.started, ended=mark.ended or mark.started)

    def note_stop(self, node: int) -> None:
        """Note in the log that a node was stopped, because of something that ended the run."""
        mark = self.marks[node]
        if self.log is not None:
            self.log.stopped(node, mark.account, started=mark.started, ended=mark.ended or mark.started)

    def note_end(self) -> None:
        """Note in the log how the run ended."""
        if self.log is not None:
            self.log.end(str(self.status), None if self.error is None else text_of(self.error))

    @property
    def root(self) -> Run:
        """The run of the input, which this one may be inside of; asked for, because a cycle would keep runs alive."""
        run = self
        while run.parent:
            run = run.parent[0]
        return run

    @property
    def depth(self) -> int:
        """How many runs this one is inside of."""
        return 1 + self.parent[0].depth if self.parent else 0

    # ---- handing over ------------------------------------------------------------------------------------------

    def values(self, node: int) -> dict[str, Any]:
        """The values that a node is handed; not to be written into."""
        if self.plan.graph.is_procedure and self.plan.upstream[node]:
            return self._handed_over(node)
        return self._merged.values(self._merged.before(node))

    def reader(self, node: int) -> tuple[Callable[[Any, str, Any], Any], Any]:
        """What looks up by key, with a default, what a node is handed, and where: of many values most steps want a few."""
        if self.plan.graph.is_procedure and self.plan.upstream[node]:
            return dict[str, Any].get, self._handed_over(node)
        return self._merged.get, self._merged.enter(node)

    def handoff(self, node: int) -> Handoff:
        """What a node receives: values of its own, and what is reachable beside them."""
        plan, kind = self.plan, self.plan.nodes[node]
        beside: dict[str, Any] = isolated(self.inputs) if plan.graph.is_procedure else {}
        for key, crews in plan.texts[node]:
            for crew in crews:
                ran = self.output(crew)
                if ran is not None:
                    beside[key] = ran.raw
                    break
        reads_values_only = isinstance(kind, Work) and isinstance(kind.node, Step)
        upstream = {} if reads_values_only else self._given(self._nearest(node))
        return Handoff(isolated(self.values(node)), upstream=upstream, beside=beside)

    def _handed_over(self, node: int) -> dict[str, Any]:
        """In a procedure what the stage before gave; where that hands on what it was handed, this too."""
        values, before = dict[str, Any](), self.plan.upstream[node]
        while before:
            (early,), kind = before, self.plan.nodes[before[0]]
            output = self.output(early)
            assert output is not None, "it ran"
            values = structured(output, parse_raw=self.plan.graph.merge_json) | values
            if not (isinstance(kind, Work) and kind.interface.hands_on):
                return values
            before = self.plan.upstream[early]
        return self.inputs | values

    def exits(self) -> list[int]:
        """The nodes at which this run ended: what follows them, if anything, did not run."""
        state = self.frontier.state
        return [
            node
            for node, after in enumerate(self.plan.wiring.successors)
            if state[node] == DONE and all(state[target] != DONE for target, _ in after)
        ]

    def _given(self, nodes: Iterable[int]) -> dict[str, CrewOutput]:
        """What nodes gave, and the pipelines that open routers came up with."""
        given: dict[str, CrewOutput] = {}
        for node in nodes:
            output = self.output(node)
            if output is not None:
                given[self.plan.nodes[node].name] = output
            elif node in self.subruns:
                subrun: Run = self.subruns[node]
                for end in subrun.exits():
                    given |= subrun._given([end] if subrun._gives(end) else subrun._nearest(end))
        return given

    def _gives(self, node: int) -> bool:
        kind = self.plan.nodes[node]
        return isinstance(kind, Work) or (isinstance(kind, Switch) and kind.is_open)

    def _nearest(self, node: int) -> Iterable[int]:
        """The crews and steps right before a node, without those that ran and took another way."""
        nearest = self.plan.upstream[node]
        if len(nearest) <= 1:
            return nearest
        state, sources = self.frontier.state, self.plan.sources
        led, seen, todo = list[int](), {node}, [node]
        while todo:
            for early in sources[todo.pop()]:
                if state[early] == DONE and early not in seen:
                    seen.add(early)
                    (led if self._gives(early) else todo).append(early)
        return sorted(led)

    # ---- looking back ------------------------------------------------------------------------------------------

    def family(self) -> Iterator[Run]:
        """This run and those inside of it."""
        yield self
        for subrun in self.subruns.values():
            yield from subrun.family()

    @property
    def status(self) -> RunStatus:
        """How it ended."""
        if self.error is not None:
            return RunStatus.OVER_BUDGET if budget_behind(self.error) else RunStatus.FAILED
        if self.cancelled:
            return RunStatus.CANCELLED
        return RunStatus.WAITING if self.unsettled and self.questions else RunStatus.OK

    @property
    def questions(self) -> list[Waiting]:
        """What people are asked, in the order of the text."""
        return [
            mark.waiting for run in self.family() for _, mark in sorted(run.marks.items()) if mark.waiting is not None
        ]

    def usage(self) -> dict[str, UsageMetrics]:
        """Tokens by node, what failed nodes had spent included."""
        return {
            run.plan.nodes[node].name: spent
            for run in self.family()
            for node in sorted(run.marks)
            if (spent := run.usage_of(node)) is not None
        }

    @property
    def tokens(self) -> int:
        """How many all nodes took."""
        return sum((run.tokens for run in self.subruns.values()), self.own_tokens)

    @property
    def own_tokens(self) -> int:
        """The same, without those of runs inside of this one."""
        nodes = [node for node, gave in self.gave.items() if not isinstance(gave, dict)]  # keys alone took nothing
        nodes += [node for node, mark in self._marks.items() if (mark.account or mark.error) and node not in self.gave]
        return sum(usage.total_tokens for usage in map(self.usage_of, nodes) if usage is not None)

    def usage_of(self, node: int) -> UsageMetrics | None:
        """Tokens of one node; ``None`` for routers and where nothing is known."""
        gave = self.gave.get(node)
        if gave is not None:
            return UsageMetrics.nothing() if isinstance(gave, dict) else gave.token_usage
        mark = self._marks.get(node)
        if mark and mark.account and (mark.account.calls or mark.account.usage.total_tokens):
            return mark.account.usage
        error = mark.error if mark else None  # that of a budget tells what everybody had spent under it
        spent = error.usage if isinstance(error, ModelError) else None
        return spent if isinstance(spent, UsageMetrics) else None

    def calls_of(self, node: int) -> list[Call]:
        """Every model and tool call of one node."""
        mark = self._marks.get(node)
        return mark.account.calls if mark and mark.account else []


def output_of(gave: CrewOutput | dict[str, Any]) -> CrewOutput:
    """The output of a node that gave one, or plain keys; see :meth:`Step.gives`."""
    return CrewOutput.of_keys(gave) if isinstance(gave, dict) else gave
