"""What every command that runs nodes has in common: its options, and how they become a kickoff."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar

import anyio
import click

from crewgraph.cli.ask import asking
from crewgraph.cli.choice import Choice
from crewgraph.cli.files import names_option
from crewgraph.cli.job import Job, Output
from crewgraph.cli.kept import Kept, kept_files
from crewgraph.cli.limits import budget_of, policy_of
from crewgraph.cli.options import Options, check_options
from crewgraph.cli.rows import Inputs
from crewgraph.cli.target import Target, load
from crewgraph.cli.trouble import Mistake
from crewgraph.compiler import Plan
from crewgraph.graph import Switch, Work
from crewgraph.policy import Policy
from crewgraph.progress.tally import NodeCount, Tally

if TYPE_CHECKING:
    from crewgraph.report import Fold, TraceFile
    from crewgraph.watch import Watch

__all__ = ["execute", "policy_in", "running_options"]

C = TypeVar("C", bound=Callable[..., Any])

SECONDS = click.FloatRange(min=0, min_open=True)

OPTIONS = (
    click.option(
        "--max-concurrency",
        type=click.IntRange(min=1),
        default=100,
        help="Nodes at work at once.",
        show_default=True,
    ),
    click.option(
        "--on-error",
        type=Choice(["collect", "fail_fast"]),
        default="collect",
        show_default=True,
        help="Whether other inputs go on when one fails.",
    ),
    click.option("--model", metavar="NAME", help="Sets CREWGRAPH_MODEL, as in openai/gpt-5-mini or offline."),
    click.option(
        "--budget", multiple=True, metavar="KEY=N", help="What everything may cost: usd, tokens, calls or seconds."
    ),
    click.option("--input-budget", multiple=True, metavar="KEY=N", help="What each input may cost."),
    click.option(
        "--retries", type=click.IntRange(min=0), metavar="N", help="How often a failed model call is made again."
    ),
    click.option("--call-timeout", type=SECONDS, metavar="SECONDS", help="For one attempt of a model call."),
    click.option(
        "--run-timeout", type=SECONDS, metavar="SECONDS", help="For one input on its way through the pipeline."
    ),
    click.option("--record", metavar="FILE", help="Record all model calls to a cassette."),
    click.option("--replay", metavar="FILE", help="Answer from a cassette; no model is called."),
    click.option("--key", metavar="NAME", help="With --store: what the pipeline is called there, if not by its name."),
    click.option("--output-root", metavar="DIR", help="Where output files of tasks go; sets CREWGRAPH_OUTPUT_ROOT."),
    click.option(
        "-o",
        "--out",
        "--output",
        "out",
        metavar="FILE",
        default="-",
        help="Where results go; standard output otherwise.",
    ),
    click.option("--trace", metavar="FILE", help="Also write the graph and a JSON line of spans for each input."),
    click.option(
        "--report", metavar="FILE", help="Also make a page of all runs: graph, timeline, traces, errors, cost."
    ),
    click.option("--picture", metavar="FILE", help="Also draw what the runs did: .svg .dot .mmd .txt."),
    click.option("--chrome-trace", metavar="FILE", help="Also write a trace for Perfetto and Chrome."),
    click.option("--watch", is_flag=True, help="Serve a live page of the runs on this machine, and print its address."),
    click.option("--follow", is_flag=True, help="Show answers while they are written, with tools, routes and retries."),
    click.option("--ask", is_flag=True, help="Ask in the terminal for approvals, also where a store could wait."),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no summary."),
    click.option("--progress/--no-progress", default=True, help="Show progress on standard error."),
    names_option,
)


def running_options(command: C) -> C:
    """Give a command the options of a kickoff."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def policy_in(options: Options) -> Policy | None:
    """The policy that the command line declares."""
    return policy_of(retries=options.retries, call_timeout=options.call_timeout, run_timeout=options.run_timeout)


def execute(chosen: Options, prepare: Callable[[Target, Plan, contextlib.ExitStack], Inputs]) -> NoReturn:
    """Run, write what comes of it, and end with the exit code that says how it went.

    Args:
        chosen: what the command line says.
        prepare: the inputs, once the pipeline is known; what it opens is closed in the end.
    """
    check_options(chosen)
    budget = budget_of(chosen.budget, "--budget", max_usd=chosen.max_usd)
    input_budget = budget_of(chosen.input_budget, "--input-budget")
    policy = policy_in(chosen)
    for variable, value in (("CREWGRAPH_MODEL", chosen.model), ("CREWGRAPH_OUTPUT_ROOT", chosen.output_root)):
        if value:
            os.environ[variable] = value
    target = load(chosen.target, names=chosen.names)
    plan = target.pipeline.compile()
    with asking(chosen), contextlib.ExitStack() as files:
        inputs = prepare(target, plan, files)
        served = _served(plan, files, inputs.total) if chosen.watch else None
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
            key=chosen.key,
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


def _served(plan: Plan, files: contextlib.ExitStack, total: int | None) -> Watch:
    from crewgraph.cli.watch import watching  # few runs are watched, and the page needs a server

    return files.enter_context(watching(plan.graph, total=total))


def _trace(name: str, plan: Plan, files: contextlib.ExitStack, total: int | None) -> TraceFile:
    with _opening(name):
        from crewgraph.report import TraceFile  # few runs keep a trace

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
