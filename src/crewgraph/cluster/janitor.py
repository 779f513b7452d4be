"""The thread of a worker that says that it lives, and gives the runs of those that do not to others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from crewgraph.cluster.at_work import AtWork
from crewgraph.errors import StoreError
from crewgraph.store.postgres import connected, translated

__all__ = ["Janitor"]

_log = logging.getLogger("crewgraph.cluster")

BEAT = 1.0
"""Seconds between two signs of life."""
LOCK = 1668442733
"""Held by the one janitor that looks for the dead."""
# All times are those of the database: clocks of machines differ, and jump.
ALIVE = """INSERT INTO workers SELECT %s, %s, %s, clock_timestamp(), clock_timestamp()
           ON CONFLICT (id, pipeline) DO UPDATE SET beat = clock_timestamp(), version = excluded.version"""
DEAD = """SELECT DISTINCT executor_id FROM dbos.workflow_status s
          WHERE status = 'PENDING' AND name = 'crewgraph.run' AND NOT EXISTS (
            SELECT FROM workers w WHERE w.id = s.executor_id AND w.beat > clock_timestamp() - make_interval(secs => %s))"""
# A claim whose reply was lost belongs to us, and nobody walks it.
STRANDED = """SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND name = 'crewgraph.run'
              AND executor_id = %s AND updated_at < (extract(epoch FROM clock_timestamp()) - %s) * 1000"""
# What the engine gave up is told to whoever waits for it.
GIVEN_UP = """UPDATE runs SET status = 'failed', ended = extract(epoch FROM clock_timestamp()), error = CASE s.status
                WHEN 'ERROR' THEN 'the worker could not go on with it; its log says why'
                ELSE 'it was begun ' || s.recovery_attempts || ' times, and each time its worker died' END
              FROM tickets t JOIN dbos.workflow_status s ON s.workflow_uuid = t.workflow
              WHERE t.run = runs.run AND runs.status IN ('queued', 'running')
                AND s.status IN ('ERROR', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')"""
OLD = "DELETE FROM workers WHERE beat < clock_timestamp() - make_interval(secs => %s + 3600)"


class Janitor:
    """Says once a second that this worker lives, and looks after the runs of those that are dead.

    Args:
        address: of the database.
        name: of this worker.
        structures: of the pipelines it has, by name.
        dead_after: seconds without a sign of life after which a worker is taken for dead.
        at_work: the runs of this worker.
    """

    def __init__(
        self, address: str, name: str, structures: Mapping[str, str], dead_after: float, at_work: AtWork
    ) -> None:
        self._address = address
        self._name = name
        self._structures = structures
        self._dead_after = dead_after
        self._at_work = at_work
        self._stopped = threading.Event()
        self._connection: Any = None
        self._thread = threading.Thread(target=self._work, name="crewgraph janitor", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and tell the others that this worker is gone."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        if self._connection is not None:
            self._connection.close()
        try:
            with connected(self._address) as connection, translated(self._address):
                connection.execute("DELETE FROM workers WHERE id = %s", (self._name,))
        except StoreError as error:
            _log.warning("%s; others notice by themselves that this worker is gone", error)

    def beat(self) -> None:
        """Say that this worker lives.

        Raises:
            StoreError: the database cannot be used.
        """
        if self._connection is None or self._connection.closed:
            self._connection = connected(self._address)
        with translated(self._address):
            for pipeline, structure in self._structures.items():
                self._connection.execute(ALIVE, (self._name, pipeline, structure))

    def _work(self) -> None:
        while not self._stopped.wait(BEAT):
            try:
                self.beat()
                with translated(self._address):
                    self._at_work.look(self._connection)
                self._look()
            except StoreError as error:
                _log.warning("%s; trying again", error)
            except Exception:  # noqa: BLE001 - the thread must outlive whatever the engine says
                _log.exception("looking for dead workers failed; trying again")

    def _look(self) -> None:
        from dbos._dbos import DBOS, _get_dbos_instance  # pyright: ignore[reportPrivateUsage]

        with translated(self._address), self._connection.transaction():
            (is_ours,) = self._connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,)).fetchone()
            if is_ours:
                self._connection.execute(OLD, (self._dead_after,))
                self._connection.execute(GIVEN_UP)
                dead = [name for (name,) in self._connection.execute(DEAD, (self._dead_after,)).fetchall()]
                if dead:
                    handles = DBOS._recover_pending_workflows(dead)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                    _log.warning("%s runs of workers that are gone wait for others: %s", len(handles), ", ".join(dead))
            stranded = self._connection.execute(STRANDED, (self._name, max(self._dead_after, 5.0))).fetchall()
        if stranded:
            engine = _get_dbos_instance()
            active = set(engine._active_workflows_set.activeList())  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            for (workflow,) in stranded:
                if workflow not in active:
                    engine._sys_db.reenqueue_for_recovery(workflow, [self._name], "crewgraph")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
