"""The verbs of going on with runs that are in a store, which every pipeline has; their work is done in a higher room."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from crewgraph import outputs
from crewgraph.options import Fork, Options, StoredRuns
from crewgraph.runtime import verb

__all__ = ["Resumable"]


class Resumable:
    """Something whose runs a store may hold."""

    __slots__ = ()

    def resume(self, *, runs: Iterable[str] | str | None = None, **options: Unpack[Options]) -> Any:
        """Go on with runs that have not ended: killed, cancelled, stopped by a budget, or waiting for a decision made by now.

        Their inputs are read from the store. As :meth:`kickoff` it runs now, or returns an awaitable where an event loop
        runs already.

        Args:
            runs: their ids, or beginnings of them; all where it is not given.
            **options: those of a kickoff, ``store`` among them.

        Returns:
            A :class:`PipelineKickoffResult` with these runs only.

        Raises:
            StoreError: there is no store, or no such run, or one that has ended; nothing has run.
            KickoffError: as for a kickoff.
        """
        return verb("kickoff")(self, _stored("unfinished", runs), label="pipeline.resume(…)", **options)

    async def resume_async(
        self, *, runs: Iterable[str] | str | None = None, **options: Unpack[Options]
    ) -> outputs.PipelineKickoffResult:
        """As :meth:`resume`, always to be awaited."""
        result: outputs.PipelineKickoffResult = await verb("kickoff_async")(
            self, _stored("unfinished", runs), **options
        )
        return result

    def retry(self, *, runs: Iterable[str] | str | None = None, **options: Unpack[Options]) -> Any:
        """Try runs that failed once more: what failed runs again, and everything that is kept is read.

        Args:
            runs: their ids, or beginnings of them; all that failed where it is not given.
            **options: those of a kickoff, ``store`` among them.

        Returns:
            A :class:`PipelineKickoffResult` with these runs only, or an awaitable as for :meth:`resume`.

        Raises:
            StoreError: there is no store, or no such run, or one that did not fail; nothing has run.
            KickoffError: as for a kickoff.
        """
        return verb("kickoff")(self, _stored("failed", runs), label="pipeline.retry(…)", **options)

    async def retry_async(
        self, *, runs: Iterable[str] | str | None = None, **options: Unpack[Options]
    ) -> outputs.PipelineKickoffResult:
        """As :meth:`retry`, always to be awaited."""
        result: outputs.PipelineKickoffResult = await verb("kickoff_async")(self, _stored("failed", runs), **options)
        return result

    def fork(
        self,
        run: str,
        *,
        at: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - what the store calls it
        **options: Unpack[Options],
    ) -> Any:
        """Make a new run of one that a store holds, with other inputs or after an edit; the old one stays as it is.

        Args:
            run: the id of the old run, or a beginning of it.
            at: the node from which on everything runs anew. What lies above it keeps what it gave, whatever has changed;
                without it everything is read that fits.
            inputs: values that are others in the new run.
            id: of the new run; else that of the old one with ``~1``, ``~2`` … behind it.
            **options: those of a kickoff, ``store`` among them.

        Returns:
            A :class:`PipelineKickoffResult` with the new run, or an awaitable as for :meth:`resume`.

        Raises:
            StoreError: there is no store, no such run, no such node, or the run did not come to it; nothing has run.
            KickoffError: as for a kickoff.
        """
        return verb("kickoff")(self, _fork(run, at, inputs, id), label="pipeline.fork(…)", **options)

    async def fork_async(
        self,
        run: str,
        *,
        at: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - what the store calls it
        **options: Unpack[Options],
    ) -> outputs.PipelineKickoffResult:
        """As :meth:`fork`, always to be awaited."""
        result: outputs.PipelineKickoffResult = await verb("kickoff_async")(self, _fork(run, at, inputs, id), **options)
        return result


def _stored(which: Any, runs: Iterable[str] | str | None) -> StoredRuns:
    names = [runs] if isinstance(runs, str) else runs
    return StoredRuns(which, None if names is None else tuple(names))


def _fork(run: str, at: str | None, inputs: Mapping[str, Any] | None, own: str | None) -> Fork:
    return Fork(run, at, {} if inputs is None else inputs, own)
