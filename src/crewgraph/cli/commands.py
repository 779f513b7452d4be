"""The commands by name. Only the one that is called is imported; for lists of them its line is enough."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click

__all__ = ["Named", "commands"]

_COMMANDS = {
    "approve": (
        "approve",
        "Approve what RUN waits for: the id of a run as `crewgraph waiting` shows it, or a beginning of it.",
    ),
    "cancel": ("cluster", "Cancel runs that have not ended: RUN is an id, or the beginning of one."),
    "check": ("check", "Check a pipeline without running it."),
    "convert": (
        "convert",
        "Write a pipeline as a document: data, with code by its names in the module of TARGET and in others.",
    ),
    "draw": ("draw", "Draw a pipeline; without options as a tree of text."),
    "explain": ("explain", "Explain a finding: what it means, an example and its mend."),
    "fork": ("again", "Make a new run of RUN, with other inputs or after an edit; the old one stays as it is."),
    "gc": ("gc", "Remove runs that ended long ago from a store, and give the space back."),
    "limits": ("shared_limits", "Limit how often models are called by all workers of a database together."),
    "migrate": ("cluster", "Make the tables of a cluster in a database, or bring them up to date."),
    "plan": ("plan", "Say what a kickoff would take: calls, tokens, USD and time, by node and route."),
    "reject": (
        "approve",
        "Reject what RUN waits for: the id of a run as `crewgraph waiting` shows it, or a beginning of it.",
    ),
    "report": (
        "report",
        "Make the report of the runs in SOURCE: a store, or what crewgraph run … --trace FILE has written.",
    ),
    "resume": (
        "again",
        "Go on with runs that have not ended: killed, cancelled, stopped by a budget, or waiting for what is decided by now.",
    ),
    "retry": ("again", "Try runs that failed once more: what failed runs again, and everything that is kept is read."),
    "run": ("run", "Run a pipeline over the inputs in FILE, or - for standard input."),
    "schedule": ("schedule", "Run pipelines at given times, each time once."),
    "show": (
        "show",
        "Show what a pipeline is: stages, crews and steps, routes, the inputs it needs, and what the checker found.",
    ),
    "status": ("status", "Show what is in STORE: for each pipeline how many runs there are, and how they ended."),
    "submit": ("cluster", "Give the inputs in FILE to the workers of a database, and return at once."),
    "trace": (
        "trace",
        "Write the trace of the runs in SOURCE: a store, or what crewgraph run … --trace FILE has written.",
    ),
    "waiting": ("approve", "Show what the approvals in STORE ask, the oldest question first."),
    "watch": ("watch", "Serve a live page of the runs in SOURCE while they are made, until Ctrl-C."),
    "worker": ("cluster", "Execute runs that were submitted to a database, until it is stopped."),
}
"""The module below this package that holds a command, and the first sentence of its help."""


class Named(click.Command):
    """A command that is known by name only: enough for a list of commands and for a shell that completes their names."""

    def __init__(self, name: str, module: str, line: str) -> None:
        super().__init__(name, help=line)
        self._module = module

    def load(self) -> click.Command:
        """The command itself; its module is imported now."""
        command: click.Command = getattr(importlib.import_module(f"crewgraph.cli.{self._module}"), str(self.name))
        return command


def commands() -> Iterator[Named]:
    """Every command, by name only."""
    for name, (module, line) in _COMMANDS.items():
        yield Named(name, module, line)
