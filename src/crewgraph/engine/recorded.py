"""Errors as a store tells of them: what they were is known in words only."""

from __future__ import annotations

import builtins
from functools import lru_cache

import crewgraph.errors as known
from crewgraph.errors import BudgetExceeded, CrewgraphError, ModelError
from crewgraph.usage import UsageMetrics

__all__ = ["RecordedError", "recorded"]

SEPARATOR = ": "
MADE_OF_MORE = (ExceptionGroup, UnicodeError)
"""Errors of Python that cannot be made of a text alone."""


class RecordedError(CrewgraphError):
    """Stands for an error of an earlier process, and is never raised: its class has the name of that of the error.

    Where that was one of Python or of crewgraph that holds a text and nothing else, it is one too, so that whoever asks
    for a ``ValueError`` finds it.

    Attributes:
        model: the model that was asked, where the error was one of a model.
    """

    model: str | None = None


class _RecordedBudget(BudgetExceeded):
    """Stands for a budget that was used up."""

    def __init__(self, text: str) -> None:
        super().__init__("", "", "", usage=UsageMetrics())
        self._text = text

    def __str__(self) -> str:
        return self._text


_RecordedBudget.__name__ = _RecordedBudget.__qualname__ = BudgetExceeded.__name__


def recorded(words: str, *, model: str | None = None) -> BaseException:
    """An error that is told in these words: its class, and what it said.

    Args:
        words: as they were noted.
        model: the model that was asked last.
    """
    name, _, text = words.partition(SEPARATOR)
    if name == BudgetExceeded.__name__:
        return _RecordedBudget(text)
    if not name.isidentifier():
        name, text = RecordedError.__name__, words
    error = _class(name)(text)
    kind = getattr(known, name, None)
    if isinstance(kind, type) and issubclass(kind, ModelError):
        error.model = model
    return error


@lru_cache(maxsize=256)
def _class(name: str) -> type[RecordedError]:
    own: object = getattr(known, name, None) or getattr(builtins, name, None)
    bases = (RecordedError, own) if isinstance(own, type) and _is_plain(own) else (RecordedError,)
    return type(name, bases, {"__module__": __name__, "__doc__": RecordedError.__doc__, "__str__": _text})


def _is_plain(own: type) -> bool:
    """Whether an error of this class can be made of a text alone, and holds nothing else."""
    ours = [each for each in own.__mro__ if each.__module__.partition(".")[0] == __name__.partition(".")[0]]
    return (
        issubclass(own, Exception)
        and not issubclass(own, MADE_OF_MORE)
        and not any("__init__" in vars(each) for each in ours)
    )


def _text(error: BaseException) -> str:
    """What it said: some of Python's own say something else than they were given."""
    return str(error.args[0])
