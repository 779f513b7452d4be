"""A clock that is set while nodes are at work."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from crewgraph import Pipeline, Router, step

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("by", [-3600.0, 3600.0], ids=["back", "forward"])
@pytest.mark.parametrize("fails", [False, True], ids=["ok", "failed"])
async def test_spans_are_as_long_as_they_were(monkeypatch, by, fails) -> None:
    """No node ends before it began, and none takes an hour because somebody set the clock."""
    real = time.time
    offset = [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + offset[0])

    @step
    async def jump() -> dict[str, int]:
        offset[0] += by
        if fails:
            raise ValueError("at the wrong time")
        return {"n": 1}

    (run,) = await Pipeline([jump, Router({}, default=Pipeline([jump]))]).kickoff_async({}, on_error="collect")
    ran = [span for span in run.spans if span.started is not None and span.ended is not None]
    assert len(ran) == (1 if fails else 3)
    assert all(0 <= (span.ended - span.started).total_seconds() < 60 for span in ran)
    assert all(early.started <= late.started for early, late in pairwise(ran))
