from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from crewgraph.errors import (
    ModelRejected,
    ModelUnavailable,
)
from crewgraph.llm import LiteLLM
from tests.unit.llm.provider import Provider, ask, refused

pytestmark = pytest.mark.anyio


@pytest.mark.usefixtures("_litellm_ready")
async def test_unknown_provider() -> None:
    """A name that litellm cannot place is refused."""
    with pytest.raises(ModelRejected, match=r"(?i)provider"):
        await LiteLLM("nonsense").complete(ask())


async def test_quiet(provider: Provider, capfd: pytest.CaptureFixture[str]) -> None:
    """litellm writes nothing on the terminal, not even when it fails."""
    provider.always(refused(500))
    with pytest.raises(ModelUnavailable):
        await provider.llm().complete(ask())
    assert capfd.readouterr() == ("", "")
    assert [type(handler) for handler in logging.getLogger("LiteLLM").handlers] == [logging.NullHandler]


def test_lazy_import() -> None:
    """Importing the room and making models imports no litellm."""
    code = "import sys; from crewgraph.llm import LiteLLM; LiteLLM('m'); print('litellm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.usefixtures("_litellm_ready")
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """litellm asks nobody for the headers that Claude takes: it has a list of its own."""
    from litellm import anthropic_beta_headers_manager as headers

    fetched = list[str]()
    monkeypatch.setattr(headers.GetAnthropicBetaHeadersConfig, "fetch_remote_beta_headers_config", fetched.append)
    assert headers.reload_beta_headers_config()
    assert fetched == []
