"""Who hears of a kickoff: its own observer, and those that asked to hear of every kickoff in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from crewgraph import trace

__all__ = ["Listener", "by_hand", "hear", "listening", "unhear"]

_log = logging.getLogger("crewgraph.engine")


@runtime_checkable
class Listener(Protocol):
    """An observer that follows several kickoffs at once: each one gets an observer of its own."""

    def begin(self, name: str) -> trace.Observer:
        """The observer of one kickoff.

        Args:
            name: of the pipeline; empty for crews that are called by hand.
        """
        ...

    def __call__(self, event: trace.Event, /) -> None:
        """Hear an event that no kickoff told."""
        ...


_everywhere: tuple[Listener, ...] = ()
_by_hand: trace.Observer | None = None


def hear(listener: Listener) -> None:
    """Let it hear of everything that begins in this process from now on."""
    _set((*_everywhere, listener))


def unhear(listener: Listener) -> None:
    """Let it hear of nothing that begins from now on."""
    _set(tuple(each for each in _everywhere if each is not listener))


def _set(listeners: tuple[Listener, ...]) -> None:
    global _everywhere, _by_hand  # noqa: PLW0603 - that is what "in this process" means
    _everywhere = listeners
    _by_hand = _all_of([_guarded(each.begin("")) for each in listeners])


def by_hand() -> trace.Observer | None:
    """Who hears of a crew that is called by hand, outside of any kickoff."""
    return _by_hand


def listening(observer: trace.Observer | None, name: str, *more: trace.Observer) -> trace.Observer | None:
    """Who hears of one kickoff; ``None`` where nobody does.

    Args:
        observer: what the kickoff was given.
        name: of the pipeline.
        *more: those that listen beside it.

    A listener that is given to the kickoff itself stands in for one of its kind that hears of everything.
    """
    mine = [] if observer is None else [observer.begin(name) if isinstance(observer, Listener) else observer]
    others = [*(each.begin(name) for each in _everywhere if type(each) is not type(observer)), *more]
    if not others:
        return mine[0] if mine else None  # whom the engine guards
    return _all_of([_guarded(each) for each in (*mine, *others)])


def _all_of(observers: Sequence[trace.Observer]) -> trace.Observer | None:
    if len(observers) <= 1:
        return observers[0] if observers else None

    def tell(event: trace.Event) -> None:
        for observer in observers:
            observer(event)

    return tell


def _guarded(observer: trace.Observer) -> trace.Observer:
    """An observer whose errors neither fail the work nor keep others from hearing."""

    def tell(event: trace.Event) -> None:
        try:
            observer(event)
        except Exception:  # noqa: BLE001 - whatever it raises
            _log.exception("an observer raised; the run goes on")

    return tell
