"""LlamaIndex Workflows: steps that take an event and give one. What runs side by side is one step with many workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from bench.work import Body, Runs, Values, merged, route_of


def made(events: Iterable[str], steps: Iterable[tuple[str, str, str]], body: Body, workers: int = 1) -> Any:
    """A class of workflows, of text: the library reads the annotations of each step, which say what follows what.

    Args:
        events: names of the kinds of events.
        steps: what each takes, what it gives, and how.
        body: what they do.
        workers: how many may be at one step at once.
    """
    lines = [f"class {event}(Event):\n    given: dict\n" for event in events]
    lines.append("class Made(Workflow):\n")
    for number, (takes, gives, how) in enumerate(steps):
        lines.append(
            f"    @step(num_workers={workers})\n    async def step{number}(self, event: {takes}) -> {gives}:\n"
            f"        {how}\n"
        )
    names: dict[str, Any] = {
        "Event": Event,
        "StartEvent": StartEvent,
        "StopEvent": StopEvent,
        "Workflow": Workflow,
        "body": body.of_values,
        "merged": merged,
        "route_of": route_of,
        "step": step,
        "__name__": __name__,
    }
    exec(compile("".join(lines), __name__, "exec", dont_inherit=True), names)  # annotations are no strings there
    return names["Made"]


class Events(Runs):
    """A workflow."""

    def __init__(self, workflow: Any, nodes: int) -> None:
        self.workflow, self.nodes = workflow(timeout=None), nodes

    async def run(self, values: Values) -> Values:
        """One run."""
        given: Values = await self.workflow.run(given=values)
        return given


class LlamaIndex:
    """The workflow."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        events = ["StartEvent", *(f"E{n}" for n in range(1, length))]
        steps = [
            (early, late, f"return {late}(given=await body(event.given))") for early, late in itertools.pairwise(events)
        ]
        last = (events[-1], "StopEvent", "return StopEvent(result=await body(event.given))")
        return Events(made(events[1:], [*steps, last], body), length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        steps = [
            (
                "StartEvent",
                "B1 | C1 | D1",
                "values = await body(event.given); return (B1, C1, D1)[route_of(values)](given=values)",
            ),
            *((f"{route}1", f"{route}2", f"return {route}2(given=await body(event.given))") for route in "BCD"),
            *((f"{route}2", "Z", "return Z(given=await body(event.given))") for route in "BCD"),
            ("Z", "StopEvent", "return StopEvent(result=await body(event.given))"),
        ]
        return Events(made(["B1", "B2", "C1", "C2", "D1", "D2", "Z"], steps, body), 4)

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers, each of which waits for all of the one before."""
        spread = f"values = {{}}; return [{{}}(given=values) for _ in range({width})]"
        steps = [("StartEvent", "list[To0]", spread.format("await body(event.given)", "To0"))]
        for layer in range(layers):
            steps.append((f"To{layer}", f"By{layer}", f"return By{layer}(given=await body(event.given))"))
            every = "merged(each.given for each in event)"
            if layer < layers - 1:
                to = f"To{layer + 1}"
                steps.append((f"list[By{layer}]", f"list[{to}]", spread.format(every, to)))
            else:
                steps.append((f"list[By{layer}]", "StopEvent", f"return StopEvent(result=await body({every}))"))
        events = [f"{way}{layer}" for layer in range(layers) for way in ("To", "By")]
        return Events(made(events, steps, body, width), layers * width + 2)
