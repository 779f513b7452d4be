"""Results as data frames of pandas and polars: one row for each result, each node or each share of the usage.

``result.to_pandas()`` is the same for one kickoff; what stands here takes any results, such as those of a stream. The
libraries are imported when they are first needed, each in one place.
"""

from __future__ import annotations

from crewgraph.frames.made import to_pandas, to_polars
from crewgraph.frames.tables import records

__all__ = ["records", "to_pandas", "to_polars"]
