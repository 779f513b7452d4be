"""What is to be done: a description, what is expected, and in which shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, field_validator, model_validator

from crewgraph.crew.agent import Agent, NoTools

__all__ = ["Task"]

WORDS = 6
"""How many words of its description stand for a task without a name."""


class Task(BaseModel):
    """A task: a definition, like its agent. Description and expected output may hold ``{placeholders}``.

    Attributes:
        description: what to do.
        expected_output: what the answer should look like, in words.
        agent: who does it; a crew's only agent where it is ``None``.
        name: what it is called in messages and results.
        context: the earlier tasks of its crew whose answers it is given. ``None`` means all of them and the text of
            the crews upstream, ``[]`` means nothing.
        output_pydantic: the shape of the answer, handed back as a model.
        output_json: the shape of the answer, handed back as a dict.
        async_execution: not supported yet; ``True`` is refused.
        tools: not supported yet; anything but an empty list is refused.
        config: accepted so that existing definitions load; without effect so far.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", arbitrary_types_allowed=True)

    description: str
    expected_output: str = ""
    agent: Agent | None = None
    name: str | None = None
    context: list[SkipValidation[Task]] | None = None
    output_pydantic: type[BaseModel] | None = None
    output_json: type[BaseModel] | None = None
    async_execution: bool = False
    tools: NoTools = Field(default_factory=list[Any])
    config: Any = None

    @field_validator("async_execution")
    @classmethod
    def _in_order(cls, wanted: bool) -> bool:  # noqa: FBT001 - the signature of a validator
        if wanted:
            raise ValueError("async_execution is not supported yet; put crews side by side with >> [a, b] instead")
        return wanted

    @field_validator("output_pydantic", "output_json")
    @classmethod
    def _has_fields(cls, shape: type[BaseModel] | None) -> type[BaseModel] | None:
        if shape is not None and shape.__pydantic_root_model__:
            raise ValueError(f"{shape.__name__} has no fields; an answer is handed over by its fields")
        return shape

    @model_validator(mode="after")
    def _has_one_shape(self) -> Self:
        if self.output_pydantic is not None and self.output_json is not None:
            raise ValueError("output_pydantic and output_json are both set; one answer has one shape")
        return self

    @property
    def shape(self) -> type[BaseModel] | None:
        """The model that the answer must fit, where one is declared."""
        return self.output_pydantic or self.output_json

    @property
    def label(self) -> str:
        """The task in the words of a message: ``task 'classify'``."""
        words = self.description.split()
        short = " ".join(words[:WORDS]) + (" …" if len(words) > WORDS else "")
        return f"task '{self.name or short}'"

    def __repr_args__(self) -> Iterator[tuple[str | None, str]]:
        yield None, self.name or self.description

    def __str__(self) -> str:
        return repr(self)
