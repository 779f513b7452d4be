"""What ``crewgraph run`` is told on the command line, and what of it cannot be."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from crewgraph.cli.trouble import Mistake, no_file
from crewgraph.errors.near import beside
from crewgraph.store.postgres import is_address

__all__ = ["Options", "check_apart", "check_options", "pair"]

PICTURES = (".svg", ".dot", ".mmd", ".txt")
"""What can be drawn once the money is spent: these need no other program, which might not be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says."""

    target: str
    names: tuple[str, ...] = ()
    file: str | None = None
    inputs_file: str | None = None
    given: tuple[str, ...] = ()
    limit: int | None = None
    max_concurrency: int
    on_error: Literal["collect", "fail_fast"]
    model: str | None
    max_usd: float | None = None
    budget: tuple[str, ...]
    input_budget: tuple[str, ...]
    retries: int | None
    call_timeout: float | None
    run_timeout: float | None
    record: str | None
    replay: str | None
    store: str | None
    id_column: str | None = None
    key: str | None
    output_root: str | None
    out: str
    trace: str | None
    report: str | None
    picture: str | None
    chrome_trace: str | None
    watch: bool
    follow: bool
    quiet: bool
    progress: bool
    ask: bool = False

    @property
    def source(self) -> str | None:
        """The file of inputs, from wherever it was named."""
        return self.inputs_file or self.file

    @property
    def plan(self) -> str:
        """The command line that shows what all of this would take."""
        words = ["crewgraph", "plan", self.target, *([self.source] if self.source else [])]
        words += [word for each in self.given for word in ("--input", each)]
        words += [word for each in self.names for word in ("--names", each)]
        words += ["--limit", str(self.limit)] if self.limit else []
        words += ["--model", self.model] if self.model else []
        return shlex.join(words)


def pair(text: str, *, option: str = "--input") -> tuple[str, Any]:
    """The key and value of ``--input``, and of options like it.

    Raises:
        Mistake: it is neither KEY=TEXT nor KEY:=JSON.
    """
    parts = re.fullmatch(r"([^=:]+)(:?=)(.*)", text, re.DOTALL)
    if not parts:
        raise Mistake(f"{option} is KEY=TEXT or KEY:=JSON, not '{text}'")
    key, sign, value = parts.groups()
    if sign == "=":
        return key, value
    try:
        return key, json.loads(value)
    except ValueError as error:
        raise Mistake(f"{option} {key}:= is not JSON: {error}. hint: text is given as {key}={value}") from None


def check_options(options: Options) -> None:
    """Refuse files that cannot be what they are named for, and options that contradict each other.

    Raises:
        Mistake: the first of them.
    """
    try:
        _check_contradictions(options)
        _check_paths(options)
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise Mistake(f"'{error.filename}' cannot be used: {error.strerror}") from error


def _check_contradictions(options: Options) -> None:
    _check_store(options)
    if options.file and options.inputs_file:
        raise Mistake(f"the inputs are named twice: '{options.file}' and '{options.inputs_file}'")
    if options.follow and options.quiet:
        raise Mistake("--follow shows what is written and --quiet shows nothing. hint: leave one of them out")
    if options.record and options.replay:
        raise Mistake("--record asks the models and --replay does not. hint: leave one of them out")
    if options.max_usd is not None and options.source and not _is_known_before(options.source):
        raise Mistake(
            f"--max-usd wants to know the inputs before anything runs, and '{options.source}' is read as it comes. "
            "hint: --budget usd=N stops when the money is spent"
        )
    if options.trace == "-":
        raise Mistake("--trace needs a file; standard output is for the results")
    if options.picture and Path(options.picture).suffix.lower() not in PICTURES:
        told = f"--picture draws {', '.join(PICTURES)}, and '{options.picture}' is named otherwise"
        raise Mistake(f"{told}. hint: end it with .svg")


def _check_store(options: Options) -> None:
    for option, value in (("--id-column", options.id_column), ("--key", options.key)):
        if value and not options.store:
            raise Mistake(f"{option} is about a store, and there is none. hint: --store runs.sqlite")
    for option, value in (
        ("--model", options.model),
        ("--record", options.record),
        ("--replay", options.replay),
        ("--output-root", options.output_root),
    ):
        if value and is_address(options.store or ""):
            raise Mistake(f"{option} ends at this process, and workers do not see it. hint: set it where they run")


def _is_known_before(source: str) -> bool:
    return source != "-" and (Path(source).is_file() or not Path(source).exists())


def _check_paths(options: Options) -> None:
    source = options.source
    if source and source != "-" and not Path(source).exists():
        raise no_file(source)
    if options.replay and not Path(options.replay).is_file():
        meant = beside(options.replay)
        raise Mistake(
            f"there is no cassette '{options.replay}'. hint: {meant or f'--record {options.replay} makes one'}"
        )
    if options.output_root and not Path(options.output_root).is_dir():
        raise Mistake(f"there is no folder '{options.output_root}' for --output-root")
    used = dict(_written(options))
    for name in used.values():
        _check_written(name, source)
    check_apart({option: Path(name) for option, name in used.items()})
    if options.replay and any(_is_same(options.replay, name) for name in used.values()):
        raise Mistake(f"'{options.replay}' holds the recorded answers; write to another file")


def check_apart(files: Mapping[str, Path | None]) -> None:
    """Refuse files of which two are the same.

    Args:
        files: by what says their names.

    Raises:
        Mistake: two are.
    """
    used = {option: path for option, path in files.items() if path is not None}
    for (one, path), (other, taken) in combinations(used.items(), 2):
        if _is_same(path, taken):
            raise Mistake(f"{one} and {other} are the same file")


def _written(options: Options) -> Iterator[tuple[str, str]]:
    every = (
        ("--out", options.out),
        ("--trace", options.trace),
        ("--report", options.report),
        ("--picture", options.picture),
        ("--chrome-trace", options.chrome_trace),
        ("--record", options.record),
        ("--store", None if is_address(options.store or "") else options.store),
    )
    for option, name in every:
        if name and (name != "-" or option in {"--record", "--store"}):
            yield option, name


def _check_written(name: str, source: str | None) -> None:
    path = Path(name)
    if not path.absolute().parent.is_dir():
        raise Mistake(f"there is no folder '{path.parent}' for '{name}'")
    if path.is_dir():
        raise Mistake(f"'{name}' is a folder")
    if source and source != "-" and _is_same(name, source):
        raise Mistake(f"'{name}' holds the inputs; write to another file")


def _is_same(one: str | Path, other: str | Path) -> bool:
    return Path(one).resolve() == Path(other).resolve() or (
        Path(one).exists() and Path(other).exists() and Path(one).samefile(other)
    )
