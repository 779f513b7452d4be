"""The errors: one tree, and messages that say what to do."""

from __future__ import annotations

import inspect

import pytest

from crewgraph import errors
from crewgraph.diagnostics import Diagnostic
from crewgraph.errors import (
    BudgetExceeded,
    ConditionError,
    CrewgraphError,
    InputError,
    InputTypeError,
    KickoffError,
    KickoffInterrupted,
    LibraryMissing,
    ModelError,
    ModelNotConfigured,
    NodeError,
    PipelineInvalid,
    TemplateError,
)
from crewgraph.errors.root import MAX_NAMED
from crewgraph.usage import UsageMetrics

CYCLE = Diagnostic("CG202", "cycle: a → b → a", (), "take an edge away")
EMPTY = Diagnostic("CG102", "the pipeline has no stages")
SAME = Diagnostic("CG201", "two are called 'a'")


class Untold(Exception):
    """An error of the user's whose text cannot be made."""

    def __str__(self) -> str:
        raise TypeError("no text")


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "KickoffInterrupted"])
def test_every_error_has_one_root(name: str) -> None:
    """Whoever catches the root catches everything but Ctrl-C."""
    assert issubclass(getattr(errors, name), CrewgraphError)


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_stands_in_the_drawn_tree_and_says_when(name: str) -> None:
    """The module's docstring draws every error, and each says when it is raised or recorded."""
    assert name in (errors.__doc__ or "")
    told = inspect.getdoc(getattr(errors, name)) or ""
    assert told.startswith(("Raised", "Recorded", "The root"))


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (InputError, ValueError),
        (InputTypeError, TypeError),
        (TemplateError, ValueError),
        (ConditionError, ValueError),
        (KickoffInterrupted, KeyboardInterrupt),
        (LibraryMissing, ImportError),
    ],
    ids=lambda kind: kind.__name__,
)
def test_errors_are_also_the_builtin_ones_that_people_catch(error: type, builtin: type) -> None:
    """A wrong value stays a ValueError, a wrong type a TypeError, Ctrl-C a KeyboardInterrupt."""
    assert issubclass(error, builtin)


def test_an_interrupted_kickoff_is_no_ordinary_error() -> None:
    """`except CrewgraphError` must not swallow Ctrl-C."""
    assert not issubclass(KickoffInterrupted, Exception)


def test_an_invalid_pipeline_names_all_errors_and_keeps_all_findings() -> None:
    """The text holds every error and no warning; the findings hold both."""
    error = PipelineInvalid([CYCLE, EMPTY, SAME])
    assert str(error).splitlines() == ["the pipeline is invalid: 2 errors", str(CYCLE), str(EMPTY)]
    assert error.findings == (CYCLE, EMPTY, SAME)


def test_one_error_is_not_in_the_plural() -> None:
    """One error is called one error."""
    assert str(PipelineInvalid(iter([EMPTY]))).startswith("the pipeline is invalid: 1 error\n")


def test_missing_inputs_name_row_key_and_reader() -> None:
    """Every row, every key and whoever needs it stand in one message, with a hint."""
    error = InputError({0: {"b": ["'x'"], "a": ["'y'", "'z'"]}, 3: {"a": ["'y'"]}}, hint="add them")
    assert str(error).splitlines() == [
        "2 inputs are incomplete; nothing has run",
        "input 0 lacks 'a' (needed by 'y', 'z'), 'b' (needed by 'x')",
        "input 3 lacks 'a' (needed by 'y')",
        "hint: add them",
    ]
    assert error.missing[3] == {"a": ["'y'"]}


def test_one_incomplete_input_is_not_in_the_plural() -> None:
    """One input is incomplete; without a hint there is no hint line."""
    assert str(InputError({7: {"a": ["'y'"]}})).splitlines() == [
        "1 input is incomplete; nothing has run",
        "input 7 lacks 'a' (needed by 'y')",
    ]


def test_a_long_list_of_missing_inputs_is_cut() -> None:
    """After the first rows, a message only counts."""
    lines = str(InputError({index: {"a": ["'y'"]} for index in range(MAX_NAMED + 5)})).splitlines()
    assert lines[0] == f"{MAX_NAMED + 5} inputs are incomplete; nothing has run"
    assert lines[-1] == "… and 5 more inputs"
    assert len(lines) == MAX_NAMED + 2


def test_exactly_as_many_as_are_named_are_not_cut() -> None:
    """Nothing is counted where nothing was left out."""
    assert "more" not in str(InputError({index: {"a": ["'y'"]} for index in range(MAX_NAMED)}))


def test_a_key_that_nobody_reads_is_needed_by_nobody() -> None:
    """But it is declared, so a row that lacks it is told so."""
    assert str(InputError({0: {"b": []}}, others_run=True)) == "input 0 lacks 'b'"


def test_a_placeholder_without_value_says_where_and_what_there_is() -> None:
    """The message names the placeholder, the text it stands in, what is known, and how to write braces."""
    error = TemplateError({"topic": ["task 'a'", "task 'b'"]}, known=["y", "x"])
    assert str(error) == (
        "no value for {topic} in task 'a', task 'b'. There is: x, y. hint: add it to the inputs, "
        "let an earlier crew give it, or write {{…}} for literal braces"
    )
    assert error.missing == ("topic",)


def test_a_placeholder_without_value_where_there_is_nothing() -> None:
    """An empty hand-over is called nothing."""
    assert "There is: nothing." in str(TemplateError({"topic": ["task 'a'"]}))


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (ValueError("no"), "'a' failed: ValueError: no"),
        (ValueError(), "'a' failed: ValueError"),
        (ValueError("  \n"), "'a' failed: ValueError"),
        (KeyError("k"), "'a' failed: KeyError: 'k'"),
        (Untold(), "'a' failed: Untold"),
    ],
    ids=["with text", "without", "blank", "key", "untold"],
)
def test_a_failed_node_names_itself_and_its_cause(cause: Exception, text: str) -> None:
    """The text names node, class and message of the cause, which is chained."""
    error = NodeError("a", cause)
    assert str(error) == text
    assert error.__cause__ is error.cause is cause
    assert error.node == "a"


def test_a_failed_kickoff_names_the_first_failures_and_holds_the_result() -> None:
    """The text counts and names failures; the result and the first cause are kept."""
    first = NodeError("a", ValueError("no"))
    error = KickoffError([(2, first)], failed=1, total=4, result="everything")
    assert str(error) == "1 of 4 runs failed\ninput 2: 'a' failed: ValueError: no"
    assert error.result == "everything"
    assert error.failures == ((2, first),)
    assert error.__cause__ is first


def test_one_run_is_not_in_the_plural() -> None:
    """One run is called one run."""
    assert str(KickoffError([(0, ValueError("x"))], failed=1, total=1, result=None)).startswith("1 of 1 run failed")


def test_many_failures_are_counted() -> None:
    """Failures that are not named are counted, whether or not the list holds them."""
    failures = [(index, ValueError("x")) for index in range(MAX_NAMED + 2)]
    lines = str(KickoffError(failures, failed=500, total=1000, result=None)).splitlines()
    assert len(lines) == MAX_NAMED + 2
    assert lines[-1] == f"… and {500 - MAX_NAMED} more failures"


def test_a_kickoff_error_without_named_failures_has_no_cause() -> None:
    """Nothing is chained where nothing is known."""
    error = KickoffError([], failed=3, total=3, result=None)
    assert error.__cause__ is None
    assert str(error).splitlines() == ["3 of 3 runs failed", "… and 3 more failures"]


def test_an_interrupted_kickoff_counts_what_finished() -> None:
    """The text says how much was kept, and where."""
    error = KickoffInterrupted(["one", "two"])
    assert str(error) == "interrupted; what had finished is in .result: 2 results"
    assert error.result == ["one", "two"]
    assert str(KickoffInterrupted(["one"])).endswith("1 result")
    assert error.usage is None


def test_an_interrupted_kickoff_tells_what_was_spent() -> None:
    """Where anything was."""
    spent = UsageMetrics(total_tokens=30, successful_requests=3, unpriced_requests=3)
    error = KickoffInterrupted([None], usage=spent)
    assert str(error).endswith(".result: 0 results; spent: 30 tokens, cost unknown, 3 calls")
    assert error.usage is spent
    assert str(KickoffInterrupted([None], usage=UsageMetrics())).endswith("0 results")


@pytest.mark.parametrize(
    ("money", "told"),
    [
        ({"unpriced_requests": 3}, "30 tokens, cost unknown, 3 calls"),
        ({"picodollars": 10**10, "unpriced_requests": 1}, "30 tokens, at least $0.01, 3 calls"),
        ({"picodollars": 10**10}, "30 tokens, $0.01, 3 calls"),
    ],
    ids=["unknown", "at least", "known"],
)
def test_a_used_up_budget_tells_what_was_spent(money: dict[str, int], told: str) -> None:
    """In words that can be read alone."""
    usage = UsageMetrics(total_tokens=30, successful_requests=3, **money)
    assert str(BudgetExceeded("the kickoff", "3 calls", "no more", usage=usage)).endswith(f"; spent: {told}")


def test_a_model_error_carries_what_is_known() -> None:
    """Model, status and tokens stand beside the text; what is unknown is None."""
    error = ModelError("no", model="m", status=503, usage={"total_tokens": 1})
    assert (str(error), error.model, error.status, error.usage) == ("no", "m", 503, {"total_tokens": 1})
    assert (ModelError("no").model, ModelError("no").status, ModelError("no").usage) == (None, None, None)


def test_no_model_says_the_three_ways_out() -> None:
    """An argument, an environment variable, and the offline model are all named."""
    text = str(ModelNotConfigured("agent 'a'"))
    for part in ("agent 'a'", 'llm="provider/model"', "CREWGRAPH_MODEL", "OPENAI_MODEL_NAME", 'llm="offline"'):
        assert part in text


def test_an_input_that_fails_alone_says_nothing_of_the_others() -> None:
    """Where the others run, the text is about the one row, with what it has."""
    missing = {2: {"email": ["'classify'"]}}
    error = InputError(missing, given={2: {"emial": "x"}}, hint="add it", others_run=True)
    assert str(error) == "input 2 lacks 'email' (needed by 'classify'); it has emial\nhint: add it"
    assert str(KickoffError([(2, error)], failed=1, total=3, result=None)).splitlines()[1] == str(error).splitlines()[0]


def test_rows_with_many_keys_are_not_listed_whole() -> None:
    """Of many keys the first are shown."""
    error = InputError({0: {"x": ["'a'"]}}, given={0: [f"k{n}" for n in range(30)]}, others_run=True)
    assert str(error).endswith("k8, k9 …")


def test_notes_of_a_cause_are_told() -> None:
    """What was noted on the way, such as whose condition it was, stands in the text."""
    cause = KeyError("n")
    cause.add_note("in the condition of route 'x'")
    assert str(NodeError("router", cause)) == "'router' failed: KeyError: 'n' (in the condition of route 'x')"
