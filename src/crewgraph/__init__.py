"""crewgraph: a dataflow graph compiler for crews of LLM agents.

Write ``research >> [finance, market] >> Router(…) >> write``; crewgraph turns it into a typed graph, finds the
mistakes in it before a cent is spent, draws it, and runs any number of inputs through it concurrently.
"""

from __future__ import annotations

from crewgraph.router import Route, Router
from crewgraph.step import Step, step
from crewgraph.syntax import Pipeline, Procedure
