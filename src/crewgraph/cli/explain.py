"""``crewgraph explain``: what a finding means, with an example and its mend."""

from __future__ import annotations

import sys
from typing import Any

import click

from crewgraph.cli.console import UNCUT, console_of, text_of, width_for
from crewgraph.cli.findings import COLORS
from crewgraph.cli.pages import Page, page_of
from crewgraph.cli.trouble import Mistake
from crewgraph.diagnostics import CODES, code_of

__all__ = ["explain"]

MAX_WIDTH = 100
"""Longer lines of prose are hard to read."""


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE]...")
def explain(codes: tuple[str, ...]) -> None:
    """Explain a finding: what it means, an example and its mend.

    CODE is a code such as CG302, or its short name such as sometimes-missing. Without one, all are listed.
    """
    try:
        pages = [page_of(code) for code in dict.fromkeys(map(code_of, codes))]
    except ValueError as error:
        raise Mistake(str(error)) from None
    width = width_for(sys.stdout)
    if not pages:
        click.echo(_table([page_of(code) for code in CODES], width))
    elif width == UNCUT:
        click.echo("\n".join(page.text for page in pages), nl=False)
    else:
        click.echo("\n\n".join(_shown(page, width) for page in pages))


def _table(pages: list[Page], width: int) -> str:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for page in pages:
        color = COLORS[page.severity]
        table.add_row(_text(page.code, f"bold {color}"), page.name, _text(page.severity, color), page.summary)
    console = console_of(width)
    console.print(table)
    return text_of(console)


def _text(text: str, style: str) -> Any:
    from rich.text import Text

    return Text(text, style=style)


def _shown(page: Page, width: int) -> str:
    """A page laid out for a terminal."""
    from rich.markdown import Markdown

    console = console_of(min(width, MAX_WIDTH))
    console.print(Markdown(page.text, code_theme="ansi_dark"))
    return text_of(console)
