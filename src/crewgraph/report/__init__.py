"""The report of a kickoff: one page that opens offline, with graph, timeline, trace and cost; and the trace behind it.

Nothing here runs anything: a report is folded from results, or from the file of a trace, one run after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crewgraph.lazy import lazily

if TYPE_CHECKING:
    from crewgraph.engine.replayed import stored_results
    from crewgraph.report.book import Report, chrome_trace_of, report_of
    from crewgraph.report.chrome import ChromeTrace
    from crewgraph.report.compact import label_of
    from crewgraph.report.fold import Fold
    from crewgraph.report.lines import counts, encoded_line, plain
    from crewgraph.report.record import Record, record_of, trace_line
    from crewgraph.report.stored import Follower, opened_runs, stored_record
    from crewgraph.report.trace_file import Trace, TraceFile, opened_trace

__all__ = [
    "ChromeTrace",
    "Fold",
    "Follower",
    "Record",
    "Report",
    "Trace",
    "TraceFile",
    "chrome_trace_of",
    "counts",
    "encoded_line",
    "label_of",
    "opened_runs",
    "opened_trace",
    "plain",
    "record_of",
    "report_of",
    "stored_record",
    "stored_results",
    "trace_line",
]

lazily(
    __name__,
    {
        "crewgraph.engine.replayed": "stored_results",
        "crewgraph.report.book": "Report chrome_trace_of report_of",
        "crewgraph.report.chrome": "ChromeTrace",
        "crewgraph.report.compact": "label_of",
        "crewgraph.report.fold": "Fold",
        "crewgraph.report.lines": "counts encoded_line plain",
        "crewgraph.report.record": "Record record_of trace_line",
        "crewgraph.report.stored": "Follower opened_runs stored_record",
        "crewgraph.report.trace_file": "Trace TraceFile opened_trace",
    },
)
