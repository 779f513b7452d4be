"""The inputs of a pipeline for a person: in ``crewgraph show``, and in the help of what runs a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from crewgraph.cli.target import load
from crewgraph.errors import CrewgraphError, PipelineInvalid
from crewgraph.inputs import InputField, InputSpec
from crewgraph.render.escape import clean
from crewgraph.shapes import written

__all__ = ["TargetCommand", "groups_of"]

Rows = Sequence[tuple[str, str]]
HELP = {"--help", "-h"}


def groups_of(inputs: InputSpec) -> Iterator[tuple[str, Rows]]:
    """The keys in groups, each with its title: name and type, and who reads it on which routes."""
    on_routes = set(inputs.on_routes)
    groups = {
        "inputs that every run needs": [each for each in inputs.values() if each.is_required],
        "inputs that some routes need": [inputs[key] for key in inputs.on_routes],
        "inputs that may be left out": [
            each for each in inputs.values() if not each.is_required and each.key not in on_routes
        ],
    }
    yield from ((title, [_row(each) for each in fields]) for title, fields in groups.items() if fields)


def _row(each: InputField) -> tuple[str, str]:
    name = each.key if each.kind is Any else f"{each.key}: {written(each.kind)}"
    readers = "; ".join(each.used_by) or "nobody reads it"
    where = f", on {' or '.join(each.routes)}" if each.routes else ""
    said = f"{each.description} – " if each.description else ""
    return clean(name), clean(f"{said}{readers}{where}")


class TargetCommand(click.Command):
    """A command whose help tells the inputs of the target that is named beside ``--help``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what was written, since the help is asked for before it is parsed."""
        ctx.meta[__name__] = [each for each in args if each not in HELP]
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The inputs of the target, or why they are not known."""
        super().format_epilog(ctx, formatter)
        target, names = self._named(ctx)
        if not target:
            return
        try:
            inputs = load(target, names=names, projects="one").pipeline.inputs
        except PipelineInvalid:
            reason = "the pipeline is invalid; crewgraph check tells why"
        except CrewgraphError as error:
            reason = str(error)
        else:
            for title, rows in groups_of(inputs):
                with formatter.section(f"{target}: {title}"):
                    formatter.write_dl(list(rows))
            reason = "" if inputs else "it needs no inputs"
        if reason:
            with formatter.section(target):
                formatter.write_text(reason)

    def _named(self, ctx: click.Context) -> tuple[str, Sequence[str]]:
        """The target and the modules of names that were written beside ``--help``."""
        given, *_ = self.make_parser(ctx).parse_args(args=list(ctx.meta[__name__]))  # it was parsed once already
        names: Any = given.get("names") or ()
        target: Any = given.get("target")
        return (target if isinstance(target, str) else ""), tuple(names)
