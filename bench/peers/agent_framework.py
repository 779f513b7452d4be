"""Microsoft Agent Framework: a workflow of executors that send messages, in supersteps.

A workflow refuses to run twice at once, so that runs beside each other take one each; what building takes is theirs, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from agent_framework import Case, Default, Executor, WorkflowBuilder, WorkflowContext, handler

from bench.work import Body, Runs, Values, merged, route_of


class Sending(Executor):
    """An executor behind one other."""

    def __init__(self, name: str, body: Body) -> None:
        super().__init__(id=name)
        self.body = body.of_values

    @handler
    async def handle(self, values: dict[str, int], context: WorkflowContext[dict[str, int]]) -> None:
        """Take a message."""
        await context.send_message(await self.body(values))


class Giving(Executor):
    """The last executor behind one other."""

    def __init__(self, name: str, body: Body) -> None:
        super().__init__(id=name)
        self.body = body.of_values

    @handler
    async def handle(self, values: dict[str, int], context: WorkflowContext[Any, dict[str, int]]) -> None:
        """Take a message."""
        await context.yield_output(await self.body(values))


class Joining(Executor):
    """An executor behind several: it only joins where it has no body, and gives what comes out where it has one."""

    def __init__(self, name: str, body: Body | None = None) -> None:
        super().__init__(id=name)
        self.body = body.of_values if body else None

    @handler
    async def handle(
        self, values: list[dict[str, int]], context: WorkflowContext[dict[str, int], dict[str, int]]
    ) -> None:
        """Take the messages of all."""
        if self.body is None:
            await context.send_message(merged(values))
        else:
            await context.yield_output(await self.body(merged(values)))


class Workflows(Runs):
    """A workflow for each of the runs that are under way."""

    def __init__(self, build: Callable[[], Any], nodes: int) -> None:
        self.build, self.nodes, self.free = build, nodes, [build()]

    async def run(self, values: Values) -> Values:
        """One run."""
        workflow = self.free.pop() if self.free else self.build()
        given: Values = (await workflow.run(values)).get_outputs()[0]
        self.free.append(workflow)
        return given

    async def run_all(self, inputs: Sequence[Values], at_once: int | None) -> Sequence[Values]:
        """A run for each input; workflows are not kept from one measurement to the next."""
        given = await super().run_all(inputs, at_once)
        del self.free[1:]
        await asyncio.sleep(0)
        return given


class AgentFramework:
    """The workflow."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""

        def build() -> Any:
            row = [*(Sending(f"n{n}", body) for n in range(length - 1)), Giving("last", body)]
            return WorkflowBuilder(start_executor=row[0], output_from=[row[-1]]).add_chain(row).build()

        return Workflows(build, length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""

        def build() -> Any:
            first, last = Sending("a", body), Giving("z", body)
            ways = [[Sending(f"{route}1", body), Sending(f"{route}2", body)] for route in "bcd"]
            cases = [
                Case(condition=lambda values, number=number: route_of(values) == number, target=ways[number][0])
                for number in range(2)
            ]
            builder = WorkflowBuilder(start_executor=first, output_from=[last])
            builder = builder.add_switch_case_edge_group(first, [*cases, Default(target=ways[2][0])])
            for early, late in ways:
                builder = builder.add_edge(early, late).add_edge(late, last)
            return builder.build()

        return Workflows(build, 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers, each of which waits for all of the one before."""

        def build() -> Any:
            early: Executor = Sending("first", body)
            last = Joining("last", body)
            builder = WorkflowBuilder(start_executor=early, output_from=[last], max_iterations=10**6)
            for layer in range(layers):
                row = [Sending(f"n{layer}.{place}", body) for place in range(width)]
                join = last if layer == layers - 1 else Joining(f"join{layer}")
                builder = builder.add_fan_out_edges(early, row).add_fan_in_edges(row, join)
                early = join
            return builder.build()

        return Workflows(build, layers * width + 2)
