"""Doubles to test pipelines with: models that need no provider, and remember what they were asked; and a cluster for a test."""

from __future__ import annotations

from crewgraph.approval import decided_by
from crewgraph.llm.real_calls import allow as allow_real_calls
from crewgraph.llm.real_calls import forbid as forbid_real_calls
from crewgraph.testing.clusters import cluster
from crewgraph.testing.double import Double, call
from crewgraph.testing.doubles import FailingLLM, SchemaLLM, ScriptedLLM, SlowLLM
from crewgraph.testing.rate_limited import RateLimitedLLM, Violation

__all__ = [
    "Double",
    "FailingLLM",
    "RateLimitedLLM",
    "SchemaLLM",
    "ScriptedLLM",
    "SlowLLM",
    "Violation",
    "allow_real_calls",
    "call",
    "cluster",
    "decided_by",
    "forbid_real_calls",
]
