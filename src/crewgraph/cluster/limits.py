"""Limits on calls of models that all workers of a database share: setting, listing and removing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crewgraph.policy import Limit
from crewgraph.store.postgres import connected, is_address, shown_address, translated

__all__ = ["Limits", "ModelLimit"]

MOST = 10**12
"""No limit is larger; the database counts no further."""
DEAD_AFTER = 30.0
"""Seconds of silence after which calls of a worker are not listed any more."""
# What has been counted goes on by the new limit, and never means more than a minute of waiting.
SET = """INSERT INTO limits AS old (model, rpm, tpm, concurrency, counted) VALUES (%s, %s, %s, %s, clock_timestamp())
         ON CONFLICT (model) DO UPDATE SET rpm = excluded.rpm, tpm = excluded.tpm, concurrency = excluded.concurrency,
           counted = excluded.counted,
           requests = coalesce(least(excluded.rpm, limit_level(
             old.requests, old.rpm, extract(epoch FROM excluded.counted - old.counted)::float8)), 0),
           tokens = coalesce(least(excluded.tpm, limit_level(
             old.tokens, old.tpm, extract(epoch FROM excluded.counted - old.counted)::float8)), 0)"""
LIST = """WITH now AS (SELECT clock_timestamp() AS moment),
          closed AS (SELECT model, max(extract(epoch FROM until - moment)) AS seconds FROM pauses, now
                     WHERE until > moment GROUP BY model)
          SELECT model, rpm, tpm, concurrency, coalesce(held.calls, 0), coalesce(held.waiting, 0),
            greatest(
              limit_delay(limit_level(requests, rpm, extract(epoch FROM moment - counted)::float8), rpm, 1),
              limit_delay(limit_level(tokens, tpm, extract(epoch FROM moment - counted)::float8), tpm, 1)),
            coalesce(closed.seconds, 0)
          FROM now, limits FULL JOIN closed USING (model)
          LEFT JOIN LATERAL (
            SELECT sum(calls) AS calls, count(*) FILTER (WHERE since IS NOT NULL AND asked > moment - interval '2 seconds')
              AS waiting FROM leased(model, moment, %s)) held ON true
          ORDER BY model"""


@dataclass(frozen=True, slots=True)
class ModelLimit:
    """What is limited of a model, and how much of it is in use.

    Attributes:
        model: its name.
        limit: what all workers together may do; ``None`` where nothing is limited, and the provider closed the model.
        under_way: calls under way at workers that live; those of models without a limit are not counted.
        waiting: workers whose next call waits for another one to end.
        delay: seconds that the smallest call would wait now for requests or tokens.
        closed: seconds for which the provider wants nobody to call it.
    """

    model: str
    limit: Limit | None
    under_way: int = 0
    waiting: int = 0
    delay: float = 0.0
    closed: float = 0.0


class Limits:
    """The limits in a database, which its workers follow within a second or two.

    ::

        limits = Limits("postgresql://crew@db/runs")
        limits.set("openai/gpt-4o-mini", Limit(requests_per_minute=500, concurrency=40))

    Args:
        store: the address of the database.

    Raises:
        ValueError: it is no address of a database.
    """

    def __init__(self, store: str) -> None:
        if not is_address(store):
            raise ValueError(f"limits are shared in a database, and {store!r} is none. hint: 'postgresql://host/name'")
        self._store = store

    def set(self, model: str, limit: Limit) -> None:
        """Limit a model for all workers together; what the limit leaves out is not limited.

        Args:
            model: its name, as pipelines say it; at whichever endpoint it is.
            limit: what they may do; at least one of its figures.

        Raises:
            ValueError: the name is empty or holds what no name can, or the limit says nothing or too much.
            StoreError: the database cannot be used.
        """
        figures = limit.requests_per_minute, limit.tokens_per_minute, limit.concurrency
        _check(model)
        if all(figure is None for figure in figures):
            raise ValueError(f"nothing of {model!r} would be limited. hint: Limit(requests_per_minute=…), or remove()")
        if any(figure is not None and figure > MOST for figure in figures):
            raise ValueError(f"no limit is larger than {MOST:,}. hint: leave it out where there is none")
        self._execute(SET, model, *figures)

    def list(self) -> Sequence[ModelLimit]:
        """What is limited or closed, in the order of the names.

        Raises:
            StoreError: the database cannot be used.
        """
        return [
            ModelLimit(model, _limit(*figures), under_way, waiting, float(delay), float(closed))
            for model, *figures, under_way, waiting, delay, closed in self._execute(LIST, DEAD_AFTER)
        ]

    def remove(self, model: str) -> None:
        """Limit a model no longer.

        Raises:
            KeyError: it has no limit.
            StoreError: the database cannot be used.
        """
        if not self._execute("DELETE FROM limits WHERE model = %s RETURNING model", model):
            raise KeyError(model)

    def _execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with connected(self._store) as connection, translated(self._store):
            found = connection.execute(query, values)
            return found.fetchall() if found.description else []

    def __repr__(self) -> str:
        return f"Limits({shown_address(self._store)!r})"


def _limit(rpm: int | None, tpm: int | None, concurrency: int | None) -> Limit | None:
    if rpm is None and tpm is None and concurrency is None:
        return None
    return Limit(requests_per_minute=rpm, tokens_per_minute=tpm, concurrency=concurrency)


def _check(model: str) -> None:
    """Refuse what no pipeline could name so."""
    if not model.strip() or model != model.strip() or not model.isprintable():
        raise ValueError(f"{model!r} is no name of a model. hint: as pipelines say it, 'openai/gpt-4o-mini'")
    if "*" in model:
        raise ValueError(f"{model!r} is a pattern, and a limit is for one model. hint: one limit for each model")
