"""The journal of runs in a file of SQLite: what nodes gave is kept, so that the same line again goes on where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.options import Fork, StoredRuns
    from crewgraph.store.again import StoredInput
    from crewgraph.store.collect import collect
    from crewgraph.store.decisions import WaitingRun, decide, waiting
    from crewgraph.store.definitions import Definition, Definitions, definition_of
    from crewgraph.store.entries import Asked, Identity, Kept
    from crewgraph.store.journal import FileJournal
    from crewgraph.store.overview import ClusterOverview, Overview, PipelineRuns, overview_of
    from crewgraph.store.removals import ENDED, Collected
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

lazily(
    __name__,
    {
        "crewgraph.options": "Fork StoredRuns",
        "crewgraph.store.again": "StoredInput",
        "crewgraph.store.collect": "collect",
        "crewgraph.store.decisions": "WaitingRun decide waiting",
        "crewgraph.store.definitions": "Definition Definitions definition_of",
        "crewgraph.store.entries": "Asked Identity Kept",
        "crewgraph.store.journal": "FileJournal",
        "crewgraph.store.overview": "ClusterOverview Overview PipelineRuns overview_of",
        "crewgraph.store.removals": "ENDED Collected",
        "crewgraph.store.runs": "StoredRun pipeline_in run_in runs_in stored_runs",
        "crewgraph.store.source": "Source is_store opened_source",
    },
)
