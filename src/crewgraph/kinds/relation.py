"""Whether every value of one type can be handed to another: decided by asking pydantic about values of the first.

The rule is that of run time: a value that is handed over is validated by pydantic in its lax mode. So what fits is found
by trying values that stand for the whole type (:mod:`crewgraph.kinds.values`), and a misfit comes with a value that
shows it. Where code of the user's decides, or a part is of unknown type, nothing is guessed.
"""

from __future__ import annotations

import reprlib
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Union

from pydantic import BaseModel, TypeAdapter, ValidationError

from crewgraph.kinds.values import Sample, hints_of, samples
from crewgraph.shapes.adapter import adapter, core_of
from crewgraph.shapes.code import is_pure
from crewgraph.shapes.peel import by_identity, members_of, peeled

__all__ = ["NOTHING", "Fit", "Verdict", "example", "fit", "in_words", "refused", "union_of"]

NOTHING: Any = type("Nothing", (), {"__repr__": lambda _: "NOTHING"})()
"""In place of a value where there is none."""

_BOUNDS = {
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "finite_number",
    "string_too_short", "string_too_long", "string_pattern_mismatch", "too_short", "too_long", "bytes_too_short",
    "bytes_too_long",
}  # fmt: skip
"""What pydantic calls it where a value has the type and not the bounds."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


class Verdict(StrEnum):
    """Whether what is handed over fits."""

    FITS = "fits"
    NARROWS = "narrows"
    MISFIT = "misfit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether every value of one type can be handed to another.

    Attributes:
        verdict: FITS where pydantic takes them all, NARROWS where some are out of bounds, MISFIT where some are not of
            the type, UNKNOWN where nobody can tell.
        reason: why not, in words.
        value: a value that is refused; :data:`NOTHING` where there is none to show.
    """

    verdict: Verdict
    reason: str = ""
    value: Any = NOTHING


FITS = Fit(Verdict.FITS)


def fit(source: Any, target: Any) -> Fit:
    """Whether every value of type ``source`` can be handed to who takes ``target``."""
    if source is target or target is Any or target is object:
        return FITS if source is not Any else Fit(Verdict.UNKNOWN, "it may be anything") if target is Any else FITS
    found = _known.get((id(source), id(target)))
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[id(source), id(target)] = (source, target, _decided(source, target))
    return found[2]


_known: dict[tuple[int, int], tuple[Any, Any, Fit]] = {}
"""What was decided, by the identities of the types, which are kept so that these stay theirs."""
MAX_KNOWN = 10_000


def _decided(source: Any, target: Any) -> Fit:
    classes = _fit_of_classes(source, target)
    if classes is not None:
        return classes
    check, found = adapter(target), samples(source, hints_of(target))
    reason = (
        "it may be anything" if peeled(source).kind in (Any, object)
        else "nobody can look into the type" if check is None
        else "code of its own decides what it takes" if runs_code(core_of(target))
        else "" if found
        else "nobody can make a value of the type"
    )  # fmt: skip
    if reason or check is None:
        return Fit(Verdict.UNKNOWN, reason)
    return _tried(found, check, target)


def _tried(found: Sequence[Sample], check: TypeAdapter[Any], target: Any) -> Fit:
    """What pydantic says of values of one type."""
    answers = [(each, _refusal(check, each.value)) for each in found]
    known = [(each.value, error) for each, error in answers if error is not None and not each.is_wild]
    worst = next(((value, error) for value, error in known if not _is_of_bounds(error)), None)
    if worst is None and all(error is not None and not error.errors()[0]["loc"] for _, error in answers):
        worst = next(((each.value, error) for each, error in answers if error), None)  # whatever is inside of it
    if worst is not None:
        return Fit(Verdict.MISFIT, in_words(worst[1]), worst[0])
    if known:
        return Fit(Verdict.NARROWS, in_words(known[0][1]), known[0][0])
    if any(error is not None for _, error in answers):
        return Fit(Verdict.UNKNOWN, "a part of it may be anything")
    if _has_pattern(core_of(target)):
        return Fit(Verdict.UNKNOWN, "it must match a pattern")
    return FITS


def _fit_of_classes(source: Any, target: Any) -> Fit | None:
    """The relation of two classes that are not looked into: whether one is the other's subclass."""
    one, other = peeled(source).kind, peeled(target).kind
    classes = [each for each in members_of(other) if isinstance(each, type)]
    if not isinstance(one, type) or typing.is_typeddict(one) or issubclass(one, Enum):
        return None
    if issubclass(one, BaseModel):
        is_taken = any(not typing.is_typeddict(each) and issubclass(one, each) for each in classes)
        return FITS if is_taken and not any(_forbids(each) for each in classes) else None
    if samples(one):
        return None
    if any(not typing.is_typeddict(each) and _is_subclass(one, each) for each in classes):
        return FITS
    if any(_is_subclass(each, one) or getattr(each, "_is_protocol", False) for each in classes) or len(classes) < len(
        members_of(other)
    ):
        return Fit(Verdict.UNKNOWN, "not every value need be one")
    return Fit(Verdict.MISFIT, f"a {one.__name__} is none")


def _is_subclass(one: type, other: type) -> bool:
    try:
        return issubclass(one, other)
    except TypeError:  # a protocol with data
        return False


def _forbids(cls: type) -> bool:
    return issubclass(cls, BaseModel) and cls.model_config.get("extra") == "forbid"


def refused(source: Any, target: Any) -> Any:
    """A value of one type that who takes the other refuses; :data:`NOTHING` where none is known."""
    return fit(source, target).value


def example(kind: Any) -> Any:
    """A value of a type, as simple as there is one; ``None`` where nobody can make one."""
    bare = peeled(kind).kind
    if bare in (Any, object):
        return "x"
    check = adapter(kind)
    for each in samples(kind):
        if not each.is_wild and (check is None or runs_code(core_of(kind)) or _refusal(check, each.value) is None):
            return each.value
    return next((each.value for each in samples(kind)), None)


def union_of(kinds: Iterable[Any]) -> Any:
    """The union of several types, each once; ``Any`` where one of them is."""
    members = list[Any]()
    for kind in kinds:
        for member in members_of(kind):
            if member is Any:
                return Any
            if not any(member is other for other in members):
                members.append(member)
    if not members:
        return Any
    return members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - made of a list


# ---- pydantic's word -------------------------------------------------------------------------------------------


def _refusal(check: TypeAdapter[Any], value: Any) -> ValidationError | None:
    try:
        check.validate_python(value)
    except ValidationError as error:
        return error
    except Exception:  # noqa: BLE001 - pydantic raises others for values of classes that it does not expect
        return None
    return None


def _is_of_bounds(error: ValidationError) -> bool:
    return all(each["type"] in _BOUNDS for each in error.errors(include_url=False, include_context=False))


def in_words(error: ValidationError) -> str:
    """Why a value is refused, in one short line."""
    first, *others = error.errors(include_url=False, include_context=False)
    place = ".".join(str(step) for step in first["loc"] if isinstance(step, str | int))
    said = first["msg"].removeprefix("Value error, ")
    said = said.replace("Input should be", "should be").replace("Field required", "is missing")
    if first["type"] == "missing":
        return f"'{place}' is missing"
    shown = _SHORT.repr(first["input"])
    if others or not place:  # of a union each member says why not: the first one's word stands for all
        return f"{shown} {said[:1].lower()}{said[1:]}"
    return f"'{place}': {shown} {said[:1].lower()}{said[1:]}"


@by_identity
def runs_code(core: Any) -> bool:
    """Whether validating by a schema runs code of the user's."""
    todo, seen = [core], set[int]()
    while todo:
        part = todo.pop()
        if isinstance(part, list | tuple):
            todo += part
        elif isinstance(part, Mapping) and id(part) not in seen:
            seen.add(id(part))
            kind = part.get("type")
            if isinstance(kind, str) and kind.startswith("function-") and not is_pure(part["function"]["function"]):
                return True
            factory = part.get("default_factory")
            if part.get("custom_init") or part.get("post_init") or (factory and not isinstance(factory, type)):
                return True
            todo += [
                each for key, each in part.items() if key not in {"serialization", "metadata", "config", "function"}
            ]
    return False


@by_identity
def _has_pattern(core: Any) -> bool:
    todo, seen = [core], set[int]()
    while todo:
        part = todo.pop()
        if isinstance(part, list | tuple):
            todo += part
        elif isinstance(part, Mapping) and id(part) not in seen:
            seen.add(id(part))
            if part.get("type") == "str" and part.get("pattern"):
                return True
            todo += part.values()
    return False
