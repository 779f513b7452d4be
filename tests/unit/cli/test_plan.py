from __future__ import annotations

import json

import pytest

MAIL = """
    from crewgraph import Agent, Crew, Price, Route, Router, Task, step

    class Model:
        def __init__(self, name, price=None):
            self.model = name
            self.price = price

        async def complete(self, request):
            raise AssertionError("a plan calls nothing")

    cheap, dear = Model("cheap", Price(input=1, output=2)), Model("dear", Price(input=100, output=1000))

    def crew(name, llm, words):
        return Crew(name=name, agents=[Agent(role="Clerk")], tasks=[Task(description=words)], llm=llm)

    priced = crew("reply", cheap, "Reply to {mail}") >> Router(
        {"urgent": Route("urgent", crew("phone", dear, "Call about {mail}"))}, default=crew("file", cheap, "File {mail}")
    )
    unpriced = crew("reply", cheap, "Reply to {mail}") >> crew("odd", Model("odd"), "Sum up")
    anybody = crew("anybody", None, "Do {mail}")
"""
ROWS = '{"mail": "Hello", "urgent": false}\n{"mail": "Help!", "urgent": true}\n'


@pytest.fixture
def mail(write):
    """A module with pipelines whose models must not be called, and two rows."""
    write("rows.jsonl", ROWS)
    return write("mail.py", MAIL)


def test_the_table_is_printed(crewgraph, mail):
    """Nodes, routes, the total, and what is assumed; code 0."""
    done = crewgraph("plan", "mail.py:priced", "rows.jsonl")
    assert done.exit_code == 0
    names = [line.strip().split("   ")[0] for line in done.stdout.splitlines()]
    assert names[:8] == ["2 inputs", "reply", "router", "route 'urgent'", "phone", "route 'default'", "file", "total"]
    assert "assumed:" in names
    assert done.stderr == ""


def test_for_programs(crewgraph, mail):
    """JSON with the same figures, an unknown cost as null."""
    told = json.loads(crewgraph("plan", "mail.py:priced", "rows.jsonl", "--json").stdout)
    assert (told["inputs"], told["total"]["calls"]) == (2, {"low": 4, "expected": 4, "high": 4})
    assert told["total"]["usd"]["expected"] > 0.4
    assert json.loads(crewgraph("plan", "mail.py:unpriced", "--json").stdout)["total"]["usd"] is None


def test_inputs_of_the_call(crewgraph, mail):
    """They decide routes as a file's do, and win over the file."""
    told = crewgraph("plan", "mail.py:priced", "--input", "mail=Hi", "--input", "urgent:=false", "--json")
    assert json.loads(told.stdout)["total"]["usd"]["expected"] < 0.01
    told = crewgraph("plan", "mail.py:priced", "rows.jsonl", "--input", "urgent:=false", "--json")
    assert json.loads(told.stdout)["total"]["usd"]["expected"] < 0.01


def test_without_inputs(crewgraph, mail):
    """One input of which nothing is known."""
    done = crewgraph("plan", "mail.py:priced")
    assert (done.exit_code, done.stdout.split("   ")[0]) == (0, "1 input")
    assert "some inputs lack mail" in done.stdout


def test_the_first_rows(crewgraph, mail):
    """--limit."""
    assert crewgraph("plan", "mail.py:priced", "rows.jsonl", "--limit", "1").stdout.startswith("1 input ")


def test_standard_input(crewgraph, mail):
    """JSON lines, as for run."""
    assert crewgraph("plan", "mail.py:priced", "-", stdin=ROWS).stdout.startswith("2 inputs ")


def test_max_concurrency(crewgraph, mail):
    """It bears on the time."""
    seconds = [
        json.loads(crewgraph("plan", "mail.py:priced", "rows.jsonl", "--json", "--max-concurrency", most).stdout)[
            "total"
        ]["seconds"]["expected"]
        for most in (1, 9)
    ]
    assert seconds[0] > seconds[1]


def test_the_model(crewgraph, mail, monkeypatch):
    """--model names the model of agents that name none."""
    monkeypatch.setenv("CREWGRAPH_MODEL", "offline")
    told = json.loads(crewgraph("plan", "mail.py:anybody", "--json", "--model", "openai/gpt-4o-mini").stdout)
    assert told["total"]["models"] == ["openai/gpt-4o-mini"]


@pytest.mark.parametrize(
    ("target", "most", "code", "told"),
    [
        ("priced", "5", 0, ""),
        ("priced", "0.1", 4, "error: --max-usd 0.1: it is expected to cost $0.4"),
        ("priced", "1e-6", 4, "error: --max-usd 0.000001: it is expected to cost $0.4"),
        ("unpriced", "99", 4, "error: --max-usd 99: nobody knows what it would cost (at least $"),
    ],
    ids=["enough", "too dear", "next to nothing", "unknown"],
)
def test_max_usd(crewgraph, mail, *, target, most, code, told):
    """Code 4 where more is expected than is allowed, or nobody knows; the plan is printed all the same."""
    done = crewgraph("plan", f"mail.py:{target}", "rows.jsonl", "--max-usd", most)
    assert done.exit_code == code
    assert done.stderr.startswith(told)
    assert done.stdout.startswith("2 inputs ")


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["mail.py:priced", "none.jsonl"], 2, "there is no file 'none.jsonl'"),
        (["mail.py:priced", "."], 2, "'.' is a folder"),
        (["mail.py:priced", "mail.py"], 2, "'mail.py' is none of"),
        (["mail.py:priced", "--input", "mail"], 2, "--input is KEY=TEXT or KEY:=JSON, not 'mail'"),
        (["mail.py:priced", "--max-usd", "-1"], 2, "-1.0 is not in the range x>=0"),
        (["mail.py:anybody"], 3, "no model configured"),
        (["mail.py:nobody"], 2, "'mail.py' has no 'nobody'"),
    ],
    ids=["no file", "folder", "no rows", "input", "less than nothing", "no model", "no target"],
)
def test_mistakes(crewgraph, mail, args, code, told):
    """Told in words, with the code of the kind of mistake."""
    done = crewgraph("plan", *args)
    assert done.exit_code == code
    assert told in done.stderr


def test_rows_that_cannot_be_read(crewgraph, mail):
    """The lines are named."""
    done = crewgraph("plan", "mail.py:priced", "-", stdin='{"mail": "a"}\n[1]\n')
    assert done.exit_code == 2
    assert "these rows cannot be read\nstandard input, line 2: a list" in done.stderr
