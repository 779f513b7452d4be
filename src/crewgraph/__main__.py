"""``python -m crewgraph``: the command line."""

from __future__ import annotations

from crewgraph.cli import main

if __name__ == "__main__":
    main()
