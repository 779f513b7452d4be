"""``python -m crewgraph``: the command line."""

from __future__ import annotations

from crewgraph.cli import main

main()
