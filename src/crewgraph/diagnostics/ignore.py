"""What a user says about findings beforehand: which to ignore, and which warnings count as errors."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from crewgraph.diagnostics.codes import CODES, code_of

__all__ = ["WARNINGS", "Ignore", "Strict", "can_be_ignored", "ignores_of", "is_fatal", "strict_of", "strictness"]

WARNINGS = "warnings"
"""The word that stands for every warning among the codes that count as errors."""

Strict = bool | frozenset[str]
"""Which findings count as errors: ``True`` for every warning, or codes and the word "warnings"."""


_FATAL = frozenset({"CG202", "CG203", "CG701", "CG702", "CG703", "CG704", "CG705", "CG712"})
_MAY_BE_MILD = frozenset({"CG203"})
"""A node that stands alone can run; such a warning may be meant so."""


def is_fatal(code: str) -> bool:
    """Whether nothing could run, or be checked to its end, with an error of this code."""
    return code.startswith(("CG1", "CG5")) or code in _FATAL


def can_be_ignored(code: str) -> bool:
    """Whether a finding of this code can be ignored; of one that is fatal only what is no error."""
    return not is_fatal(code) or code in _MAY_BE_MILD


@dataclass(frozen=True, slots=True)
class Ignore:
    """A finding that is meant so: it is kept apart, with the reason, and keeps nothing from running.

    Attributes:
        code: the code, or short name, of the finding.
        reason: why, for whoever reads it next.
        node: the node whose finding it is, in each place where it stands; every node where none is named.

    Raises:
        ValueError: there is no such code, no reason, or nothing could run with such a finding.
    """

    code: str
    reason: str
    node: str | None = None

    def __post_init__(self) -> None:
        if not _is_text(self.code):
            raise ValueError(f'Ignore takes a code, such as "CG305", got {self.code!r}')
        code = code_of(self.code)
        object.__setattr__(self, "code", code)
        if not can_be_ignored(code):
            name, _ = CODES[code]
            raise ValueError(f"{code} {name} cannot be ignored: nothing could run. hint: `crewgraph explain {code}`")
        if not _is_text(self.reason):
            raise ValueError(f'Ignore("{code}") needs a reason. hint: Ignore("{code}", "why it is meant so")')
        if self.node is not None and not _is_text(self.node):
            raise ValueError(f'node of Ignore("{code}") is the name of a node, got {self.node!r}')

    def __str__(self) -> str:
        return f'Ignore("{self.code}", node="{self.node}")' if self.node else f'Ignore("{self.code}")'


def ignores_of(ignore: Any) -> tuple[Any, ...]:
    """What a pipeline is told to ignore, as a tuple; what is in it is looked at by pydantic.

    Raises:
        ValueError: it is no list, or holds a code without a reason; pydantic makes its ValidationError of it.
    """
    if isinstance(ignore, str | Ignore) or not isinstance(ignore, Iterable):
        raise ValueError(f'ignore is a list, got {ignore!r}. hint: ignore=[Ignore("CG305", "why")]')  # noqa: TRY004
    every = tuple(ignore)
    for each in every:
        if isinstance(each, str):
            raise ValueError(f'ignore wants a reason. hint: Ignore("{each}", "why it is meant so")')  # noqa: TRY004
    return every


def strictness(strict: bool | Collection[str]) -> frozenset[str]:  # noqa: FBT001 - it is the value itself
    """What counts as an error, as codes and the word :data:`WARNINGS`.

    Raises:
        ValueError: it is neither a bool nor known codes.
    """
    if isinstance(strict, bool):
        return frozenset({WARNINGS} if strict else ())
    if not _is_several(strict):
        hint = f"[{strict!r}]" if isinstance(strict, str) else '["CG305"]'
        raise ValueError(f"strict is True, False or a list of codes, got {strict!r}. hint: strict={hint}")
    return frozenset(map(_named, strict))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_several(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes)


def _named(word: Any) -> str:
    if not isinstance(word, str):
        raise ValueError(f'strict is a list of codes, such as "CG305", got {type(word)} in it')  # noqa: TRY004
    return WARNINGS if word.strip().casefold() == WARNINGS else code_of(word)


def strict_of(*several: bool | Collection[str]) -> Strict:
    """As strict as all of them together, in the shortest form."""
    codes = frozenset[str]().union(*map(strictness, several))
    return codes if codes - {WARNINGS} else bool(codes)
