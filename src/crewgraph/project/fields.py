"""The fields that crewAI knows in agents.yaml and tasks.yaml, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["IN_CODE", "KINDS", "OF_AGENTS", "OF_TASKS", "Kind", "fits"]

Kind = str

KINDS: Mapping[Kind, str] = {
    "text": "a text",
    "name": "a name",
    "bool": "true or false",
    "count": "a whole number",
    "number": "a number",
    "names": "a list of names",
    "texts": "a text, or a list of them",
    "any": "anything",
}
"""What a field holds, in words."""

OF_AGENTS: Mapping[str, Kind] = {
    "role": "text",
    "goal": "text",
    "backstory": "text",
    "llm": "name",
    "function_calling_llm": "name",
    "tools": "names",
    "allow_delegation": "bool",
    "verbose": "bool",
    "cache": "bool",
    "max_iter": "count",
    "max_rpm": "count",
    "max_execution_time": "number",
    "max_retry_limit": "count",
    "max_tokens": "count",
    "step_callback": "name",
    "system_template": "text",
    "prompt_template": "text",
    "response_template": "text",
    "use_system_prompt": "bool",
    "allow_code_execution": "bool",
    "code_execution_mode": "text",
    "respect_context_window": "bool",
    "multimodal": "bool",
    "reasoning": "bool",
    "max_reasoning_attempts": "count",
    "inject_date": "bool",
    "date_format": "text",
    "from_repository": "text",
    "guardrail": "text",
    "guardrail_max_retries": "count",
    **dict.fromkeys(
        [
            "a2a",
            "agent_executor",
            "agent_knowledge_context",
            "apps",
            "cache_handler",
            "callbacks",
            "checkpoint",
            "config",
            "crew",
            "crew_knowledge_context",
            "embedder",
            "executor_class",
            "id",
            "knowledge",
            "knowledge_config",
            "knowledge_search_query",
            "knowledge_sources",
            "knowledge_storage",
            "mcps",
            "memory",
            "planning",
            "planning_config",
            "security_config",
            "skills",
            "tool_failure_policy",
        ],
        "any",
    ),
}
OF_TASKS: Mapping[str, Kind] = {
    "description": "text",
    "expected_output": "text",
    "agent": "name",
    "name": "text",
    "context": "names",
    "tools": "names",
    "output_file": "text",
    "output_json": "name",
    "output_pydantic": "name",
    "create_directory": "bool",
    "async_execution": "bool",
    "human_input": "bool",
    "markdown": "bool",
    "guardrail": "text",
    "guardrails": "texts",
    "guardrail_max_retries": "count",
    "max_retries": "count",
    "callbacks": "names",
    "allow_crewai_trigger_context": "bool",
    **dict.fromkeys(
        [
            "callback",
            "condition",
            "config",
            "converter_cls",
            "id",
            "input_files",
            "prompt_context",
            "response_model",
            "security_config",
            "tool_failure_policy",
        ],
        "any",
    ),
}

IN_CODE: Mapping[str, str] = {
    "llm": "llm",
    "function_calling_llm": "llm",
    "tools": "tool",
    "step_callback": "callback",
    "callbacks": "callback",
    "output_json": "output_json",
    "output_pydantic": "output_pydantic",
}
"""The fields whose names are looked up among the methods of the crew's class, with the decorator of those."""


def fits(kind: Kind, value: Any) -> bool:
    """Whether a value of YAML is what a field holds."""
    match kind:
        case "text" | "name":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "count":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "names":
            return isinstance(value, list) and all(isinstance(each, str) for each in value)
        case "texts":
            return isinstance(value, str) or fits("names", value)
        case _:
            return True
