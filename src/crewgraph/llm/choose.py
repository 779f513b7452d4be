"""Which model: the one given, else the one that the environment names, else an error with the ways out."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator

from crewgraph.errors import ModelNotConfigured

if TYPE_CHECKING:  # for annotations only; whoever writes a pipeline need not load it
    from crewgraph.llm.port import LLM

__all__ = ["VARIABLES", "Model", "is_configured", "model_name", "resolve"]

VARIABLES = ("CREWGRAPH_MODEL", "OPENAI_MODEL_NAME")
"""The environment variables that name a model, in the order in which they are asked."""


def resolve(llm: str | LLM | None = None, *, who: str) -> LLM:
    """The model to ask.

    Args:
        llm: a name ("provider/model" for litellm, "direct/model" for an endpoint that speaks OpenAI's words, "offline"
            for the embedded one), a model, or ``None`` for the
            environment's.
        who: for whom, in words, such as "agent 'Writer'".

    Raises:
        ModelNotConfigured: neither the argument nor the environment says.
    """
    chosen = llm or _from_environment()
    if not chosen:
        raise ModelNotConfigured(who)
    return _named(chosen) if isinstance(chosen, str) else chosen


def is_configured(llm: object = None) -> bool:
    """Whether :func:`resolve` would find a model."""
    return bool(llm or _from_environment())


def model_name(llm: str | LLM | None = None) -> str | None:
    """The name of the model that :func:`resolve` would find, for pictures."""
    chosen = llm or _from_environment()
    if chosen is None or isinstance(chosen, str):
        return chosen
    return getattr(chosen, "model", type(chosen).__name__)


def _from_environment() -> str | None:
    return next((name for variable in VARIABLES if (name := os.environ.get(variable, "").strip())), None)


@lru_cache(maxsize=256)
def _named(name: str) -> LLM:
    # whoever asks one model does not import the others
    match name.partition("/")[0]:
        case "offline":
            from crewgraph.llm.offline.model import OfflineLLM

            return OfflineLLM(model=name)
        case "direct":
            from crewgraph.llm.direct.adapter import DirectLLM

            return DirectLLM(name)
        case _:
            from crewgraph.llm.litellm.adapter import LiteLLM

            return LiteLLM(name)


def _checked(value: Any) -> Any:
    if value is None or (callable(getattr(value, "complete", None)) and isinstance(getattr(value, "model", None), str)):
        return value
    if isinstance(value, str) and value.strip():
        return value.strip()
    message = (
        f'llm is a model name such as "provider/model" or "offline", or an object with '
        f"its name as `model` and `async def complete(self, request)`, got {value!r}"
    )
    raise ValueError(message)


if TYPE_CHECKING:
    Model = Annotated[str | LLM | None, PlainValidator(_checked)]
else:  # the validator looks for itself
    Model = Annotated[Any, PlainValidator(_checked)]
"""The type of a field that names a model."""
