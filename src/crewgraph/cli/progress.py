"""Progress on standard error: a live picture on a terminal, a plain line now and then elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol

import click

from crewgraph.cli.tally import NodeCount, Tally
from crewgraph.render.escape import clean, shortened

__all__ = ["Live", "Plain", "Progress", "Silent", "duration", "line_of", "progress_for"]

MAX_NODES = 12
"""How many nodes the live picture shows: those at work, then those of the beginning."""
MAX_NAME = 32
_BAR = 24
_MINUTE = 60
_SHORT = 9.95
"""Below so many seconds, tenths are of interest."""


class Progress(Protocol):
    """How progress is shown.

    Attributes:
        interval: seconds between two refreshes.
    """

    interval: float

    def start(self) -> None:
        """Begin to show."""
        ...

    def refresh(self) -> None:
        """Show what is now."""
        ...

    def above(self, text: str) -> None:
        """Print a line of results that belongs to the same terminal."""
        ...

    def stop(self) -> None:
        """Take the picture away."""
        ...


def progress_for(tally: Tally, title: str, *, wanted: bool) -> Progress:
    """What fits the terminal: live where there is one, plain lines where the output is piped or under CI."""
    if not wanted:
        return Silent()
    is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")
    return Live(tally, title) if is_live else Plain(tally)


class Silent:
    """Shows nothing."""

    interval = 3600.0

    def start(self) -> None:
        """Nothing."""

    def refresh(self) -> None:
        """Nothing."""

    def above(self, text: str) -> None:
        """Print a line of results."""
        click.echo(text)

    def stop(self) -> None:
        """Nothing."""


class Plain(Silent):
    """A line every few seconds, where something has changed."""

    interval = 5.0

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.told = ""

    def refresh(self) -> None:
        """Print a line, unless it would say the same again."""
        counts = _counts(self.tally)
        if counts != self.told:
            self.told = counts
            click.echo(f"{line_of(self.tally)}", err=True)


class Live:
    """A picture of rich that is redrawn in place: a bar, the counts, and what each node is doing."""

    interval = 0.125

    def __init__(self, tally: Tally, title: str, *, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self.tally = tally
        self.title = shortened(title, 2 * MAX_NAME)
        self.console: Any = console or Console(stderr=True)
        self.live: Any = RichLive(console=self.console, auto_refresh=False, transient=True)

    def start(self) -> None:
        """Begin to draw; what is printed meanwhile appears above."""
        self.live.start()
        self.refresh()

    def refresh(self) -> None:
        """Draw again."""
        self.live.update(self.picture(), refresh=True)

    def above(self, text: str) -> None:
        """Print a line of results above the picture."""
        self.console.print(clean(text), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the picture away; the summary follows."""
        self.live.stop()

    def picture(self) -> Any:
        """What is drawn."""
        from rich.console import Group
        from rich.padding import Padding

        return Group("", Padding(self._head(), (0, 1)), Padding(self._nodes(), (0, 3)))

    def _head(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally, table = self.tally, Table.grid(padding=(0, 1))
        bar = ProgressBar(
            tally.total or 100,
            tally.done if tally.total else 0,
            width=_BAR,
            pulse=not tally.total,
            complete_style="green",
        )
        counts = Text(f"{tally.done:,}" + (f"/{tally.total:,}" if tally.total is not None else ""), "bold")
        counts.append(f"  {tally.failed:,} failed" if tally.failed else "", "bold red")
        counts.append(f"  {tally.running:,} running", "cyan")
        counts.append(f"  {tally.tokens:,} tokens" if tally.tokens else "", "magenta")
        counts.append(f"  {_rate(tally)}  {_times(tally)}", "dim")
        table.add_row(Text(self.title, "bold"), bar, counts)
        return table

    def _nodes(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        shown = _shown(self.tally.nodes)
        for name, node in shown:
            mark, style = _mark(node)
            cells = [
                Text(f"{mark} ", style).append(shortened(name, MAX_NAME), "bold" if node.running else ""),
                Text(f"{node.running:,} running" if node.running else "", "cyan"),
                Text(f"{node.done:,} done" if node.done else "", "green"),
                Text(f"{node.failed:,} failed" if node.failed else "", "red"),
                Text(f"{node.skipped:,} skipped" if node.skipped else "", "dim"),
            ]
            table.add_row(*cells)
        rest = len(self.tally.nodes) - len(shown)
        if rest > 0:
            table.add_row(Text(f"  … and {rest} more", "dim"))
        return table


def _shown(nodes: dict[str, NodeCount]) -> list[tuple[str, NodeCount]]:
    every = list(nodes.items())
    busiest = sorted(range(len(every)), key=lambda place: (not every[place][1].running, place))[:MAX_NODES]
    return [every[place] for place in sorted(busiest)]


def _mark(node: NodeCount) -> tuple[str, str]:
    if node.running:
        return "●", "cyan"
    if node.failed:
        return "✗", "red"
    return ("✓", "green") if node.done else ("·", "dim")


def line_of(tally: Tally) -> str:
    """The counts as one line of plain text."""
    return f"{_counts(tally)}, {_times(tally)}"


def _counts(tally: Tally) -> str:
    total = f"/{tally.total}" if tally.total is not None else ""
    tokens = f", {tally.tokens} tokens" if tally.tokens else ""
    return f"{tally.done}{total} done, {tally.failed} failed, {tally.running} running{tokens}"


def _rate(tally: Tally) -> str:
    rate = tally.rate
    return f"{rate:.1f}/s" if rate >= 1 or not rate else f"{60 * rate:.1f}/min"


def _times(tally: Tally) -> str:
    left = tally.left
    return duration(tally.seconds) + (f", {duration(left)} left" if left else "")


def duration(seconds: float) -> str:
    """Seconds as a person says them: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{seconds:.1f} s" if seconds < _SHORT else f"{rest} s"
