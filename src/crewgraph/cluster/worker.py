"""A worker: takes runs from the database and walks them through their pipelines, on this machine."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from crewgraph.cluster.at_work import AtWork
from crewgraph.cluster.book import Book, Known, Overtaken
from crewgraph.cluster.committer import Committer
from crewgraph.cluster.janitor import COMPANY, Janitor
from crewgraph.cluster.limiter import Limiter
from crewgraph.cluster.names import APPLICATION, WORKFLOW, queue_of, structure_of
from crewgraph.cluster.reader import Reader
from crewgraph.cluster.requeue import describe
from crewgraph.compiler import compile_pipeline
from crewgraph.compiler.plan import Plan
from crewgraph.definition import digest
from crewgraph.engine.inputs import rows
from crewgraph.engine.local import LocalEngine
from crewgraph.engine.port import Job
from crewgraph.engine.run import Run
from crewgraph.errors import StoreError
from crewgraph.errors.root import in_words
from crewgraph.outputs import RunStatus
from crewgraph.policy import UNDECLARED
from crewgraph.scope import current
from crewgraph.store import postgres
from crewgraph.store.definitions import described
from crewgraph.store.postgres import connected, keepalive, shown_address, translated
from crewgraph.store.versions import own_definitions, version_of
from crewgraph.syntax import Pipeline

__all__ = ["Worker", "executor_name"]

_log = logging.getLogger("crewgraph.cluster")

POLL = 0.2
"""Seconds between two looks at a queue that was empty."""
THREADS = 32
"""Of DBOS, which would make one for each run."""
ATTEMPTS = 4
"""How often a run is begun anew whose workers die with it before a node of it has ended."""
UNDER_WAY = ("queued", "running")
"""How a run stands that is to be walked. One that has ended or waits comes once more where its worker died before the engine
was told: walked again it would run what had failed, or go on behind a decision and could not say so, for an end stays."""
OVERTAKEN = 3
"""How often a run is walked anew because another worker had written a node of it."""


def executor_name() -> str:
    """The name of this process, which no other has or had."""
    try:
        with open("/proc/self/stat", encoding="ascii") as file:  # noqa: PTH123 - no path of the user's
            began = file.read().rpartition(")")[2].split()[19]
    except OSError:
        began = str(threading.get_native_id())
    return f"{socket.gethostname()}-{os.getpid()}-{began}"


@dataclass(frozen=True, slots=True)
class Served:
    """A pipeline that a worker has."""

    pipeline: Pipeline
    plan: Plan
    own: list[str]
    definition: str
    structure: str

    @classmethod
    def of(cls, pipeline: Pipeline) -> Served:
        """What a worker knows of a pipeline.

        Raises:
            PipelineInvalid: it is.
        """
        plan = compile_pipeline(pipeline)
        own = own_definitions(plan, pipeline.input_model)
        version = version_of(plan, own)
        return cls(pipeline, plan, own, digest([version.own, version.whole]), structure_of(plan))


@dataclass(slots=True)
class Worker:
    """A worker; there is one in a process.

    Attributes:
        address: of the database.
        pipelines: by name, what it has.
        concurrency: how many runs of each pipeline it has at work at once.
        dead_after: seconds without a sign of life after which another worker's runs are taken over.
        name: of this worker, which no other has.
        poll: seconds between two looks at a queue that was empty.
    """

    address: str = field(repr=False)  # there is a password in it
    pipelines: Mapping[str, Pipeline]
    concurrency: int = 100
    dead_after: float = 30.0
    name: str = field(default_factory=executor_name)
    poll: float = POLL
    served: dict[str, Served] = field(default_factory=dict[str, Served])
    committer: Committer | None = None
    reader: Reader | None = None
    janitor: Janitor | None = None
    limiter: Limiter | None = None
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    at_work: AtWork = field(default_factory=AtWork)
    here: ClassVar[Worker | None] = None
    """The one that was started in this process last, and not stopped."""

    def start(self) -> None:
        """Begin to take runs.

        Raises:
            StoreError: the database cannot be used.
        """
        _check_alone(self.address)
        self.served = {name: Served.of(pipeline) for name, pipeline in self.pipelines.items()}
        self.janitor = Janitor(
            self.address, self.name, {name: each.structure for name, each in self.served.items()}, self.dead_after,
            self.at_work,
        )  # fmt: skip
        self.janitor.beat()
        with connected(self.address) as connection, translated(self.address):
            for each in self.served.values():  # so that its runs can be looked at, and put back, where its code is not
                describe(connection, each.definition, described(each.plan, each.own), each.structure)
        self.committer, self.reader = Committer(self.address, self.name), Reader(self.address)
        self.limiter = Limiter(self.address, self.name, self.dead_after)
        self.limiter.start()
        try:
            self._register()
            self._launch()
        except Exception as error:  # noqa: BLE001 - whatever the engine says, and it may quote the address
            self.stop(0)
            hint = "run `crewgraph migrate --store …` once for each release"
            told = f"no worker can start: {type(getattr(error, 'orig', error)).__name__}"
            raise StoreError(shown_address(self.address), told, hint=hint) from None
        self.janitor.start()

    def _register(self) -> None:
        """Make the queues before anybody listens: the engine looks for new ones once a second only."""
        from dbos import DBOSClient

        client = DBOSClient(system_database_url=self.address, application_name=APPLICATION)
        try:
            for name, each in self.served.items():
                client.register_queue(
                    queue_of(name, each.structure), worker_concurrency=self.concurrency, polling_interval_sec=self.poll,
                    on_conflict="always_update",
                )  # fmt: skip
        finally:
            client.destroy()

    def _launch(self) -> None:
        from dbos import DBOS, DBOSConfig
        from dbos._dbos import _get_or_create_dbos_registry  # pyright: ignore[reportPrivateUsage]
        from dbos._serialization import DBOSPortableJSON

        config: DBOSConfig = {
            "name": APPLICATION, "system_database_url": self.address, "application_version": APPLICATION,
            "executor_id": self.name, "run_migrations": False, "max_executor_threads": THREADS,
            "serializer": DBOSPortableJSON, "log_level": "WARNING", "sys_db_pool_size": 10,
            "db_engine_kwargs": {"connect_args": {"application_name": APPLICATION, **keepalive(self.address)}},
            "sys_db_idle_transaction_timeout_sec": postgres.IDLE,  # else runs of a machine that vanished stay locked
        }  # fmt: skip
        DBOS(config=config)
        Worker.here = self
        if WORKFLOW not in _get_or_create_dbos_registry().workflow_info_map:  # else by a worker before this one
            DBOS.workflow(name=WORKFLOW, max_recovery_attempts=ATTEMPTS)(_run)
        DBOS.listen_queues([queue_of(name, each.structure) for name, each in self.served.items()])
        DBOS.launch()

    def stop(self, grace: float = 30.0) -> None:
        """Take no more runs, wait for those at work, and leave the rest to others."""
        from dbos import DBOS

        DBOS.destroy(workflow_completion_timeout_sec=round(grace))
        Worker.here = None
        assert self.committer is not None, "it was started"
        assert self.reader is not None, "it was started"
        assert self.janitor is not None, "it was started"
        assert self.limiter is not None, "it was started"
        self.committer.close()
        self.reader.close()
        self.limiter.stop()
        self.janitor.stop()

    # ---- one run -----------------------------------------------------------------------------------------------

    async def walk(self, number: int, served: Served) -> dict[str, Any]:
        """Walk a run through its pipeline, from where it was."""
        assert self.reader is not None, "it was started"
        known, workflow = await self.reader.known(number)
        if known.attempts <= COMPANY:
            return await self._walk(known, workflow, served)
        async with self.turns:
            await self.reader.turn(self.name, workflow)
            return await self._walk(*await self.reader.known(number), served)

    async def _walk(self, known: Known, workflow: str, served: Served) -> dict[str, Any]:
        from dbos import DBOS

        number = known.run
        assert self.reader is not None, "it was started"
        for _ in range(OVERTAKEN):
            if workflow != DBOS.workflow_id:
                return {"run": number, "status": "superseded"}
            if known.status not in UNDER_WAY:
                return {"run": number, "status": known.status}
            # Numbers of steps are drawn in the order of the plan before anything runs: branches may end in any order.
            slots = {node.name: DBOS.reserve_step() for node in served.plan.nodes}
            steps = {name: _step(slot) for name, slot in slots.items()}
            assert self.committer is not None, "it was started"
            assert self.janitor is not None, "it was started"
            book = Book(
                shown_address(self.address), known, workflow, served.plan, served.own, served.definition,
                self.committer, steps, self.janitor.now,
            )  # fmt: skip
            try:
                status = await self._walked(book, served)
            except Overtaken as error:
                _log.warning("run %s: %s; it is read and walked again", known.identity.id, error)
                known, workflow = await self.reader.known(number)
                continue
            except StoreError:
                if book.stop is not None:
                    raise book.stop from None
                raise
            return {"run": number, "status": status}
        told = "other workers write it at the same time"
        raise StoreError(shown_address(self.address), f"run {number} is given up: {told}")

    async def _walked(self, book: Book, served: Served) -> str:
        ended = list[Run]()

        async def deliver(run: Run) -> None:
            ended.append(run)

        pipeline, known, outer = served.pipeline, book.known, current()
        scope = replace(outer, policy=UNDECLARED.over(pipeline.policy).over(outer.policy), shared=self.limiter)
        job = Job(self.concurrency, False, None, deliver, scope=scope, journal=book)
        (row,) = rows([json.loads(known.identity.text)], served.plan)
        row_here = replace(row, index=known.place, identity=known.identity)
        try:
            with self.at_work.walking(known.run, book.workflow) as walking:
                await LocalEngine().execute(served.plan, [row_here], job)
        except (
            KeyboardInterrupt,
            SystemExit,
        ) as error:  # of a node: it is no reason to end the worker and its other runs
            book.ends.clear()
            book.refuse(f"a node ended the process: {in_words(error)}")
            await book.end()
            return str(RunStatus.FAILED)
        if walking.cancelled_caught:  # it is no longer ours; what its nodes had spent is noted
            await book.end()
            return str(RunStatus.CANCELLED)
        if row.error is not None:  # such an input is known here, and not to whoever submitted it
            book.refuse(str(row.error))
        await book.end()
        for line in book.told:
            _log.warning("run %s: %s", known.identity.id, line)
        return str(ended[0].status)


def _check_alone(address: str) -> None:
    """Refuse a second engine: there is one in a process, and it belongs to whoever made it.

    Raises:
        StoreError: there is one.
    """
    from dbos import _dbos  # pyright: ignore[reportPrivateUsage]

    if _dbos._dbos_global_instance is not None:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        owner = "another worker of crewgraph" if Worker.here is not None else "this program"
        told = f"no worker can start here: there is one DBOS in a process, and {owner} has it"
        raise StoreError(
            shown_address(address), told, hint="run `crewgraph worker …` beside it, in a process of its own"
        )


async def _run(run: int, pipeline: str) -> dict[str, Any]:
    """The one workflow: a run of a pipeline, walked by the worker of this process."""
    worker = Worker.here
    assert worker is not None, "the engine runs nothing before it is there"
    return await worker.walk(run, worker.served[pipeline])


def _step(slot: Any) -> Callable[..., Any]:
    async def run(node: str, body: Callable[[], Any]) -> Any:
        return await slot.run_async({"name": node}, body)

    return run
