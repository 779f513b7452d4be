"""The pages of the docs as a site: each has a place, one title and a first sentence, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GOLDEN = {"inbox.svg", "figures-ratios.svg", "figures-growth.svg"}
"""Pictures that tests/golden and tests/unit/bench compare: what they are drawn of is on no page."""
PAGES = sorted(path for path in DOCS.rglob("*.md") if "build" not in path.parts)
FENCE = re.compile(r"^( *)(`{3,}|:{3,})[^\n]*\n.*?^\1\2$\n?", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
PICTURE = re.compile(r"(?P<above>[^\n]*)\n!\[(?P<alt>[^\]]*)\]\((?P<file>[^)]+)\)")
ELSEWHERE = re.compile(r"!\[[^\]]*\]\((?:https?:)?//|<(?:img|script|iframe|link|video|audio|style)\b", re.IGNORECASE)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?!\w+:)([^)#]*)(?:#([^)]+))?\)")


def whole(page: Path) -> str:
    """The text of a page, with that of the file that it includes."""
    text = page.read_text(encoding="utf-8")
    included = re.match(r"```\{include\} (\S+)\n```\n", text)
    return (page.parent / included.group(1)).read_text(encoding="utf-8") if included else text


def prose(page: Path) -> str:
    """The text without fences and comments."""
    return COMMENT.sub("", FENCE.sub("", whole(page)))


def anchors(page: Path) -> set[str]:
    """What one can link to in a page, as GitHub and MyST call it."""
    titles = re.findall(r"^#{1,3} (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def ids(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(DOCS)) for page in pages]


def test_every_page_is_in_one_list_of_contents():
    """A page is found in the sidebar, at one place."""
    listed = Counter[Path]()
    for page in PAGES:
        for body in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        ):
            entries = [line for line in body.splitlines() if line and not line.startswith(":")]
            for entry in entries:
                found = list(page.parent.glob(f"{entry}.md"))
                assert found, f"{page.name} lists {entry}"
                listed.update(found)
    assert listed == Counter({page: 1 for page in PAGES if page != DOCS / "index.md"})


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_a_page_has_one_title_and_a_first_sentence(page):
    """Whoever lands on it knows at once where they are, and what it is about."""
    lines = prose(page).splitlines()
    assert [line for line in lines if line.startswith("# ")] == [lines[0]]
    first = next(line for line in lines[1:] if line)
    assert re.match(r"[\w`*\[{]", first), first


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_a_page_loads_nothing_from_elsewhere(page):
    """No badge, no font, no script: pages are read offline. Sphinx looks at what it has built, too (conf.py)."""
    assert not ELSEWHERE.search(prose(page))


@pytest.mark.parametrize(
    ("html", "is_remote"),
    [
        ('<script src="https://cdn.example/a.js"></script>', True),
        ('<img alt="" src="//cdn.example/badge.svg">', True),
        ('<link rel="stylesheet" href="https://fonts.example/a.css">', True),
        ('<link href="https://fonts.example" rel="preconnect">', True),
        ("@import url(https://fonts.example/a.css);", True),
        ("body { background: url('https://cdn.example/a.png') }", True),
        ('<script src="_static/a.js"></script>', False),
        ('<img src="_images/a.svg"><a href="https://docs.example">a link is followed by a click</a>', False),
        ('<link rel="canonical" href="https://docs.example/">', False),
        ("a { background: url(data:image/svg+xml;base64,AAAA) }", False),
    ],
)
def test_the_built_site_is_looked_at(html, is_remote):
    """What a browser would fetch by itself is told from what is a link."""
    found = runpy.run_path(str(DOCS / "conf.py"))["ELSEWHERE"].search(html)
    assert bool(found) is is_remote


def test_every_picture_is_drawn_by_its_page():
    """A picture has a text that stands for it; it is drawn of what the page has made, and none is left over."""
    shown = set[str]()
    for page in [*PAGES, ROOT / "README.md"]:
        for picture in PICTURE.finditer(page.read_text(encoding="utf-8")):
            name = Path(picture["file"]).name
            assert (page.parent / picture["file"]).is_file()
            assert len(picture["alt"]) > 20
            assert picture["above"].startswith("<!-- drawn: ") or name in GOLDEN
            shown.add(name)
    assert {file.name for file in (DOCS / "pictures").iterdir()} == shown


def test_what_is_not_run_says_so():
    """Only what needs crewAI is not run, on pages that tell the reader."""
    marked = [page for page in PAGES if "<!-- not run: needs " in page.read_text(encoding="utf-8")]
    assert [page.name for page in marked] == ["from-crewai-flows.md", "from-crewai-pipelines.md"]
    for page in marked:
        assert "Its side is compiled and not run" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """To a file that is there, and to a heading in it."""
    for file, anchor in LINK.findall(prose(page)):
        target = page.parent / file if file else page
        assert target.exists(), file
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{file}#{anchor}"
