"""The live page in a real browser."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from crewgraph.report import Record
from crewgraph.trace import NodeStarted, RunStarted, Span
from crewgraph.watch import Watch
from tests.browser.newsdesk import graph, records


@pytest.fixture
def watch():
    with Watch(graph(), total=4) as served:
        yield served


@pytest.fixture
def page(browser, watch):
    page, mistakes = browser.new_page(viewport={"width": 1400, "height": 1000}), list[str]()
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    page.on("console", lambda told: mistakes.append(told.text) if told.type == "error" else None)
    page.goto(watch.url)
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()
    assert [each for each in mistakes if "Failed to load resource" not in each] == []  # the server may be gone


def test_what_waits_stands_beside_what_ended(page, watch):
    """It is counted, can be looked at, and makes way for its result."""
    asked = Span(node="Intake", kind="approval", status="waiting", started=datetime.fromtimestamp(1795858200.0, UTC))
    given = {"title": "Dam safety"}
    watch.board.look([(1795858200.0, Record(1, "1", "waiting", None, given, (asked,)))], 4)
    row = page.locator("#rows .row", has_text="Dam safety")
    expect(row).to_contain_text("◷ waiting")
    expect(page.locator(".tile").first).to_contain_text("1 waiting")
    row.click()
    expect(page.locator("#tree")).to_contain_text("Intake")
    watch.board.look([], 4)
    for record in records(2):
        watch.board.take(record)
    expect(page.locator("#rows .row")).to_have_count(2)


def test_a_kickoff_grows_before_ones_eyes(page, watch):
    """What is under way, what has ended, the figures, the picture, and the end."""
    expect(page.locator("#about")).to_contain_text("● live")
    watch.observe(RunStarted(run=1, at=1795858200.0, inputs={"title": "Dam safety"}))
    watch.observe(NodeStarted(run=1, node="Intake", at=1795858200.0))
    row = page.locator("#rows .row", has_text="Dam safety")
    expect(row).to_contain_text("● running")
    expect(page.locator("#n-Intake")).to_have_class(re.compile("at-work"))
    expect(page.locator("#trace-hint")).to_have_text("#1 Dam safety")
    expect(page.locator("#tree")).to_contain_text("Intake")
    for record in records(4):
        watch.board.take(record)
    expect(page.locator("#rows .row")).to_have_count(4)
    expect(page.locator(".tile").first).to_contain_text("3 / 4")
    expect(page.locator("#trace-hint")).to_have_text("#1 Bank merger rumour")
    expect(page.locator("#pane")).to_contain_text("Input should be a valid string")
    expect(page.locator("#n-Rework")).to_have_class(re.compile("did-failed"))
    watch.end()
    expect(page.locator("#about")).to_contain_text("✓ over")
    page.locator("#rows .row", has_text="Solar canopy").click()
    expect(page.locator("#pane")).to_contain_text("Publish of <i>Solar canopy permits</i>")


def test_a_page_that_is_opened_late_has_everything(page, watch):
    """And one whose connection was lost comes back."""
    for record in records(3):
        watch.board.take(record)
    watch.end()
    page.reload()
    expect(page.locator("#rows .row")).to_have_count(3)
    expect(page.locator("#about")).to_contain_text("✓ over")


def test_a_server_that_is_gone_is_told(page, watch):
    """What was seen stays."""
    watch.board.take(next(records(1)))
    expect(page.locator("#rows .row")).to_have_count(1)
    watch.board.is_over = False
    watch._server.force_exit = True
    watch._server.should_exit = True
    watch._thread.join(60)
    expect(page.locator("#about")).to_contain_text(re.compile("reconnecting|lost"))
    page.locator("#rows .row").click()
    expect(page.locator("#pane")).to_contain_text("cannot be loaded")
    expect(page.locator("#rows .row")).to_have_count(1)


def test_a_run_that_is_selected_stays_selected(page, watch):
    """While it grows, and by the keyboard too."""
    for run in range(3):
        watch.observe(RunStarted(run=run, at=1795858200.0 + run, inputs={"title": f"Input {run}"}))
        watch.observe(NodeStarted(run=run, node="Intake", at=1795858200.0 + run))
    expect(page.locator("#rows .row")).to_have_count(3)  # else they may move while the mouse is on its way
    page.locator("#rows .row", has_text="Input 1").click()
    for _ in range(6):
        page.wait_for_timeout(150)
        expect(page.locator("#rows [aria-selected=true]")).to_contain_text("Input 1")
    page.locator("#rows").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#trace-hint")).to_have_text("#2 Input 2")


def test_a_click_meets_its_row_though_the_rows_are_drawn_anew_meanwhile(page, watch):
    """Between the press and the release another run ended, so that the row that was pressed is no longer in the page."""
    for record in records(3):
        watch.board.take(record)
    rows = page.locator("#rows .row")
    expect(rows).to_have_count(3)
    last = rows.last.text_content()
    rows.last.hover()
    page.mouse.down()
    watch.board.take(list(records(4))[3])
    expect(rows).to_have_count(4)
    page.mouse.up()
    expect(page.locator("#rows [aria-selected=true]")).to_have_text(last)


def test_a_node_that_nobody_knew_before_is_shown_while_it_is_at_work(page, watch):
    """What an open router came up with has a name."""
    watch.observe(RunStarted(run=0, at=1795858200.0))
    watch.observe(NodeStarted(run=0, node="unforeseen", at=1795858200.0))
    expect(page.locator("#tree")).to_contain_text("unforeseen")


def test_what_is_followed_is_selected(page, watch):
    """As in a file that is followed, where nothing is ever under way and nothing ends."""
    for record in records(2):
        watch.board.take(record)
    expect(page.locator("#trace-hint")).to_have_text("#1 Bank merger rumour")


def test_a_run_that_waits_is_told(page, watch):
    """It is no row of a run that has ended: only what it did so far is known."""
    first, second = records(2)
    watch.board.take(second)
    watch.board.look([(1795858200.0, dataclasses.replace(first, status="waiting"))], 2)
    row = page.locator("#rows .row", has_text="Solar canopy permits")
    expect(row).to_contain_text("waiting")
    row.click()
    expect(page.locator("#tree")).to_contain_text("Intake")
    expect(page.locator("#trace-hint")).to_have_text("#0 Solar canopy permits")


def test_the_row_below_the_mouse_stays_there(page, watch):
    """While others come in before it."""
    every = list(records(40))
    for record in every[20:]:
        watch.board.take(record)
    expect(page.locator("#inputs-hint")).to_contain_text("20 ·")
    box = page.wait_for_function(  # rows are drawn anew as long as others come
        "() => { const row = document.querySelector('#rows-8'); row?.scrollIntoView({ block: 'nearest' });"
        " const { x, y, width } = row?.getBoundingClientRect() ?? {};"
        " return width && row.textContent.startsWith('28') ? { x, y } : null; }"
    ).json_value()
    page.mouse.move(box["x"] + 80, box["y"] + 12)
    below = f"document.elementFromPoint({box['x'] + 80}, {box['y'] + 12}).closest('.row').textContent"
    assert page.evaluate(below).startswith("28")
    for record in every[:20]:
        watch.board.take(record)
    expect(page.locator("#inputs-hint")).to_contain_text("40 ·")
    assert page.evaluate(below).startswith("28")
    # the picture comes later, twenty times as long as drawing one takes, and is higher now
    expect(page.locator("#graph svg")).to_contain_text("33 ×")
    assert page.evaluate(below).startswith("28")
