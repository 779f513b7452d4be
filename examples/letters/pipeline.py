"""Answers to letters that somebody reads before they are sent: no model is called, so this runs anywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from crewgraph import Approval, Route, Router, step


class Draft(TypedDict):
    """An answer that is not sent yet."""

    draft: str


@step(inline=True)
def answer(name: str, wish: str) -> Draft:
    """Write a draft; a crew would stand here."""
    return {"draft": f"Dear {name}, yes, we do have {wish}."}


@step(inline=True)
def send(name: str, draft: str) -> dict[str, str]:
    """Send it, or so."""
    return {"sent": f"to {name}: {draft}"}


@step(inline=True)
def put_aside(release_comment: str) -> dict[str, str]:
    """Keep it, with what was said."""
    return {"put_aside": release_comment or "nobody had time"}


release = Approval("release", ask="Send this to {name}?\n{draft}", timeout=timedelta(days=3), edits={"draft": str})
letters = answer >> release >> Router({"approved": Route("release == 'approved'", send)}, put_aside)
