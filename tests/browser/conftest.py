"""A real browser: the machine's Chromium, driven by Playwright. Every page is held to what all pages promise."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
expect.set_options(timeout=60_000)  # by itself it gives a busy machine 5 s


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file: while it is open an event loop counts as running in this thread."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        except Error as error:
            pytest.skip(f"no Chromium on this machine: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


class Opened:
    """A page that has been opened, and what it did that no page may do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.mistakes = list[str]()
        self.requests = list[str]()
        page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        page.on("console", lambda told: self.mistakes.append(told.text) if told.type == "error" else None)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, file: Path, link: str = "") -> Page:
        """Open it, and wait until it is ready."""
        self.page.goto(file.as_uri() + link)
        self.page.wait_for_selector("html[data-ready]")
        return self.page


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file: ``opened(path, "#input=3", color_scheme="dark")``. Afterwards no error was told, nothing fetched."""
    every = list[Opened]()

    def open_(file: Path, link: str = "", **options: Any) -> Page:
        page = browser.new_page(**{"viewport": {"width": 1400, "height": 1000}, **options})
        every.append(Opened(page))
        return every[-1].open(file, link)

    yield open_
    for each in every:
        each.page.close()
        assert each.mistakes == []
        assert [url for url in each.requests if not url.startswith("file:")] == []
        assert len([url for url in each.requests if "#" not in url]) <= 1
