"""The journal of runs in a file of SQLite: what nodes gave is kept, so that the same line again goes on where it was."""

from __future__ import annotations

from crewgraph.options import Fork, StoredRuns
from crewgraph.store.again import StoredInput
from crewgraph.store.collect import ENDED, Collected, collect
from crewgraph.store.decisions import WaitingRun, decide, waiting
from crewgraph.store.definitions import Definition, Definitions, definition_of
from crewgraph.store.entries import Asked, Identity, Kept
from crewgraph.store.journal import FileJournal
from crewgraph.store.overview import ClusterOverview, Overview, PipelineRuns, overview_of
from crewgraph.store.runs import StoredRun, pipeline_in, run_in, runs_in, stored_runs
from crewgraph.store.source import Source, is_store, opened_source

__all__ = [
    "ENDED",
    "Asked",
    "ClusterOverview",
    "Collected",
    "Definition",
    "Definitions",
    "FileJournal",
    "Fork",
    "Identity",
    "Kept",
    "Overview",
    "PipelineRuns",
    "Source",
    "StoredInput",
    "StoredRun",
    "StoredRuns",
    "WaitingRun",
    "collect",
    "decide",
    "definition_of",
    "is_store",
    "opened_source",
    "overview_of",
    "pipeline_in",
    "run_in",
    "runs_in",
    "stored_runs",
    "waiting",
]
