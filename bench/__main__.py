"""What crewgraph costs, measured beside a loop by hand and beside others.

python -m bench run [w1 …] [--peers langgraph,burr | all]   print a table of ratios; --save keeps them
python -m bench all                                         measure all of ours again, keep it, and write the page
python -m bench setup [--peers …]                           make the environments of peers
python -m bench page                                        write docs/figures.md of what is kept
python -m bench guard                                       fail where a ratio got worse by half
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import guard, running
from bench.figures import Figures, Line, stamp
from bench.page import ratio_table, write
from bench.work import WORK

LARGE = ("w2_10k",)
"""Only measured when named."""


def chosen(names: str) -> list[running.Entry]:
    """Who is measured: all who live here, and the peers that are named.

    Raises:
        SystemExit: there is none of that name.
    """
    every = running.entries()
    wanted = [name for name, entry in every.items() if entry.is_foreign] if names == "all" else names.split(",")
    for name in filter(None, wanted):
        if name not in every:
            known = ", ".join(name for name, entry in every.items() if entry.is_foreign)
            raise SystemExit(f"error: no peer is called {name!r}. hint: there is {known}")
    return [entry for entry in every.values() if not entry.is_foreign or entry.name in wanted]


def measure(options: argparse.Namespace, figures: Figures) -> list[Line]:
    """Measure workloads; ``figures`` has each as soon as it is there."""
    words = ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    found, every = list[Line](), chosen(options.peers)
    if options.only_peers:
        every = [entry for entry in every if entry.is_foreign]
    if options.imports:
        figures.put("peer_imports", running.imports(every, options.environments, options.rounds), stamp(), "what")
        if options.save:  # what follows may take long
            figures.save()
    for work in options.work or [work for work in WORK if work not in LARGE]:
        now = stamp()
        lines = list(running.workload(work, every, options.environments, words))
        for line in lines:
            print(_told(line), flush=True)
        foreign = {entry.name for entry in every if entry.is_foreign}
        figures.put("ours", [line for line in lines if line["peer"] not in foreign], now, "work", "peer")
        figures.put("peers", [line for line in lines if line["peer"] in foreign], now, "work", "peer")
        found += lines
        if options.save:
            figures.save()
    return found


def run(options: argparse.Namespace) -> None:
    """Measure workloads, and print the table."""
    figures = Figures.read() if options.save else Figures()
    measure(options, figures)
    print(f"\n{ratio_table(figures)}")


def every(options: argparse.Namespace) -> None:
    """Measure all of ours again."""
    figures = Figures.read()
    for section in running.SECTIONS:
        _section(section, figures)
    measure(options, figures)
    guarded(options)
    write(Figures.read())


def _section(section: str, figures: Figures) -> None:
    now, begin = stamp(), time.monotonic()
    try:
        lines = running.measured(section)
    except (RuntimeError, ValueError) as error:  # the others are worth having all the same
        print(f"{section}: {error}", file=sys.stderr)
        return
    if lines is None:
        print(f"{section}: there is nothing yet that measures it")
        return
    figures.put(section, lines, now)
    figures.save()
    print(f"{section}: {len(lines)} lines in {time.monotonic() - begin:.0f} s", flush=True)


def section(options: argparse.Namespace) -> None:
    """Measure some sections again, and write the page."""
    figures = Figures.read()
    for name in options.sections:
        _section(name, figures)
    write(figures)


def guarded(options: argparse.Namespace) -> int:
    """Compare with what is kept; or keep what is measured now."""
    figures, entry = Figures.read(), [running.entries()[guard.PEER]]

    def again(work: str) -> Line:
        lines = running.workload(work, entry, options.environments, guard.SHORT)
        return next(line for line in lines if line["peer"] == guard.PEER)

    if options.save:
        figures.put("guard", [again(work) for work in guard.WATCHED], stamp())
        figures.save()
        return 0
    kept = {str(line["work"]): float(line["ratio"]) for line in figures.lines("guard")}
    if not kept:
        print("error: no figures are kept. hint: python -m bench guard --save", file=sys.stderr)
        return 1
    found = guard.slower(kept, again, partial(print, flush=True))
    for told in found:
        print(f"error: {told}. hint: python -m bench.profile says where it goes", file=sys.stderr)
    return 1 if found else 0


def _told(line: Line) -> str:
    head = f"{line['work']:7} {line['peer']:20}"
    if "failed" in line:
        return f"{head} {line['failed']}"
    told = f"{head} {line['us']:9.1f} µs {line['ratio']:8.1f} × ({line['low']:.1f} to {line['high']:.1f})"
    return told + (f"  {line['whole_s']:.2f} s" if "whole_s" in line else "")


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--peers", default="", help="names from peers.toml, with commas between, or all")
    shared.add_argument("--environments", type=Path, default=running.ENVIRONMENTS, help="where theirs are")
    shared.add_argument("--rounds", type=int, default=7)
    shared.add_argument("--seconds", type=float, default=20.0, help="begin no further round after so many")
    shared.add_argument("--imports", action="store_true", help="what it takes to import peers, too")
    shared.add_argument("--only-peers", action="store_true", help="leave ours out")
    parser = argparse.ArgumentParser(
        "python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(dest="task", required=True)
    for name in ("run", "all"):
        task = tasks.add_parser(name, parents=[shared])
        task.add_argument("work", nargs="*", choices=[*WORK, []], help="which workloads; all where none is named")
        task.add_argument("--save", action="store_true", default=name == "all", help="keep the figures")
    tasks.add_parser("section", parents=[shared]).add_argument("sections", nargs="+", choices=running.SECTIONS)
    for name in ("setup", "page", "guard"):
        task = tasks.add_parser(name, parents=[shared])
        task.add_argument("--save", action="store_true", help="keep what the guard measures")
    options = parser.parse_args(words)
    match options.task:
        case "run":
            run(options)
        case "all":
            every(options)
        case "section":
            section(options)
        case "setup":
            running.set_up(options.environments, chosen(options.peers or "all"))
        case "page":
            write(Figures.read())
        case _:
            return guarded(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
