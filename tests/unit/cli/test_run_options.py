"""``crewgraph run`` with budgets, patience, cassettes and followed answers."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from crewgraph.cli import trouble

ASK = """
    import os
    from crewgraph import Agent, Crew, OfflineLLM, Policy, Price, Task, UsageMetrics, step
    from crewgraph.errors import ModelUnavailable
    from crewgraph.llm.port import Reply

    class Model:
        max_tokens = 50

        def __init__(self, model="demo/one", fails=0, text="an answer", price=Price(input=1000, output=1000)):
            self.model, self.fails, self.text, self.price = model, fails, text, price

        async def complete(self, request):
            if self.fails > 0:
                self.fails -= 1
                if request.on_text:
                    request.on_text("half of \\x1b[31man")
                raise ModelUnavailable("out of order", model=self.model)
            if request.on_text:
                for piece in self.text.split(" "):
                    request.on_text(piece + " ")
            usage = UsageMetrics(total_tokens=30, prompt_tokens=20, completion_tokens=10)
            return Reply(text=self.text, usage=usage, finish_reason="stop")

    def crew(name, llm, **more):
        task = Task(name=name, description="about {x}")
        return Crew(name=name, agents=[Agent(role=name + "er")], tasks=[task], llm=llm, **more)

    one = crew("look", Model())
    two = crew("look", Model()) >> crew("write", Model("demo/two"))
    free = crew("look", Model(price=None))
    shaky = crew("look", Model(fails=2))
    spare = crew("look", Model(fails=99), policy=Policy(retries=0, fallbacks=Model("demo/two")))

    @step
    def root(x):
        return os.environ.get("CREWGRAPH_OUTPUT_ROOT", "none")

    @step
    async def slow(x):
        import anyio
        await anyio.sleep(60)
"""


@pytest.fixture
def ask(write):
    """A module with crews of a model that costs 3 cents a call, and three rows."""
    write("ask.py", ASK)
    write("rows.jsonl", '{"x": 0}\n{"x": 1}\n{"x": 2}\n')


def lines(text):
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda record: record.get("index", -1))


# ---- results ---------------------------------------------------------------------------------------------------


def test_a_result_says_what_it_cost(crewgraph, ask):
    """By node and together, without the counts that are zero."""
    (record,) = lines(crewgraph("run", "ask.py:two", "--input", "x=1").stdout)
    spent = {"total_tokens": 30, "prompt_tokens": 20, "completion_tokens": 10, "successful_requests": 1}
    assert record["token_usage"] == {name: spent | {"picodollars": 30 * 10**9} for name in ("look", "write")}
    assert record["usage"]["total_tokens"] == 60
    assert record["cost"] == 0.06


def test_a_cost_that_nobody_knows_is_null(crewgraph, ask):
    """And the summary says unknown."""
    done = crewgraph("run", "ask.py:free", "--input", "x=1")
    assert lines(done.stdout)[0]["cost"] is None
    assert "30 tokens, cost unknown" in done.stderr


def test_the_summary_tells_the_cost_by_model(crewgraph, ask):
    """Where there are several."""
    told = crewgraph("run", "ask.py:two", "rows.jsonl").stderr
    assert "3 ok, 180 tokens, cost $0.18, " in told
    assert "  demo/one: 90 tokens, cost $0.09\n  demo/two: 90 tokens, cost $0.09\n" in told
    assert "demo/one" not in crewgraph("run", "ask.py:one", "rows.jsonl").stderr


def test_spans_hold_every_attempt(crewgraph, ask, folder, monkeypatch):
    """With its error and what it took, and no prompt."""
    crewgraph("run", "ask.py:shaky", "--input", "x=secret", "--trace", "spans.jsonl")
    (span,) = lines((folder / "spans.jsonl").read_text())[1]["spans"]
    assert [(call["attempt"], call["error"]) for call in span["calls"]] == [
        (1, "ModelUnavailable: out of order"),
        (2, "ModelUnavailable: out of order"),
        (3, None),
    ]
    assert span["calls"][2]["usage"]["total_tokens"] == 30
    assert "cached_prompt_tokens" not in span["calls"][2]["usage"]
    assert "secret" not in json.dumps(span["calls"])
    assert "calls" not in span["output"]


# ---- budgets ---------------------------------------------------------------------------------------------------


def test_a_budget_ends_with_code_4(crewgraph, ask):
    """What was done is kept, what was stopped says so, and the rest is not begun."""
    done = crewgraph("run", "ask.py:two", "rows.jsonl", "--budget", "calls=3", "--max-concurrency", "1")
    assert done.exit_code == 4
    first, second = lines(done.stdout)
    assert (first["status"], second["status"]) == ("ok", "over_budget")
    assert "the budget of the kickoff (3 calls) is used up" in second["error"]
    assert second["usage"]["total_tokens"] == 30
    assert "1 ok, 1 stopped by a budget, 1 not begun, 90 tokens, cost $0.09" in done.stderr
    assert "input 1: 'write' failed: BudgetExceeded" in done.stderr


def test_a_budget_over_standard_input(crewgraph, ask):
    """Nobody knows how many there would have been."""
    rows = '{"x": 0}\n' * 9
    done = crewgraph("run", "ask.py:one", "-", "--budget", "calls=1", "--max-concurrency", "1", stdin=rows)
    assert done.exit_code == 4
    assert "the rest not begun" in done.stderr


def test_a_budget_of_each_input(crewgraph, ask):
    """Stops every one by itself."""
    done = crewgraph("run", "ask.py:two", "rows.jsonl", "--input-budget", "usd=0.09")
    assert done.exit_code == 4
    assert [record["status"] for record in lines(done.stdout)] == ["over_budget"] * 3


def test_a_mistaken_budget_is_told_before_anything_runs(crewgraph, ask):
    """By the option that it stands behind."""
    done = crewgraph("run", "ask.py:two", "rows.jsonl", "--input-budget", "usd=a lot")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--input-budget usd is a number, not 'a lot'" in done.stderr


def test_too_dear_is_refused(crewgraph, ask, write, folder):
    """Before anything runs, and before a file of results is opened."""
    write("out.jsonl", "old")
    done = crewgraph("run", "ask.py:two", "rows.jsonl", "--max-usd", "0.01", "--out", "out.jsonl")
    assert done.exit_code == 4
    assert "--max-usd 0.01: it is expected to cost" in done.stderr
    assert "nothing has run" in done.stderr
    assert (folder / "out.jsonl").read_text() == "old"


@pytest.mark.parametrize(
    ("args", "plan"),
    [
        (["rows.jsonl", "--limit", "2"], "rows.jsonl --limit 2"),
        (
            ["--inputs", "rows.jsonl", "--input", "y=a b", "--model", "offline"],
            "rows.jsonl --input 'y=a b' --model offline",
        ),
        (["--input", "x=1"], "--input x=1"),
    ],
    ids=["file", "all", "no file"],
)
def test_a_refusal_names_the_plan_of_the_same(crewgraph, ask, monkeypatch, args, plan):
    """With the inputs and the model of this call."""
    monkeypatch.setenv("CREWGRAPH_MODEL", "offline")
    done = crewgraph("run", "ask.py:two", *args, "--max-usd", "0.000001")
    assert done.exit_code == 4
    assert "--max-usd 0.000001: " in done.stderr
    assert f"or crewgraph plan ask.py:two {plan} shows all of it" in done.stderr


def test_an_unknown_cost_is_refused(crewgraph, ask):
    """Whatever the limit."""
    done = crewgraph("run", "ask.py:free", "--input", "x=1", "--max-usd", "1000")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "nobody knows what it would cost" in done.stderr


def test_what_is_cheap_enough_runs_under_that_budget(crewgraph, ask):
    """All inputs are run, and those of the forecast are not used up."""
    done = crewgraph("run", "ask.py:one", "rows.jsonl", "--max-usd", "5")
    assert done.exit_code == 0
    assert len(lines(done.stdout)) == 3


def test_a_forecast_needs_to_know_the_inputs(crewgraph, ask):
    """Standard input comes as it comes."""
    done = crewgraph("run", "ask.py:one", "-", "--max-usd", "5", stdin='{"x": 1}\n')
    assert done.exit_code == 2
    assert "hint: --budget usd=N stops when the money is spent" in done.stderr


# ---- patience --------------------------------------------------------------------------------------------------


def test_retries_are_counted_as_said(crewgraph, ask):
    """Two failures need two of them."""
    assert crewgraph("run", "ask.py:shaky", "--input", "x=1", "--retries", "2").exit_code == 0
    done = crewgraph("run", "ask.py:shaky", "--input", "x=1", "--retries", "1")
    assert done.exit_code == 1
    assert "ModelUnavailable: out of order" in done.stderr
    assert crewgraph("run", "ask.py:shaky", "--input", "x=1", "--retries", "-1").exit_code == 2


def test_a_run_may_take_so_long(crewgraph, ask):
    """And fails then."""
    done = crewgraph("run", "ask.py:slow", "--input", "x=1", "--run-timeout", "0.02")
    assert done.exit_code == 1
    assert "input 0 took longer than 0.02 s" in lines(done.stdout)[0]["error"]


def test_a_call_may_take_so_long(crewgraph, ask, write):
    """A model that hangs is given up."""
    write(
        "hang.py",
        """
        import anyio
        from crewgraph import Agent, Crew, Task

        class Hanging:
            model = "demo/hang"

            async def complete(self, request):
                await anyio.sleep(60)

        look = Crew(agents=[Agent(role="looker")], tasks=[Task(description="about {x}")], llm=Hanging())
        """,
    )
    done = crewgraph("run", "hang.py:look", "--input", "x=1", "--call-timeout", "0.02", "--retries", "0")
    assert done.exit_code == 1
    assert "no answer within 0.02 s" in done.stderr
    assert "hint: call_timeout of a Policy, or --call-timeout, says how long an answer may take" in done.stderr


def test_another_model_is_a_warning(crewgraph, ask, monkeypatch):
    """Nobody has set up logging, and whoever pays should know."""
    monkeypatch.setattr("logging.Logger.hasHandlers", lambda self: False)
    told = crewgraph("run", "ask.py:spare", "--input", "x=1").stderr
    assert "demo/one gave up (ModelUnavailable); asking demo/two" in told


def test_warnings_go_where_the_user_said(crewgraph, ask, caplog):
    """Where logging is set up, they are not told twice."""
    done = crewgraph("run", "ask.py:spare", "--input", "x=1")
    assert "demo/one gave up" in caplog.text
    assert "demo/one gave up" not in done.stderr


# ---- cassettes -------------------------------------------------------------------------------------------------


def test_a_recorded_kickoff_is_replayed(crewgraph, ask, write):
    """With the same results, and without the model."""
    first = crewgraph("run", "ask.py:two", "rows.jsonl", "--record", "tape.jsonl")
    write("ask.py", ASK.replace('text="an answer"', 'text="another one"').replace("if self.fails > 0:", "if True:"))
    sys.modules.pop("ask", None)
    again = crewgraph("run", "ask.py:two", "rows.jsonl", "--replay", "tape.jsonl")
    assert (first.exit_code, again.exit_code) == (0, 0)
    strip = [{**record, "id": ""} for record in lines(first.stdout)]
    assert [{**record, "id": ""} for record in lines(again.stdout)] == strip


def test_a_miss_is_a_failed_result(crewgraph, ask):
    """It says what was asked and how to record it."""
    crewgraph("run", "ask.py:one", "--input", "x=1", "--record", "tape.jsonl")
    done = crewgraph("run", "ask.py:one", "--input", "x=2", "--replay", "tape.jsonl")
    assert done.exit_code == 1
    assert "there is no recorded answer to this request" in lines(done.stdout)[0]["error"]


def test_a_cassette_that_is_none_is_a_mistake(crewgraph, ask):
    """Told without a traceback; nothing has run."""
    done = crewgraph("run", "ask.py:one", "--input", "x=1", "--replay", "rows.jsonl")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "rows.jsonl, line 1" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_an_interrupted_recording_says_where_it_is(crewgraph, write, monkeypatch):
    """What was recorded until then is not lost."""

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr(trouble.os, "_exit", leave)
    write(
        "one.py",
        """
        import os, signal, anyio
        from crewgraph import step

        @step
        async def wait(x):
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep(60)
        """,
    )
    before = signal.getsignal(signal.SIGINT)
    done = crewgraph("run", "one:wait", "--input", "x=1", "--record", "tape.jsonl")
    assert done.exit_code == 130
    assert "what was recorded until then is in tape.jsonl.part" in done.stderr
    assert signal.getsignal(signal.SIGINT) is before


# ---- other options ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--follow", "--quiet"], "--follow shows what is written and --quiet shows nothing"),
        (["--record", "a", "--replay", "b"], "--record asks the models and --replay does not"),
        (["--replay", "none.jsonl"], "there is no cassette 'none.jsonl'. hint: --record none.jsonl makes one"),
        (["--output-root", "nowhere"], "there is no folder 'nowhere' for --output-root"),
        (["--out", "a.jsonl", "--record", "a.jsonl"], "--out and --record are the same file"),
        (["--trace", "a.jsonl", "--record", "./a.jsonl"], "--trace and --record are the same file"),
        (["--record", "rows.jsonl", "rows.jsonl"], "'rows.jsonl' holds the inputs; write to another file"),
        (["--record", "no/where.jsonl"], "there is no folder 'no' for 'no/where.jsonl'"),
        (["--replay", "rows.jsonl", "--out", "rows.jsonl"], "'rows.jsonl' holds the recorded answers"),
        (["--max-usd", "-1"], "-1.0 is not in the range x>=0"),
        (["--call-timeout", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_contradictions_are_told(crewgraph, ask, options, told):
    """Before anything runs."""
    done = crewgraph("run", "ask.py:one", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_output_files_go_where_it_is_said(crewgraph, ask, folder, monkeypatch):
    """By the variable that tasks look at."""
    monkeypatch.delenv("CREWGRAPH_OUTPUT_ROOT", raising=False)
    (folder / "files").mkdir()
    try:
        done = crewgraph("run", "ask.py:root", "--input", "x=1", "--output-root", "files")
    finally:
        os.environ.pop("CREWGRAPH_OUTPUT_ROOT", None)
    assert lines(done.stdout)[0]["raw"] == "files"


# ---- following -------------------------------------------------------------------------------------------------


def test_answers_are_followed_in_a_pipe(crewgraph, ask):
    """Line by line on standard error, attempts that came to nothing marked; results go where they always do."""
    done = crewgraph("run", "ask.py:shaky", "--input", "x=1", "--follow")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[:-1] == [
        "look · looker │ ▶ task 'look'",
        "look · looker │ half of an",
        "look · looker │ ✗ demo/one: again in 0 ms: ModelUnavailable: out of order; the text above is void",
        "look · looker │ half of an",
        "look · looker │ ✗ demo/one: again in 0 ms: ModelUnavailable: out of order; the text above is void",
        "look · looker │ an answer",
        "look · looker │ ✓ task 'look' · 30 tokens",
        "input 0 │ ✓ done · 30 tokens",
    ]
    assert lines(done.stdout)[0]["raw"] == "an answer"


def test_text_is_only_asked_for_where_it_is_followed(crewgraph, ask):
    """Writing piece by piece costs time."""
    assert "half of" not in crewgraph("run", "ask.py:shaky", "--input", "x=1").stderr
