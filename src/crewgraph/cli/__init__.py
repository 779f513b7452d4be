"""The command line: one module for each command, or for those that belong together; the one that is called is imported.

Results go to standard output, everything else to standard error. Exit codes: 0 all is well, 1 some inputs failed,
2 a mistake in how it was called, 3 the pipeline is invalid, 4 a budget stopped something, 130 interrupted.
"""

from __future__ import annotations

import io
import sys

import click

from crewgraph.cli.commands import commands
from crewgraph.cli.trouble import TroubleGroup

__all__ = ["cli", "main"]


def _version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001 - click gives it so
    if is_asked:
        from crewgraph.cli.version import crewgraph_version  # reading what is installed takes longer than all else here

        click.echo(f"crewgraph, version {crewgraph_version()}")
        ctx.exit()


@click.group(cls=TroubleGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
@click.option("--debug", is_flag=True, envvar="CREWGRAPH_DEBUG", help="Show tracebacks. Also CREWGRAPH_DEBUG=1.")
def cli(*, debug: bool) -> None:
    """Check, draw and run pipelines of agent crews.

    TARGET is a pipeline in your code: module:attribute or path/file.py:attribute. The attribute can be left out where
    the module has exactly one pipeline. A crew or a step alone will do, and so will a function that is annotated to
    return a Pipeline. It may also be a document, pipeline.yaml or .json; and for check, convert, draw, plan and show the
    folder of a crewAI project.
    """
    del debug  # TroubleGroup reads it from the context


for command in commands():
    cli.add_command(command)


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without UTF-8 shows a "?" where others show a "→".
            stream.reconfigure(errors="replace")
    cli(prog_name="crewgraph")
