"""A schedule, as it stands in a store."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from crewgraph.policy import Budget

__all__ = ["CatchUp", "Overlap", "Schedule"]

CatchUp = Literal["none", "last", "all"]
Overlap = Literal["queue", "skip"]
MAX_CONCURRENCY = 100
MAX_SECONDS = 250_000_000_000.0
"""Beyond that there are no dates any more."""


class Schedule(BaseModel):
    """What runs at which time, over which inputs.

    Attributes:
        name: what it is called; it begins the id of each of its runs.
        target: the pipeline, as ``module:attribute`` or ``path/file.py:attribute``.
        pipeline: what workers call it; on a cluster it is needed, elsewhere it says nothing.
        cron: five fields as cron takes them, or a nickname such as ``@daily``.
        timezone: by whose clock.
        inputs: a file of inputs, which is read anew at each tick.
        rows: the inputs themselves.
        callable: ``module:function`` that gives the inputs; it is called with the tick, an aware ``datetime`` in UTC, if it
            takes something.
        catch_up: what becomes of ticks that came while nobody served: "none" of them runs, the "last" one does, or "all".
        grace: for how many seconds a tick is only late, and not missed.
        overlap: what becomes of ticks that come while an earlier one is at work: they wait in the "queue", and the catch-up
            counts for them, or the schedule "skips" them.
        id_column: the key of the inputs whose value tells them apart.
        on_error: whether the other runs of a tick go on when one has failed ("collect"), or are cancelled ("fail_fast").
        budget: how much one tick may cost.
        max_concurrency: how many nodes may be at work at once.
        created: when it was made, or went on after a pause, in seconds since the epoch: earlier ticks never run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    target: str = Field(min_length=1)
    pipeline: str | None = Field(None, min_length=1)
    cron: str
    timezone: str = "UTC"
    inputs: str | None = None
    rows: list[dict[str, Any]] | None = None
    callable: str | None = None
    catch_up: CatchUp = "last"
    grace: float = Field(60.0, ge=0.0, le=1e9, allow_inf_nan=False)
    overlap: Overlap = "queue"
    id_column: str | None = None
    on_error: Literal["collect", "fail_fast"] = "collect"
    budget: Budget | None = None
    max_concurrency: int = Field(MAX_CONCURRENCY, ge=1)
    created: float = Field(0.0, ge=0.0, le=MAX_SECONDS, allow_inf_nan=False)

    @field_validator("name")
    @classmethod
    def _is_plain(cls, name: str) -> str:
        if not name.strip() or not name.isprintable() or set(name) & set("@/"):
            raise ValueError("a name is a text in one line without @ and /")
        return name

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        if sum(each is not None for each in (self.inputs, self.rows, self.callable)) != 1:
            raise ValueError(
                "its inputs come from one place: a file (inputs), the values of one (input), or a function (callable)"
            )
        return self
