"""``crewgraph run``: a pipeline over many inputs, results as JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import anyio
import click

from crewgraph.cli.job import Job, Output
from crewgraph.cli.rows import Inputs, one_row, read_file, read_stream
from crewgraph.cli.tally import NodeCount, Tally
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Exit, Mistake
from crewgraph.compiler import Plan
from crewgraph.graph import Switch, Work

__all__ = ["run"]

EPILOG = """\b
Examples:
  crewgraph run inbox.py emails.jsonl --out results.jsonl
  crewgraph run inbox.py:triage --input topic=tea --input count:=3
  cat rows.jsonl | crewgraph run package.module:pipeline - | jq .raw

A file is read through before anything runs, and one row that cannot be read refuses it. From standard input a row that
cannot be read becomes a failed result with its line number, and the others go on.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    target: str
    file: str | None
    inputs_file: str | None
    given: tuple[str, ...]
    limit: int | None
    max_concurrency: int
    on_error: Literal["collect", "fail_fast"]
    model: str | None
    out: str
    trace: str | None
    quiet: bool
    progress: bool

    @property
    def source(self) -> str | None:
        """The file of inputs, from wherever it was named."""
        return self.inputs_file or self.file


@click.command(epilog=EPILOG)
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
    "--max-concurrency",
    type=click.IntRange(min=1),
    default=100,
    help="Nodes at work at once.",
    show_default=True,
)
@click.option("--on-error", type=click.Choice(["collect", "fail_fast"]), default="collect", show_default=True)
@click.option("--model", metavar="NAME", help="Sets CREWGRAPH_MODEL, as in openai/gpt-5-mini or offline.")
@click.option("--out", metavar="FILE", default="-", help="Where results go; standard output otherwise.")
@click.option("--trace", metavar="FILE", help="Also write one JSON line of spans for each input.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
@click.option("--progress/--no-progress", default=True, help="Show progress on standard error.")
def run(**options: Any) -> None:
    """Run a pipeline over the inputs in FILE, or - for standard input.

    Results are JSON lines in the order in which they are done; index says which input it was. Exit code 0: all went
    well, 1: some inputs failed, 2: a mistake in the call, 3: the pipeline is invalid, 130: interrupted.
    """
    chosen = Options(**options)
    extra = dict(map(_pair, chosen.given))
    try:
        _check_paths(chosen)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise Mistake(f"'{error.filename}' cannot be used: {error.strerror}") from error
    if chosen.model:
        os.environ["CREWGRAPH_MODEL"] = chosen.model
    target = load(chosen.target)
    plan = target.pipeline.compile()
    with contextlib.ExitStack() as files:
        inputs = _inputs(chosen, extra, plan, files)
        tally = _tally(inputs, plan)
        job = Job(
            target,
            inputs,
            _opened(chosen, files),
            tally,
            max_concurrency=chosen.max_concurrency,
            on_error=chosen.on_error,
            is_quiet=chosen.quiet,
            has_progress=chosen.progress,
            has_tracebacks=bool(click.get_current_context().find_root().params.get("debug")),
        )
        anyio.run(job.run)
    sys.exit(Exit.FAILED if tally.ok < tally.done else Exit.OK)


# ---- before anything runs --------------------------------------------------------------------------------------


def _pair(text: str) -> tuple[str, Any]:
    parts = re.fullmatch(r"([^=:]+)(:?=)(.*)", text, re.DOTALL)
    if not parts:
        raise Mistake(f"--input is KEY=TEXT or KEY:=JSON, not '{text}'")
    key, sign, value = parts.groups()
    if sign == "=":
        return key, value
    try:
        return key, json.loads(value)
    except ValueError as error:
        raise Mistake(f"--input {key}:= is not JSON: {error}. hint: text is given as {key}={value}") from None


def _check_paths(options: Options) -> None:
    if options.file and options.inputs_file:
        raise Mistake(f"the inputs are named twice: '{options.file}' and '{options.inputs_file}'")
    source = options.source
    if source and source != "-" and not Path(source).exists():
        raise Mistake(f"there is no file '{source}'")
    if options.trace == "-":
        raise Mistake("--trace needs a file; standard output is for the results")
    written = [name for name in (options.out, options.trace) if name and name != "-"]
    for name in written:
        _check_written(name, source)
    if options.trace and options.out != "-" and _is_same(options.out, options.trace):
        raise Mistake("--out and --trace are the same file")


def _check_written(name: str, source: str | None) -> None:
    path = Path(name)
    if not path.absolute().parent.is_dir():
        raise Mistake(f"there is no folder '{path.parent}' for '{name}'")
    if path.is_dir():
        raise Mistake(f"'{name}' is a folder")
    if source and source != "-" and _is_same(name, source):
        raise Mistake(f"'{name}' holds the inputs; write to another file")


def _is_same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve() or (
        Path(one).exists() and Path(other).exists() and Path(one).samefile(other)
    )


def _inputs(options: Options, extra: Mapping[str, Any], plan: Plan, files: contextlib.ExitStack) -> Inputs:
    source = options.source
    if source is None:
        missing = plan.demand.missing(extra)
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


def _tally(inputs: Inputs, plan: Plan) -> Tally:
    names = [node.name for node in plan.nodes if isinstance(node, Work | Switch)]
    return Tally(inputs.total, {name: NodeCount() for name in names})


def _opened(options: Options, files: contextlib.ExitStack) -> Output:
    """Where results go; what the user's code prints meanwhile goes to standard error."""
    spans = _written(options.trace, files) if options.trace else None
    if options.out == "-":
        output = Output(None, sys.stdout.buffer, spans, sys.stdout.isatty())
    else:
        output = Output(options.out, _written(options.out, files), spans)
    files.enter_context(contextlib.redirect_stdout(sys.stderr))
    return output


def _written(name: str, files: contextlib.ExitStack) -> BinaryIO:
    try:
        file = Path(name).open("wb")  # noqa: SIM115 - closed by the stack
    except OSError as error:
        raise Mistake(f"'{name}' cannot be written: {error.strerror or error}") from error
    files.callback(_close, file)
    return file


def _close(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):  # told when it was written
        file.close()
