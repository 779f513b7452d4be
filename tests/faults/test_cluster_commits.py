"""Replies to commits get lost on their way: what was written is there, and nobody was told."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cluster_app import pipeline
from tests.faults.cluster import Crew, numbered, told, undisturbed
from tests.faults.proxy import COMMIT, Proxy, proxied

pytestmark = pytest.mark.filterwarnings("ignore")
KINDS = {
    "node": b"INSERT INTO nodes", "end of a run": b"UPDATE runs SET status", "claim": b"owner_xid=",
    "step": b"INSERT INTO dbos.operation_outputs", "outcome": b"SUCCESS", "heartbeat": b"INSERT INTO workers",
}  # fmt: skip


@pytest.fixture
def proxy(crew: Crew) -> Iterator[Proxy]:
    """Between the workers and the database; whoever submits is not behind it."""
    with proxied(crew.store) as made:
        crew.said["store"] = made.url
        yield made


def test_a_lost_reply_to_each_kind_of_commit(crew: Crew, proxy: Proxy) -> None:
    """Three commits of each kind get no reply: no run is lost, and no node runs twice."""
    lost = Counter[str]()

    def loses(said: bytes) -> bool:
        kinds = [kind for kind, words in KINDS.items() if words in said and lost[kind] < 3]
        lost.update(kinds[:1])
        return bool(kinds)

    crew.hire()
    proxy.loses = loses
    assert told(pipeline.kickoff(numbered(30), store=crew.store)) == undisturbed(30)
    assert set(crew.ran().values()) == {1}
    assert lost == dict.fromkeys(KINDS, 3)


def test_many_lost_replies(crew: Crew, proxy: Proxy) -> None:
    """A tenth of all commits of two workers get no reply, whatever they are about: all runs end as ever."""
    dice = random.Random(3)
    crew.hire()
    crew.hire()
    proxy.loses = lambda said: COMMIT in said and len(proxy.lost) < 25 and dice.random() < 0.1
    assert told(pipeline.kickoff(numbered(100), store=crew.store)) == undisturbed(100)
    assert len(proxy.lost) == 25


def test_a_lost_reply_to_a_submission(crew: Crew, proxy: Proxy) -> None:
    """Whoever submits tries again, and nothing is submitted twice."""
    crew.hire(store=crew.store)
    proxy.loses = lambda said: b"crewgraph.tickets" in said and not proxy.lost
    assert told(pipeline.kickoff(numbered(20), store=proxy.url)) == undisturbed(20)
    assert len(proxy.lost) == 1
    assert crew.asked("SELECT count(*), count(DISTINCT workflow_uuid) FROM dbos.workflow_status") == [(20, 20)]
    assert set(crew.ran().values()) == {1}
