"""Results as small tables of HTML, for notebooks: a kickoff run by run, failures first, and a run node by node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crewgraph.outputs import PipelineKickoffResult, RunResult
from crewgraph.render.cells import row, small, table, text
from crewgraph.render.duration import duration
from crewgraph.render.escape import shortened
from crewgraph.render.palette import GREEN, RED
from crewgraph.render.spent import spent
from crewgraph.trace import Span

__all__ = ["kickoff_html", "run_html"]

MAX_ROWS = 50
MAX_ANSWER = 160
_COLORS = {"ok": GREEN.accent, "skipped": "#94a3b8"}


def kickoff_html(result: PipelineKickoffResult) -> str:
    """The runs of a kickoff, those that failed first: routes, time, what was spent, and the answer or the error."""
    runs: Sequence[RunResult] = list(result)
    ordered = [*(run for run in runs if not run.ok), *(run for run in runs if run.ok)]
    failed = len(result.failed)
    counts = [f"<b>{len(runs):,} {'result' if len(runs) == 1 else 'results'}</b>"]
    counts += [f'<b style="color:{RED.accent}">{failed:,} failed</b>'] if failed else []
    counts += [f"{len(result.not_run):,} not begun"] if result.not_run else []
    counts += [text(each) for each in spent(result.usage)]
    rows = (_run_row(run) for run in ordered[:MAX_ROWS])
    return table(" · ".join(counts), rows, rest=len(runs) - MAX_ROWS)


def run_html(run: RunResult) -> str:
    """The nodes of a run in the order of the text, each with its time, what it spent, and its route or error."""
    told = [f'<b style="color:{_color(run.status)}">input {run.index} · {text(_words(run.status))}</b>']
    told += [text(each) for each in spent(run.usage)]
    head = f"{' · '.join(told)}<br/>{small(_answer(run))}"
    spans = run.spans
    return table(head, map(_span_row, spans[:MAX_ROWS]), rest=len(spans) - MAX_ROWS)


def _run_row(run: RunResult) -> str:
    routes = ", ".join(span.route for span in run.spans if span.route is not None)
    title = f'<b style="color:{_color(run.status)}">{_sign(run.status)} {run.index}</b>'
    figures = [each for each in (_seconds(run.spans), *spent(run.usage)) if each]
    return row(
        [title, small(routes), small(" · ".join(figures)), text(_answer(run))],
        color=_color(run.status),
    )


def _span_row(span: Span) -> str:
    color = _color(span.status)
    title = f'<b style="color:{color}">{_sign(span.status)}</b> {text(span.node)}'
    ran = span.started is not None
    figures = [duration(span.seconds), *spent(span.usage)] if ran else [_words(span.status)]
    told = span.error or (f"→ {span.route}" if span.route is not None else "")
    return row(
        [title, small(span.kind), small(" · ".join(figures)), text(shortened(told, MAX_ANSWER)) if told else ""],
        color=color,
    )


def _answer(run: RunResult) -> str:
    """What a run gave, or why it failed."""
    return shortened(str(run.error) if run.error else str(run), MAX_ANSWER)


def _seconds(spans: Iterable[Span]) -> str:
    """How long a run took, from its first node to its last."""
    moments = [(span.started, span.ended) for span in spans if span.started and span.ended]
    if not moments:
        return ""
    return duration((max(ended for _, ended in moments) - min(started for started, _ in moments)).total_seconds())


def _sign(status: str) -> str:
    return {"ok": "✓", "skipped": "–"}.get(status, "✗")


def _color(status: str) -> str:
    return _COLORS.get(status, RED.accent)


def _words(status: str) -> str:
    return str(status).replace("_", " ")
