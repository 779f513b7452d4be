"""Writes docs/figures.md and its pictures of what is kept: no figure there is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from bench import chart
from bench.chart import short
from bench.figures import ROOT, Figures
from bench.goals import GOALS, judged
from bench.running import entries
from bench.work import WORK

PAGE = ROOT / "docs" / "figures.md"
PICTURES = PAGE.parent / "pictures"
OURS = "crewgraph-observed"
COLUMNS = ("w1", "w2", "w2_10k", "w3", "w4", "w5_1k", "w5_10k")
SHOWN = 8
"""Places of a profile."""
SET_AT = 2.4
"""Microseconds, on the machine on which the goals were set."""


def write(figures: Figures, page: Path = PAGE, pictures: Path = PICTURES) -> None:
    """Write the page and its pictures."""
    page.write_text(text(figures), encoding="utf-8")
    for name, picture in drawn(figures).items():
        (pictures / name).write_text(picture, encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ratio_table(figures: Figures) -> str:
    """The ratios of everyone, the quickest first; ranges are of the rounds."""
    works = [work for work in COLUMNS if any(figures.line(part, work=work) for part in ("ours", "peers"))]
    rows = [
        [title, *(_cell(figures, work, name) for work in works)]
        for name, title in _ranked(figures)
        if name != "asyncio"
    ]
    by_hand = ["asyncio by hand, µs", *(_by_hand(figures, work) for work in works)]
    return table(["", *(f"{work.upper().replace('_', ' ')}" for work in works)], [by_hand, *rows])


def _by_hand(figures: Figures, work: str) -> str:
    line = figures.line("ours", work=work) or figures.line("peers", work=work)
    return f"{line['by_hand_us']:.1f}" if line and "by_hand_us" in line else "–"


def _cell(figures: Figures, work: str, name: str) -> str:
    line = figures.line("ours", work=work, peer=name) or figures.line("peers", work=work, peer=name)
    if line is None:
        return ""
    if "failed" in line:
        return "too slow" if line["failed"] == "too slow" else "–"
    return f"{short(line['ratio'])} ({short(line['low'])}–{short(line['high'])})"


def _ranked(figures: Figures) -> list[tuple[str, str]]:
    """Names and titles of those who were measured: ours, then others by what W1 takes them."""
    every = entries()

    def place(name: str) -> tuple[bool, float]:
        line = figures.line("peers", work="w1", peer=name)
        return every[name].is_foreign, float(line.get("ratio", 1e9)) if line else 0.0

    seen = {line["peer"]: None for part in ("ours", "peers") for line in figures.lines(part)}
    named = [name for name in every if name in seen]
    return [(name, _title(figures, name)) for name in sorted(named, key=place)]


def _title(figures: Figures, name: str) -> str:
    line = next((line for line in figures.lines("peers") if line["peer"] == name and line.get("version")), None)
    return f"{entries()[name].title} {line['version']}" if line else entries()[name].title


# ---- pictures --------------------------------------------------------------------------------------------------


def drawn(figures: Figures) -> dict[str, str]:
    """The pictures, by the names of their files."""
    found = {}
    if figures.lines("ours"):
        found["figures-ratios.svg"] = _bars(figures)
    if figures.lines("growth"):
        found["figures-growth.svg"] = _growth(figures)
    return found


def _bars(figures: Figures) -> str:
    def value(name: str, work: str) -> float | None:
        line = figures.line("ours", work=work, peer=name) or figures.line("peers", work=work, peer=name)
        return line.get("ratio") if line else None

    rows = [
        chart.Row(title, [value(name, work) for work in ("w1", "w2")], is_ours=name.startswith("crewgraph"))
        for name, title in _ranked(figures)
        if name not in {"asyncio", "crewgraph-each"}
    ]
    names = ("chain of 10, one run at a time", "the same, 1,000 runs at once")
    return chart.bars(
        "Processor time of a node, as a multiple of asyncio by hand", names, rows, chart.Mark(3.0, "goal 3×")
    )


def _growth(figures: Figures) -> str:
    series = dict[str, list[tuple[float, float]]]()
    for line in figures.lines("growth"):
        for what in ("compile", "check"):
            series.setdefault(f"{what}, {line['shape']}", []).append((line["size"], max(line[what], 0.001)))
    goals = [(10_000, chart.Mark(2.0, "goal 2 s")), (100_000, chart.Mark(25.0, "goal 25 s"))]
    return chart.lines("Seconds to compile and to check a pipeline of so many nodes", series, goals)


# ---- the page --------------------------------------------------------------------------------------------------


def text(figures: Figures) -> str:
    """The page."""
    parts = [INTRODUCTION, _goals(figures), _work(figures), _growing(figures), _others(figures), _profiles(figures)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _goals(figures: Figures) -> str:
    rows = []
    for goal in GOALS:
        found = judged(goal, figures)
        told = "–" if found is None else f"{short(found.value)}{goal.unit}"
        verdict = "not measured" if found is None else "met" if found.is_met else f"**missed** by {found.missed_by}"
        rows.append([goal.told, f"{'≥' if goal.is_least else '≤'} {goal.limit:g}{goal.unit}", told, verdict])
    parts = ["## Goals", table(["", "goal", "measured", ""], rows)]
    line = figures.line("ours", work="w1")
    if line is not None:
        parts.append(
            f"Goals in seconds were set on a machine on which the loop by hand takes {SET_AT} µs a node of W1. On that of the "
            f"figures here, which others use as well, it takes {line['by_hand_us']:.1f} µs."
        )
    return "\n\n".join(parts)


def _work(figures: Figures) -> str:
    if not figures.lines("ours"):
        return ""
    stamps = [f"ours: {figures.stamp('ours')}"]
    if figures.lines("peers"):
        stamps.append(f"others: {figures.stamp('peers')}")
    picture = (
        "![Bars: what a node costs in a chain of 10, for loops by hand, crewgraph and others, on a logarithmic axis]"
        "(pictures/figures-ratios.svg)"
    )
    told = [
        f"{work.upper().replace('_', ' ')}: {WORK[work].told}" for work in COLUMNS if figures.line("ours", work=work)
    ]
    return "\n\n".join(
        [
            "## Beside a loop by hand, and beside others",
            picture,
            ratio_table(figures),
            "; ".join(told) + ".",
            f"Measured: {'; '.join(stamps)}.",
            WORDS.strip(),
            _waiting(figures),
        ]
    )


def _waiting(figures: Figures) -> str:
    rows = [
        [f"{WORK[work].told}: {title}", f"{line['whole_s'] * 1e3:,.0f} ms", f"{line['to_ideal']:.2f}"]
        for work in ("w7", "w7_100")
        for name, title in _ranked(figures)
        if (line := figures.line("ours", work=work, peer=name) or figures.line("peers", work=work, peer=name))
        and "whole_s" in line
    ]
    if not rows:
        return ""
    return "\n\n".join(["### Nodes that wait", WAITING.strip(), table(["W7", "by the clock", "times the ideal"], rows)])


def _growing(figures: Figures) -> str:
    if not figures.lines("growth"):
        return ""
    rows = [
        [
            str(line["shape"]),
            f"{line['size']:,}",
            *(f"{line[what]:.2f} s" for what in ("build", "compile", "check")),
            f"{line['mb']:,} MB",
        ]
        for line in figures.lines("growth")
    ]
    return "\n\n".join(
        [
            "## Large graphs",
            (
                "![Lines: seconds to compile and check against the number of nodes, both axes logarithmic]"
                "(pictures/figures-growth.svg)"
            ),
            table(["shape", "nodes", "build", "compile", "check", "peak of memory"], rows),
            f"Seconds of the processor. A grid has layers of a hundred nodes, each of which needs three of the layer before; in one of keys each also gives a key of its own, and reads that of one before. Measured: {figures.stamp('growth')}.",
        ]
    )


def _others(figures: Figures) -> str:
    return "\n\n".join(part for part in map(_section, [figures] * len(TITLES), TITLES) if part)


def _section(figures: Figures, name: str) -> str:
    lines = figures.lines(name)
    if not lines:
        return ""
    title, words = TITLES[name]
    head = list(dict.fromkeys(key for line in lines for key in line if key != "stamp"))
    rows = [[_value(line.get(key, "")) for key in head] for line in lines]
    named = [NAMES.get(key, key.replace("_", " ")) for key in head]
    return "\n\n".join([f"## {title}", words, table(named, rows), f"Measured: {figures.stamp(name)}."])


def _value(value: object) -> str:
    match value:
        case float():
            return short(value)
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def _profiles(figures: Figures) -> str:
    if not figures.lines("profile"):
        return ""
    parts = list(_shares(figures))
    stamp = f"Measured: {figures.stamp('profile')}."
    return "\n\n".join(["## Where a node's time goes", PROFILES.strip(), *parts, stamp])


def _shares(figures: Figures) -> Iterator[str]:
    for line in figures.lines("profile"):
        sides = [list(line[part].items())[:SHOWN] for part in ("modules", "shares")]
        rows = [
            [cell for place, share in pair for cell in (place, f"{share:.0%}" if place else "")]
            for pair in zip_longest(*sides, fillvalue=("", 0.0))
        ]
        yield table([f"{line['told']}: modules", "share", "functions", "share"], rows)


INTRODUCTION = """
# Figures

What crewgraph costs beside the models, measured on nodes that do next to nothing, in turns with a loop of asyncio that was
written by hand for the same work, and with others in environments of their own. No figure here is typed by hand: the page is written
of `bench/figures.json`, a test compares the two, and `bench/README.md` says how to measure again.
"""
WORDS = """
Numbers are processor time of a node as a multiple of what the loop by hand took in the same round: the median of the rounds, and in
brackets the least and the most. Every node lets others run once and adds 1. crewgraph runs with everything that it gives by default:
traces of each input, errors kept apart, a bound on what runs at once; *observed* adds an observer that takes every event. All inputs go into
one kickoff, and what compiling takes is left out, as it is where others compile; *a kickoff for each run* kicks the same
pipeline off for each, as a server would, and compiled it each time until [decision 37](decisions/0037-an-unchanged-pipeline-is-compiled-once.md). Layers that must wait for a whole layer (pydantic-graph, Burr, Agent Framework, LlamaIndex) stand in for W5 where no more
can be wired.
"""
WAITING = """
A thousand inputs go through five nodes that wait 10 ms each, so that 50 ms is the least, and 500 ms where a hundred nodes may be at work
at once. What the loop by hand took to begin all of them is added where all begin at once.
"""
PROFILES = """
Where a goal is missed, this is why: what was running when it was looked at, every millisecond of processor time, with everything
on. What Python's library does for somebody is theirs.
"""
TITLES = {
    "crews": (
        "Crews",
        "Chains of ten crews of an agent with a task, which the offline model answers; what the model itself takes is measured in turns and taken off.",
    ),
    "model": ("Calls of a model", "Against a server in another process, so that its time does not count."),
    "journal": ("With a store", "The same kickoff with and without a store, in turns."),
    "memory": (
        "Streams",
        "What reading a stream of five-node runs takes, in a process of its own: the most memory, the time to the first result with all that is imported for it, and runs a second of the processor from then on.",
    ),
    "imports": (
        "Start",
        "Seconds of the processor, each in a new process: imports without Python's own, commands with it.",
    ),
    "peer_imports": ("Start of others", "The same for what a user of each writes first."),
}
NAMES = {
    "us": "µs a node",
    "model_us": "model, µs",
    "own_us": "crewgraph, µs",
    "mb": "MB",
    "first_ms": "first result, ms",
    "per_core_s": "runs a second",
    "s": "s",
    "s_kept": "s with a store",
    "cpu_ms": "ms of CPU",
    "cpu_ms_kept": "with a store",
    "low": "least",
    "high": "most",
    "what": "",
}
