"""Approvals on the terminal: whoever started a run is asked, and other inputs go on meanwhile."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

from crewgraph.approval import Decision, decided_by
from crewgraph.cli.options import Options
from crewgraph.cli.trouble import Mistake
from crewgraph.crew.human import is_terminal, plain, typed
from crewgraph.outputs import Waiting
from crewgraph.render.escape import clean
from crewgraph.store.postgres import is_address
from crewgraph.template import as_text

__all__ = ["asking"]

PROMPT = "── [a]pprove or [r]eject, with a comment behind it if you like: "
APPROVED, REJECTED = ("a", "approve", "approved", "y", "yes"), ("r", "reject", "rejected", "n", "no")


def asking(options: Options) -> AbstractContextManager[None]:
    """Ask in the terminal for approvals that would wait for a person: where that is wanted, or there is no store to wait in.

    Raises:
        Mistake: it is wanted, and there is no terminal, or the runs are executed elsewhere.
    """
    is_there = is_terminal() and options.source != "-"
    if options.ask and not is_there:
        raise Mistake("--ask asks in the terminal, and standard input is none. hint: --store runs.sqlite, to ask later")
    if options.ask and is_address(options.store or ""):
        raise Mistake("--ask asks here, and workers execute the runs. hint: crewgraph approve, once they wait")
    is_wanted = options.ask or (is_there and not options.store)
    return decided_by(ask, is_last=True) if is_wanted else nullcontext()


async def ask(question: Waiting) -> Decision:
    """What the person before the terminal decides; what cannot be understood is asked again.

    Raises:
        HumanInputUnavailable: the input of the terminal has ended.
    """
    while True:
        line = await typed(lambda: _show(question), what=f"approval '{question.node}'")
        word, _, comment = line.strip().partition(" ")
        said = word.lower().rstrip(":,;.")
        if said in APPROVED or said in REJECTED:
            return Decision(decision="approved" if said in APPROVED else "rejected", comment=comment.strip())


def _show(question: Waiting) -> None:
    lines = ["", f"── {clean(question.node)}", plain(question.ask)]
    lines += [f"{clean(key)}: {plain(as_text(question.values.get(key)))}" for key in question.edits]
    sys.stderr.write("\n".join([*lines, PROMPT]))
    sys.stderr.flush()
