"""What a node receives: a dict of values, and beside it what is reachable without being handed over."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from copy import copy
from types import NoneType
from typing import Any

from crewgraph.errors import ValueMisfit
from crewgraph.inputs import Declared
from crewgraph.outputs import CrewOutput

__all__ = ["SCALARS", "Handoff", "isolated", "json_object", "structured", "taken"]

_CONTAINERS = (dict, list, tuple, set, deque)
SCALARS = frozenset({str, int, float, bool, NoneType})
"""Types of values that nobody can write on. Most are of these, which is seen sooner than that one is no container."""
MAX_JSON = 1_000_000
"""Characters of raw text that are looked at for a JSON object."""


class Handoff(dict[str, Any]):
    """The values handed to a node. It *is* a plain dict to whoever looks at it, with two things beside.

    Attributes:
        upstream: outputs of the direct predecessors, in the order of the text, by node name: the context of tasks
            that name none of their own.
        beside: what placeholders and parameters may reach although it is not handed over: the raw text of upstream
            crews under the crew's name, and in a procedure the initial inputs.
    """

    __slots__ = ("beside", "upstream")

    def __init__(
        self,
        values: Mapping[str, Any] | None = None,
        *,
        upstream: Mapping[str, CrewOutput] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(values or {})
        self.upstream: Mapping[str, CrewOutput] = upstream or {}
        self.beside: Mapping[str, Any] = beside or {}

    @classmethod
    def of(cls, inputs: Mapping[str, Any] | None) -> Handoff:
        """The inputs of a crew that somebody calls by hand, as a handoff."""
        return inputs if isinstance(inputs, cls) else cls(inputs)

    def reach(self, key: str) -> Any:
        """The value of a key, handed over or beside.

        Raises:
            KeyError: there is none.
        """
        return self[key] if key in self else self.beside[key]

    def reaches(self, key: str) -> bool:
        """Whether :meth:`reach` would find the key."""
        return key in self or key in self.beside

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that are neither handed over nor beside, in order, once each."""
        return [key for key in dict.fromkeys(keys) if not self.reaches(key)]


def taken(takes: Declared, given: Handoff, *, who: str) -> Any:
    """What somebody takes of the values it reaches, as the model that it declares.

    Raises:
        ValueMisfit: they do not fit.
    """
    reached = {key: given.reach(key) for key in takes.reads if given.reaches(key)}
    made, missing, misfits = takes.made(reached)
    if missing or misfits:
        raise ValueMisfit(who, dict.fromkeys(missing, "it is missing") | misfits)
    return made


def isolated(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that shares no dict, list, set or deque with the original, so that a node may write on what it gets.

    Objects of other kinds are handed over as they are. Where all values are plain, it is a shallow copy.
    """
    for value in values.values():
        if type(value) not in SCALARS and isinstance(value, _CONTAINERS):
            break
    else:
        return dict(values)
    copies, todo = dict[int, Any](), list[Any]()
    unshared = {key: _unshared(value, copies, todo) for key, value in values.items()}
    while todo:
        value = todo.pop()
        mine = copies[id(value)]
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            mine[key] = _unshared(item, copies, todo)
    return unshared


def _unshared(value: Any, copies: dict[int, Any], todo: list[Any]) -> Any:
    """A copy of one value; the items of containers are left to do: values may be deep, or contain themselves."""
    if type(value) is tuple:
        return tuple(_unshared(item, copies, todo) for item in value)
    if not isinstance(value, _CONTAINERS) or isinstance(value, tuple):
        return value
    if id(value) not in copies:
        try:
            copies[id(value)] = copy(value)
        except Exception:  # noqa: BLE001 - a container of the user's that cannot be copied is handed over as it is
            return value
        if not isinstance(value, set):
            todo.append(value)
    return copies[id(value)]


def structured(output: CrewOutput, *, parse_raw: bool = True) -> dict[str, Any]:
    """The keys that an output hands over: ``to_dict()``, else raw text that is exactly one JSON object."""
    keys = output.to_dict()
    if keys or not parse_raw or output.json_dict is not None or output.pydantic is not None:
        return keys
    return json_object(output.raw) or {}


def json_object(text: object) -> dict[str, Any] | None:
    """The JSON object that a text consists of, in a ``` fence or bare; ``None`` where it is anything else."""
    if not isinstance(text, str) or len(text) > MAX_JSON:
        return None
    body = text.strip()
    if body.startswith("```") and body.endswith("```") and len(body) > len("``````"):
        body = body[3:-3].strip()
        body = body.removeprefix("json").removeprefix("JSON").strip()
    if not (body.startswith("{") and body.endswith("}")):
        return None
    try:
        value: Any = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> Any:
    """NaN and infinities are no JSON, and no comparison with them is ever true."""
    raise ValueError(f"{name} is no JSON")
