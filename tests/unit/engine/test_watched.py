"""A kickoff whose progress is shown beside it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import anyio
import pytest

from crewgraph.errors import KickoffError
from crewgraph.progress.shown import VARIABLE
from crewgraph.step import step
from crewgraph.syntax import Pipeline

pytestmark = pytest.mark.virtual_time


class Page:
    """What a cell shows, one text for each time that it was drawn."""

    def __init__(self) -> None:
        self.texts = list[str]()

    def display(self, bundle: dict[str, str], **_: object) -> Page:
        self.texts.append(bundle["text/plain"])
        return self

    update = display


@pytest.fixture
def page(monkeypatch) -> Page:
    """This process is the kernel of a notebook."""
    page, shell = Page(), SimpleNamespace(kernel=object())
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=page.display))
    return page


@step
async def nap(seconds: float) -> str:
    await anyio.sleep(seconds)
    if seconds > 5:
        raise ValueError("overslept")
    return "well rested"


@step
async def inner(seconds: float) -> str:
    result = await Pipeline([nap], name="inner").kickoff_async({"seconds": seconds})
    return result[0].raw


NAP = Pipeline([nap], name="nap")


@pytest.mark.anyio
async def test_a_kickoff_in_a_notebook(page):
    """Is drawn four times a second, and once more when it is over."""
    await NAP.kickoff([{"seconds": 1.1}, {"seconds": 0.6}])
    assert len(page.texts) == 5
    assert page.texts[0].startswith("nap: 0/2 done, 0 failed, 2 running, ")
    assert page.texts[-2].startswith("nap: 1/2 done, 0 failed, 1 running, ")
    assert page.texts[-1].startswith("nap: 2/2 done, 0 failed, 0 running, ")


@pytest.mark.anyio
async def test_what_is_over_at_once_shows_nothing(page):
    """A picture that only flickers would tell nobody anything."""
    await NAP.kickoff_async({"seconds": 0.1})
    assert page.texts == []


@pytest.mark.anyio
async def test_unwanted(page):
    """The kickoff says no."""
    await NAP.kickoff({"seconds": 1}, progress=False)
    assert page.texts == []


@pytest.mark.anyio
async def test_a_stream(page):
    """Shows nothing by itself, for its reader does; where it is asked to, its total is not known."""
    assert [run.ok async for run in NAP.stream([{"seconds": 1}])] == [True]
    assert page.texts == []
    assert [run.ok async for run in NAP.stream([{"seconds": 1}], progress=True)] == [True]
    assert page.texts[-1].startswith("nap: 1 done, 0 failed, 0 running, ")


@pytest.mark.anyio
async def test_a_kickoff_within_a_run(page):
    """Does not draw beside the one around it."""
    await Pipeline([inner], name="outer").kickoff({"seconds": 1})
    assert page.texts
    assert {text.partition(":")[0] for text in page.texts} == {"outer"}


@pytest.mark.anyio
async def test_a_failed_kickoff(page):
    """Ends in a picture too."""
    with pytest.raises(KickoffError):
        await NAP.kickoff([{"seconds": 9}, {"seconds": 1}])
    assert page.texts[-1].startswith("nap: 2/2 done, 1 failed, 0 running, ")


@pytest.mark.anyio
async def test_a_kickoff_that_is_cancelled(page):
    """Leaves what it had come to, and no task behind."""
    with anyio.move_on_after(0.9):
        await NAP.kickoff([{"seconds": 3}, {"seconds": 0.5}])
    assert page.texts[-1].startswith("nap: 1/2 done, 0 failed, 1 running, ")
    drawn = len(page.texts)
    await anyio.sleep(5)
    assert len(page.texts) == drawn


@pytest.mark.anyio
async def test_an_observer_hears_as_before(page):
    """Of everything, beside the progress."""
    heard = list[str]()
    await NAP.kickoff({"seconds": 1}, observer=lambda event: heard.append(type(event).__name__))
    assert heard == ["RunStarted", "NodeStarted", "NodeFinished", "RunFinished"]
    assert page.texts


def test_elsewhere_lines_are_told_on_request(capsys):
    """On standard error, the last one when it is over."""
    NAP.kickoff({"seconds": 0}, progress=True)
    assert capsys.readouterr().err.startswith("nap: 1/1 done, 0 failed, 0 running, ")


def test_what_is_no_answer():
    """Is refused before anything runs."""
    with pytest.raises(TypeError, match="progress is True or False, or None where a notebook decides, not 'yes'"):
        NAP.kickoff({"seconds": 0}, progress="yes")  # type: ignore[arg-type]
