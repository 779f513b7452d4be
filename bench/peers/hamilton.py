"""Hamilton: functions whose parameters name what they depend on, run by the async driver. It has no routes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import count, pairwise
from typing import Any

os.environ["HAMILTON_TELEMETRY_ENABLED"] = "false"

from hamilton import ad_hoc_utils, async_driver, base

from bench.work import Body, Runs, Values, before, merged

NUMBER = count()


def node(name: str, needs: Iterable[str], body: Body) -> Any:
    """A function of that name and those parameters: Hamilton reads them."""
    parameters = list(needs)
    given = parameters[0] if len(parameters) == 1 else f"merged([{', '.join(parameters)}])"
    text = f"async def {name}({', '.join(f'{each}: dict' for each in parameters)}) -> dict:\n    return await body({given})\n"
    names = {"body": body.of_values, "merged": merged}
    exec(text, names)
    return names[name]


class Driver(Runs):
    """A driver over a module that was made of functions; it is set up with its first run."""

    def __init__(self, functions: Iterable[Any], last: str, nodes: int) -> None:
        module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"made_{next(NUMBER)}")
        self.driver: Any = async_driver.AsyncDriver({}, module, result_builder=base.DictResult())
        self.last, self.nodes, self.is_ready = last, nodes, False

    async def run(self, values: Values) -> Values:
        """One run."""
        if not self.is_ready:
            self.is_ready = True
            await self.driver.ainit()
        given: Values = (await self.driver.execute([self.last], inputs={"given": values}))[self.last]
        return given


class Hamilton:
    """The async driver."""

    def chain(self, length: int, body: Body) -> Runs:
        """Nodes in a row."""
        names = [f"n{n}" for n in range(length)]
        functions = [node(name, [need], body) for need, name in zip(["given", *names], names, strict=False)]
        return Driver(functions, names[-1], length)

    def fan(self, width: int, body: Body) -> Runs:
        """Many beside each other."""
        return self.layered(1, width, body)

    def routed(self, body: Body) -> Runs:
        """One of three routes."""
        raise NotImplementedError("every function that is asked for runs")

    def layered(self, layers: int, width: int, body: Body) -> Runs:
        """Layers."""
        names = [[f"n{layer}_{place}" for place in range(width)] for layer in range(layers)]
        functions = [node("first", ["given"], body), *(node(name, ["first"], body) for name in names[0])]
        for early, late in pairwise(names):
            functions += [
                node(name, [early[source] for source in before(place, width)], body) for place, name in enumerate(late)
            ]
        return Driver([*functions, node("last", names[-1], body)], "last", layers * width + 2)
