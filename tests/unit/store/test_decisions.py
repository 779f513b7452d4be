"""Questions and decisions in a store: who waits, who decides, what is refused, and what a decision belongs to."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from crewgraph import Approval, Decision, Pipeline, step
from crewgraph.errors import KickoffError, StoreError
from crewgraph.store import decide, waiting
from crewgraph.store.lock import Lock


@step(inline=True)
def draft(i: int) -> dict[str, Any]:
    return {"draft": f"No. {i}", "price": i}


def asking(ask: str = "Send {draft}?", **options: Any) -> Pipeline:
    return Pipeline([draft, Approval("send", ask=ask, **options)], name="letters")


def parked(store: Path, pipeline: Pipeline, count: int = 1, **options: Any) -> Any:
    return pipeline.kickoff([{"i": i} for i in range(count)], store=store, id_column="i", **options)


def test_who_waits(store) -> None:
    """Every question, the oldest first, with what it is about; once decided it says so, and afterwards it is gone."""
    pipeline = asking(timeout=timedelta(days=3), edits={"price": int})
    parked(store, pipeline, 2)
    one, other = waiting(store)
    assert (one.pipeline, one.run, one.decision, one.is_late) == ("letters", "0", None, False)
    assert (one.question.ask, one.question.values) == ("Send No. 0?", {"draft": "No. 0", "price": 0})
    assert one.question.until == one.question.since + timedelta(days=3)
    assert one.question.since <= other.question.since
    said = decide(store, "1", "approved", comment="go", by="Ann", values={"price": 5})
    assert said.decision == Decision(decision="approved", comment="go", by="Ann", values={"price": 5})
    assert [each.decision for each in waiting(store)] == [None, said.decision]
    _, run = parked(store, pipeline, 2)
    assert run.to_dict() == {"send": "approved", "send_comment": "go", "send_by": "Ann", "price": 5}
    assert [each.run for each in waiting(store)] == ["0"]


def test_the_same_decision_again(store, rows) -> None:
    """It changes nothing; another one is refused, and so is each after it was taken."""
    parked(store, asking())
    decide(store, "0", "rejected", by="Ann")
    before = rows("SELECT * FROM decisions")
    decide(store, "0", "rejected", by="Ann")
    assert rows("SELECT * FROM decisions") == before
    for again in ({"decision": "approved"}, {"decision": "rejected", "by": "Bob"}):
        with pytest.raises(StoreError, match="'send' of run 0 was rejected by Ann already"):
            decide(store, "0", **again)
    parked(store, asking())
    with pytest.raises(StoreError, match="run 0 does not wait for anybody"):
        decide(store, "0", "rejected", by="Ann")


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        pytest.param("9", {}, "there is no run '9'. hint: `crewgraph waiting`", id="unknown"),
        pytest.param("", {}, "there is no run ''", id="nothing"),
        pytest.param("%", {}, "there is no run '%'", id="pattern"),
        pytest.param("'; DROP TABLE runs; --", {}, "there is no run", id="injection"),
        pytest.param(
            "1", {}, r"3 runs begin with '1': .* hint: write more of the id, or say which pipeline", id="many"
        ),
        pytest.param("10", {"key": "no"}, "there is no run '10' of 'no'", id="key"),
        pytest.param("10", {"node": "no"}, "run 10 does not wait at 'no', but at 'send'", id="node"),
        pytest.param("10", {"values": {"draft": "x"}}, "does not let 'draft' be changed, but 'price'", id="key"),
        pytest.param("10", {"values": {"price": "dear"}}, "'price' of 'send': 'dear' is no int", id="type"),
        pytest.param("10", {"values": {"price": None}}, "'price' of 'send': None is not allowed", id="nothing there"),
    ],
)
def test_what_cannot_be_decided(store, run: str, options: Any, message: str, rows) -> None:
    """It is refused with what would do, and nothing is written."""
    pipeline = asking(edits={"price": int})
    pipeline.kickoff([{"i": i} for i in (10, 11, 12)], store=store, id_column="i")
    with pytest.raises(StoreError, match=message):
        decide(store, run, "approved", **options)
    assert rows("SELECT * FROM decisions") == []


def test_what_has_edits_of_nothing(store) -> None:
    """It says that nothing may be changed, and how to change that."""
    parked(store, asking())
    with pytest.raises(StoreError, match=r"be changed, but nothing. hint: declare it: Approval\(…, edits="):
        decide(store, "0", "approved", values={"draft": "x"})
    with pytest.raises(ValueError, match="a decision is 'approved' or 'rejected', not 'expired'"):
        decide(store, "0", "expired")  # type: ignore[arg-type]


def test_several_that_wait_in_one_run(store) -> None:
    """The name of the approval says which."""
    pipeline = Pipeline([[Approval("one"), Approval("two")]])
    parked(store, pipeline)
    with pytest.raises(StoreError, match=r"run 0 waits at 'one', 'two'. hint: say which one: --node NAME"):
        decide(store, "0", "approved")
    assert decide(store, "0", "approved", node="two").question.node == "two"
    decide(store, "0", "rejected", node="one")


class Order(BaseModel):
    """Something that may be changed."""

    n: int


def test_changes_of_other_kinds(store) -> None:
    """They are given as they are or as JSON has them, and come out as their type says; what has no form is refused."""
    pipeline = Pipeline([Approval("ok", edits={"order": Order, "when": datetime})])
    given = {"order": Order(n=1), "when": datetime(2026, 1, 1, tzinfo=UTC)}
    pipeline.kickoff(given, store=store)
    (asked,) = waiting(store)
    assert asked.question.values == {"order": {"n": 1}, "when": "2026-01-01T00:00:00Z"}
    for values, message in (
        ({"order": object()}, "'order' cannot be written as JSON: Unable to serialize unknown type"),
        ({"order": {"n": float("nan")}}, "'order'.n is nan, which JSON does not know"),
        ({"order": {"n": "x"}}, "'order' of 'ok': in 'n': 'x' is no int"),
    ):
        with pytest.raises(StoreError, match=message):
            decide(store, asked.run, "approved", values=values)
    decide(store, asked.run, "approved", values={"order": {"n": 2}, "when": datetime(2027, 1, 1, tzinfo=UTC)})
    for _ in range(2):
        (run,) = pipeline.kickoff(given, store=store)
        assert run.json_dict["order"] == Order(n=2)
        assert run.json_dict["when"] == datetime(2027, 1, 1, tzinfo=UTC)


def test_one_id_in_two_pipelines(store) -> None:
    """The key says which."""
    for key in ("a", "b"):
        parked(store, asking(), key=key)
    with pytest.raises(StoreError, match="2 runs begin with '0': 0 of 'a', 0 of 'b'"):
        decide(store, "0", "approved")
    assert decide(store, "0", "approved", key="b").pipeline == "b"


def test_one_id_in_two_pipelines_of_which_one_asks(store) -> None:
    """Nobody else is meant, so nothing has to be said."""
    Pipeline([step(lambda i: {"n": i}, name="count")]).kickoff([{"i": 0}], store=store, id_column="i", key="a")
    parked(store, asking(), key="b")
    assert decide(store, "0", "approved").pipeline == "b"


def test_where_there_is_no_store(store) -> None:
    """Nothing is made there, and what is something else stays as it is."""
    for look in (lambda: waiting(store), lambda: decide(store, "0", "approved")):
        with pytest.raises(StoreError, match="there is no such file"):
            look()
    assert not store.exists()
    store.write_bytes(b"something else" * 20)
    with pytest.raises(StoreError, match="is no store of crewgraph"):
        decide(store, "0", "approved")
    assert store.read_bytes() == b"something else" * 20


def test_while_somebody_writes(store) -> None:
    """Deciding needs no lock, and waits for a transaction that is under way."""
    parked(store, asking())
    lock = Lock(store)
    try:
        decide(store, "0", "approved")
    finally:
        lock.release()
    assert waiting(store)[0].decision is not None


def test_two_who_decide_at_once(store, monkeypatch) -> None:
    """The second one is told, whatever it had read before."""
    parked(store, asking())
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("crewgraph.store.file.PATIENCE", 0.01)
        with pytest.raises(StoreError, match="cannot be used: database is locked"):
            decide(store, "0", "approved")
        other.execute("ROLLBACK")
    decide(store, "0", "rejected")
    with pytest.raises(StoreError, match="was rejected already"):
        decide(store, "0", "approved")


def test_another_question(store, caplog) -> None:
    """A decision is not taken where what leads to its question has changed; it is asked again, and that is said."""
    parked(store, asking())
    decide(store, "0", "approved")
    (run,) = parked(store, asking("Really send {draft}?"))
    assert (run.status, run.waiting[0].ask) == ("waiting", "Really send No. 0?")
    assert "node 'send' asks again: what leads to its question has changed since that was decided" in caplog.text
    (question,) = waiting(store)
    assert (question.question.ask, question.decision) == ("Really send No. 0?", None)
    decide(store, "0", "rejected")
    (run,) = parked(store, asking("Really send {draft}?"))
    assert run.to_dict()["send"] == "rejected"


def test_an_undecided_question_that_changed(store, caplog) -> None:
    """It is asked anew without a word, and the old one is asked no more."""
    parked(store, asking())
    parked(store, asking("Really send {draft}?"))
    assert [each.question.ask for each in waiting(store)] == ["Really send No. 0?"]
    assert "asks again" not in caplog.text


@pytest.mark.parametrize("is_over", [True, False])
def test_a_question_that_is_asked_no_more(store, is_over: bool) -> None:
    """It is taken back, where its approval has another name by now or is gone."""
    parked(store, asking())
    if is_over:
        parked(store, Pipeline([draft], name="letters"))
        assert waiting(store) == []
    else:
        parked(store, Pipeline([draft, Approval("release")], name="letters"))
        assert [each.question.node for each in waiting(store)] == ["release"]
    with pytest.raises(StoreError, match="does not wait"):
        decide(store, "0", "approved", node="send")
    parked(store, asking())
    assert [each.question.node for each in waiting(store)] == ["send"]


def test_the_same_question_keeps_its_time(store, rows) -> None:
    """It is asked once, however often its run is looked at, also where the timeout is another one by now."""
    parked(store, asking(timeout=1_000))
    before = rows("SELECT * FROM nodes")
    (run,) = parked(store, asking(timeout=2_000))
    assert rows("SELECT * FROM nodes") == before
    assert run.waiting[0].until - run.waiting[0].since == timedelta(seconds=1_000)


def late(store: Path, seconds: float) -> None:
    """Let the question have been asked so long ago."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute(
            """UPDATE nodes SET output = json_set(output, '$.since', ?, '$.until', ?), started = ?
               WHERE status = 'waiting'""",
            (time.time() - seconds - 10, time.time() - seconds, time.time() - seconds - 10),
        )


def test_what_has_expired(store, rows) -> None:
    """Nobody decides it any more, and the same kickoff again records it."""
    pipeline = asking(timeout=1_000)
    parked(store, pipeline)
    late(store, 60)
    assert waiting(store)[0].is_late
    with pytest.raises(
        StoreError, match=r"'send' of run 0 waited until .* and that has passed. hint: run the same line"
    ):
        decide(store, "0", "approved")
    (run,) = parked(store, pipeline)
    assert run.to_dict() == {"send": "expired", "send_comment": "", "send_by": ""}
    assert rows("SELECT status, attempt FROM nodes WHERE node = 'send'") == [("ok", 1)]


def test_a_clock_that_jumps(store, monkeypatch) -> None:
    """What has expired stays so where the clock goes back, and what was decided in time counts where it goes on."""
    pipeline = asking(timeout=1_000)
    parked(store, pipeline, 2)
    decide(store, "1", "approved")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 5_000)
    assert [run.to_dict()["send"] for run in parked(store, pipeline, 2)] == ["expired", "approved"]
    monkeypatch.setattr(time, "time", lambda: real() - 5_000)
    assert [run.to_dict()["send"] for run in parked(store, pipeline, 2)] == ["expired", "approved"]


def test_a_change_that_its_type_refuses_after_all(store) -> None:
    """The run fails with it, and then the question is asked again."""

    class Even:
        """A type that says less in JSON Schema than it checks."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            from pydantic_core import core_schema

            def check(value: int) -> int:
                if value % 2:
                    raise ValueError("it is odd")
                return value

            return core_schema.no_info_after_validator_function(check, core_schema.int_schema())

    pipeline = asking(edits={"price": Even})
    parked(store, pipeline)
    decide(store, "0", "approved", values={"price": 3})
    with pytest.raises(KickoffError, match="it is odd"):
        parked(store, pipeline)
    (run,) = parked(store, pipeline)
    assert run.status == "waiting"
    decide(store, "0", "approved", values={"price": 4})
    (run,) = parked(store, pipeline)
    assert run.to_dict()["price"] == 4


def test_values_of_all_kinds_are_shown(store) -> None:
    """What has no JSON form is shown as text."""
    odd = step(name="odd", inline=True)(lambda i: {"odd": object(), "text": "ä\x00\u2028"})
    Pipeline([odd, Approval("send", ask="{odd} {text}")]).kickoff({"i": 1}, store=store)
    (asked,) = waiting(store)
    assert asked.question.values["text"] == "ä\x00\u2028"
    assert asked.question.values["odd"].startswith("<object object")
