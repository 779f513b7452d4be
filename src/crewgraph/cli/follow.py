"""``run --follow``: answers while they are written, above the live picture of a terminal or as plain lines."""

from __future__ import annotations

from collections import deque
from typing import Any

import click

from crewgraph.cli.progress import Live, Silent, has_terminal
from crewgraph.cli.story import BAR, Line, Story
from crewgraph.progress.tally import Tally
from crewgraph.render.escape import columns
from crewgraph.trace import Event

__all__ = ["Follow", "LiveFollow", "PlainFollow", "follow_for"]

MAX_OPEN = 6
"""How many lines that are being written the live picture shows."""


def follow_for(tally: Tally, title: str, *, live: bool) -> Follow:
    """What fits the terminal: with a live picture where there is one and it is wanted, else plain lines."""
    return LiveFollow(tally, title) if live and has_terminal() else PlainFollow(tally)


class PlainFollow(Silent):
    """Lines as they are complete."""

    def __init__(self, tally: Tally) -> None:
        self.story = Story(has_numbers=tally.total != 1)

    def observe(self, event: Event) -> None:
        """Tell an event."""
        for line in self.story.told(event):
            click.echo(str(line), err=True)

    def stop(self) -> None:
        """Tell what was being written when it ended."""
        for line in self.story.open_lines():
            click.echo(str(line), err=True)
        self.story.talks.clear()


class LiveFollow(Live):
    """Lines above the live picture, which shows the ones that are being written."""

    interval = 0.1

    def __init__(self, tally: Tally, title: str, *, console: Any = None) -> None:
        super().__init__(tally, title, console=console)
        self.story = Story(has_numbers=tally.total != 1, width=self.console.width)
        self.waiting = deque[Line]()

    def observe(self, event: Event) -> None:
        """Note an event; it is shown with the next refresh, so that writers do not wait for the terminal."""
        self.waiting.extend(self.story.told(event))

    def refresh(self) -> None:
        """Show what was told since, and draw again."""
        self._catch_up()
        super().refresh()

    def above(self, text: str) -> None:
        """Print a line of results, behind what was told before it."""
        self._catch_up()
        super().above(text)

    def stop(self) -> None:
        """Tell what is left, and take the picture away."""
        self.waiting.extend(self.story.open_lines())
        self.story.talks.clear()
        self._catch_up()
        super().stop()

    def picture(self) -> Any:
        """The lines that are being written, and the progress below."""
        from rich.console import Group

        shown = self.story.open_lines()
        more = [f"… and {len(shown) - MAX_OPEN} more are being written"] if len(shown) > MAX_OPEN else []
        written = [self._tail(line) for line in shown[:MAX_OPEN]]
        return Group(*written, *more, super().picture())

    def _tail(self, line: Line) -> Any:
        """The end of a line, as far as it fits."""
        text = _styled(line)
        over = columns(text.plain) + 2 - self.console.width
        return _styled(Line(line.who, f"…{line.text[over + 1 :]}")) if over > 0 else text

    def _catch_up(self) -> None:
        if self.waiting:
            from rich.text import Text

            text = Text("\n").join(_styled(line) for line in self.waiting)
            self.waiting.clear()
            self._print(text)


def _styled(line: Line) -> Any:
    from rich.text import Text

    return Text.assemble((f"{line.who}{BAR}", "dim"), (line.text, line.style))


Follow = PlainFollow | LiveFollow
