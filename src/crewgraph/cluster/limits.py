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
# What has been counted goes on by the new limit, and never means more than a minute of waiting.
SET = """INSERT INTO limits AS old (model, rpm, tpm, concurrency, requests, tokens, counted)
         VALUES (%(model)s, %(rpm)s, %(tpm)s, %(concurrency)s, coalesce(limit_burst(%(rpm)s) - %(rpm)s, 0),
           coalesce(limit_burst(%(tpm)s) - %(tpm)s, 0), clock_timestamp())
         ON CONFLICT (model) DO UPDATE SET rpm = excluded.rpm, tpm = excluded.tpm, concurrency = excluded.concurrency,
           counted = excluded.counted,
           requests = CASE WHEN old.rpm IS NULL THEN excluded.requests ELSE least(excluded.rpm, limit_level(
             old.requests, old.rpm, extract(epoch FROM excluded.counted - old.counted)::float8)) END,
           tokens = CASE WHEN old.tpm IS NULL THEN excluded.tokens ELSE least(excluded.tpm, limit_level(
             old.tokens, old.tpm, extract(epoch FROM excluded.counted - old.counted)::float8)) END"""
LIST = """WITH now AS (SELECT clock_timestamp() AS moment),
          closed AS (SELECT model, max(extract(epoch FROM until - moment)) AS seconds FROM pauses, now
                     WHERE until > moment GROUP BY model),
          counted AS (SELECT model, rpm, tpm, concurrency,
                        limit_level(requests, rpm, extract(epoch FROM moment - counted)::float8) AS requests,
                        limit_level(tokens, tpm, extract(epoch FROM moment - counted)::float8) AS tokens
                      FROM limits, now)
          SELECT model, rpm, tpm, concurrency, coalesce(held.calls, 0), coalesce(held.waiting, 0),
            floor(limit_burst(rpm) - greatest(requests, 0)), floor(limit_burst(tpm) - greatest(tokens, 0)),
            greatest(limit_delay(requests, rpm, 1), limit_delay(tokens, tpm, 1)), coalesce(closed.seconds, 0)
          FROM now, counted FULL JOIN closed USING (model)
          LEFT JOIN LATERAL (
            SELECT sum(calls) AS calls, count(*) FILTER (WHERE since IS NOT NULL AND limit_asks(asked, moment)) AS waiting
            FROM leased(model, moment)) held ON true
          ORDER BY model"""


@dataclass(frozen=True, slots=True)
class ModelLimit:
    """What is limited of a model, and how much of it is in use.

    Attributes:
        model: its name.
        limit: what all workers together may do; ``None`` where nothing is limited, and the provider closed the model.
        under_way: calls under way at workers that live; those of models without a limit are not counted.
        waiting: workers whose next call waits for another one to end.
        requests: how many may begin at once now; ``None`` where they are not limited.
        tokens: how many may be spent at once now.
        delay: seconds that the smallest call would wait now for requests or tokens.
        closed: seconds for which the provider wants nobody to call it.
    """

    model: str
    limit: Limit | None
    under_way: int = 0
    waiting: int = 0
    requests: int | None = None
    tokens: int | None = None
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
        rpm, tpm, concurrency = figures
        self._execute(SET, {"model": model, "rpm": rpm, "tpm": tpm, "concurrency": concurrency})

    def list(self) -> Sequence[ModelLimit]:
        """What is limited or closed, in the order of the names.

        Raises:
            StoreError: the database cannot be used.
        """
        return [
            ModelLimit(
                model, _limit(rpm, tpm, concurrency), int(under_way), waiting,
                None if rpm is None else max(0, int(requests)), None if tpm is None else max(0, int(tokens)),
                float(delay), float(closed),
            )
            for model, rpm, tpm, concurrency, under_way, waiting, requests, tokens, delay, closed
            in self._execute(LIST, [])
        ]  # fmt: skip

    def remove(self, model: str) -> None:
        """Limit a model no longer.

        Raises:
            KeyError: it has no limit.
            ValueError: no model can be named so.
            StoreError: the database cannot be used.
        """
        _check(model)
        if not self._execute("DELETE FROM limits WHERE model = %s RETURNING model", [model]):
            raise KeyError(model)

    def _execute(self, query: str, values: Any) -> Sequence[tuple[Any, ...]]:
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
