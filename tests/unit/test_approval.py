"""An approval by itself: what it refuses, what it says of itself, and what it gives."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from crewgraph import Approval, Decision, Pipeline, Procedure, Waiting, step
from crewgraph.approval import Decided
from crewgraph.document.keys import told
from crewgraph.errors import (
    CallbackFailed,
    HumanInputUnavailable,
    KickoffError,
    NotApproved,
    TemplateError,
    ValueMisfit,
)
from crewgraph.handoff import Handoff
from crewgraph.node import interface_of
from crewgraph.outputs import CrewOutput
from crewgraph.store import decide, waiting
from crewgraph.testing import decided_by

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Unwritable:
    """A type without a JSON Schema."""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"name": 3}, TypeError, "the name of an approval is a text, not 3", id="name"),
        pytest.param({"name": "?!"}, ValueError, "'\\?!' has no letter", id="no letter"),
        pytest.param({"ask": b"x"}, TypeError, "the ask of an approval is a text", id="ask"),
        pytest.param({"timeout": 0}, ValueError, "leave it out to wait for ever", id="no time"),
        pytest.param({"timeout": -1.5}, ValueError, "not -1.5", id="less than no time"),
        pytest.param({"timeout": True}, ValueError, "not True", id="truth"),
        pytest.param({"timeout": float("nan")}, ValueError, "not nan", id="nan"),
        pytest.param({"timeout": "3 days"}, ValueError, "not '3 days'", id="words"),
        pytest.param({"timeout": 1e300}, ValueError, "at most 100 years", id="too long"),
        pytest.param({"timeout": timedelta.max}, ValueError, "at most 100 years", id="the longest"),
        pytest.param({"edits": ["draft"]}, TypeError, r"as in \{'draft': str\}", id="edits"),
        pytest.param({"edits": {"ok_by": str}}, ValueError, "gives ok_by itself", id="own key"),
        pytest.param({"decide": "yes"}, TypeError, "decide is a function", id="decide"),
    ],
)
def test_what_is_no_approval(options: dict[str, Any], error: type[Exception], message: str) -> None:
    """It is refused when it is made, with what it has to be."""
    with pytest.raises(error, match=message):
        Approval(**{"name": "ok", **options})


@pytest.mark.parametrize(
    ("options", "error"),
    [({"decision": "maybe"}, ValueError), ({"decision": "approved", "by": 3}, TypeError)],
)
def test_what_is_no_decision(options: Any, error: type[Exception]) -> None:
    """It is refused when it is made."""
    with pytest.raises(error):
        Decision(**options)


@pytest.mark.parametrize(
    ("timeout", "kind", "summary"),
    [
        pytest.param(None, Literal["approved", "rejected"], "waits for ever", id="for ever"),
        pytest.param(timedelta(days=3, hours=2), Decided, "waits up to 3 d 2 h", id="days"),
        pytest.param(90, Decided, "waits up to 1 min 30 s", id="seconds"),
        pytest.param(0.25, Decided, "waits up to 0.25 s", id="a moment"),
    ],
)
def test_interface(timeout: Any, kind: Any, summary: str) -> None:
    """It says what it reads and gives, and that it expires only if it does."""
    face = interface_of(Approval("Send it", ask="{a}? {a} {b}", timeout=timeout, edits={"c": int}))
    assert [need.key for need in face.needs] == ["a", "b", "c"]
    assert face.gives == {"send_it": kind, "send_it_comment": str, "send_it_by": str, "c": int}
    assert (face.kind, face.summary, face.rows) == ("approval", summary, (("c", "may be changed"),))


def test_a_longer_timeout_is_no_other_question() -> None:
    """Everything else is."""
    asked = Approval("ok", ask="{a}?", timeout=1, edits={"c": int}).definition()
    assert asked == Approval("ok", ask="{a}?", timeout=2, edits={"c": int}).definition()
    others = [
        Approval("ok", ask="{b}?", timeout=1, edits={"c": int}),
        Approval("ok", ask="{a}?", edits={"c": int}),
        Approval("ok", ask="{a}?", timeout=1, edits={"c": str}),
    ]
    assert all(other.definition() != asked for other in others)


@pytest.mark.parametrize("name", ["send", "send?"])
def test_without_words_its_name_is_asked(name: str) -> None:
    """With one question mark."""
    assert Approval(name).ask == "send?"


def test_question() -> None:
    """It is filled in, and knows what may be changed, also where a type has no JSON Schema."""
    approval = Approval("ok", ask="{a}?", timeout=timedelta(days=1), edits={"b": int, "c": Unwritable, "d": "Nowhere"})
    question = approval.question(Handoff({"a": [1], "b": 2, "c": 3, "d": 4}), since=NOW)
    assert question == Waiting(
        node="ok",
        ask="[1]?",
        since=NOW,
        until=NOW + timedelta(days=1),
        values={"a": [1], "b": 2, "c": 3, "d": 4},
        edits={"b": {"type": "integer"}, "c": True, "d": True},
    )
    with pytest.raises(TemplateError, match=r"no value for \{b\} in approval 'ok'"):
        approval.question(Handoff({"a": 1}), since=NOW)
    assert Approval("ok").question(Handoff(), since=NOW).ask == "ok?"


def test_output() -> None:
    """It hands on the text that it was handed, or what was changed; values of other types are refused."""
    approval = Approval("ok", edits={"n": int, "m": str})
    given = Handoff({"n": 1, "m": "x"}, upstream={"a": CrewOutput(raw="one"), "b": CrewOutput(raw="two")})
    own = {"ok_comment": "", "ok_by": ""}
    passed = approval.output(given, Decision(decision="approved"))
    assert (passed.raw, passed.json_dict) == ("one\n\ntwo", {"ok": "approved", **own, "n": 1, "m": "x"})
    changed = approval.output(given, Decision(decision="rejected", values={"n": "7"}))
    assert (changed.raw, changed.json_dict) == ("7", {"ok": "rejected", **own, "n": 7, "m": "x"})
    with pytest.raises(ValueMisfit, match=r"approval 'ok'.*k.*it may not be changed.*n.*is no int"):
        approval.output(given, Decision(decision="approved", values={"n": "many", "k": 1}))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (True, "approved"),
        (False, "rejected"),
        ("expired", "expired"),
        (Decision(decision="rejected", by="me"), "rejected"),
    ],
)
def test_decide(said: Any, expected: str) -> None:
    """A function decides at once, and nothing waits."""
    (run,) = Pipeline([Approval("ok", ask="{a}?", decide=lambda question: said)]).kickoff({"a": 1})
    assert run.to_dict()["ok"] == expected


@pytest.mark.parametrize("said", [None, "yes", 1])
def test_who_decides_has_to_say_something(said: Any) -> None:
    """Else its run fails."""
    (run,) = Pipeline([Approval("ok", decide=lambda question: said)]).kickoff({}, on_error="collect")
    assert isinstance(run.error.cause, CallbackFailed)


def test_without_a_store_it_is_refused() -> None:
    """Before anything runs, unless somebody decides for all; by hand too."""
    ran = []

    @step
    def note(n: int) -> None:
        ran.append(n)

    pipeline = note >> Approval("ok")
    with pytest.raises(HumanInputUnavailable, match=r"kickoff\(…, store='runs.sqlite'\)"):
        pipeline.kickoff({"n": 1})
    assert ran == []
    with pytest.raises(HumanInputUnavailable, match="approval 'ok' waits for a person"):
        asyncio.run(Approval("ok").kickoff_async())
    with decided_by(lambda question: question.node == "ok"):
        (run,) = pipeline.kickoff({"n": 1})
    assert run.to_dict()["ok"] == "approved"


def test_findings() -> None:
    """Its question is checked as other texts are."""
    one, other = Pipeline([Approval("ok", ask="{a.b}? {0}")]).check()
    assert (one.code, one.hint) == ("CG310", "write {a}, or {{…}} if it is meant as text")
    assert other.hint.startswith("a placeholder is one {identifier}")


def test_in_a_procedure(tmp_path: Path) -> None:
    """What is behind it is checked and handed over as without it, after a night in a store too; an edit counts."""

    @step
    def write(topic: str) -> dict[str, str]:
        return {"draft": f"All about {topic}.", "topic": "none"}

    @step
    def post(draft: str, ok: str, topic: str) -> dict[str, str]:
        return {"posted": f"{draft} {ok} {topic}"}

    @step
    def tell(posted: str, ok: str) -> None: ...

    procedure = Procedure([write, Approval("ok", ask="{draft}?", edits={"draft": str}), post])
    assert [*procedure.compile().inputs] == ["topic"]
    store = tmp_path / "runs.sqlite"
    assert procedure.kickoff({"topic": "tea"}, store=store).waiting
    (asked,) = waiting(store)
    decide(store, asked.run, "approved", values={"draft": "Tea!"})
    (run,) = procedure.kickoff({"topic": "tea"}, store=store)
    assert run.to_dict() == {"posted": "Tea! approved none"}


def test_it_calls_no_model() -> None:
    """A forecast knows that."""
    (row,) = [each for each in Pipeline([Approval("ok")]).plan([{}]).rows if each.name == "ok"]
    assert row.calls.high == 0
    assert told(Approval("ok")) == "approval 'ok'"


def test_what_has_to_be_approved() -> None:
    """Nothing but an approval leads on, and the checker knows that; it is another question than without."""
    approval = Approval("ok", timeout=1, required=True)
    assert interface_of(approval).gives["ok"] == Literal["approved"]
    assert approval.definition() != Approval("ok", timeout=1).definition()
    assert approval.output(Handoff(), Decision(decision="approved", by="Ann")).to_dict()["ok_by"] == "Ann"
    with pytest.raises(TypeError, match="required is True or False, not 'yes'"):
        Approval("ok", required="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Decision(decision="rejected"), "'ok' was rejected"),
        (Decision(decision="rejected", by="Ann", comment="too short"), "'ok' was rejected by Ann: too short"),
        (Decision(decision="expired"), "'ok' was not decided in time"),
    ],
    ids=["rejected", "by somebody", "expired"],
)
def test_what_is_not_approved(said: Decision, told: str) -> None:
    """The run fails there and says by whom and why; nothing behind it runs."""
    ran = list[str]()
    behind = step(name="behind", inline=True)(lambda: ran.append("behind"))
    with decided_by(lambda _: said), pytest.raises(KickoffError) as caught:
        Pipeline([Approval("ok", required=True), behind]).kickoff({})
    (run,) = caught.value.result
    error = run.error.__cause__
    assert isinstance(error, NotApproved)
    assert str(error) == f"{told}. hint: to ask once more, retry the run"
    assert (error.approval, error.decision, error.by, error.comment) == ("ok", said.decision, said.by, said.comment)
    assert ran == []


def test_a_retry_asks_once_more(tmp_path: Path) -> None:
    """As with every failure: what was rejected is asked anew when the run is tried again."""
    pipeline, store = Pipeline([Approval("ok", ask="{i}?", required=True)], name="strict"), tmp_path / "r.sqlite"
    pipeline.kickoff({"i": 1}, store=store)
    decide(store, waiting(store)[0].run, "rejected", comment="no")
    with pytest.raises(KickoffError, match="'ok' was rejected: no"):
        pipeline.kickoff({"i": 1}, store=store)
    assert waiting(store) == []
    (run,) = pipeline.retry(store=store)
    assert [str(each) for each in run.waiting] == ["'ok' asks: 1?"]
    decide(store, waiting(store)[0].run, "approved")
    (run,) = pipeline.kickoff({"i": 1}, store=store)
    assert (run.to_dict()["ok"], run.spans[0].attempts) == ("approved", 2)


@pytest.mark.parametrize(
    ("options", "unread"),
    [
        ({}, ["'ask' gives ask, ask_comment, ask_by, which nothing reads"]),
        ({"required": True}, []),
        ({"required": True, "edits": {"more": str}}, ["'ask' gives more, which nothing reads"]),
    ],
)
def test_a_required_approval_need_not_be_read(options: dict[str, Any], unread: list[str]) -> None:
    """Nothing else passes it; what it lets people change is there to be read all the same."""
    asked = Pipeline([step(lambda n: {"n": n}, name="a"), Approval("ask", **options), step(lambda n: None, name="b")])
    assert [each.message for each in asked.check() if each.code == "CG306"] == unread
