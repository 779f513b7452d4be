"""What a kickoff would take, without calling anything: the nodes' own outlooks, added up over routes and inputs."""

from __future__ import annotations

import ast
import math
from collections import defaultdict
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Unpack, assert_never

from crewgraph.compiler import Plan, compile_pipeline
from crewgraph.condition import Condition
from crewgraph.engine.inputs import rows
from crewgraph.engine.kickoff import prepared
from crewgraph.engine.worlds import MAX_WORLDS, load_of, share_of, worlds_of
from crewgraph.engine.written import written
from crewgraph.errors import ConditionError, InputError, InputTypeError
from crewgraph.forecast import Forecast, ForecastRow
from crewgraph.graph import Switch, Work
from crewgraph.node import forecast_of
from crewgraph.options import Fork, StoredRuns
from crewgraph.outlook import ZERO, Ask, Load, Outlook, Range, Sight
from crewgraph.policy import Policy
from crewgraph.router import Router
from crewgraph.syntax import Inputs, Options, Pipeline
from crewgraph.trace import Choice, Leaf, Parallel, Series, Shape, Wired

__all__ = ["plan"]

MAX_LOOKED_AT = 400
"""Of more inputs than these some are looked at, evenly spread, and stand for the others."""
ONCE = Range.exactly(1)
MINUTE = 60.0

OTHER = "any other route"
"""In the place of a route that nobody declared."""

NO_FAILURES = "no call fails: retries and other models that would answer instead are not counted"
EVERY_ROUTE = "where the inputs alone do not decide it, each route of a router is as likely as the others"
SOME_WORLDS = (
    f"of the combinations of routes in a graph built by hand, {MAX_WORLDS} stand for all; "
    "what is cheapest and dearest is that of these"
)
NO_CALLS = "steps call no models"


def plan(pipeline: Pipeline, inputs: Inputs | None = None, **options: Unpack[Options]) -> Forecast:
    """What a kickoff would take; see :meth:`Pipeline.plan`."""
    kickoff = prepared(pipeline, {} if inputs is None else inputs, options)
    if isinstance(kickoff.inputs, AsyncIterable):
        raise InputTypeError("a plan reads its inputs at once and cannot wait for them. hint: give it a list of dicts")
    if isinstance(kickoff.inputs, StoredRuns | Fork):
        raise InputTypeError(
            "a plan is made of inputs, not of runs in a store. hint: `crewgraph resume … --dry-run` tells what they have left"
        )
    every, lacking = list[Mapping[str, Any]](), set[str]()
    compiled = compile_pipeline(pipeline)
    for row in rows(kickoff.inputs, compiled):
        if isinstance(row.error, InputError):
            lacking.update(*row.error.missing.values())
        elif row.error is not None:
            raise row.error
        every.append(row.values)
    return _Foresight(compiled, kickoff.policy).over(every, kickoff.max_concurrency, sorted(lacking))


@dataclass(slots=True)
class _Sum:
    """What one line of the table has come to, over the inputs looked at."""

    runs: Range = ZERO
    load: Load = field(default_factory=Load)
    least: float = math.inf
    most: float = 0.0

    def add(self, load: Load, reach: Range) -> None:
        self.runs = self.runs + reach
        self.load = self.load + load * reach
        self.least = min(self.least, load.seconds.low)
        self.most = max(self.most, load.seconds.high)

    def row(self, name: str, kind: str, depth: int, *, weight: float, models: Iterable[str]) -> ForecastRow:
        """The line; its seconds are those of one run."""
        load, often = self.load * Range.exactly(weight), self.runs.expected
        one = Range(self.least, self.load.seconds.expected / often, self.most) if often else ZERO
        return ForecastRow(
            name=name, kind=kind, depth=depth, models=tuple(models), runs=self.runs * weight,
            load=replace(load, seconds=one),
        )  # fmt: skip


class _Foresight:
    """Looks at inputs one by one and adds up what it sees."""

    def __init__(self, compiled: Plan, policy: Policy) -> None:
        self.plan = compiled
        self.policy = policy
        self.written = written(compiled)
        self.nodes = defaultdict[str, _Sum](_Sum)
        self.routes = defaultdict[tuple[str, str], _Sum](_Sum)
        self.asks = dict[str, Ask]()
        self.models = defaultdict[str, dict[str, None]](dict)
        self.said = dict[str, None]()
        self.total = Load()
        self.longest = ZERO

    def over(self, every: list[Mapping[str, Any]], max_concurrency: int, lacking: list[str]) -> Forecast:
        """The forecast for these inputs."""
        step = max(1.0, len(every) / MAX_LOOKED_AT)
        looked_at = [every[int(number * step)] for number in range(min(len(every), MAX_LOOKED_AT))]
        for values in looked_at:
            load = _One(self, values).walk(self.plan.graph.shape, ONCE)
            self.total = self.total + load
            self.longest = Range.longest((self.longest, load.seconds))
        weight = len(every) / len(looked_at) if looked_at else 0.0
        total = replace(self.total * Range.exactly(weight), seconds=self._wall(weight, max_concurrency))
        models = dict.fromkeys(ask.model for ask in self.asks.values())
        row = ForecastRow(name="total", kind="total", runs=Range.exactly(len(every)), models=tuple(models), load=total)
        said = [*self._said(lacking, max_concurrency)]
        if len(looked_at) < len(every):
            said.append(f"{len(looked_at):,} of the inputs, evenly spread, stand for all {len(every):,}")
        return Forecast(
            inputs=len(every),
            rows=tuple(self._rows(self.plan.graph.shape, 0, weight)),
            total=row,
            assumptions=tuple(said),
        )

    # ---- the table ---------------------------------------------------------------------------------------------

    def _rows(self, shape: Shape, depth: int, weight: float) -> Iterator[ForecastRow]:
        """The lines of the table, in the order of the text."""
        match shape:
            case Leaf(node):
                work = self.plan.graph.nodes[node]
                assert isinstance(work, Work), "the leaves of a shape are crews and steps"
                sum_ = self.nodes[node]
                yield sum_.row(node, work.interface.kind, depth, weight=weight, models=self.models[node])
            case Series(parts) | Parallel(parts):
                for part in parts:
                    yield from self._rows(part, depth, weight)
            case Choice(router, routes):
                yield ForecastRow(name=router, kind="router", depth=depth, runs=ZERO, load=Load())
                for route, arm in self._arms(router, routes):
                    sum_ = self.routes[router, route]
                    name = OTHER if route == OTHER else f"route '{route}'"
                    yield sum_.row(name, "route", depth + 1, weight=weight, models=())
                    yield from self._rows(arm, depth + 2, weight)
            case Wired(parts):
                for number, part in enumerate(parts):
                    yield from self._fork_row(part, depth) if number in shape.forks else self._rows(part, depth, weight)
            case _:
                assert_never(shape)

    def _fork_row(self, shape: Shape, depth: int) -> Iterator[ForecastRow]:
        """The line of conditional edges; what they lead to has lines of its own."""
        assert isinstance(shape, Choice), "conditional edges are a choice"
        yield ForecastRow(name=shape.router, kind="router", depth=depth, runs=ZERO, load=Load())

    def _arms(self, router: str, routes: Mapping[str, Shape]) -> Iterator[tuple[str, Shape]]:
        yield from routes.items()
        if self.switch(router).is_open:
            yield OTHER, Series(())

    def switch(self, router: str) -> Switch:
        """A router by its name."""
        node = self.plan.graph.nodes[router]
        assert isinstance(node, Switch), "the shape knows which nodes are routers"
        return node

    # ---- time --------------------------------------------------------------------------------------------------

    def _wall(self, weight: float, max_concurrency: int) -> Range:
        """From beginning to end: the longest run, all the work on so many hands, and what the limits let through."""
        floors = [self.longest, self.total.busy * (weight / max_concurrency)]
        for ask in self.asks.values():
            if ask.limit is not None:
                load, limit = ask.load * Range.exactly(weight), ask.limit
                floors.append(_minutes(load.calls, limit.requests_per_minute))
                floors.append(_minutes(load.prompt + load.answer, limit.tokens_per_minute))
                floors.append(load.busy * (1 / limit.concurrency) if limit.concurrency else ZERO)
        return Range.longest(floors)

    # ---- assumptions -------------------------------------------------------------------------------------------

    def _said(self, lacking: list[str], max_concurrency: int) -> Iterator[str]:
        yield NO_FAILURES
        kinds = {work.interface.kind for work in self.plan.graph.works}
        if "step" in kinds:
            yield NO_CALLS
        yield from self.said
        if lacking:
            yield f"some inputs lack {', '.join(lacking)}, and cannot run so; they are planned with values of usual length"
        if any(ask.load.busy.high for ask in self.asks.values()):
            yield f"at most {max_concurrency:,} nodes are at work at a time"


class _One:
    """One input on its way."""

    def __init__(self, whole: _Foresight, values: Mapping[str, Any]) -> None:
        self.whole = whole
        self.plan = whole.plan
        self.values = values
        self.reach = dict[int, Range]()
        self.outlooks = dict[int, Outlook]()

    def walk(self, shape: Shape, reach: Range) -> Load:
        """What a shape takes once the run is there; ``reach`` is how likely that is."""
        match shape:
            case Leaf(node):
                load = self.work(self.plan.number[node], reach)
                self.whole.nodes[node].add(load, reach)
                return load
            case Series(parts):
                return Load.series([self.walk(part, reach) for part in parts])
            case Parallel(branches):
                return Load.beside([self.walk(branch, reach) for branch in branches])
            case Choice(router, routes):
                return self.choose(router, routes, reach)
            case Wired():
                return self.wired(shape, reach)
            case _:
                assert_never(shape)

    def work(self, number: int, reach: Range) -> Load:
        """What a crew or step takes."""
        node, whole = self.plan.nodes[number], self.whole
        assert isinstance(node, Work), "the leaves of a shape are crews and steps"
        outlook = forecast_of(node.node, self.sight(number, reach), kind=node.interface.kind)
        self.reach[number], self.outlooks[number] = reach, outlook
        for ask in outlook.asks:
            before = whole.asks.get(ask.place)
            load = ask.load * reach + before.load if before else ask.load * reach
            whole.asks[ask.place] = replace(ask, load=load)
            whole.models[node.name][ask.model] = None
        whole.said.update(dict.fromkeys(outlook.assumptions))
        if not outlook.is_known:
            whole.said[f"nothing is known of '{node.name}', which is not counted"] = None
        return outlook.load

    def sight(self, number: int, reach: Range) -> Sight:
        """What a node can see beforehand."""
        texts = {
            key: self.outlooks[crews[0]].text for key, crews in self.plan.texts[number] if crews[0] in self.outlooks
        }
        return Sight(
            values={key: value for key, value in self.values.items() if self.size(number, key) is None},
            sizes=_Sizes(self, number, texts),
            texts=tuple(
                (self.plan.nodes[early].name, outlook.text * _chance(self.reach[early], reach))
                for early in self.plan.upstream[number]
                if (outlook := self.outlooks.get(early)) is not None
            ),
            policy=self.whole.policy,
        )

    def size(self, number: int, key: str) -> Range | None:
        """The tokens of a value as the last node before a place writes it; ``None`` where none does."""
        written = self.whole.written
        by = next((by for by in written.by(number, key) if by in self.outlooks), None)
        return None if by is None else self.outlooks[by].text * (1 / written.shares[by])

    def choose(self, router: str, routes: Mapping[str, Shape], reach: Range) -> Load:
        """What the routes of a router take, of which a run takes one."""
        switch, loads = self.whole.switch(router), list[Load]()
        possible = self.possible(switch)
        chance = ONCE if len(possible) == 1 else Range(0, 1 / len(possible), 1)
        if len(possible) > 1:
            self.whole.said[EVERY_ROUTE] = None
        for route in possible:
            there = reach * chance
            if route == OTHER:
                load = Load(unknown=ONCE)
                self.whole.said[f"nothing is known of other pipelines that '{router}' may come up with"] = None
            else:
                load = self.walk(routes[route], there)
            self.whole.routes[router, route].add(load, there)
            loads.append(load)
        return Load.one_of(loads)

    def wired(self, wired: Wired, reach: Range) -> Load:
        """What a graph that was built by hand takes, over the combinations of routes that a run might take."""
        possible = {
            number: self.possible(self.whole.switch(part.router))
            for number, part in enumerate(wired.parts)
            if isinstance(part, Choice) and number in wired.forks
        }
        worlds, are_all = worlds_of(wired, possible)
        if not are_all:
            self.whole.said[SOME_WORLDS] = None
        loads = list[Load]()
        for number, part in enumerate(wired.parts):
            share = share_of(worlds, number)
            if share.high and len(possible.get(number, ())) > 1:
                self.whole.said[EVERY_ROUTE] = None
            is_walked = share.high > 0 and number not in possible
            loads.append(self.walk(part, reach * share) if is_walked else Load())
        return load_of(worlds, loads)

    def possible(self, switch: Switch) -> list[str]:
        """The routes that a run might take, as far as the inputs alone tell."""
        if switch.is_open or not isinstance(switch.router, Router):
            return [*switch.routes, *([OTHER] if switch.is_open else [])]
        routes = list[str]()
        for name, route in switch.router.routes.items():
            verdict = self.verdict(route.declared, self.plan.number[switch.name])
            if verdict is not False:
                routes.append(name)
            if verdict is True:
                return routes
        return [*routes, "default"]

    def verdict(self, condition: Condition | None, number: int) -> bool | None:
        """What a condition says; ``None`` where that is not known before the nodes upstream have run."""
        if condition is None:
            return None
        names = {node.id for node in ast.walk(condition.tree) if isinstance(node, ast.Name)}
        if self.whole.written.may_be(number, names):
            return None
        try:
            return condition(self.values)
        except ConditionError:  # the run will fail, or the key is not given yet
            return None


class _Sizes(Mapping[str, Range]):
    """The tokens of what nodes before a place write, worked out for the keys that somebody asks for: of many most read a few.

    Args:
        one: the input on its way.
        number: of the node at that place.
        texts: by the name of a crew the tokens of its text, for whoever reads that.
    """

    def __init__(self, one: _One, number: int, texts: Mapping[str, Range]) -> None:
        self._one = one
        self._number = number
        self._texts = texts

    def __getitem__(self, key: str) -> Range:
        size = self._one.size(self._number, key)
        return self._texts[key] if size is None else size

    def __iter__(self) -> Iterator[str]:
        keys = dict.fromkeys((*self._texts, *self._one.whole.written.writers))
        return (key for key in keys if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _chance(early: Range, here: Range) -> Range:
    """How likely a node before this one has run, if this one does."""
    if early.low >= here.low and early.expected >= here.expected:
        return ONCE
    return Range(0, early.expected / here.expected, 1)


def _minutes(figure: Range, a_minute: int | None) -> Range:
    """How long a limit for each minute keeps so many waiting: the first minute's worth does not wait."""
    if a_minute is None:
        return ZERO

    def wait(count: float) -> float:
        return MINUTE * max(0, math.ceil(count / a_minute) - 1)

    return Range(wait(figure.low), wait(figure.expected), wait(figure.high))
