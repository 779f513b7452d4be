"""The server of the live page: who is let in, and what they are told. A real one, on a port of its own."""

from __future__ import annotations

import json
import socket
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from crewgraph.errors import LibraryMissing
from crewgraph.outputs import PipelineRunResult
from crewgraph.trace import NodeStarted, RunStarted
from crewgraph.watch import Watch, server
from tests.browser.newsdesk import graph, records
from tests.unit.render.test_runs import kickoff, pipeline


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(server, "INTERVAL", 0.001)
    monkeypatch.setattr(server, "PICTURE_INTERVAL", 0.0)


@pytest.fixture
def watch():
    with Watch(graph(), total=5) as served:
        yield served


def get(watch: Watch, path: str = "", headers: dict[str, str] | None = None):
    return urlopen(Request(watch.url.replace("/?", f"/{path}?"), headers=headers or {}), timeout=100)


def events(watch: Watch, since: str | None = None) -> list[tuple[str, str, object]]:
    """All that is told until the end: id, name and data."""
    with get(watch, "events", {"Last-Event-ID": since} if since else None) as told:
        assert told.headers["Content-Type"].startswith("text/event-stream")
        blocks = told.read().decode().strip().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [(each.get("id", ""), each["event"], json.loads(each["data"])) for each in fields]


def test_the_page_is_that_of_the_report(watch):
    """Without rows, which it is told of; and it may ask nobody but this server."""
    with get(watch) as answer:
        text = answer.read().decode()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Frame-Options"] == "DENY"
    assert '"live":true' in text
    assert '"total":5' in text
    assert "connect-src 'self'" in text
    assert "data-part=" not in text.partition("<script>")[0]


@pytest.mark.parametrize("path", ["", "events", "run/0"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=%FF"])
def test_without_the_token_nothing_is_told(watch, path, token):
    """Whatever is asked for."""
    with pytest.raises(HTTPError) as caught:
        urlopen(watch.url.partition("?")[0] + path + token, timeout=20)
    assert caught.value.code == 403
    assert "Newsroom" not in caught.value.read().decode()
    caught.value.close()


def test_a_name_that_suddenly_means_this_machine_is_refused(watch):
    """A page elsewhere cannot reach in by its own name."""
    with pytest.raises(HTTPError) as caught:
        get(watch, "", {"Host": "evil.example"})
    assert caught.value.code == 400
    caught.value.close()


def test_it_listens_on_this_machine_only(watch):
    """Not on the network."""
    assert watch.url.startswith("http://127.0.0.1:")


def test_whoever_looks_is_told_of_everything(watch):
    """Rows, who is at work, a picture, and the end."""
    for record in records(3):
        watch.board.take(record)
    watch.observe(RunStarted(run=9, at=5.0, inputs={"title": "Dam"}))
    watch.observe(NodeStarted(run=9, node="Intake", at=5.0))
    watch.end()
    told = events(watch)
    assert [name for _, name, _ in told] == ["runs", "under-way", "picture", "end"]
    assert told[0][0] == "3"
    rows = told[0][2]
    assert isinstance(rows, dict)
    assert ([row[0] for row in rows["rows"]], len(rows["facts"]["nodes"])) == ([0, 1, 2], 10)
    assert "did-ok" in str(told[2][2])
    assert "<style>" not in str(told[2][2])


def test_whoever_comes_back_is_told_of_the_rest(watch, monkeypatch):
    """From where they were, in messages of bounded size."""
    monkeypatch.setattr(server, "MAX_ROWS", 2)
    for record in records(5):
        watch.board.take(record)
    watch.end()
    assert [number for number, name, _ in events(watch, "1") if name == "runs"] == ["3", "5"]
    assert [number for number, name, _ in events(watch, "nonsense") if name == "runs"] == ["2", "4", "5"]


def test_what_happens_is_told_while_it_happens(watch):
    """A reader does not wait for the end."""
    with get(watch, "events") as told:
        assert told.readline() == b"event: under-way\n"
        watch.board.take(next(records(1)))
        line = b""
        while line != b"event: runs\n":
            line = told.readline()
        watch.end()
        assert b"event: end\n" in told.read()


def test_details_are_there_when_somebody_asks(watch):
    """Of runs that there are."""
    watch.board.take(next(records(1)))
    with get(watch, "run/0") as answer:
        assert "Solar canopy permits" in json.load(answer)["texts"]
    with pytest.raises(HTTPError) as caught:
        get(watch, "run/7")
    assert caught.value.code == 404
    caught.value.close()


def test_results_are_added_as_they_come():
    """Of a stream, or of anything else that gives results; branches of a final stage once."""
    with Watch(pipeline(), title="Mine") as watch:
        for run in (*kickoff(1, 12), PipelineRunResult()):
            watch.add(run)
        assert (watch.board.count, watch.board.sheet.title) == (3, "Mine")


def test_a_port_that_is_taken_is_an_error():
    """Before anything is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Watch(graph(), port=taken.getsockname()[1])


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(monkeypatch, missing):
    """By its name."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(LibraryMissing, match=r"the live page needs .*pip install 'crewgraph\[watch\]'"):
        Watch(graph())


def test_nothing_is_served_after_the_end():
    """The port is free again."""
    with Watch(graph()) as watch:
        port = int(watch.url.rpartition(":")[2].partition("/")[0])
    with Watch(graph(), port=port) as again:
        assert f":{port}/" in again.url
