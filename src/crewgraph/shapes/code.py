"""Which functions in a core schema are pydantic's own, and may be run while nothing runs yet."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from crewgraph.shapes.adapter import Core

__all__ = ["as_decided", "as_declared", "has_code", "has_missing", "is_decorator", "is_pure", "rule_of"]

_RULES = (
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "multiple_of",
    "min_length",
    "max_length",
)
_PURE = {
    *("path_validator", "wrap_val", "pattern_either_validator", "pattern_str_validator", "sequence_validator"),
    *(f"ip_v{n}_{what}_validator" for n in (4, 6) for what in ("address", "network", "interface")),
    *("SecretStr", "SecretBytes"),
    *(f"{rule}_validator" for rule in _RULES),
}
"""Functions of pydantic that look at nothing but the value. Others of its own import modules or look for files."""
_SILENT = {"metadata", "serialization", "config", "cls", "members", "expected", "default"}
"""What a schema holds that is not schema."""


def _named(function: Any) -> str:
    module = getattr(function, "__module__", None) or ""
    return getattr(function, "__name__", "") if module.partition(".")[0] == "pydantic" else ""


def is_pure(function: Any) -> bool:
    """Whether a function is one of pydantic's that only looks at the value."""
    return _named(function.func if isinstance(function, partial) else function) in _PURE


def rule_of(function: Any) -> partial[Any] | None:
    """The bound that a function checks, where it is one of pydantic's that do so."""
    is_rule = isinstance(function, partial) and is_pure(function) and bool(function.keywords)
    return function if is_rule else None


def has_code(core: Any) -> bool:
    """Whether validating would run code of the user's, or needs what is defined elsewhere."""
    if isinstance(core, list | tuple):
        return any(has_code(part) for part in core)
    if not isinstance(core, Mapping):
        return False
    kind = core.get("type")
    if kind == "definition-ref" or core.get("custom_init") or core.get("post_init") or "default_factory" in core:
        return True
    if isinstance(kind, str) and kind.startswith("function-") and not is_pure(core["function"]["function"]):
        return True
    if kind == "enum" and has_missing(core["cls"]):
        return True
    return any(has_code(part) for key, part in core.items() if key not in _SILENT and key != "function")


def has_missing(cls: Any) -> bool:
    """Whether an enum decides itself what other values mean."""
    return "enum" not in getattr(getattr(cls, "_missing_", None), "__module__", "")


def as_declared(value: Any) -> Any:
    """Stands for the validators of a model where one of its fields is looked at alone; gives back what it gets."""
    return value


def as_decided(value: Any, rest: Any) -> Any:
    """As :func:`as_declared`, for validators that run before pydantic's own and decide whether these run at all."""
    return rest(value)


def is_decorator(function: Any, inner: Core) -> bool:
    """Whether a function is a validator of a model or of its field, after which the value is still what is declared.

    Of any other function nobody knows what it gives back.
    """
    owner = getattr(function, "__self__", None)
    if function in (as_declared, as_decided) or (inspect.isclass(owner) and issubclass(owner, BaseModel)):
        return True
    return inner["type"] in {"model", "dataclass", "model-fields", "dataclass-args"}
