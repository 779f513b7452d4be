"""``crewgraph plan``: what a kickoff would take, without calling anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterable, Mapping
from pathlib import Path
from typing import Any

import anyio
import click

from crewgraph.cli.ceiling import too_much
from crewgraph.cli.console import UNCUT, width_for
from crewgraph.cli.files import names_option
from crewgraph.cli.inputs import TargetCommand
from crewgraph.cli.options import pair
from crewgraph.cli.planned import plan_text
from crewgraph.cli.rows import Inputs, one_row, read_file, read_stream
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Exit, Mistake, no_file

__all__ = ["plan"]


@click.command(cls=TargetCommand)
@click.argument("target")
@click.argument("file", required=False)
@click.option(
    "--input",
    "given",
    multiple=True,
    metavar="KEY=TEXT",
    help="A value for every row; KEY:=JSON for other than text.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Plan only the first rows.")
@click.option(
    "--max-concurrency",
    type=click.IntRange(min=1),
    default=100,
    help="Nodes at work at once; bears on the time.",
    show_default=True,
)
@click.option("--model", metavar="NAME", help="Sets CREWGRAPH_MODEL, as in openai/gpt-5-mini.")
@click.option(
    "--max-usd",
    type=click.FloatRange(min=0),
    metavar="X",
    help="Exit code 4 where more than X is expected, or nobody knows what it costs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@names_option
def plan(  # noqa: PLR0913 - one for each option
    target: str,
    file: str | None,
    *,
    names: tuple[str, ...],
    given: tuple[str, ...],
    limit: int | None,
    max_concurrency: int,
    model: str | None,
    max_usd: float | None,
    as_json: bool,
) -> None:
    """Say what a kickoff would take, without any call. It tells calls, tokens, USD and time, by node and route.

    The inputs come from FILE (.jsonl .ndjson .json .csv, or - for standard input) and --input; without any, one input is
    planned of which nothing is known.
    """
    extra = dict(map(pair, given))
    if model:
        os.environ["CREWGRAPH_MODEL"] = model
    pipeline = load(target, names=names, projects="one").pipeline
    inputs = _inputs(file, extra, limit)
    rows = anyio.run(_read, inputs) if isinstance(inputs.rows, AsyncIterable) else inputs.rows
    forecast = pipeline.plan(rows, max_concurrency=max_concurrency)
    if as_json:
        click.echo(json.dumps(forecast.to_dict(), ensure_ascii=False, indent=2))
    else:
        click.echo(plan_text(forecast, width_for(sys.stdout, most=UNCUT)))
    told = None if max_usd is None else too_much(forecast, max_usd)
    if told is not None:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {told}", err=True)
        sys.exit(Exit.OVER_BUDGET)


def _inputs(file: str | None, extra: Mapping[str, Any], limit: int | None) -> Inputs:
    if file is None:
        return one_row(extra)
    if file == "-":
        return read_stream(sys.stdin.buffer, "standard input", limit=limit, extra=extra)
    path = Path(file)
    if not path.is_file():
        raise Mistake(f"'{file}' is a folder") if path.is_dir() else no_file(file)
    return read_file(path, limit=limit, extra=extra)


async def _read(inputs: Inputs) -> list[Any]:
    """All rows of a stream.

    Raises:
        Mistake: one cannot be read.
    """
    rows = [row async for row in inputs.rows] if isinstance(inputs.rows, AsyncIterable) else []
    if inputs.unreadable:
        raise Mistake("\n".join(["these rows cannot be read", *inputs.unreadable.values()]))
    return rows
