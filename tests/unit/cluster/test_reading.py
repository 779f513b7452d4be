"""Whatever reads a store reads a database as it reads a file, and tells who is there to execute what waits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from crewgraph import Pipeline, step
from crewgraph.cli import cli
from crewgraph.errors import KickoffError
from crewgraph.report import Report, opened_runs, stored_results
from crewgraph.report.stored import Follower
from crewgraph.store import ClusterOverview, opened_source, overview_of, pipeline_in, run_in, stored_runs
from crewgraph.store.postgres import shown_address
from tests.again_app import Verdict, broken, fetch, found, submitted, tickets
from tests.postgres import changed

pytestmark = pytest.mark.filterwarnings("ignore")


class Stores(NamedTuple):
    """Two stores that hold the same."""

    file: str
    database: str


@pytest.fixture(scope="module")
def stores(database: str, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """In both a run that ended well, one that failed, one that was cancelled, and one that has begun."""
    made = Stores(str(tmp_path_factory.mktemp("store") / "runs.sqlite"), database)
    broken.clear()
    broken.add(2)
    for where in made:
        inputs = [{"ticket": f"A-{n}", "n": n} for n in range(1, 5)]
        with pytest.raises(KickoffError):
            tickets.kickoff(inputs, store=where, id_column="ticket", max_concurrency=1)
        tickets.fork("A-1", at="judge", inputs={"n": 9}, store=where)
        changed(
            where,
            "DELETE FROM nodes WHERE node = 'judge' AND run IN (SELECT run FROM runs WHERE id IN ('A-3', 'A-4'))",
            "UPDATE runs SET status = 'cancelled' WHERE id = 'A-3'",
            "UPDATE runs SET status = 'running', ended = NULL WHERE id = 'A-4'",
            *(f"UPDATE runs SET began = {n}, ended = ended - began + {n} WHERE id = 'A-{n}'" for n in range(1, 5)),
            "UPDATE runs SET began = 5, ended = ended - began + 5 WHERE id = 'A-1~1'",
        )
    return made


def without_times(text: str, *names: str) -> list[str]:
    """Lines without what differs each time: dates, times, addresses."""
    for name in names:
        text = text.replace(name, "STORE")
    text = re.sub(r"\d+(?:\.\d+)?(?: ?(?:ms|s)\b|e-\d+)?", "#", text)
    return [" ".join(line.replace("under way", "not finished").split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    "words",
    [
        "status STORE --runs",
        "status STORE --runs --status failed --status cancelled",
        "show A-1 --store STORE",
        "show A-2 --store STORE",
        "show A-3 --store STORE",
        "show A-4 --store STORE",
        "show A-1~1 --store STORE --json",
        "trace STORE A-2",
        "trace STORE",
        "report STORE -o OUT.html --picture OUT.svg --chrome-trace OUT.json",
        "waiting STORE",
        "resume tests.again_app:tickets --store STORE --dry-run",
        "retry tests.again_app:tickets --store STORE --dry-run",
        "show A-9 --store STORE",
        "show A --store STORE",
        "trace STORE --key nobody",
    ],
)
def test_commands_tell_the_same(stores: Stores, words: str, tmp_path: Path) -> None:
    """Of a database as of a file; a run that has not ended is under way where a worker is there."""
    told = list[Any]()
    for where in stores:
        said = [each.replace("STORE", where).replace("OUT", str(tmp_path / "out")) for each in words.split()]
        done = CliRunner().invoke(cli, said)
        lines = without_times(done.output, where, shown_address(where))
        if words == "trace STORE":  # one of them waits for nobody, and is told as it stands
            lines = [line for line in lines if "A-#" in line and '"status": "cancelled"' not in line]
        told.append((done.exit_code, lines))
    assert told[0] == told[1]


def _opened(where: str) -> object:
    with opened_source(where) as source:
        return pipeline_in(source), run_in(source, "A-2").status


@pytest.mark.parametrize(
    "read",
    [
        lambda where: [(run.id, run.status, run.error, run.place, dict(run.inputs)) for run in stored_runs(where)],
        lambda where: [(run.run_id, run.to_dict(), run.usage) for run in stored_results(where, tickets)],
        lambda where: [(run.run_id, run.to_dict(), str(run.error)) for run in stored_results(where, status="failed")],
        lambda where: overview_of(where).pipelines,
        _opened,
    ],
    ids=["runs", "results", "failed results", "overview", "source"],
)
def test_functions_give_the_same(stores: Stores, read: Callable[[str], Any]) -> None:
    """With types where the pipeline is there."""
    assert read(stores.file) == read(stores.database)


def test_a_live_page_follows_a_database(stores: Stores) -> None:
    """What has ended is told once, and what is under way where a worker is there."""
    with opened_runs(stores.database) as runs:
        follower, report = Follower(stores.database), Report(runs.graph)
    with report:
        found = follower.graph()
        assert found is not None
        assert (found[1], follower.news(report)) == (5, 5)
        assert [record.run_id for _, record in follower.under_way(10)] == ["A-4"]


def test_a_run_of_another_definition_is_read_with_its_types(stores: Stores) -> None:
    """The worker has another prompt than whoever submits: what it gave is there, with types, and says what it is."""

    @step(name="judge")
    async def otherwise(fetched: int, n: int) -> Verdict:
        raise AssertionError("the worker has another one")

    (run,) = Pipeline([fetch, otherwise], name="tickets").kickoff({"n": 11}, store=stores.database)
    assert (run.to_dict()["day"], {span.source for span in run.spans}) == (date(2026, 1, 11), {"store"})


def test_what_a_router_came_up_with_is_read(stores: Stores) -> None:
    """The way is that of a kickoff in this process; what it gave has the types that JSON has."""
    (there,), (here,) = found.kickoff({"n": 5}, store=stores.database), found.kickoff({"n": 5}, store=None)
    assert (there.trace, [span.status for span in there.spans]) == (here.trace, [span.status for span in here.spans])
    assert (there.to_dict()["day"], here.to_dict()["day"]) == ("2026-01-05", date(2026, 1, 5))


def test_what_cannot_be_sent_fails_its_run(stores: Stores) -> None:
    """A result must not look whole where JSON does not hold what a node gave."""
    with pytest.raises(KickoffError, match="what node 'lose' gave could not be sent here: 'kept' is a object"):
        found.kickoff({"n": 12}, store=stores.database)


def test_status_tells_who_is_there(stores: Stores) -> None:
    """Workers, what they take, and how much they have at work; also as JSON."""
    told = CliRunner().invoke(cli, ["status", stores.database]).output
    assert re.search(
        r"^1 worker there\n  \S+  clustered \w{12}, found \w{12}, tickets \w{12}, since .*, 0 runs at work$",
        told,
        re.MULTILINE,
    )
    told = json.loads(CliRunner().invoke(cli, ["status", stores.database, "--json"]).output)
    (worker,) = told["workers"]
    assert (sorted(worker["pipelines"]), worker["is_alive"], told["queues"]) == (
        ["clustered", "found", "tickets"],
        True,
        [],
    )


def test_status_tells_what_nobody_takes(store: str) -> None:
    """Runs that wait for a version that no worker has, and workers that are silent for longer than they said."""
    assert CliRunner().invoke(cli, ["status", store]).output.splitlines() == [
        "there are no runs in it yet", "no worker is there",
    ]  # fmt: skip
    submitted(store, 2)
    changed(
        store,
        """INSERT INTO workers VALUES ('gone', 'clustered', 'v1', now() - interval '2 h', now() - interval '31 s', 30),
           ('slow', 'clustered', 'v2', now() - interval '2 h', now() - interval '31 s', 60)""",
    )
    lines = CliRunner().invoke(cli, ["status", store]).output.splitlines()
    assert lines[:2] == ["clustered  2 runs: 2 waiting for a worker", "1 worker there"]
    assert lines[2].startswith("  gone  clustered v1, silent for 31 s, 0 runs at work")
    assert lines[3].startswith("  slow  clustered v2, since 2 h 0 min, 0 runs at work")
    assert re.fullmatch(r"no worker takes the 2 runs of clustered \w{12} that wait", lines[4])
    overview = overview_of(store)
    assert isinstance(overview, ClusterOverview)
    assert [(queue.pipeline, queue.runs, queue.workers) for queue in overview.queues] == [("clustered", 2, 0)]
