"""``crewgraph run``: a pipeline over many inputs, results as JSON lines."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import click

from crewgraph.cli.ceiling import check_ceiling
from crewgraph.cli.files import names_option
from crewgraph.cli.inputs import TargetCommand
from crewgraph.cli.job import Job, Output
from crewgraph.cli.kept import Kept, kept_files
from crewgraph.cli.limits import budget_of, policy_of
from crewgraph.cli.options import Options, check_options, pair
from crewgraph.cli.rows import Inputs, one_row, read_file, read_stream
from crewgraph.cli.target import load
from crewgraph.cli.trouble import Mistake
from crewgraph.cli.watch import watching
from crewgraph.compiler import Plan
from crewgraph.graph import Switch, Work
from crewgraph.progress.tally import NodeCount, Tally
from crewgraph.report import Fold, TraceFile
from crewgraph.watch import Watch

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

SECONDS = click.FloatRange(min=0, min_open=True)


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
    "--max-concurrency",
    type=click.IntRange(min=1),
    default=100,
    help="Nodes at work at once.",
    show_default=True,
)
@click.option("--on-error", type=click.Choice(["collect", "fail_fast"]), default="collect", show_default=True)
@click.option("--model", metavar="NAME", help="Sets CREWGRAPH_MODEL, as in openai/gpt-5-mini or offline.")
@click.option(
    "--max-usd",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Refuse to start where more is expected, and stop when so much is spent.",
)
@click.option(
    "--budget", multiple=True, metavar="KEY=N", help="What everything may cost: usd, tokens, calls or seconds."
)
@click.option("--input-budget", multiple=True, metavar="KEY=N", help="What each input may cost.")
@click.option("--retries", type=click.IntRange(min=0), metavar="N", help="How often a failed model call is made again.")
@click.option("--call-timeout", type=SECONDS, metavar="SECONDS", help="For one attempt of a model call.")
@click.option("--run-timeout", type=SECONDS, metavar="SECONDS", help="For one input on its way through the pipeline.")
@click.option("--record", metavar="FILE", help="Record all model calls to a cassette.")
@click.option("--replay", metavar="FILE", help="Answer from a cassette; no model is called.")
@click.option(
    "--store",
    metavar="FILE",
    envvar="CREWGRAPH_STORE",
    help="Keep what each node gives; the same line again runs only what is left. Also CREWGRAPH_STORE=FILE.",
)
@click.option("--id-column", metavar="KEY", help="With --store: the key whose value tells the inputs apart.")
@click.option("--output-root", metavar="DIR", help="Where output files of tasks go; sets CREWGRAPH_OUTPUT_ROOT.")
@click.option("--out", metavar="FILE", default="-", help="Where results go; standard output otherwise.")
@click.option("--trace", metavar="FILE", help="Also write the graph and a JSON line of spans for each input.")
@click.option("--report", metavar="FILE", help="Also make a page of all runs: graph, timeline, traces, errors, cost.")
@click.option("--picture", metavar="FILE", help="Also draw what the runs did: .svg .dot .mmd .txt.")
@click.option("--chrome-trace", metavar="FILE", help="Also write a trace for Perfetto and Chrome.")
@click.option("--watch", is_flag=True, help="Serve a live page of the runs on this machine, and print its address.")
@click.option("--follow", is_flag=True, help="Show answers while they are written, with tools, routes and retries.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
@click.option("--progress/--no-progress", default=True, help="Show progress on standard error.")
@names_option
def run(**options: Any) -> None:
    """Run a pipeline over the inputs in FILE, or - for standard input.

    Results are JSON lines in the order in which they are done; index says which input it was. Exit code 0: all went
    well, 1: some inputs failed, 2: a mistake in the call, 3: the pipeline is invalid, 4: a budget stopped something,
    130: interrupted.
    """
    chosen = Options(**options)
    extra = dict(map(pair, chosen.given))
    check_options(chosen)
    budget = budget_of(chosen.budget, "--budget", max_usd=chosen.max_usd)
    input_budget = budget_of(chosen.input_budget, "--input-budget")
    policy = policy_of(retries=chosen.retries, call_timeout=chosen.call_timeout, run_timeout=chosen.run_timeout)
    for variable, value in (("CREWGRAPH_MODEL", chosen.model), ("CREWGRAPH_OUTPUT_ROOT", chosen.output_root)):
        if value:
            os.environ[variable] = value
    target = load(chosen.target, names=chosen.names)
    plan = target.pipeline.compile()
    with contextlib.ExitStack() as files:
        read = partial(_inputs, chosen, extra, plan, files)
        inputs = read()
        if chosen.max_usd is not None:
            forecast = target.pipeline.plan(read().rows, max_concurrency=chosen.max_concurrency, policy=policy)
            check_ceiling(forecast, chosen.max_usd, command=chosen.plan)
        served = files.enter_context(watching(plan.graph, total=inputs.total)) if chosen.watch else None
        job = Job(
            target,
            inputs,
            _opened(chosen, plan, files, inputs.total, served),
            _tally(inputs, plan),
            max_concurrency=chosen.max_concurrency,
            on_error=chosen.on_error,
            policy=policy,
            budget=budget,
            input_budget=input_budget,
            is_quiet=chosen.quiet,
            is_followed=chosen.follow,
            has_progress=chosen.progress,
            has_tracebacks=bool(click.get_current_context().find_root().params.get("debug")),
            recording=chosen.record,
            store=chosen.store,
            id_column=chosen.id_column,
            watch=served,
        )
        _from_cassette(chosen, files)
        anyio.run(job.run)
        job.stay()
    sys.exit(job.exit_code)


# ---- before anything runs --------------------------------------------------------------------------------------


def _from_cassette(options: Options, files: contextlib.ExitStack) -> None:
    """Let a cassette stand before the models, where one is wanted."""
    if options.record or options.replay:
        from crewgraph.llm.recording.cassette import record, replay

        name = options.record or options.replay or ""
        files.enter_context(record(name) if options.record else replay(name))


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


def _tally(inputs: Inputs, plan: Plan) -> Tally:
    names = [node.name for node in plan.nodes if isinstance(node, Work | Switch)]
    return Tally(inputs.total, {name: NodeCount() for name in names})


def _opened(
    options: Options, plan: Plan, files: contextlib.ExitStack, total: int | None, served: Watch | None
) -> Output:
    """Where results go; what the user's code prints meanwhile goes to standard error."""
    others: dict[str, Fold] = {"the live page": served.board} if served else {}
    if options.trace:
        others[options.trace] = _trace(options.trace, plan, files, total)
    written = kept_files(
        plan.graph,
        files,
        report=options.report,
        picture=options.picture,
        chrome_trace=options.chrome_trace,
        total=total,
    )
    kept = Kept(written, others)
    if options.out == "-":
        output = Output(None, sys.stdout.buffer, sys.stdout.isatty(), kept)
    else:
        output = Output(options.out, _written(options.out, files), kept=kept)
    files.enter_context(contextlib.redirect_stdout(sys.stderr))
    return output


def _trace(name: str, plan: Plan, files: contextlib.ExitStack, total: int | None) -> TraceFile:
    with _opening(name):
        trace = TraceFile(name, plan.graph, total=total)
    files.callback(_close, trace)
    return trace


def _written(name: str, files: contextlib.ExitStack) -> BinaryIO:
    with _opening(name):
        file = Path(name).open("wb")  # noqa: SIM115 - closed by the stack
    files.callback(_close, file)
    return file


@contextlib.contextmanager
def _opening(name: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Mistake(f"'{name}' cannot be written: {error.strerror or error}") from error


def _close(file: BinaryIO | TraceFile) -> None:
    with contextlib.suppress(OSError):  # told when it was written
        file.close()
