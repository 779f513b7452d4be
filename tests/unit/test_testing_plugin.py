"""The pytest plugin, in processes of its own: there it is loaded as it is for a user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands import done

pytest_plugins = ["pytester"]

NEEDED = (
    "pytest",
    "anyio._backends._asyncio",
    "anyio._backends._trio",
    "crewgraph.engine.kickoff",
    "crewgraph.testing",
)

FORBIDDEN = """
    import pytest
    from crewgraph.errors import RealCallForbidden
    from crewgraph.llm.real_calls import check

    def is_forbidden():
        try:
            check("m")
        except RealCallForbidden:
            return True
        return False
"""

CASSETTE = """
    import anyio, os, pytest
    import crewgraph
    from crewgraph.llm.real_calls import check
    from crewgraph.testing import ScriptedLLM

    def real(request):
        check("m")
        return os.environ["SAYS"]

    def crew():
        agent = crewgraph.Agent(role="A", llm=ScriptedLLM(real, repeat=True, model="m"))
        return crewgraph.Crew(agents=[agent], tasks=[crewgraph.Task(description="hi")])
"""


@pytest.fixture(autouse=True)
def alone(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this run reaches the inner ones."""
    for name in ("CREWGRAPH_NO_REAL_CALLS", "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini("[pytest]")


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run it in a process that has crewgraph imported, but not the plugin, and without other plugins of this environment."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        plugins = ("-p", "crewgraph", "-p", "anyio")
        ended = done("pytest", "-q", "-p", "no:cacheprovider", *plugins, *options, needed=NEEDED)
    return pytest.RunResult(ended.code, ended.told.splitlines(), [], 0.0)


def run_anew(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run it as a user does: nothing is imported before, and pytest finds the plugin, and all others, by itself."""
    return pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *options)


def test_forbidden(pytester: pytest.Pytester) -> None:
    """A test that would call a real model fails with the ways out, also from a child process and a thread."""
    pytester.makepyfile("""
        import subprocess, sys, threading
        import anyio, pytest
        from crewgraph import Agent, Crew, Task
        from crewgraph.errors import RealCallForbidden

        def work():
            Crew(agents=[Agent(role="A")], tasks=[Task(description="hi")], llm="gpt-5-mini").kickoff()

        def test_here():
            work()

        def test_in_a_thread():
            raised = []
            def run():
                try:
                    work()
                except RealCallForbidden as error:
                    raised.append(error)
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            assert raised

        def test_in_a_process():
            script = "from crewgraph.llm.real_calls import check; check('m')"
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
            assert "RealCallForbidden" in done.stderr
    """)
    result = run_anew(pytester)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*RealCallForbidden: gpt-5-mini was to be called, but tests may not call real models (*real_models*"]
    )


def test_marker(pytester: pytest.Pytester) -> None:
    """A marked test may, with its fixtures; the next one may not."""
    pytester.makepyfile(
        FORBIDDEN
        + """
    @pytest.fixture
    def before():
        return is_forbidden()

    def test_first():
        assert is_forbidden()

    @pytest.mark.real_models
    def test_marked(before):
        assert not before
        assert not is_forbidden()

    def test_last(before):
        assert before
    """
    )
    run(pytester, "--strict-markers").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("ini", "options"),
    [
        pytest.param("", ["--crewgraph-real-models"], id="command-line"),
        pytest.param("crewgraph_real_models = true", [], id="configuration"),
    ],
)
def test_allowed_for_all(pytester: pytest.Pytester, ini: str, options: list[str]) -> None:
    """All tests may where the command line or the configuration says so."""
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makepyfile(FORBIDDEN + "    def test_it():\n        assert not is_forbidden()\n")
    run(pytester, "--strict-config", *options).assert_outcomes(passed=1)


def test_what_the_environment_says_is_kept(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a marked test the environment is as it was, and the marked test sees none of it."""
    monkeypatch.setenv("CREWGRAPH_NO_REAL_CALLS", "a reason of the machine")
    pytester.makepyfile(
        FORBIDDEN
        + """
    import os

    @pytest.mark.real_models
    def test_marked():
        assert not is_forbidden()

    def test_after():
        assert os.environ["CREWGRAPH_NO_REAL_CALLS"] == "a reason of the machine"
    """
    )
    run(pytester, "--crewgraph-real-models").assert_outcomes(passed=2)


def test_nothing_is_imported(pytester: pytest.Pytester) -> None:
    """A test run that does not use crewgraph does not load it, nor anything heavy."""
    pytester.makepyfile("""
        import sys

        def test_it():
            assert "pytest_crewgraph.plugin" in sys.modules
            assert not {"crewgraph", "pydantic", "anyio._core", "litellm"} & set(sys.modules)
    """)
    options = ("-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:langsmith_plugin")
    run_anew(pytester, *options).assert_outcomes(passed=1)


def test_coverage_is_complete(pytester: pytest.Pytester) -> None:
    """What measures coverage sees crewgraph being imported: the plugin has not done so before."""
    pytester.makepyfile("""
        def test_it():
            import crewgraph.usage
    """)
    (pytester.path / ".coveragerc").write_text("[run]\ninclude = */crewgraph/usage.py\n")
    run_anew(pytester, "--cov", "--cov-report=json").assert_outcomes(passed=1)
    files = json.loads((pytester.path / "coverage.json").read_text())["files"]
    (measured,) = [each for name, each in files.items() if Path(name).parts[-2:] == ("crewgraph", "usage.py")]
    lines = measured["executed_lines"]
    assert min(lines) == min([*lines, *measured["missing_lines"]])


def test_help(pytester: pytest.Pytester) -> None:
    """The options stand in the help, under a heading of their own."""
    result = run(pytester, "--help")
    result.stdout.fnmatch_lines(["crewgraph:", "*--crewgraph-real-models", "*--crewgraph-record*"])
    result.stdout.fnmatch_lines(["*crewgraph_real_models (bool):*"])


# ---- cassettes -----------------------------------------------------------------------------------------------------


def test_cassette(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture records with its option, beside the test and named after it, and replays without."""
    module = pytester.makepyfile(
        test_mail=CASSETTE
        + """
    def test_sync(crewgraph_cassette):
        assert crew().kickoff().raw == "recorded"

    class TestMore:
        @pytest.mark.anyio
        async def test_async(self, crewgraph_cassette):
            assert (await crew().kickoff_async()).raw == "recorded"

    @pytest.mark.parametrize("case", ["a/b", "a:b", "x" * 300], ids=str)
    def test_case(crewgraph_cassette, case):
        assert crew().kickoff().raw == "recorded"
    """
    )
    monkeypatch.setenv("SAYS", "recorded")
    count = 3 + 1 + len(["asyncio", "trio"])
    run(pytester, "--crewgraph-record").assert_outcomes(passed=count)
    folder = module.parent / "cassettes" / "test_mail"
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == count
    assert {"test_sync.jsonl", "TestMore.test_async[asyncio].jsonl"} <= set(names)
    monkeypatch.setenv("SAYS", "something else")
    run(pytester).assert_outcomes(passed=count)


def test_no_cassette_yet(pytester: pytest.Pytester) -> None:
    """Without a recording the error names the command that makes one."""
    pytester.makepyfile(test_mail="def test_it(crewgraph_cassette):\n    pass")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*there is no such cassette. hint: run `pytest --crewgraph-record 'test_mail.py::test_it'`*"]
    )


def test_failed_test_keeps_the_recording(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failing test records does not take the place of a good recording."""
    module = pytester.makepyfile(
        test_mail=CASSETTE
        + """
    def test_it(crewgraph_cassette):
        assert crew().kickoff().raw == "good"
    """
    )
    monkeypatch.setenv("SAYS", "good")
    run(pytester, "--crewgraph-record").assert_outcomes(passed=1)
    tape = module.parent / "cassettes" / "test_mail" / "test_it.jsonl"
    before = tape.read_text()
    monkeypatch.setenv("SAYS", "bad")
    run(pytester, "--crewgraph-record").assert_outcomes(failed=1)
    assert tape.read_text() == before
    assert list(tape.parent.iterdir()) == [tape]
    run(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("end", "outcomes"),
    [
        pytest.param('assert crew().kickoff().raw == "good"', {"failed": 1}, id="fails"),
        pytest.param("crew().kickoff(); raise KeyboardInterrupt", {}, id="interrupted"),
    ],
)
def test_failed_test_makes_no_recording(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, end: str, outcomes: dict[str, int]
) -> None:
    """What a test has recorded that failed, or never came to its end, is not replayed: the command is named again."""
    module = pytester.makepyfile(test_mail=CASSETTE + f"\n    def test_it(crewgraph_cassette):\n        {end}\n")
    monkeypatch.setenv("SAYS", "bad")
    run(pytester, "--crewgraph-record").assert_outcomes(**outcomes)
    assert not list((module.parent / "cassettes" / "test_mail").iterdir())
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no such cassette. hint: run `pytest --crewgraph-record*"])


def test_unknown_option_of_a_cassette(pytester: pytest.Pytester) -> None:
    """An option that a cassette does not have is told by its name, with those that it has."""
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def crewgraph_cassette_options():
            return {"repeats": True}

        def test_it(crewgraph_cassette):
            pass
    """)
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*crewgraph_cassette_options: a cassette has no option 'repeats'. hint: it has redact, repeat, use_all"]
    )


def test_options(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of the cassettes are a fixture that a project overrides."""
    module = pytester.makepyfile(
        test_mail=CASSETTE
        + """
    @pytest.fixture
    def crewgraph_cassette_options():
        return {"redact": lambda text: text.replace("Ada", "X"), "use_all": True}

    def test_it(crewgraph_cassette):
        if os.environ["SAYS"] == "Ada":
            crew().kickoff()
    """
    )
    monkeypatch.setenv("SAYS", "Ada")
    run(pytester, "--crewgraph-record").assert_outcomes(passed=1)
    assert "Ada" not in (module.parent / "cassettes" / "test_mail" / "test_it.jsonl").read_text()
    monkeypatch.setenv("SAYS", "nothing")
    run(pytester).assert_outcomes(passed=1, errors=1)


def test_a_cluster_until_the_test_ends(pytester: pytest.Pytester) -> None:
    """The fixture gives the address of a cluster with a worker, for sync and async tests, each a fresh one."""
    pytester.makepyfile("""
        import asyncio
        import pytest
        from crewgraph import Pipeline, step
        from crewgraph.store import stored_runs

        @step
        async def double(n: int) -> dict[str, int]:
            return {"m": 2 * n}

        doubling = Pipeline([double], name="doubling")

        @pytest.mark.parametrize("n", [1, 2])
        def test_sync(crewgraph_cluster, n):
            address = crewgraph_cluster(doubling, concurrency=2)
            (run,) = doubling.kickoff({"n": n}, store=address)
            assert run.to_dict() == {"m": 2 * n}
            assert len(list(stored_runs(address))) == 1

        def test_async(crewgraph_cluster):
            async def work():
                return await doubling.kickoff({"n": 3}, store=crewgraph_cluster(doubling))
            assert asyncio.run(work())[0].to_dict() == {"m": 6}

        def test_not_wanted(crewgraph_cluster):
            pass
    """)
    run(pytester).assert_outcomes(passed=4)
