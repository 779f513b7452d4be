"""The thread of a worker that says that it lives, and gives to workers what waits: runs of the dead, and what was decided."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from crewgraph.cluster.at_work import AtWork
from crewgraph.cluster.parked import go_on
from crewgraph.errors import StoreError
from crewgraph.store.postgres import connected, translated

__all__ = ["COMPANY", "Janitor"]

_log = logging.getLogger("crewgraph.cluster")

BEAT = 1.0
"""Seconds between two signs of life."""
COMPANY = 2
"""How often a run whose workers die with it is begun beside all others; from then on such runs take turns."""
STRANDED_AFTER = 5.0
"""Seconds after which a run that was claimed must have begun."""
LOCK = 1668442733
"""Held by the one janitor that looks for the dead."""
# All times are those of the database: clocks of machines differ, and jump.
ALIVE = """INSERT INTO workers SELECT %s, %s, %s, clock_timestamp(), clock_timestamp(), %s
           ON CONFLICT (id, pipeline) DO UPDATE SET beat = clock_timestamp(), version = excluded.version"""
# Who asks lives, also where it stood still since it said so.
DEAD = """SELECT DISTINCT executor_id FROM dbos.workflow_status s
          WHERE status = 'PENDING' AND name = 'crewgraph.run' AND executor_id <> %s AND NOT EXISTS (
            SELECT FROM workers w WHERE w.id = s.executor_id AND w.beat > clock_timestamp() - make_interval(secs => %s))"""
# A claim whose reply was lost belongs to us, and nobody walks it.
STRANDED = """SELECT workflow_uuid FROM dbos.workflow_status WHERE status = 'PENDING' AND name = 'crewgraph.run'
              AND executor_id = %s AND updated_at < (extract(epoch FROM clock_timestamp()) - %s) * 1000"""
RETURNED = """UPDATE dbos.workflow_status SET status = 'ENQUEUED', owner_xid = NULL, started_at_epoch_ms = NULL,
                updated_at = extract(epoch FROM clock_timestamp()) * 1000, recovery_attempts = recovery_attempts - 1
              WHERE workflow_uuid = ANY(%s) AND executor_id = %s AND status = 'PENDING'"""
# What the engine gave up is told to whoever waits for it; locked in the order in which everybody locks runs.
GIVEN_UP = """WITH gone AS (
                SELECT runs.run, s.status, s.recovery_attempts FROM runs JOIN tickets USING (run)
                JOIN dbos.workflow_status s ON s.workflow_uuid = tickets.workflow
                WHERE runs.status IN ('queued', 'running') AND s.status IN ('ERROR', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                ORDER BY runs.run FOR UPDATE OF runs)
              UPDATE runs SET status = 'failed', ended = extract(epoch FROM clock_timestamp()), error = CASE gone.status
                WHEN 'ERROR' THEN 'the worker could not go on with it; its log says why'
                ELSE 'it was begun ' || gone.recovery_attempts - 1 || ' times, and each time its worker died' END
              FROM gone WHERE runs.run = gone.run"""
# A worker that is stopped does not die of the runs that it leaves to others.
LEFT = "UPDATE dbos.workflow_status SET recovery_attempts = recovery_attempts - 1 WHERE status = 'PENDING' AND executor_id = %s"
# Runs that wait for their turn have killed nobody.
SPARED = """UPDATE dbos.workflow_status s SET recovery_attempts = recovery_attempts - 1
            WHERE status = 'PENDING' AND executor_id = ANY(%s) AND recovery_attempts > %s
              AND NOT EXISTS (SELECT FROM turns t WHERE t.worker = executor_id AND t.workflow = workflow_uuid)"""
OLD = """WITH old AS (DELETE FROM workers WHERE beat < clock_timestamp() - make_interval(secs => %s + 3600) RETURNING id)
         DELETE FROM turns WHERE worker IN (SELECT id FROM old)"""


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
        self._then, self._beat = time.time(), time.perf_counter()
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
                try:
                    connection.execute(LEFT, (self._name,))
                finally:
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
                self._connection.execute(ALIVE, (self._name, pipeline, structure, self._dead_after))

            (self._then,) = self._connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            self._beat = time.perf_counter()

    def now(self) -> float:
        """What time it is by the clock of the database, whatever that of this machine says."""
        return self._then + time.perf_counter() - self._beat

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
                go_on(self._connection)
                silent = self._connection.execute(DEAD, (self._name, self._dead_after)).fetchall()
                dead = [name for (name,) in silent]
                if dead:
                    with connected(self._address) as other:
                        other.execute(SPARED, (dead, COMPANY))
                    handles = DBOS._recover_pending_workflows(dead)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                    _log.warning("%s runs of workers that are gone wait for others: %s", len(handles), ", ".join(dead))
            stranded = self._connection.execute(STRANDED, (self._name, STRANDED_AFTER)).fetchall()
        known = _begun(_get_dbos_instance()) if stranded else None
        if known is not None:
            lost = [workflow for (workflow,) in stranded if workflow not in known]
            with translated(self._address):
                self._connection.execute(RETURNED, (lost, self._name))


def _begun(engine: Any) -> set[str] | None:
    """The runs that the engine of this process has begun; ``None`` while it is about to begin some, however busy it is."""
    if _is_handing_out():
        return None
    loop = engine._background_event_loop._loop  # noqa: SLF001
    try:  # what was handed to the loop before has begun when it comes to this
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(timeout=BEAT)
    except TimeoutError:
        return None
    return set(engine._active_workflows_set.activeList())  # noqa: SLF001


def _is_handing_out() -> bool:
    """Whether a thread of the engine has claimed runs and not begun all of them; it waits for the event loop at each."""
    queues = {thread.ident for thread in threading.enumerate() if thread.name.startswith("queue-worker-")}
    for thread, top in sys._current_frames().items():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        frame: FrameType | None = top if thread in queues else None
        while frame is not None:
            if frame.f_code.co_name == "start_dequeued_workflows":
                return True
            frame = frame.f_back
    return False
