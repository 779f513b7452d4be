"""``crewgraph run``: a pipeline over many inputs, results as JSON lines."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from crewgraph.cli.ceiling import check_ceiling
from crewgraph.cli.inputs import TargetCommand
from crewgraph.cli.options import Options, pair
from crewgraph.cli.rows import Inputs, one_row, read_file, read_stream
from crewgraph.cli.running import execute, policy_in, running_options
from crewgraph.cli.target import Target
from crewgraph.cli.trouble import Mistake
from crewgraph.compiler import Plan

__all__ = ["run"]

EPILOG = """\b
Examples:
  crewgraph run inbox.py emails.jsonl --out results.jsonl
  crewgraph run inbox.py:triage --input topic=tea --input count:=3 --follow
  crewgraph run inbox.py emails.jsonl --max-usd 2 --input-budget tokens=20000
  crewgraph run inbox.py emails.jsonl --store runs.sqlite --out results.jsonl
  cat rows.jsonl | crewgraph run package.module:pipeline - | jq .raw

A file is read through before anything runs, and one row that cannot be read refuses it. From standard input a row that
cannot be read becomes a failed result with its line number, and the others go on.
"""


@click.command(cls=TargetCommand, epilog=EPILOG)
@click.argument("target")
@click.argument("file", required=False)
@click.option("--inputs", "inputs_file", metavar="FILE", help="The same as FILE: .jsonl .ndjson .json .csv, or - .")
@click.option(
    "--input",
    "given",
    multiple=True,
    metavar="KEY=TEXT",
    help="A value for every row; KEY:=JSON for other than text.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Run only the first rows.")
@click.option(
    "--max-usd",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Refuse to start where more is expected, and stop when so much is spent.",
)
@click.option(
    "--store",
    metavar="FILE",
    envvar="CREWGRAPH_STORE",
    help="Keep what each node gives; the same line again runs only what is left. Also CREWGRAPH_STORE=FILE.",
)
@click.option("--id-column", metavar="KEY", help="With --store: the key whose value tells the inputs apart.")
@running_options
def run(**options: Any) -> None:
    """Run a pipeline over the inputs in FILE, or - for standard input.

    Results are JSON lines in the order in which they are done; index says which input it was. Exit code 0: all went
    well, 1: some inputs failed, 2: a mistake in the call, 3: the pipeline is invalid, 4: a budget stopped something,
    130: interrupted.
    """
    chosen = Options(**options)
    extra = dict(map(pair, chosen.given))

    def prepare(target: Target, plan: Plan, files: contextlib.ExitStack) -> Inputs:
        inputs = _inputs(chosen, extra, plan, files)
        if chosen.max_usd is not None:
            rows = _inputs(chosen, extra, plan, files).rows
            forecast = target.pipeline.plan(rows, max_concurrency=chosen.max_concurrency, policy=policy_in(chosen))
            check_ceiling(forecast, chosen.max_usd, command=chosen.plan)
        return inputs

    execute(chosen, prepare)


def _inputs(options: Options, extra: Mapping[str, Any], plan: Plan, files: contextlib.ExitStack) -> Inputs:
    source = options.source
    if source is None:
        missing = plan.inputs.missing(extra)
        if missing:
            keys = " ".join(f"--input {key}=…" for key in missing)
            if extra:
                lacking = ", ".join(f"'{key}'" for key in missing)
                raise Mistake(f"the input lacks {lacking}; there is: {', '.join(extra)}. hint: write {keys}")
            raise Mistake(f"the pipeline needs inputs: name a file of rows, or write {keys}")
        return one_row(extra)
    if source == "-":
        return read_stream(sys.stdin.buffer, "standard input", limit=options.limit, extra=extra)
    path = Path(source)
    if path.is_dir():
        raise Mistake(f"'{source}' is a folder")
    if not path.is_file():  # a pipe, as the shell makes it for <(…)
        pipe = files.enter_context(path.open("rb"))
        return read_stream(pipe, source, limit=options.limit, extra=extra)
    return read_file(path, limit=options.limit, extra=extra)
