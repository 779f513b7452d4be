"""The ancestor's import path of :class:`CrewOutput`; new code imports it from ``crewgraph``."""

from __future__ import annotations

from crewgraph.outputs import CrewOutput

__all__ = ["CrewOutput"]
