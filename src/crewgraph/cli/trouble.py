"""What goes wrong on the command line, as a message and an exit code; a traceback only for a bug, and on request."""

from __future__ import annotations

import os
import sys
import traceback
from enum import IntEnum
from typing import Any, NoReturn

import click

from crewgraph.cli.commands import Named
from crewgraph.errors import CrewgraphError, PipelineInvalid
from crewgraph.errors.near import beside

__all__ = ["Exit", "Mistake", "TroubleGroup", "leave", "no_file"]


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INVALID = 3
    OVER_BUDGET = 4
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Mistake(click.ClickException):
    """A mistake in how a command was called, told without the usage lines that do not explain it."""

    exit_code = Exit.USAGE

    def show(self, file: Any = None) -> None:
        """Print the message."""
        _echo_error(self.message, file)


def no_file(name: str) -> Mistake:
    """A file that is named and is not there."""
    meant = beside(name)
    return Mistake(f"there is no file '{name}'{f'. hint: {meant}' if meant else ''}")


class TroubleGroup(click.Group):
    """A group of commands that turns errors into messages, and imports the command that is called."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called, for running it and for completing its options."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Named) else command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it raises ends in a message and an exit code."""
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            leave(Exit.BROKEN_PIPE)
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            ctx.exit(Exit.INTERRUPTED)
        except PipelineInvalid as error:
            from crewgraph.cli.findings import echo_findings  # its console is slow to import, and most runs are fine

            echo_findings(error.findings, err=True)
            click.echo("the pipeline is invalid; nothing has run", err=True)
            ctx.exit(Exit.INVALID)
        except CrewgraphError as error:
            _echo_traceback(ctx)
            _echo_error(str(error))
            ctx.exit(Exit.USAGE)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in one line
            _echo_bug(ctx, error)
            ctx.exit(Exit.BUG)


def leave(code: int) -> NoReturn:
    """End this process now, without waiting for threads.

    A synchronous step cannot be stopped from outside; the interpreter would wait for its thread. What was written is
    flushed before.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more
            continue
    os._exit(code)


def _echo_error(message: str, file: Any = None) -> None:
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", file=file, err=True)


def _echo_bug(ctx: click.Context, error: Exception) -> None:
    _echo_traceback(ctx)
    kind = click.style("internal error:", fg="red", bold=True)
    click.echo(f"{kind} {type(error).__name__}: {error}", err=True)
    if not ctx.params.get("debug"):
        click.echo("This should not have happened; `crewgraph --debug …` shows where.", err=True)


def _echo_traceback(ctx: click.Context) -> None:
    if ctx.params.get("debug"):
        click.echo(traceback.format_exc(), err=True)
