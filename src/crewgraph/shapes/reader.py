"""What reads a core schema of pydantic: as a sink takes it, or as a source hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from crewgraph.shapes.adapter import Core
from crewgraph.shapes.forms import NONE, Book, Either, Form, Opaque

__all__ = ["ANY", "Handler", "Reader", "Side"]

Side = Literal["taken", "dumped", "whole"]
"""How a type is read: as a sink takes it; as ``model_dump`` hands it over; as a source hands it over undumped."""

ANY: Core = {"type": "any"}
SERIALIZED = "a serializer of its own makes it"
_TEXT = {
    "str_strip_whitespace": "strip_whitespace",
    "str_to_lower": "to_lower",
    "str_to_upper": "to_upper",
    "str_min_length": "min_length",
    "str_max_length": "max_length",
    "regex_engine": "regex_engine",
    "coerce_numbers_to_str": "coerce_numbers_to_str",
}
"""Settings of a model that hold for the texts in it, by what they are called in a schema."""
_SAID = {"metadata", "serialization", "ref", "schema"}
"""What a schema says beside what it asks of a value."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads core schemas.

    Attributes:
        side: how.
        handlers: what reads each type of core schema.
        book: the named parts.
        config: the config of the model around.
    """

    side: Side
    handlers: Mapping[str, Handler]
    book: Book
    config: Mapping[str, Any]

    @property
    def takes(self) -> bool:
        """Whether a sink is read."""
        return self.side == "taken"

    def read(self, core: Core) -> Form:
        """The form of a schema."""
        made = self._serialized(core) if self.side == "dumped" else None
        if made is not None:
            return made
        handler = self.handlers.get(core["type"])
        return Opaque(f"a {core['type']} is not looked into") if handler is None else handler(self, core)

    def within(self, core: Core) -> Reader:
        """A reader for what stands inside a model."""
        return replace(self, config=core.get("config") or {})

    def is_strict(self, core: Core) -> bool:
        """Whether a schema takes exact types only."""
        return bool(core.get("strict", self.config.get("strict", False)))

    def bare(self, core: Core) -> dict[str, Any]:
        """What a schema asks of a value itself, with what the config around it asks."""
        bare = {key: value for key, value in core.items() if key not in _SAID and value is not None}
        config = self.config
        if "strict" in config:
            bare.setdefault("strict", config["strict"])
        if core["type"] in {"float", "decimal"} and "allow_inf_nan" in config:
            bare.setdefault("allow_inf_nan", config["allow_inf_nan"])
        if core["type"] == "str":
            bare = {inner: config[outer] for outer, inner in _TEXT.items() if outer in config} | bare
        return bare

    def _serialized(self, core: Core) -> Form | None:
        """What a serializer of the user's hands over; ``None`` where a value stays what it is."""
        said: Core = core.get("serialization") or {"type": "any"}
        kind, used = said["type"], said.get("when_used", "always")
        if not kind.startswith("function-"):
            in_python = kind in {"format", "to-string"} and not said.get("when_used", "json").startswith("json")
            return Opaque(SERIALIZED) if in_python or kind.startswith("include-exclude") else None
        if used.startswith("json") or (getattr(said["function"], "__module__", None) or "").startswith("pydantic."):
            return None
        made = self.read(said["return_schema"]) if "return_schema" in said else Opaque(SERIALIZED)
        return Either((made, NONE)) if used == "unless-none" else made


Handler = Callable[[Reader, Core], Form]
