"""Progress on standard error: a live picture on a terminal, a plain line now and then elsewhere, or nothing."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import click

from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.progress.words import (
    COUNTED,
    MAX_NODES,
    SIGNS,
    busiest,
    counted,
    counts_of,
    line_of,
    rate_of,
    state_of,
    times_of,
    waiting_of,
)
from crewgraph.render.escape import clean, shortened

__all__ = ["Live", "Plain", "Progress", "Silent", "has_terminal", "progress_for"]

MAX_NAME = 32
_BAR = 24
_COLUMNS = 2 + len(COUNTED)
_OTHERS = 8
"""Lines of the terminal that are left to others than nodes."""
_STYLES = {
    "running": "cyan", "done": "green", "failed": "red", "cancelled": "yellow", "waiting": "yellow", "skipped": "dim", "": "dim",
}  # fmt: skip
_NODE_BAR, _WIDE = 16, 96
"""Cells of the bar of one node, and columns of a terminal that has room for them."""


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

    def warn(self, text: str) -> None:
        """Print a line for a person."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Leave the terminal to a person who is asked something there."""
        ...

    def stop(self) -> None:
        """Take the picture away."""
        ...


def progress_for(tally: Tally, title: str, *, wanted: bool) -> Progress:
    """What fits the terminal: live where there is one, plain lines where the output is piped or under CI."""
    if not wanted:
        return Silent()
    return Live(tally, title) if has_terminal() else Plain(tally)


def has_terminal() -> bool:
    """Whether standard error is a terminal in which a picture can be redrawn, with somebody before it."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


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

    def warn(self, text: str) -> None:
        """Print a line for a person."""
        click.echo(clean(text), err=True)

    def aside(self) -> AbstractContextManager[None]:
        """Nothing is in the way."""
        return nullcontext()

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
        counts = counts_of(self.tally)
        if counts != self.told:
            self.told = counts
            click.echo(f"{line_of(self.tally)}", err=True)


class Live:
    """A picture of rich that is redrawn in place: a bar, the counts, and what each node is doing.

    While a person is asked something there is no picture, and what is to be printed is held until they have answered.
    """

    interval = 0.125

    def __init__(self, tally: Tally, title: str, *, console: Any = None) -> None:
        from rich.console import Console

        self.tally = tally
        self.title = shortened(title, 2 * MAX_NAME)
        self.console: Any = console or Console(stderr=True)
        self.live: Any = self._drawing()
        self.is_aside = False
        self.is_over = False
        self.held = deque[tuple[Any, str | None]]()

    def start(self) -> None:
        """Begin to draw; what is printed meanwhile appears above."""
        self.live.start()
        self.refresh()

    def refresh(self) -> None:
        """Draw again."""
        if not self.is_aside:
            self.live.update(self.picture(), refresh=True)

    def above(self, text: str) -> None:
        """Print a line of results above the picture."""
        self._print(clean(text))

    def warn(self, text: str) -> None:
        """Print a line for a person above the picture."""
        self._print(clean(text), style="yellow")

    @contextmanager
    def aside(self) -> Generator[None]:
        """Take the picture away for as long as a person is asked something, and show the cursor."""
        self.refresh()
        self.is_aside = True
        self.live.stop()
        try:
            yield
        finally:
            if not self.is_over:
                self.is_aside = False
                self._print_held()
                self.live = self._drawing()
                self.start()

    def stop(self) -> None:
        """Take the picture away; the summary follows."""
        self.is_aside, self.is_over = False, True
        self._print_held()
        self.live.stop()

    def _drawing(self) -> Any:
        """One that has drawn nothing yet: where it begins, nothing above is wiped."""
        from rich.live import Live as RichLive

        return RichLive(console=self.console, auto_refresh=False, transient=True)

    def _print(self, text: Any, *, style: str | None = None) -> None:
        if self.is_aside:
            self.held.append((text, style))
        else:
            self.console.print(text, style=style, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _print_held(self) -> None:
        while self.held:
            text, style = self.held.popleft()
            self._print(text, style=style)

    def picture(self) -> Any:
        """What is drawn."""
        from rich.console import Group
        from rich.padding import Padding

        return Group("", Padding(self._head(), (0, 1)), Padding(self._nodes(), (0, 3)))

    def _head(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally, table = self.tally, Table.grid(padding=(0, 1))
        counts = self._counts()
        bar = ProgressBar(
            tally.total or 100,
            tally.done if tally.total else 0,
            width=_BAR,
            pulse=not tally.total,
            complete_style="green",
        )
        if self.console.width >= _WIDE:
            table.add_row(Text(self.title, "bold"), bar, counts)
            return table
        table.add_row(Text(self.title, "bold", no_wrap=True, overflow="ellipsis"), bar)
        return Group(table, counts)

    def _counts(self) -> Any:
        from rich.text import Text

        tally = self.tally
        counts = Text(no_wrap=True, overflow="ellipsis")
        counts.append(f"{tally.done:,}" + (f"/{tally.total:,}" if tally.total is not None else ""), "bold")
        counts.append(f"  {tally.failed:,} failed" if tally.failed else "", "bold red")
        counts.append(f"  {tally.running:,} running", "cyan")
        counts.append(f"  {tally.over_budget:,} over budget" if tally.over_budget else "", "yellow")
        counts.append(f"  {waiting_of(tally)}" if tally.waiting else "", "yellow")
        usage = tally.usage
        counts.append(f"  {usage.total_tokens:,} tokens" if usage.total_tokens else "", "magenta")
        counts.append(
            f"  {usage.dollars() if usage.picodollars else 'cost unknown'}" if usage.cost != 0 else "", "magenta"
        )
        counts.append(f"  {rate_of(tally)}  {times_of(tally)}", "dim")
        return counts

    def _nodes(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for _ in range(_COLUMNS):
            table.add_column(no_wrap=True, overflow="ellipsis")
        shown = busiest(self.tally.nodes, max(MAX_NODES, self.console.height - _OTHERS))
        has_bars = self.tally.total is not None and self.console.width >= _WIDE
        for name, node in shown:
            state = state_of(node)
            cells = [
                Text(f"{SIGNS[state]} ", _STYLES[state]).append(
                    shortened(name, MAX_NAME), "bold" if node.running else ""
                ),
                Text.assemble(*_parts(node, self.tally.total or 0)) if has_bars else Text(),
                *(Text(told, _STYLES[each]) for each, told in counted(node).items()),
            ]
            table.add_row(*cells)
        rest = len(self.tally.nodes) - len(shown)
        if rest > 0:
            table.add_row(Text(f"  … and {rest} more", "dim"))
        return table


def _parts(node: NodeCount, total: int) -> Iterator[tuple[str, str]]:
    """A bar of what the node did with all inputs; what there is of it is seen, however little it is."""
    room = _NODE_BAR
    counts = (
        (node.done, "━", "green"),
        (node.failed, "━", "red"),
        (node.running, "━", "cyan"),
        (node.skipped, "╌", "dim"),
    )
    for count, sign, style in counts:
        cells = min(room, max(round(_NODE_BAR * count / max(1, total)), int(count > 0)))
        room -= cells
        yield sign * cells, style
    yield " " * room, ""
