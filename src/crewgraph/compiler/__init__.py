"""From syntax to plan: lower, check, number. Everything here is pure and synchronous."""

from __future__ import annotations

from crewgraph.compiler.driver import analyse, check, compile_pipeline, inputs
from crewgraph.compiler.kept import plan_for
from crewgraph.compiler.plan import Plan

__all__ = ["Plan", "analyse", "check", "compile_pipeline", "inputs", "plan_for"]
