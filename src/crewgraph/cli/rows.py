"""Inputs from files and from standard input, one row at a time.

The rule for rows that cannot be read: a *file* is read through once before anything runs, and one bad row refuses it
(exit code 2, nothing has run). Standard input and pipes cannot be read twice: a bad row there becomes a failed result
that names its line, and the others go on.
"""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import anyio.to_thread

from crewgraph.cli.trouble import Mistake
from crewgraph.options import Fork, StoredRuns

__all__ = ["Inputs", "Unreadable", "one_row", "read_file", "read_stream"]

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv")
MAX_TOLD = 5
MAX_FIELD = 2**31 - 1  # the csv module refuses fields above 128 KiB otherwise; an e-mail may be longer

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that is no row.

    Attributes:
        reason: why, with the file and the line.
    """

    reason: str


@dataclass(slots=True)
class Inputs:
    """Rows to run.

    Attributes:
        label: where they come from, in words.
        rows: what a kickoff takes; a file's are read again, lazily, a stream's as they come, and those of a store from there.
        total: how many there are, where that is known.
        unreadable: by number of the input, why it could not be read; filled while a stream is read.
    """

    label: str
    rows: Iterable[Any] | AsyncIterator[Any] | StoredRuns | Fork
    total: int | None = None
    unreadable: dict[int, str] = field(default_factory=dict[int, str])


def one_row(values: Mapping[str, Any]) -> Inputs:
    """The inputs that the command line itself gives."""
    return Inputs("1 input", [dict(values)], 1)


# ---- files -----------------------------------------------------------------------------------------------------


def read_file(path: Path, *, limit: int | None = None, extra: Mapping[str, Any] | None = None) -> Inputs:
    """The rows of a file, which is checked to its end, or to the limit, before anything runs.

    Args:
        path: a .jsonl, .ndjson, .json or .csv file.
        limit: how many rows at most.
        extra: values for every row; they win over those in the file.

    Raises:
        Mistake: it cannot be read, or rows of it cannot.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise Mistake(f"'{path}' is none of {', '.join(ENDINGS)}; JSON lines can also come from standard input: -")
    total, bad = 0, list[str]()
    try:
        for row in islice(_rows(path), limit):
            total += 1
            if isinstance(row, Unreadable):
                bad.append(row.reason)
    except OSError as error:
        raise Mistake(f"'{path}' cannot be read: {error.strerror or error}") from error
    if bad:
        more = [f"… and {len(bad) - MAX_TOLD} more"] if len(bad) > MAX_TOLD else []
        raise Mistake("\n".join(["these rows cannot be read; nothing has run", *bad[:MAX_TOLD], *more]))
    if not total:
        raise Mistake(f"'{path}' holds no rows")
    again = (_extended(row, extra or {}) for row in islice(_rows(path), limit))
    return Inputs(str(path), again, total)


def _rows(path: Path) -> Iterator[Row | Unreadable]:
    if path.suffix.lower() == ".json":
        yield from _document(path.read_bytes(), str(path))
        return
    with path.open("rb") as lines:
        yield from _csv(lines, str(path)) if path.suffix.lower() == ".csv" else _json_lines(lines, str(path))


def _extended(row: Row | Unreadable, extra: Mapping[str, Any]) -> Row | Unreadable:
    return row if isinstance(row, Unreadable) else {**row, **extra}


# ---- formats ---------------------------------------------------------------------------------------------------


def _json_lines(lines: Iterable[bytes], name: str) -> Iterator[Row | Unreadable]:
    for number, line in enumerate(lines, 1):
        row = _json_line(line, f"{name}, line {number}")
        if row is not None:
            yield row


def _json_line(line: bytes, place: str) -> Row | Unreadable | None:
    """A line of JSON; ``None`` for an empty one."""
    if not line.strip(b" \t\r\n\xef\xbb\xbf"):
        return None
    try:
        return _as_row(_parsed(line), place)
    except ValueError as error:
        return Unreadable(f"{place}: {error}")


def _document(data: bytes, name: str) -> Iterator[Row | Unreadable]:
    """A JSON document: a list of objects, or one object."""
    try:
        value = _parsed(data)
    except ValueError as error:
        yield Unreadable(f"{name}: {error}")
        return
    if not isinstance(value, list):
        yield _as_row(value, name)
        return
    for number, item in enumerate(value, 1):
        yield _as_row(item, f"{name}, item {number}")


def _parsed(data: bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is none, with a reason for a person.
    """
    try:
        return json.loads(data.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        raise ValueError(f"not JSON: {error.msg} ({where})") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None


def _as_row(value: Any, place: str) -> Row | Unreadable:
    if isinstance(value, dict):
        return value
    kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
    return Unreadable(f"{place}: {kind}, where an object with the input's keys is needed")


def _csv(lines: Iterable[bytes], name: str) -> Iterator[Row | Unreadable]:
    csv.field_size_limit(MAX_FIELD)
    text = _decoded(lines)
    try:
        first = next(text, "")
        delimiter = max(",;\t", key=first.count)  # what spreadsheets write depends on the country
        reader = csv.reader(_chained(first, text), delimiter=delimiter, strict=True)
        header = next(reader, [])
        wrong = _wrong_header(header)
        if wrong:
            yield Unreadable(f"{name}, line 1: {wrong}")
            return
        for cells in reader:
            if len(cells) == len(header):
                yield dict(zip(header, cells, strict=True))
            elif cells:
                told = f"{len(cells)} values where the header has {len(header)}"
                yield Unreadable(f"{name}, line {reader.line_num}: {told}")
    except (csv.Error, ValueError) as error:  # nothing after it can be trusted
        yield Unreadable(f"{name}: {error}")


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"line {number}, byte {error.start + 1} is not UTF-8; save it as UTF-8") from None


def _wrong_header(header: list[str]) -> str:
    if not any(header):
        return "the first line names the columns, and there is none"
    if not all(header):
        return f"column {header.index('') + 1} has no name"
    twice = next((name for name in header if header.count(name) > 1), None)
    return f"two columns are called '{twice}'" if twice is not None else ""


# ---- streams ---------------------------------------------------------------------------------------------------


def read_stream(
    stream: BinaryIO, name: str, *, limit: int | None = None, extra: Mapping[str, Any] | None = None
) -> Inputs:
    """Rows as they come: JSON lines, or one JSON document if the first line alone is no JSON object.

    Args:
        stream: standard input, or a pipe.
        name: what it is called in messages.
        limit: how many rows at most; it is read no further.
        extra: values for every row; they win over those of the stream.
    """
    inputs = Inputs(name, ())
    inputs.rows = _limited(_numbered(_streamed(stream, name), inputs, extra or {}), limit)
    return inputs


async def _limited(rows: AsyncIterator[Any], limit: int | None) -> AsyncIterator[Any]:
    count = 0
    while limit is None or count < limit:
        try:
            yield await anext(rows)
        except StopAsyncIteration:
            return
        count += 1


async def _numbered(
    rows: AsyncIterator[Row | Unreadable], inputs: Inputs, extra: Mapping[str, Any]
) -> AsyncIterator[Any]:
    index = 0
    async for row in rows:
        if isinstance(row, Unreadable):
            inputs.unreadable[index] = row.reason
        yield _extended(row, extra)
        index += 1


async def _streamed(stream: BinaryIO, name: str) -> AsyncIterator[Row | Unreadable]:
    row: Row | Unreadable | None
    number, line = 1, await _next_line(stream)
    while line and not line.strip():
        number, line = number + 1, await _next_line(stream)
    if line and not isinstance(_json_line(line, name), dict):
        rest = await anyio.to_thread.run_sync(stream.read, abandon_on_cancel=True)
        for row in _whole(line + rest, number, name):
            yield row
        return
    while line:
        row = _json_line(line, f"{name}, line {number}")
        if row is not None:
            yield row
        number, line = number + 1, await _next_line(stream)


def _whole(data: bytes, number: int, name: str) -> Iterator[Row | Unreadable]:
    """All of a stream whose first line is no object: a document, or lines of which the first is bad."""
    document = list(_document(data, name))
    if data.lstrip()[:1] == b"[" or not any(isinstance(row, Unreadable) for row in document):
        yield from document
        return
    for place, line in enumerate(data.splitlines(), number):
        row = _json_line(line, f"{name}, line {place}")
        if row is not None:
            yield row


async def _next_line(stream: BinaryIO) -> bytes:
    """The next line, without keeping the event loop from its work."""
    return await anyio.to_thread.run_sync(partial(stream.readline), abandon_on_cancel=True)
