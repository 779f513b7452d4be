from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from crewgraph.errors import ModelNotConfigured
from crewgraph.llm import LiteLLM, OfflineLLM, is_configured, model_name, resolve
from crewgraph.llm.choose import Model


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    llm: Model = None


def test_object() -> None:
    """A model that is given is the model."""
    llm = OfflineLLM()
    assert resolve(llm, who="x") is llm


@pytest.mark.parametrize("name", ["offline", "offline/fixed"])
def test_offline(name: str) -> None:
    """The embedded model is chosen by its name."""
    llm = resolve(name, who="x")
    assert isinstance(llm, OfflineLLM)
    assert llm.model == name


def test_litellm() -> None:
    """Every other name is litellm's, and one object serves all who use it."""
    llm = resolve("openai/gpt-5-mini", who="x")
    assert isinstance(llm, LiteLLM)
    assert resolve("openai/gpt-5-mini", who="y") is llm


@pytest.mark.parametrize(
    ("environment", "argument", "model"),
    [
        ({"OPENAI_MODEL_NAME": "b"}, None, "b"),
        ({"CREWGRAPH_MODEL": "a", "OPENAI_MODEL_NAME": "b"}, None, "a"),
        ({"CREWGRAPH_MODEL": " ", "OPENAI_MODEL_NAME": "b"}, None, "b"),
        ({"CREWGRAPH_MODEL": "a"}, "c", "c"),
    ],
    ids=["the older variable", "ours first", "blank is unset", "argument first"],
)
def test_environment(
    environment: dict[str, str], argument: str | None, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument decides, then CREWGRAPH_MODEL, then OPENAI_MODEL_NAME."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_configured(argument)
    assert model_name(argument) == model
    assert resolve(argument, who="x").model == model


def test_nothing() -> None:
    """Where nobody names a model, the error says for whom and the three ways out."""
    assert not is_configured()
    assert model_name() is None
    with pytest.raises(ModelNotConfigured) as caught:
        resolve(who="agent 'Writer'")
    for words in ("agent 'Writer'", "llm=", "CREWGRAPH_MODEL", "offline"):
        assert words in str(caught.value)


def test_name_of_an_object() -> None:
    """A model is shown by its name, one without a name by its class."""

    class Mine:
        async def complete(self, request: object) -> None: ...

    assert model_name(OfflineLLM()) == "offline"
    assert model_name(Mine()) == "Mine"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, " offline ", OfflineLLM()], ids=str)
def test_field_accepts(value: object) -> None:
    """A field for a model takes a name, a model or nothing; blanks around a name are dropped."""
    kept = Holder.model_validate({"llm": value}).llm
    assert kept == ("offline" if isinstance(value, str) else value)


@pytest.mark.parametrize("value", [3, "", object()], ids=["number", "empty", "object"])
def test_field_refuses(value: object) -> None:
    """A field for a model refuses anything else and says what it takes."""
    with pytest.raises(ValidationError, match="llm is a model name"):
        Holder.model_validate({"llm": value})
