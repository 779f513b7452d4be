"""The table of cases in the docs is true, row by row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crewgraph.shapes import NOTHING, Verdict, coercer, fit

PAGE = (Path(__file__).parents[3] / "docs" / "types.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(.+?)` \| `(.+?)` \| (\w+) \| ?(.*) \|$", re.MULTILINE)
ROWS = [tuple(cell.replace("\\|", "|") for cell in row) for row in ROW.findall(PAGE)]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page itself writes its types with."""
    found: dict[str, Any] = {}
    fence = next(fence for fence in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "class Claim" in fence)
    exec(compile(fence, "types.md", "exec", dont_inherit=True), found)
    return found


def test_the_table_is_read() -> None:
    """It has the rows that the page shows, and each verdict is among them."""
    assert len(ROWS) == PAGE.count("\n| `")
    assert len(ROWS) >= 45
    assert {verdict for _, _, verdict, _ in ROWS} == {str(verdict) for verdict in Verdict}


@pytest.mark.parametrize(("source", "target", "verdict", "reason"), ROWS, ids=[f"{row[0]} as {row[1]}" for row in ROWS])
def test_a_case_is_as_the_table_says(
    names: dict[str, Any], source: str, target: str, verdict: str, reason: str
) -> None:
    """The verdict and the words are those of the row; what is refused is refused at run time too."""
    given, taken = eval(source, names), eval(target, names)
    found = fit(given, taken)
    assert (str(found.verdict), found.reason) == (verdict, reason)
    check = coercer(taken)
    if verdict in {"misfit", "narrows"}:
        assert found.value is not NOTHING
        assert check is not None
        with pytest.raises(ValueError):
            check(found.value)
    else:
        assert found.value is NOTHING
