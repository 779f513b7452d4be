"""Language models: the port, the adapters to litellm and to endpoints that speak OpenAI's words, and the embedded offline model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.llm.choose import is_configured, model_name, resolve
    from crewgraph.llm.direct.adapter import DirectLLM
    from crewgraph.llm.litellm.adapter import LiteLLM
    from crewgraph.llm.offline.model import OfflineLLM
    from crewgraph.llm.port import LLM, Message, Reply, Request, ToolCall, ToolSpec
    from crewgraph.llm.price import Price

__all__ = [
    "LLM",
    "DirectLLM",
    "LiteLLM",
    "Message",
    "OfflineLLM",
    "Price",
    "Reply",
    "Request",
    "ToolCall",
    "ToolSpec",
    "is_configured",
    "model_name",
    "resolve",
]

lazily(
    __name__,
    {
        "crewgraph.llm.choose": "is_configured model_name resolve",
        "crewgraph.llm.direct.adapter": "DirectLLM",
        "crewgraph.llm.litellm.adapter": "LiteLLM",
        "crewgraph.llm.offline.model": "OfflineLLM",
        "crewgraph.llm.port": "LLM Message Reply Request ToolCall ToolSpec",
        "crewgraph.llm.price": "Price",
    },
)
