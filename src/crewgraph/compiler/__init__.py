"""From syntax to plan: lower, check, number. Everything here is pure and synchronous."""

from __future__ import annotations

from crewgraph.compiler.driver import analyse, check, compile_pipeline
from crewgraph.compiler.needs import Demand
from crewgraph.compiler.plan import Plan

__all__ = ["Demand", "Plan", "analyse", "check", "compile_pipeline"]
