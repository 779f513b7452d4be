"""The pipeline of the tests of approvals on a cluster: what runs is noted as in the other one."""

from __future__ import annotations

import asyncio

from crewgraph import Approval, Pipeline, Route, Router, step
from tests import cluster_app
from tests.cluster_app import _note


@step
async def write(n: int) -> dict[str, str]:
    await asyncio.sleep(cluster_app.PAUSE)
    _note(f"write {n}")
    return {"draft": f"No. {n}"}


@step
async def beside(n: int) -> dict[str, int]:
    await asyncio.sleep(3 * cluster_app.PAUSE)
    _note(f"beside {n}")
    return {"beside": n}


@step
async def send(n: int, draft: str, ok_by: str) -> dict[str, str]:
    _note(f"send {n}")
    return {"end": f"sent {draft} by {ok_by}"}


@step
async def keep(n: int, draft: str, ok_comment: str) -> dict[str, str]:
    _note(f"keep {n}")
    return {"end": f"kept {draft}: {ok_comment}"}


ok = Approval("ok", ask="Send {draft}?")
pipeline = Pipeline([write, [ok, beside], Router({"yes": Route("ok == 'approved'", send)}, keep)], name="letters")
