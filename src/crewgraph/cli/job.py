"""One kickoff of the command line: results written as they come, progress beside them, Ctrl-C at any time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import traceback
from collections.abc import Generator
from contextlib import aclosing
from dataclasses import dataclass
from types import FrameType
from typing import Any, BinaryIO, Literal

import anyio
import click

from crewgraph.cli.progress import Progress, duration, progress_for
from crewgraph.cli.results import Result, encoded_line, reason_of, result_record, spans_record
from crewgraph.cli.rows import Inputs
from crewgraph.cli.tally import Tally
from crewgraph.cli.target import Target
from crewgraph.cli.trouble import Exit, Mistake, leave
from crewgraph.errors import KickoffError
from crewgraph.render.escape import shortened

__all__ = ["Job", "Output"]

MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go.

    Attributes:
        name: the file, or ``None`` for standard output.
        results: JSON lines of results are written here.
        spans: JSON lines of spans, where they are wanted.
        is_terminal: whether a person is reading the results here.
    """

    name: str | None
    results: BinaryIO
    spans: BinaryIO | None
    is_terminal: bool = False


@dataclass(slots=True)
class Job:
    """A kickoff with everything that it needs."""

    target: Target
    inputs: Inputs
    output: Output
    tally: Tally
    max_concurrency: int
    on_error: Literal["collect", "fail_fast"]
    is_quiet: bool = False
    has_progress: bool = True
    has_tracebacks: bool = False
    is_interrupted: bool = False
    last_traced: int = -1

    async def run(self) -> None:
        """Run everything and say how it went."""
        progress = progress_for(self.tally, self.target.title, wanted=self.has_progress and not self.is_quiet)
        progress.start()
        ticker = asyncio.create_task(_tick(progress))
        try:
            with anyio.CancelScope() as scope, self.stopped_by_ctrl_c(scope):
                await self.consume(progress)
        except BrokenPipeError:  # `… | head` has what it wants
            progress.stop()
            leave(Exit.BROKEN_PIPE)
        finally:
            ticker.cancel()
            progress.stop()
        if not self.is_quiet:
            self.summarise()
        if self.is_interrupted:
            leave(Exit.INTERRUPTED)

    async def consume(self, progress: Progress) -> None:
        """Write every result as it comes."""
        stream: Any = self.target.pipeline.stream(
            self.inputs.rows,
            max_concurrency=self.max_concurrency,
            on_error=self.on_error,
            observer=self.tally.observe,
        )
        async with aclosing(stream) as results:
            with contextlib.suppress(KickoffError):  # of a fail_fast; its failures are among the results
                async for result in results:
                    self.take(result, progress)

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
        if self.output.spans is not None and result.index != self.last_traced:
            self.last_traced = result.index
            _write(self.output.spans, encoded_line(spans_record(result)))

    def summarise(self) -> None:
        """Say how it went, on standard error."""
        tally = self.tally
        if self.is_interrupted:
            click.secho("interrupted; every line that was written is complete", fg="yellow", bold=True, err=True)
        counts = [click.style(f"{tally.ok:,} ok", fg="green" if tally.ok else None, bold=True)]
        counts += [click.style(f"{tally.failed:,} failed", fg="red", bold=True)] if tally.failed else []
        lost = tally.cancelled + (tally.running if self.is_interrupted else 0)
        counts += [click.style(f"{lost:,} cancelled", fg="yellow")] if lost else []
        counts += [f"{tally.tokens:,} tokens"] if tally.tokens else []
        where = [f"results in {self.output.name}"] if self.output.name else []
        click.echo(", ".join([*counts, duration(tally.seconds), *where]), err=True)
        for index, reason in tally.failures:
            click.echo(f"  input {index}: {shortened(reason, MAX_REASON)}", err=True)
        if tally.failed > len(tally.failures):
            click.echo(f"  … and {tally.failed - len(tally.failures)} more failures", err=True)

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
