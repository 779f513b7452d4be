"""A kickoff watched while it is under way: the page of its report, served on this machine to whoever has the address."""

from __future__ import annotations

from crewgraph.watch.board import Board
from crewgraph.watch.server import Watch

__all__ = ["Board", "Watch"]
