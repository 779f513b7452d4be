"""One kickoff of the command line: results written as they come, progress beside them, Ctrl-C at any time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import traceback
from collections.abc import Generator
from contextlib import aclosing
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import anyio
import click

from crewgraph.cli.follow import Follow, follow_for
from crewgraph.cli.kept import Kept
from crewgraph.cli.onward import waits_in
from crewgraph.cli.progress import Progress, has_terminal, progress_for
from crewgraph.cli.results import Result, result_record
from crewgraph.cli.rows import Inputs
from crewgraph.cli.stored import told
from crewgraph.cli.target import Target
from crewgraph.cli.trouble import Exit, Mistake, leave
from crewgraph.crew.human import giving_way
from crewgraph.engine.kickoff import stream
from crewgraph.engine.results import results_of
from crewgraph.engine.run import Run
from crewgraph.errors import KickoffError
from crewgraph.outputs import reason_of
from crewgraph.policy import Budget, Policy
from crewgraph.progress.tally import Tally
from crewgraph.progress.words import spent
from crewgraph.render.duration import duration
from crewgraph.render.escape import clean, shortened
from crewgraph.report import encoded_line
from crewgraph.store.postgres import shown
from crewgraph.trace import Event

if TYPE_CHECKING:
    from crewgraph.watch import Watch

__all__ = ["Job", "Output"]

MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go.

    Attributes:
        name: the file, or ``None`` for standard output.
        results: JSON lines of results are written here.
        is_terminal: whether a person is reading the results here.
        kept: what else is made of the runs.
    """

    name: str | None
    results: BinaryIO
    is_terminal: bool = False
    kept: Kept = field(default_factory=lambda: Kept({}))


@dataclass(slots=True)
class Job:
    """A kickoff with everything that it needs."""

    target: Target
    inputs: Inputs
    output: Output
    tally: Tally
    max_concurrency: int
    on_error: Literal["collect", "fail_fast"]
    policy: Policy | None = None
    budget: Budget | None = None
    input_budget: Budget | None = None
    is_quiet: bool = False
    is_followed: bool = False
    has_progress: bool = True
    has_tracebacks: bool = False
    recording: str | None = None
    store: str | None = None
    id_column: str | None = None
    key: str | None = None
    watch: Watch | None = None
    is_interrupted: bool = False
    lost: list[Run] = field(default_factory=list[Run])
    """Runs that had begun when all was cut off."""

    async def run(self) -> None:
        """Run everything and say how it went."""
        progress = self.progress()
        progress.start()
        warnings = _Warnings(progress)
        self.output.kept.warn = progress.warn
        ticker = asyncio.create_task(_tick(progress))
        try:
            with (
                anyio.CancelScope() as scope,
                self.stopped_by_ctrl_c(scope),
                warnings.shown(),
                giving_way(progress.aside),
                contextlib.nullcontext() if self.is_quiet else told(progress.warn),
            ):
                await self.consume(progress)
        except BrokenPipeError:  # `… | head` has what it wants
            progress.stop()
            self.output.kept.write(is_quiet=True)
            leave(Exit.BROKEN_PIPE)
        except BaseException:  # what was paid for is kept, whatever this is
            progress.stop()
            self.output.kept.write(is_quiet=self.is_quiet)
            raise
        finally:
            ticker.cancel()
            progress.stop()
        for run in self.lost if self.is_interrupted else ():
            for result in () if run.is_told else results_of(run):
                self.take(result, progress)
        if not self.is_quiet:
            self.summarise()
        self.output.kept.write(is_quiet=self.is_quiet)
        if self.is_interrupted:
            if self.watch is not None:
                self.watch.close()
            leave(Exit.INTERRUPTED)

    def progress(self) -> Progress | Follow:
        """What is shown meanwhile."""
        if self.is_followed:
            return follow_for(self.tally, self.target.title, live=self.has_progress)
        return progress_for(self.tally, self.target.title, wanted=self.has_progress and not self.is_quiet)

    @property
    def exit_code(self) -> Exit:
        """How it ended, as a number."""
        tally = self.tally
        if tally.over_budget or tally.is_cut_short:
            return Exit.OVER_BUDGET
        return Exit.FAILED if tally.ok + tally.parked < tally.done else Exit.OK

    async def consume(self, progress: Progress | Follow) -> None:
        """Write every result as it comes."""

        def observe(event: Event) -> None:
            self.tally.observe(event)
            if self.watch is not None:
                self.watch.observe(event)
            if isinstance(progress, Follow):
                progress.observe(event)

        stream_: Any = stream(
            self.target.pipeline,
            self.inputs.rows,
            salvage=self.lost.append,
            max_concurrency=self.max_concurrency,
            on_error="raise" if self.on_error == "collect" else self.on_error,  # to hear of inputs that were not begun
            observer=observe,
            text=self.is_followed,
            policy=self.policy,
            budget=self.budget,
            input_budget=self.input_budget,
            store=self.store,
            id_column=self.id_column,
            key=self.key,
        )
        async with aclosing(stream_) as results:
            try:
                async for result in results:
                    self.take(result, progress)
            except KickoffError as error:  # its failures are among the results
                self.tally.is_cut_short = bool(error.result.not_run)

    def take(self, result: Result, progress: Progress) -> None:
        """Count a result and write it, flushed, so that it is kept whatever happens next."""
        reason = self.inputs.unreadable.get(result.index)
        self.tally.count(result, reason or reason_of(result))
        if self.has_tracebacks and result.error is not None:
            click.echo("".join(traceback.format_exception(result.error)), err=True)
        line = encoded_line(result_record(result, reason=reason))
        if self.output.is_terminal:
            progress.above(line.decode().rstrip("\n"))
        else:
            _write(self.output.results, line)
        self.output.kept.add(result, reason=reason)

    def stay(self) -> None:
        """Let the live page stay for whoever looks at it, until Ctrl-C; where nobody is there it ends with the run."""
        if self.watch is not None and not self.is_interrupted:
            self.watch.end()
            if has_terminal():
                click.echo(f"the page stays at {self.watch.url} until Ctrl-C", err=True)
                from crewgraph.cli.watch import until_interrupted  # few runs are watched

                until_interrupted()

    def summarise(self) -> None:
        """Say how it went, on standard error."""
        tally = self.tally
        if self.is_interrupted:
            click.secho("interrupted; every line that was written is complete", fg="yellow", bold=True, err=True)
            if self.store:
                click.echo(
                    f"what nodes gave until then is in {shown(self.store)}; the same line again goes on", err=True
                )
            if self.recording:
                click.echo(f"what was recorded until then is in {self.recording}.part", err=True)
        counts = [click.style(f"{tally.ok:,} ok", fg="green" if tally.ok else None, bold=True)]
        counts += [click.style(f"{tally.failed:,} failed", fg="red", bold=True)] if tally.failed else []
        over = f"{tally.over_budget:,} stopped by a budget"
        counts += [click.style(over, fg="yellow", bold=True)] if tally.over_budget else []
        waits = f"{tally.parked:,} waiting for a person"
        counts += [click.style(waits, fg="yellow", bold=True)] if tally.parked else []
        lost = tally.cancelled + (tally.running if self.is_interrupted else 0)
        counts += [click.style(f"{lost:,} cancelled", fg="yellow")] if lost else []
        counts += [_not_begun(tally)] if tally.not_begun or tally.is_cut_short else []
        counts += [spent(tally.usage)] if tally.usage.requests or tally.tokens else []
        where = [f"results in {self.output.name}"] if self.output.name else []
        click.echo(", ".join([*counts, duration(tally.seconds), *where]), err=True)
        for model, usage in tally.models.items() if len(tally.models) > 1 else ():
            click.echo(f"  {clean(model)}: {spent(usage)}", err=True)
        if tally.parked:
            click.echo(f"  {waits_in(self.store or '')}", err=True)
        for index, reason in tally.failures:
            click.echo(f"  input {index}: {shortened(reason, MAX_REASON)}", err=True)
        more = tally.failed + tally.over_budget - len(tally.failures)
        if more > 0:
            click.echo(f"  … and {more} more failures", err=True)

    @contextlib.contextmanager
    def stopped_by_ctrl_c(self, scope: anyio.CancelScope) -> Generator[None]:
        """Let the first Ctrl-C cancel the kickoff, and the second one end the process."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread
            return
        loop = asyncio.get_running_loop()

        def stop(_number: int, _frame: FrameType | None) -> None:
            if self.is_interrupted:
                leave(Exit.INTERRUPTED)
            self.is_interrupted = True
            loop.call_soon_threadsafe(scope.cancel)

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


class _Warnings(logging.Handler):
    """Shows what is logged as a warning where it does not tear the picture."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.WARNING)
        self.progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Show one."""
        self.progress.warn(self.format(record))

    @contextlib.contextmanager
    def shown(self) -> Generator[None]:
        """Show them, unless the user's code has said where they go."""
        logger = logging.getLogger("crewgraph")
        if logger.hasHandlers():
            yield
            return
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


def _not_begun(tally: Tally) -> str:
    return "the rest not begun" if tally.total is None else f"{tally.not_begun:,} not begun"


async def _tick(progress: Progress) -> None:
    while True:
        await asyncio.sleep(progress.interval)
        progress.refresh()


def _write(file: BinaryIO, line: bytes) -> None:
    try:
        file.write(line)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Mistake(f"results cannot be written: {error.strerror or error}") from error
