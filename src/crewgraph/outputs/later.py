"""Models of which a part is made when somebody looks at it: most of what a run gives is never looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Self, cast

from pydantic import BaseModel, ConfigDict, model_serializer

__all__ = ["Later"]

_LOCK = threading.RLock()
"""One for all: what is left for later is made once, in microseconds."""


class Later(BaseModel):
    """A model whose fields may be made later, all at once: whoever reads one, compares, copies or dumps it has them all."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def later(cls, fields: dict[str, Any], **private: Any) -> Self:
        """A model of values that are known to fit: nothing is validated or copied.

        Args:
            fields: those that are known; from now on the model's own. The others are made of ``_rest()``, or have
                their defaults.
            **private: private attributes of the class, every one of them.
        """
        made = _new(cls)
        _set(made, "__dict__", fields)
        if private:
            _set(made, "__pydantic_private__", private)
        return made

    def _rest(self) -> dict[str, Any]:
        """What was left for later."""
        return {}

    def _make_whole(self) -> None:
        """Make what was left for later, if there is anything."""
        if len(self.__dict__) >= len(type(self).model_fields):
            return
        with _LOCK:  # another thread may look at the same time, and both have to see the same
            own = self.__dict__
            if len(own) < len(type(self).model_fields):
                known = self._rest() | own
                _ = self.__pydantic_fields_set__  # those that were known
                whole = {name: known[name] if name in known else made() for name, made in _defaults(type(self))}
                object.__setattr__(self, "__dict__", whole)

    def __getattr__(self, name: str) -> Any:
        if name in _SLOTS:
            return self._slot(name)
        if name in type(self).model_fields:
            self._make_whole()
            if name in self.__dict__:
                return self.__dict__[name]
        return super().__getattr__(name)  # type: ignore[misc]  # pydantic hides it from type checkers

    def _slot(self, name: str) -> Any:
        """What pydantic keeps of each model beside its fields: to set it takes longer than all else, and few are asked for it."""
        _set(self, name, {*self.__dict__} if name == "__pydantic_fields_set__" else None)
        return object.__getattribute__(self, name)

    @model_serializer(mode="wrap")
    def _serialized(self, handler: Callable[[Any], Any]) -> Any:
        self._make_whole()
        return handler(self)

    def __getstate__(self) -> dict[Any, Any]:
        self._make_whole()
        return super().__getstate__()

    def __copy__(self) -> Self:
        self._make_whole()
        return super().__copy__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        self._make_whole()
        return super().__deepcopy__(memo)

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        self._make_whole()
        return super().__iter__()

    def __eq__(self, other: object) -> bool:
        for each in (self, other):
            if isinstance(each, Later):
                each._make_whole()
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # mutable, as every model


_new, _set = object.__new__, object.__setattr__
_SLOTS = {"__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"}


@cache
def _defaults(kind: type[Later]) -> list[tuple[str, Callable[[], Any]]]:
    """What makes the default of each field; pydantic's own way looks at the signature of each factory each time."""
    return [
        (
            name,
            cast("Callable[[], Any]", field.default_factory or partial(field.get_default, call_default_factory=False)),
        )
        for name, field in kind.model_fields.items()
    ]
