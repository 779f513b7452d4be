"""Progress beside a kickoff: in the cell of a notebook, else as lines on standard error. It never fails a run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from crewgraph.outputs import RunStatus
from crewgraph.progress.cell import ended_html, running_html
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.progress.words import counts_of, line_of
from crewgraph.render.escape import clean
from crewgraph.trace import Event
from crewgraph.usage import UsageMetrics

__all__ = ["VARIABLE", "Canvas", "Cell", "Lines", "Progress", "display_here", "progress_for"]

VARIABLE = "CREWGRAPH_PROGRESS"
"""The environment variable that says whether kickoffs show their progress, where they do not say it themselves."""
YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off"})

_log = logging.getLogger("crewgraph.progress")


class Canvas(Protocol):
    """Where progress is shown.

    Attributes:
        interval: seconds between two pictures.
    """

    interval: float

    def paint(self, tally: Tally, *, is_over: bool) -> None:
        """Show what is now, or how it ended."""
        ...


class Cell:
    """The output of a notebook's cell: one display, which is drawn again in its place."""

    interval = 0.25

    def __init__(self, display: Callable[..., Any], title: str) -> None:
        self.display = display
        self.title = title
        self.handle: Any = None

    def paint(self, tally: Tally, *, is_over: bool) -> None:
        """Draw the display, the first time below what the cell has shown before."""
        draw = ended_html if is_over else running_html
        line = f"{clean(self.title)}: {line_of(tally, is_over=is_over)}"
        bundle = {"text/plain": line, "text/html": draw(tally, self.title)}
        if self.handle is None:
            self.handle = self.display(bundle, raw=True, display_id=True)
        else:
            self.handle.update(bundle, raw=True)


class Lines:
    """A line on standard error every few seconds, where something has changed."""

    interval = 5.0

    def __init__(self, title: str) -> None:
        self.title = title
        self.told = ""

    def paint(self, tally: Tally, *, is_over: bool) -> None:
        """Print a line, unless it would say the same again."""
        counts = counts_of(tally)
        if counts != self.told or is_over:
            self.told = counts
            line = f"{clean(self.title)}: {line_of(tally, is_over=is_over)}"
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - somebody has asked for it


class Progress:
    """What one kickoff has come to, and where that is shown.

    Args:
        canvas: where.
        is_patient: whether a kickoff that is over before the first picture shows nothing at all.
        tally: what is counted.
    """

    def __init__(self, canvas: Canvas, *, is_patient: bool = False, tally: Tally | None = None) -> None:
        self.canvas = canvas
        self.tally = tally or Tally()
        self._is_shown = not is_patient
        self._is_broken = False

    @property
    def interval(self) -> float:
        """Seconds between two pictures."""
        return self.canvas.interval

    def observe(self, event: Event) -> None:
        """Count an event."""
        self.tally.observe(event)

    def begin(self, nodes: Iterable[str], total: int | None) -> None:
        """Note that it begins: what is going to run, and over how many inputs, where that is known."""
        self.tally.begun = self.tally.clock()
        self.tally.total = total
        self.tally.nodes = {name: NodeCount() for name in nodes}

    def settle(self, index: int, status: RunStatus, usage: UsageMetrics) -> None:
        """Count an input that is through."""
        self.tally.settle(index, status, usage, "")

    def refresh(self) -> None:
        """Show what is now."""
        self._is_shown = True
        self._paint(is_over=False)

    def end(self) -> None:
        """Show how it ended."""
        if self._is_shown:
            self._paint(is_over=True)

    def _paint(self, *, is_over: bool) -> None:
        if self._is_broken:
            return
        try:
            self.canvas.paint(self.tally, is_over=is_over)
        except Exception:  # noqa: BLE001 - whatever a display raises
            self._is_broken = True
            _log.exception("progress cannot be shown; the run goes on")


def progress_for(wanted: bool | None, title: str, *, is_default: bool) -> Progress | None:  # noqa: FBT001 - as the option says
    """What shows the progress of a kickoff, or nothing.

    Args:
        wanted: what the kickoff says: yes, no, or nothing.
        title: the name of the pipeline.
        is_default: whether it is shown in a notebook where neither the kickoff nor the environment says.
    """
    display = display_here()
    said = _by_environment() if wanted is None and is_default else wanted
    if said is False or (said is None and not (is_default and display)):
        return None
    canvas = Cell(display, title) if display else Lines(title)
    return Progress(canvas, is_patient=said is None)


def _by_environment() -> bool | None:
    said = os.environ.get(VARIABLE, "").strip().lower()
    return True if said in YES else False if said in NO else None


def display_here() -> Callable[..., Any] | None:
    """IPython's ``display`` where this process is the kernel of a notebook; nothing is imported to find out."""
    shell_here: Any = getattr(sys.modules.get("IPython"), "get_ipython", None)
    display: Any = getattr(sys.modules.get("IPython.display"), "display", None)
    try:
        has_kernel = shell_here is not None and getattr(shell_here(), "kernel", None) is not None
    except Exception:  # noqa: BLE001 - a shell of its own kind: no reason not to run
        return None
    return display if has_kernel else None
