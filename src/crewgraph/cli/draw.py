"""``crewgraph draw``: a pipeline as a picture, in a file or on standard output."""

from __future__ import annotations

import sys

import click

from crewgraph.cli.choice import Choice
from crewgraph.cli.files import names_option
from crewgraph.cli.findings import counted
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Mistake
from crewgraph.compiler import analyse
from crewgraph.render import FORMATS, Orientation, Theme, encoded, format_of, marks_of, write

__all__ = ["draw"]


@click.command()
@click.argument("target")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to: .dot .gv .mmd .txt .svg .png .pdf; - is standard output.",
)
@click.option("--format", "name", type=Choice(FORMATS), help="Which format; otherwise by the ending of FILE.")
@click.option("--orientation", type=Choice(["LR", "TB"]), default="LR", help="Left to right, or top to bottom.")
@click.option(
    "--theme",
    type=Choice(["auto", "light", "dark"]),
    default="auto",
    help="The colours of an SVG; auto leaves them to the reader's desktop.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="Open so many frames within frames: parallel stages, routes, named pipelines; all unless given.",
)
@names_option
def draw(
    target: str,
    *,
    names: tuple[str, ...],
    output: str | None,
    name: str | None,
    orientation: Orientation,
    theme: Theme,
    depth: int | None,
) -> None:
    """Draw a pipeline; without options as a tree of text.

    PNG and PDF need Graphviz (its program 'dot'); the others do not. A pipeline with mistakes is drawn too.
    """
    to_stdout = output in (None, "-")
    chosen = name or ("text" if to_stdout else format_of(output or ""))
    if to_stdout and chosen in {"png", "pdf"} and sys.stdout.isatty():
        raise Mistake(f"a {chosen.upper()} is nothing for a terminal; write it to a file with -o")
    loaded = load(target, names=names, projects="one")
    graph, findings = analyse(loaded.pipeline)
    marks = marks_of(findings)
    picture = encoded(graph, chosen, orientation=orientation, theme=theme, depth=depth, marks=marks)
    if to_stdout:
        click.echo(picture, nl=False)
    else:
        click.echo(f"wrote {write(output or '', picture)}", err=True)
    if not findings.ok:
        click.echo(f"{loaded.title} has {counted(findings.errors)}: see crewgraph check {target}", err=True)
