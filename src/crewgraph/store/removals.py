"""What of a store nobody needs any more, as conditions on rows that both databases take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["ENDED", "Collected", "Removal", "removals"]

ENDED = ("ok", "failed", "over_budget", "cancelled")
"""How runs may have ended."""
LAST_TICKS = 100
"""The last ticks of a schedule stay, however old they are: they say what has run, so that it does not run twice."""
NOT_THE_LAST = f"""(schedule, tick) NOT IN (SELECT schedule, tick FROM (
        SELECT schedule, tick, row_number() OVER (PARTITION BY schedule ORDER BY tick DESC) AS place FROM ticks
    ) AS every WHERE place <= {LAST_TICKS})"""  # noqa: S608 - of ours


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed from a store, or would be.

    Attributes:
        runs: how many of each status.
        attempts: of runs that stay, how many attempts of nodes that a later one has replaced.
        definitions: how many versions of pipelines of which there are no runs.
        before, after: bytes of the file, or of the database; the same where nothing was removed.
        ticks: how many ticks of schedules.
    """

    runs: Mapping[str, int]
    attempts: int
    definitions: int
    before: int
    after: int
    ticks: int = 0

    def __bool__(self) -> bool:
        return bool(self.runs or self.attempts or self.definitions or self.ticks)


class Removal(NamedTuple):
    """A condition on the rows of a table, which both databases take.

    Attributes:
        table: the table.
        condition: behind WHERE, with values as ``?``.
        values: for it.
    """

    table: str
    condition: str
    values: tuple[Any, ...]


def removals(until: float, status: Collection[str], key: str | None) -> tuple[Removal, ...]:
    """What is to be removed: runs, attempts, definitions and ticks, in this order, and what belongs to the runs before them.

    Args:
        until: what ended before this goes, in seconds since the epoch.
        status: of the runs.
        key: of which pipeline; of all where it is ``None``.
    """
    states = tuple(status)
    chosen = f"status IN ({', '.join('?' * len(states))})" if states else "1 = 0"
    ended = f"ended < ? AND {chosen}"
    ended += "" if key is None else " AND pipeline = ?"
    values = (until, *states, *(() if key is None else (key,)))
    gone = f"SELECT run FROM runs WHERE {ended}"  # noqa: S608 - of ours
    of_key = "" if key is None else " AND pipeline = ?"
    staying = f"SELECT run FROM runs WHERE ended IS NOT NULL AND status <> 'waiting'{of_key}"  # noqa: S608
    replaced = f"""nodes.status IN ('failed', 'cancelled') AND nodes.ended < ? AND nodes.run IN ({staying})
        AND EXISTS (SELECT 1 FROM nodes AS later WHERE later.run = nodes.run AND later.node = nodes.node
                    AND later.item = nodes.item AND later.attempt > nodes.attempt)"""  # noqa: S608
    unused = "substr(key, 1, 11) = 'definition:' AND substr(key, 12) NOT IN (SELECT definition FROM runs"
    of_all = "1 = 1" if key is None else "1 = 0"  # ticks belong to a schedule, and not to a pipeline
    old = f"{of_all} AND coalesce(ended, began) < ? AND status NOT IN ('wanted', 'running') AND {NOT_THE_LAST}"
    return (
        Removal("decisions", f"run IN ({gone})", values),
        Removal("nodes", f"run IN ({gone})", values),
        Removal("runs", ended, values),
        Removal("nodes", replaced, (until, *(() if key is None else (key,)))),
        Removal("meta", f"{unused})", ()),
        Removal("ticks", old, (until,)),
    )
