"""The journal of runs in a file of SQLite: what nodes gave is kept, so that the same line again goes on where it was."""

from __future__ import annotations

from crewgraph.options import Fork, StoredRuns
from crewgraph.store.again import StoredInput
from crewgraph.store.entries import Identity, Kept
from crewgraph.store.journal import FileJournal
from crewgraph.store.overview import Overview, PipelineRuns, overview_of

__all__ = [
    "FileJournal",
    "Fork",
    "Identity",
    "Kept",
    "Overview",
    "PipelineRuns",
    "StoredInput",
    "StoredRuns",
    "overview_of",
]
