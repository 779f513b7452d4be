"""Names and values of attributes: OpenTelemetry's semantic conventions for generative AI, and our own ``crewgraph.*``.

The names are written out because the conventions' Python package is none that a program can rely on: what concerns
generative AI is marked as incubating there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from crewgraph.llm.port import Message, Reply, ToolCall
from crewgraph.llm.price import listed
from crewgraph.trace import ModelCallStarted, TaskStarted, ToolCallStarted
from crewgraph.usage import UsageMetrics

__all__ = ["Attributes", "error_type", "of_model", "of_task", "of_tool", "of_usage", "said", "split_model", "wrote"]

Attributes = dict[str, str | int | float | list[str]]

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
WORKFLOW_NAME = "gen_ai.workflow.name"
AGENT_NAME = "gen_ai.agent.name"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_RESULT = "gen_ai.tool.call.result"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
STREAM = "gen_ai.request.stream"
INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - a token of text
ERROR_TYPE = "error.type"

RUN = "crewgraph.run.index"
NODE = "crewgraph.node"
CREW = "crewgraph.crew"
TASK = "crewgraph.task"
ROUTE = "crewgraph.route"
ATTEMPT = "crewgraph.attempt"
WAITED = "crewgraph.waited"
RETRY_IN = "crewgraph.retry_in"
SOURCE = "crewgraph.source"
CACHED = "crewgraph.cached"
COST = "crewgraph.cost_usd"

PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""What the conventions call a provider, where that is not what litellm calls it."""


def split_model(model: str) -> tuple[str, str]:
    """The provider as the conventions call it, and the model's name there."""
    provider, slash, name = model.partition("/")
    if not slash:
        provider, name = str(listed(model).get("litellm_provider") or model), model
    if provider.startswith("vertex_ai"):  # litellm tells "vertex_ai-language-models" and others apart
        provider = "vertex_ai"
    return PROVIDERS.get(provider, provider), name


def of_model(model: str) -> Attributes:
    """Who is asked, for spans and for measurements."""
    provider, name = split_model(model)
    return {OPERATION: "chat", PROVIDER: provider, REQUEST_MODEL: name}


def of_task(event: TaskStarted) -> Attributes:
    """Which agent is at work, and at what."""
    agent: Attributes = {AGENT_NAME: event.agent} if event.agent else {}
    return {OPERATION: "invoke_agent", **agent, CREW: event.crew, TASK: event.task}


def of_tool(event: ToolCallStarted) -> Attributes:
    """Which tool is called, and by whom."""
    agent: Attributes = {AGENT_NAME: event.agent} if event.agent else {}
    return {
        OPERATION: "execute_tool",
        TOOL_NAME: event.tool,
        TOOL_TYPE: "function",
        TOOL_CALL_ID: str(event.call),
        **agent,
        CREW: event.crew,
        TASK: event.task,
    }


def of_usage(usage: UsageMetrics) -> Attributes:
    """Tokens and money; what nobody knows is left out."""
    found: Attributes = {}
    if usage.total_tokens:
        found |= {INPUT_TOKENS: usage.prompt_tokens, OUTPUT_TOKENS: usage.completion_tokens}
    if usage.cached_prompt_tokens:
        found[CACHED_TOKENS] = usage.cached_prompt_tokens
    if usage.cost is not None and usage.requests:
        found[COST] = usage.cost
    return found


def error_type(error: str) -> str:
    """The kind of an error, without its text, which may repeat what was said."""
    kind = error.partition(":")[0].strip()
    if kind.lower().startswith("cancelled"):  # "Cancelled" of trio, "CancelledError" of asyncio, and our own word
        return "cancelled"
    return kind if kind.isidentifier() else "_OTHER"


# ---- content, where it is wanted -------------------------------------------------------------------------------


def said(event: ModelCallStarted) -> Attributes:
    """The conversation that a model was given."""
    messages: Sequence[Message] = event.messages
    system = [_text(each.content) for each in messages if each.role == "system"]
    others = [_message(each) for each in messages if each.role != "system"]
    instructions: Attributes = {INSTRUCTIONS: _json(system)} if system else {}
    return {**instructions, INPUT_MESSAGES: _json(others)}


def wrote(reply: Reply) -> Attributes:
    """What a model answered."""
    parts = [_text(reply.text)] if reply.text else []
    parts += [_wish(call) for call in reply.calls]
    return {
        OUTPUT_MESSAGES: _json([{"role": "assistant", "parts": parts, "finish_reason": reply.finish_reason or "stop"}])
    }


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        result = {"type": "tool_call_response", "id": message.call_id, "response": message.content}
        return {"role": "tool", "parts": [result]}
    parts = [_text(message.content)] if message.content else []
    return {"role": message.role, "parts": parts + [_wish(call) for call in message.calls]}


def _text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def _wish(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)  # half of a surrogate pair could not be sent
