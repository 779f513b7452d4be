"""Progress as HTML, for the cell of a notebook: a bar, the counts and the nodes; at the end one short line."""

from __future__ import annotations

from collections.abc import Iterator

from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.progress.words import SIGNS, busiest, counted, spent, state_of, times_of, waiting_of
from crewgraph.render.cells import figures, row, table, text
from crewgraph.render.duration import duration
from crewgraph.render.escape import shortened
from crewgraph.render.palette import AMBER, CORE, DEFAULT, GREEN, RED

__all__ = ["ended_html", "running_html"]

MAX_NAME = 60
_TRACK = "display:inline-block;vertical-align:middle;width:160px;height:8px;border-radius:4px;overflow:hidden"


def running_html(tally: Tally, title: str) -> str:
    """A kickoff that is under way."""
    counts = " · ".join(_counts(tally, [f"{tally.running:,} running"], times_of(tally)))
    head = f"<b>{text(shortened(title, MAX_NAME))}</b> {_bar(tally)} {counts}"
    shown = busiest(tally.nodes)
    return table(head, (_node(name, node) for name, node in shown), rest=len(tally.nodes) - len(shown))


def ended_html(tally: Tally, title: str) -> str:
    """A kickoff that is over, whether all of it is done or not."""
    lost = max(0, tally.total - tally.done) if tally.total is not None else tally.running
    is_well = not lost and tally.ok + tally.parked == tally.done
    sign = f'<b style="color:{(GREEN if is_well else RED).accent}">{"✓" if is_well else "✗"}</b>'
    counts = " · ".join(_counts(tally, [f"{lost:,} not finished"] if lost else [], duration(tally.seconds)))
    return table(f"{sign} <b>{text(shortened(title, MAX_NAME))}</b> {counts}", ())


def _counts(tally: Tally, between: list[str], time: str) -> Iterator[str]:
    yield text(f"{tally.done:,}/{tally.total:,} done" if tally.total is not None else f"{tally.done:,} done")
    if tally.failed:
        yield f'<b style="color:{RED.accent}">{tally.failed:,} failed</b>'
    if tally.over_budget:
        yield text(f"{tally.over_budget:,} over budget")
    if tally.parked:
        yield text(f"{tally.parked:,} waiting for a person")
    yield from map(text, between)
    if tally.waiting:
        yield text(waiting_of(tally))
    if tally.tokens or tally.usage.requests:
        yield text(spent(tally.usage))
    yield text(time)


def _bar(tally: Tally) -> str:
    """How much is done; nothing where nobody knows of how much."""
    if not tally.total:
        return ""
    lost = tally.done - tally.ok - tally.parked
    parts = ((tally.ok, GREEN.accent), (tally.parked, AMBER.accent), (lost, RED.accent))
    inner = "".join(
        f'<span style="display:inline-block;height:8px;width:{100 * count / tally.total:.2f}%;background:{color}"></span>'
        for count, color in parts
        if count
    )
    return f'<span style="{_TRACK};line-height:0;font-size:0;background:{DEFAULT.accent}55">{inner}</span>'


def _node(name: str, node: NodeCount) -> str:
    state = state_of(node)
    sign, color, told = SIGNS[state], _COLORS[state], list(filter(None, counted(node).values()))
    title = f'<span style="color:{color}">{sign}</span> {text(shortened(name, MAX_NAME))}'
    return row([title, figures(told)], color=color)


_COLORS = {
    "running": CORE.accent,
    "failed": RED.accent,
    "waiting": AMBER.accent,
    "done": GREEN.accent,
    "": DEFAULT.accent,
}
