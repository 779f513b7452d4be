"""Which crewgraph this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["crewgraph_version"]


def crewgraph_version() -> str:
    """The version that is installed."""
    try:
        return version("crewgraph")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
