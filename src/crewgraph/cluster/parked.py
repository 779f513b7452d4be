"""Runs that wait for people: put back on their queue as soon as somebody has decided, or the time to decide is over."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from crewgraph.cluster.requeue import requeue
from crewgraph.errors import StoreError
from crewgraph.errors.root import counted

__all__ = ["go_on"]

_log = logging.getLogger("crewgraph.cluster")

AT_ONCE = 1_000
"""Runs in one transaction."""
# A question ends with a decision, or with the time for it; one that has no time ends as it begins until then. The lock
# is what deciding and submitting hold: what is in the middle of that is looked at the next time.
DUE = """SELECT run FROM runs WHERE status = 'waiting' AND run IN (
           SELECT n.run FROM nodes n
           WHERE n.status = 'waiting' AND n.ended > n.started AND n.ended <= extract(epoch FROM statement_timestamp())
             AND n.item = 0 AND NOT EXISTS (
               SELECT FROM nodes later WHERE later.run = n.run AND later.node = n.node AND later.item = 0
                 AND later.attempt > n.attempt)
         ) ORDER BY run LIMIT %s FOR UPDATE SKIP LOCKED"""


def go_on(connection: Any) -> None:
    """Put runs that need not wait any longer back on their queue, in the transaction of the caller.

    It is not done where somebody decides: that needs no workers, and a run that was at work elsewhere when a decision
    came, or whose time is over, is found in the same way.
    """
    due = [run for (run,) in connection.execute(DUE, (AT_ONCE,)).fetchall()]
    if due and not _are_back(connection, due):
        due = [run for run in due if _are_back(connection, [run])]
    if due:
        _log.info("%s waited for people and %s on", counted(len(due), "run"), "goes" if len(due) == 1 else "go")


def _are_back(connection: Any, runs: Sequence[int]) -> bool:
    """Put runs back; whether that could be done. One that cannot go back must not keep others, nor the look itself."""
    try:
        with connection.transaction():
            requeue(connection, runs)
    except StoreError as error:
        if len(runs) == 1:
            _log.warning("%s", error)
        return False
    return True
