"""The journal of runs in a file of SQLite: what nodes gave is kept, so that the same line again goes on where it was."""

from __future__ import annotations

from crewgraph.store.decisions import WaitingRun, decide, waiting
from crewgraph.store.entries import Asked, Identity, Kept
from crewgraph.store.journal import FileJournal
from crewgraph.store.overview import Overview, PipelineRuns, overview_of

__all__ = [
    "Asked",
    "FileJournal",
    "Identity",
    "Kept",
    "Overview",
    "PipelineRuns",
    "WaitingRun",
    "decide",
    "overview_of",
    "waiting",
]
