"""Types as the relation sees them: a small closed set of forms, whatever the user wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from crewgraph.shapes.adapter import Core

__all__ = [
    "ANYTHING",
    "NONE",
    "UNPROVEN",
    "VALIDATORS",
    "Again",
    "Anything",
    "Book",
    "Choice",
    "Either",
    "Form",
    "Guarded",
    "Instance",
    "Items",
    "Opaque",
    "Record",
    "Row",
    "Scalar",
    "Slot",
    "Table",
]


@dataclass(frozen=True, slots=True)
class Anything:
    """``Any`` and ``object``: as a sink it takes everything, as a source it says nothing."""


ANYTHING = Anything()
UNPROVEN = "some values may be refused, and none was found"
VALIDATORS = "validators of its own decide what it takes"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A type that nobody can look into; ``reason`` says why."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A value without parts.

    Attributes:
        kind: the type of the core schema, such as "int"; "other" for what only pydantic can tell.
        core: what pydantic asks of it, its bounds included.
        name: what it is called in words.
        instance: the class whose instances are taken as they are, where only pydantic can tell the rest.
    """

    kind: str
    core: Core
    name: str
    instance: type | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of a few values: of a ``Literal``, an enum, or a single one.

    Attributes:
        values: the values.
        core: what pydantic asks of it.
        name: what it is called in words.
        has_code: whether an enum has ``_missing_``, which may take other values too.
    """

    values: tuple[Any, ...]
    core: Core
    name: str
    has_code: bool = False


NONE = Choice((None,), {"type": "none"}, "None")


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Any number of values of one type.

    Attributes:
        kind: "list", "tuple", "set", "frozenset", "deque", "sequence" or "iterable".
        item: what they are.
        core: what pydantic asks of the container itself.
        least: how many there are at least.
        most: how many there are at most.
        whole: what pydantic asks of all of it, where equal values fall together and no code of the user's would run.
    """

    kind: str
    item: Form
    core: Core
    least: int = 0
    most: int | None = None
    whole: Core | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A tuple of so many values, of which each has its own type.

    Attributes:
        items: what they are.
        core: what pydantic asks of the container itself.
        least: how many are needed.
        cls: ``tuple`` or a NamedTuple.
        names: of the fields of a NamedTuple.
    """

    items: tuple[Form, ...]
    core: Core
    least: int
    cls: type = tuple
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A dict of any keys of one type.

    Attributes:
        key: what the keys are.
        value: what the values are.
        core: what pydantic asks of the container itself.
        least: how many there are at least.
        most: how many there are at most.
    """

    key: Form
    value: Form
    core: Core
    least: int = 0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One key of a record.

    Attributes:
        keys: under which names a value is looked for, the first one found counts; a source has one.
        form: what the value is.
        is_required: of a sink, whether it must be there; of a source, whether it always is.
    """

    keys: tuple[str, ...]
    form: Form
    is_required: bool


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A dict of known keys, such as a model is made of or dumped to.

    Attributes:
        name: what it is called in words.
        slots: the keys.
        extra: what further keys hold; ``None`` where a source has none and a sink ignores them, "forbid" where a sink
            refuses them.
        only_text: whether only a dict will do, and keys that are no text are refused.
        takes_objects: whether the attributes of any object do as well.
    """

    name: str
    slots: tuple[Slot, ...]
    extra: Form | Literal["forbid"] | None = None
    only_text: bool = False
    takes_objects: bool = False

    @property
    def refuses_keys(self) -> bool:
        """Whether keys that are no text are refused: also where further keys are kept, for they become attributes."""
        return self.only_text or not (self.extra is None or self.extra == "forbid")


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object of a class, which is not looked into; ``core`` where it is a sink."""

    cls: type
    core: Core


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several forms; ``tag`` is the key that must be there to tell them apart, where there is one."""

    forms: tuple[Form, ...]
    tag: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """A form whose values are looked at once more.

    Attributes:
        form: the form.
        rule: a bound that pydantic itself checks; ``None`` for code of the user's.
        core: what pydantic asks of all of it, where no code of the user's would run.
        reason: why nobody knows what else it takes, in words.
    """

    form: Form
    rule: partial[Any] | None = None
    core: Core | None = None
    reason: str = VALIDATORS


@dataclass(slots=True, eq=False)
class Book:
    """The named forms of one type, read when first needed: a type may contain itself."""

    read: Callable[[Core], Form]
    cores: dict[str, Core] = field(default_factory=dict[str, Core])
    forms: dict[str, Form] = field(default_factory=dict[str, "Form"])


@dataclass(frozen=True, slots=True)
class Again:
    """A named form, where it is used."""

    name: str
    book: Book

    @property
    def form(self) -> Form:
        """The form itself."""
        if self.name not in self.book.forms:
            core = self.book.cores.get(self.name)
            unknown = Opaque("a part of it is not defined")
            self.book.forms[self.name] = unknown if core is None else self.book.read(core)
        return self.book.forms[self.name]


Form = Anything | Opaque | Scalar | Choice | Items | Row | Table | Record | Instance | Either | Guarded | Again
