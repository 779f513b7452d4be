"""Language models: the port, the adapter to litellm, and the embedded offline model."""

from __future__ import annotations

from crewgraph.llm.choose import is_configured, model_name, resolve
from crewgraph.llm.litellm.adapter import LiteLLM
from crewgraph.llm.offline.model import OfflineLLM
from crewgraph.llm.port import LLM, Message, Reply, Request, ToolCall, ToolSpec
from crewgraph.llm.price import Price

__all__ = [
    "LLM",
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
