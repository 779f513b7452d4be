"""Results as small tables of HTML, for notebooks.

A kickoff is shown run by run, those that failed first, a run node by node, a crew task by task; and what is still to be
awaited says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crewgraph.bridge import Pending
from crewgraph.outputs import CrewOutput, PipelineKickoffResult, RunResult, RunStatus, TaskOutput, reason_of
from crewgraph.render.cells import figures, row, small, table, text
from crewgraph.render.duration import duration
from crewgraph.render.escape import shortened
from crewgraph.render.palette import AMBER, DEFAULT, GREEN, RED
from crewgraph.render.spent import spent
from crewgraph.trace import Span, extent

__all__ = ["crew_html", "kickoff_html", "pending_html", "run_html"]

MAX_ROWS = 50
MAX_ANSWER = 160
MAX_NAME = 60
MAX_TOOLS = 10
_COLORS = {"ok": GREEN.accent, "skipped": DEFAULT.accent, "waiting": AMBER.accent}
_ORDER = {RunStatus.WAITING: 1, RunStatus.OK: 2}
"""What failed stands first."""


def kickoff_html(result: PipelineKickoffResult) -> str:
    """The runs of a kickoff, those that failed first: routes, time, what was spent, and the answer or the error."""
    runs: Sequence[RunResult] = list(result)
    ordered = sorted(runs, key=lambda run: _ORDER.get(run.status, 0))
    failed, waits = len(result.failed), len(result.waiting)
    counts = [f"<b>{len(runs):,} {'result' if len(runs) == 1 else 'results'}</b>"]
    counts += [f'<b style="color:{RED.accent}">{failed:,} failed</b>'] if failed else []
    counts += [f'<b style="color:{AMBER.accent}">{waits:,} waiting for a person</b>'] if waits else []
    counts += [f"{len(result.not_run):,} not begun"] if result.not_run else []
    counts += [text(each) for each in spent(result.usage)]
    first = {id(run.origin): run for run in reversed(runs)}  # what a run spent is told once
    rows = (_run_row(run, is_first=first[id(run.origin)] is run) for run in ordered[:MAX_ROWS])
    return table(" · ".join(counts), rows, rest=len(runs) - MAX_ROWS)


def run_html(run: RunResult) -> str:
    """The nodes of a run in the order of the text, each with its time, what it spent, and its route or error."""
    told = [f'<b style="color:{_color(run.status)}">input {run.index} · {text(_words(run.status))}</b>']
    told += [text(each) for each in spent(run.usage)]
    head = f"{' · '.join(told)}<br/>{small(_answer(run))}"
    spans = run.spans
    return table(head, map(_span_row, spans[:MAX_ROWS]), rest=len(spans) - MAX_ROWS)


def crew_html(output: CrewOutput) -> str:
    """The answer of a crew and what it spent, then a row for each task: who did it, with which tools, and its answer."""
    told = ["<b>crew</b>", *(text(each) for each in spent(output.token_usage))]
    tasks = output.tasks_output
    answer = (
        "" if len(tasks) == 1 else f"<br/>{small(shortened(str(output), MAX_ANSWER))}"
    )  # else it is that of its task
    head = f"{' · '.join(told)}{answer}"
    return table(head, map(_task_row, tasks[:MAX_ROWS]), rest=len(tasks) - MAX_ROWS)


def pending_html(pending: Pending[Any]) -> str:
    """That a kickoff is still to be awaited, and how."""
    label = text(pending.label)
    if pending.state == "finished":
        return table(f'<b style="color:{GREEN.accent}">finished</b> · its result is given by <code>await</code>', ())
    told = f'<b style="color:{AMBER.accent}">{text(pending.state)}</b> · an event loop is running here, so write'
    return table(f"{told} <code>result = await {label}</code>", ())


def _task_row(task: TaskOutput) -> str:
    status = "skipped" if task.skipped else "ok"
    color = _color(status)
    title = f'<b style="color:{color}">{_sign(status)}</b> {text(shortened(task.name or task.description, MAX_NAME))}'
    marks = [word for word, is_so in (("forced", task.forced), ("repaired", task.repaired)) if is_so]
    done = [task.agent, task.model or "", *(f"{tool}()" for tool in task.tools_used[:MAX_TOOLS]), *marks]
    told = status if task.skipped else shortened(str(task), MAX_ANSWER)
    return row([title, small(" · ".join(each for each in done if each)), text(told)], color=color)


def _run_row(run: RunResult, *, is_first: bool) -> str:
    """A result; of one that ends in parallel branches the others tell neither time nor money again."""
    routes = ", ".join(span.route for span in run.spans if span.route is not None)
    title = f'<b style="color:{_color(run.status)}">{_sign(run.status)} {run.index}</b>'
    counted = [each for each in (_seconds(run.spans), *spent(run.usage)) if each] if is_first else ["the same run"]
    return row(
        [title, small(routes), figures(counted), text(_answer(run))],
        color=_color(run.status),
    )


def _span_row(span: Span) -> str:
    color = _color(span.status)
    title = f'<b style="color:{color}">{_sign(span.status)}</b> {text(span.node)}'
    ran = span.started is not None
    counted = [duration(span.seconds), *spent(span.usage)] if ran else [_words(span.status)]
    told = span.error or (f"→ {span.route}" if span.route is not None else "")
    return row(
        [title, small(span.kind), figures(counted), text(shortened(told, MAX_ANSWER)) if told else ""],
        color=color,
    )


def _answer(run: RunResult) -> str:
    """What a run gave, or why it failed."""
    return shortened(str(run) if run.ok else reason_of(run), MAX_ANSWER)


def _seconds(spans: Iterable[Span]) -> str:
    """How long a run took, from its first node to its last."""
    began, ended = extent(spans)
    return duration((ended - began).total_seconds()) if began and ended else ""


def _sign(status: str) -> str:
    return {"ok": "✓", "skipped": "–", "waiting": "◷"}.get(status, "✗")


def _color(status: str) -> str:
    return _COLORS.get(status, RED.accent)


def _words(status: str) -> str:
    return str(status).replace("_", " ")
