"""Language models: the port, the adapters to litellm and to endpoints that speak OpenAI's words, and the embedded offline model."""

from __future__ import annotations

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
