"""By what inputs are known again: the value of a column, or what is in them and how often the same came before."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from crewgraph.definition import as_line, digest
from crewgraph.errors import StoreError
from crewgraph.store.entries import INEXACT, Identity
from crewgraph.store.plain import misfit

__all__ = ["Identities", "identity_of"]


COUNTED = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
SEEN = "CREATE TABLE seen (id TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"


class Identities:
    """Gives the inputs of one kickoff their identities, one after the other.

    Which came before is counted in a table that SQLite puts on disk when it grows, so that a stream without end does
    not fill the memory.

    Args:
        where: the store, for messages.
        id_column: the key of the inputs whose value tells them apart; ``None`` for their content.
        batch: stands before each of them.
    """

    def __init__(self, where: str, id_column: str | None = None, batch: str | None = None) -> None:
        self._where = where
        self._id_column = id_column
        self._before = f"{batch}/" if batch else ""
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = OFF", SEEN, "BEGIN"):  # nobody rolls back
            self._seen.execute(statement)

    def close(self) -> None:
        """Forget them."""
        self._seen.close()

    def __call__(self, index: int, values: Mapping[str, Any]) -> Identity:
        """The identity of the next input.

        Raises:
            StoreError: it has none.
        """
        if self._id_column is None:
            plain = _plain(values, self._refused(index))
            name = digest(plain)
            count = self._count(name)
            own = name if count == 1 else f"{name}#{count}"
            return Identity(self._before + own, _content(values, name), json.dumps(plain))
        if self._id_column not in values:
            raise StoreError(self._where, f"input {index} has no '{self._id_column}', by which it would be known again")
        named = values[self._id_column]
        plain = _plain(values, _class_of)
        own = named if isinstance(named, str) else as_line(_plain(named, self._refused(index)))
        if self._count(own) > 1:
            raise StoreError(self._where, f"input {index} has the '{self._id_column}' of an earlier one: {own:.60}")
        return Identity(self._before + own, content_of(values, plain), json.dumps(plain))

    def _count(self, own: str) -> int:
        """How often this one has come by now."""
        count: int
        (count,) = self._seen.execute(COUNTED, (own,)).fetchone()
        return count

    def _refused(self, index: int) -> Callable[[Any], Any]:
        def refuse(value: Any) -> Any:
            raise StoreError(
                self._where,
                f"input {index} holds a {type(value).__qualname__}, which cannot be written as JSON, so it would not be "
                "known again",
                hint="name the key that tells the inputs apart: id_column='…'",
            )

        return refuse


def content_of(values: Mapping[str, Any], plain: Any) -> str:
    """A short name for what is in an input, with a mark where JSON would not give it back as it was."""
    return _content(values, digest(plain))


def _content(values: Mapping[str, Any], name: str) -> str:
    return name if misfit(dict(values), "") is None else f"{INEXACT}{name}"


def identity_of(
    values: Mapping[str, Any], *, own: str, place: int | None = None, origin: str | None = None
) -> Identity:
    """The identity of an input whose run is called by a name of its own."""
    plain = _plain(values, _class_of)
    return Identity(own, content_of(values, plain), json.dumps(plain), place, origin)


def _class_of(value: Any) -> Any:
    return f"a {type(value).__qualname__}"


def _plain(value: Any, other: Callable[[Any], Any]) -> Any:
    """JSON values, the same in every process; ``other`` says what becomes of a value that has no such form."""
    match value:
        case Mapping():
            return {str(key): _plain(each, other) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each, other) for each in value]
        case set() | frozenset():
            return sorted((_plain(each, other) for each in value), key=as_line)
        case None | bool() | int() | float() | str():
            return value
        case _:
            try:
                return to_jsonable_python(value, bytes_mode="base64")
            except Exception:  # noqa: BLE001 - not known to pydantic, or a serialiser of the user's raised
                return other(value)
