"""What the observer of a kickoff is told while runs go on, and when they end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from crewgraph.engine.port import Job
from crewgraph.engine.run import Mark, Run
from crewgraph.frontier import SKIPPED
from crewgraph.graph import Switch, Work
from crewgraph.trace import Event, NodeSkipped, Observer, RunFailed, RunFinished, RunWaiting

__all__ = ["Told"]

_log = logging.getLogger("crewgraph.engine")


@dataclass(frozen=True, slots=True)
class Told:
    """Tells the observer of a kickoff, if there is one."""

    job: Job

    def tell(self, run: Run, kind: Callable[..., Event], node: int | None = None, **said: Any) -> None:
        """Tell the observer, if there is one; what it raises must not fail a run that was paid for.

        Args:
            run: which run it is about.
            kind: makes the event.
            node: the number of the node that it is about.
            **said: what else the event says.
        """
        observer = self.job.observer
        if observer is None:
            return
        name = None if node is None else run.plan.nodes[node].name
        self.hand(observer, kind(run=run.index, node=name, at=run.now(), **said))

    @staticmethod
    def hand(observer: Observer, event: Event) -> None:
        """Give an event to an observer, which may raise what it likes."""
        try:
            observer(event)
        except Exception:  # noqa: BLE001 - whatever the user's observer raises
            _log.exception("the observer raised; the run goes on")

    def by(self, run: Run, mark: Mark, node: int) -> Callable[[Event], None] | None:
        """Where a node reports its own events; without an observer, to whoever observes what this was called from."""
        if self.job.observer is None:
            return self.job.scope.emit

        def emit(event: Event) -> None:
            if mark.ended is None:  # a thread may outlive its node; nobody hears of that any more
                self.tell(run, partial(replace, event), node)

        return emit

    def ended(self, run: Run, error: str | None) -> None:
        """Tell how a run ended, and of the nodes on routes that it did not take; nothing is summed up for nobody."""
        observer = self.job.observer
        if observer is None:
            return
        tokens = run.tokens
        if error is not None:
            self.tell(run, RunFailed, error=error, tokens=tokens)
            return
        states = run.frontier.state
        kinds = zip(run.plan.nodes, states, strict=True) if SKIPPED in states else ()
        for kind, state in kinds:
            if state == SKIPPED and isinstance(kind, Work | Switch):
                self.hand(observer, NodeSkipped(run=run.index, node=kind.name, at=run.now()))
        self.tell(run, RunWaiting if run.unsettled and run.questions else RunFinished, tokens=tokens)
