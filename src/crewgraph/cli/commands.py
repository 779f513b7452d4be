"""The commands by name. Only the one that is called is imported; for lists of them its line is enough."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click

__all__ = ["Named", "commands"]

_COMMANDS = {
    "approve": ("approve", "Approve what RUN waits for."),
    "cancel": ("cluster", "Cancel runs that have not ended."),
    "check": ("check", "Check a pipeline without running it."),
    "convert": ("convert", "Write a pipeline as a document."),
    "draw": ("draw", "Draw a pipeline; without options as a tree of text."),
    "explain": ("explain", "Explain a finding: what it means, an example and its mend."),
    "fork": ("again", "Make a new run of an old one, with other inputs or after an edit."),
    "gc": ("gc", "Remove runs that ended long ago, and give their space back."),
    "limits": ("shared_limits", "Limit how often all workers together call a model."),
    "migrate": ("cluster", "Make the tables of a cluster, or bring them up to date."),
    "plan": ("plan", "Say what a kickoff would take, without any call."),
    "reject": ("approve", "Reject what RUN waits for."),
    "report": ("report", "Make the report of the runs in SOURCE."),
    "resume": ("again", "Go on with runs that have not ended."),
    "retry": ("again", "Try runs that failed once more."),
    "run": ("run", "Run a pipeline over the inputs in FILE, or - for standard input."),
    "schedule": ("schedule", "Run pipelines at given times, each time once."),
    "show": ("show", "Show what a pipeline is, or one run of a store."),
    "status": ("status", "Show how many runs are in STORE."),
    "submit": ("cluster", "Give inputs to the workers of a database."),
    "trace": ("trace", "Write the trace of the runs in SOURCE."),
    "waiting": ("approve", "Show what approvals in STORE ask, the oldest question first."),
    "watch": ("watch", "Serve a live page of the runs in SOURCE, until Ctrl-C."),
    "worker": ("cluster", "Execute runs that were submitted, until it is stopped."),
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
