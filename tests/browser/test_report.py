"""The report in a real browser: what a person sees, selects and links to, and what hostile text cannot do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from crewgraph.report import Record, Report
from crewgraph.trace import Span, moment
from crewgraph.usage import Call, UsageMetrics
from tests.browser.newsdesk import graph, records


def written(tmp_path_factory, count):
    with Report(graph()) as report:
        for record in records(count):
            report.take(record)
        return report.write(tmp_path_factory.mktemp("report") / f"{count}.html")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return written(tmp_path_factory, 12)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return written(tmp_path_factory, 1_000)


def test_it_opens_on_the_first_failure(opened, few):
    """Its innermost failed call is selected, and its error is to be read."""
    page = opened(few)
    expect(page.locator("#trace-hint")).to_have_text("#1 Bank merger rumour")
    expect(page.locator("#tree [aria-selected=true]")).to_contain_text("gpt-5-mini (attempt 2)")
    expect(page.locator("#pane pre.error").first).to_contain_text("Input should be a valid string")
    assert "input=1" in page.url


def test_the_figures_answer_questions(opened, few):
    """How many went well, how long it took, what was spent, and where most of it went."""
    page = opened(few)
    tiles = page.locator(".tile")
    expect(tiles.nth(0)).to_contain_text("10 / 12")
    expect(tiles.nth(0)).to_contain_text("2 failed")
    expect(tiles.nth(1)).to_contain_text("in parallel")
    expect(tiles.nth(4)).to_contain_text("$")
    expect(tiles.nth(5)).to_contain_text("Risk Screening")


def test_a_click_on_a_row_selects_the_input(opened, few):
    """Trace, span and address follow."""
    page = opened(few)
    page.locator("#rows .row", has_text="Solar canopy permits").first.click()
    expect(page.locator("#trace-hint")).to_have_text("#0 Solar canopy permits")
    expect(page.locator("#span-hint")).to_have_text("crew · Publish")
    assert "input=0" in page.url


def test_the_keyboard_does_too(opened, few):
    """Down, and to the end."""
    page = opened(few)
    page.locator("#rows").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#trace-hint")).to_contain_text("#2 ")
    page.keyboard.press("End")
    expect(page.locator("#trace-hint")).to_contain_text("#11 ")


def test_a_link_leads_to_a_span(opened, few):
    """The same address shows the same input, span and graph; a reload and a changed address too."""
    page = opened(few, "#input=4&span=1.0&graph=one")
    expect(page.locator("#trace-hint")).to_have_text("#4 日本語のニュース見出し")
    expect(page.locator("#span-hint")).to_have_text("task · Do it")
    expect(page.locator("#mode-one")).to_have_attribute("aria-pressed", "true")
    page.evaluate("location.hash = '#input=5&span=0'")
    expect(page.locator("#span-hint")).to_have_text("crew · Intake")


def test_a_link_to_an_input_that_is_not_there_opens_the_first_failure(opened, few):
    """A link of another report is no error."""
    expect(opened(few, "#input=99&span=a.b").locator("#trace-hint")).to_have_text("#1 Bank merger rumour")


def test_one_input_is_laid_over_the_graph(opened, few):
    """Its way in colour, the rest faded; and back again."""
    page = opened(few, "#input=1")
    rework = page.locator("#n-Rework")
    before = rework.text_content()
    page.click("#mode-one")
    expect(rework).to_have_class(re.compile("did-failed"))
    expect(rework).to_contain_text("✗ failed")
    expect(page.locator("#n-Editing")).to_have_class(re.compile("did-not"))
    expect(page.locator("#n-Triage")).to_contain_text("→ needs_work")
    expect(page.locator("g.line.took")).to_have_count(6)
    page.click("#mode-all")
    assert rework.text_content() == before


def test_a_click_on_a_node_selects_its_span(opened, few):
    """Of the selected input if it ran there, else of the first that failed there, or ran."""
    page = opened(few, "#input=0")
    page.locator("#n-Research .name").click()
    expect(page.locator("#span-hint")).to_have_text("crew · Research")
    expect(page.locator("#trace-hint")).to_contain_text("#0 ")
    page.locator("#n-Rework .name").click()
    expect(page.locator("#trace-hint")).to_contain_text("#1 ")
    expect(page.locator("#n-Rework")).to_have_class(re.compile("picked"))


def test_a_span_shows_what_went_in_and_came_out(opened, few):
    """And what it took."""
    pane = opened(few, "#input=4&span=0").locator("#pane")
    expect(pane).to_contain_text("given · title")
    expect(pane).to_contain_text("Intake of <i>日本語のニュース見出し</i>")
    expect(pane).to_contain_text("480 in · 160 out")
    expect(pane.locator("dd.ok")).to_have_text("ok")


def test_search_filter_and_order(opened, few):
    """The rows follow; the selection stays."""
    page = opened(few)
    page.click("#show-failed")
    expect(page.locator("#rows .row")).to_have_count(2)
    page.click("#show-all")
    page.fill("#search", "LEGAL")
    expect(page.locator("#rows .row")).to_have_count(3)
    expect(page.locator("#inputs-hint")).to_have_text("3 of 12")
    page.fill("#search", "")
    page.locator("#columns button", has_text="tokens").click()
    expect(page.locator("#rows .row").first).to_contain_text("8")
    expect(page.locator("#trace-hint")).to_contain_text("#1 ")


def test_the_clock_may_begin_with_each_input(opened, few):
    """Then all bars begin at the left."""
    page = opened(few)
    page.click("#clock-own")
    lefts = page.evaluate("[...document.querySelectorAll('#rows .row')].map(row => row.querySelector('i').style.left)")
    assert set(lefts) == {"0%"}


def test_errors_are_told_once(opened, few):
    """With the first input that had them, which a click selects."""
    page = opened(few, "#input=0")
    mistake = page.locator(".mistake").last
    expect(mistake).to_contain_text("and 1 more, at 'Rework', 'Legal Review'")
    mistake.click()
    expect(page.locator("#trace-hint")).to_contain_text("#1 ")


def test_costs_are_ordered(opened, few):
    """The dearest node first, failures counted."""
    page = opened(few)
    rows = page.locator("#cost-table tbody tr")
    expect(rows.first).to_contain_text("Risk Screening")
    expect(page.locator("#cost-table tr", has_text="Rework")).to_contain_text("3 (1 ✗)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_are_those_of_the_desktop_until_somebody_chooses(opened, few, scheme):
    """The picture follows."""
    page = opened(few, color_scheme=scheme)
    colour = "getComputedStyle(document.body).backgroundColor"
    card = "getComputedStyle(document.querySelector('.card')).fill"
    at_first = page.evaluate(colour), page.evaluate(card)
    other = {"light": "dark", "dark": "light"}[scheme]
    while page.locator("#theme span").inner_text() != other:
        page.click("#theme")
    changed = page.evaluate(colour), page.evaluate(card)
    assert at_first[0] != changed[0]
    assert at_first[1] != changed[1]


@pytest.mark.parametrize("width", [380, 800, 1400, 2200])
def test_nothing_is_wider_than_the_window(opened, few, width):
    """At no width does the page scroll sideways."""
    page = opened(few, viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_text_stays_text(opened, few):
    """In rows, tree, span and title."""
    page = opened(few, "#input=2")
    expect(page.locator("#trace-hint")).to_contain_text("</script><img src=x")
    assert page.title() == "Newsroom"
    assert page.locator("main img").count() == 0


def test_what_is_injected_does_not_run(browser, few):
    """Even an element that found its way in could not run a script: the policy forbids it."""
    page = browser.new_page()
    page.goto(few.as_uri())
    refused = page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'caught'";
            document.body.append(script);
        })"""
    )
    assert refused == "script-src-elem"
    assert page.title() == "Newsroom"
    page.close()


def test_a_thousand_inputs_are_rows_when_they_are_seen(opened, many):
    """The page holds only what is seen, and finds any."""
    page = opened(many)
    assert page.locator("#rows .row").count() < 40
    page.fill("#search", "n=")
    page.fill("#search", "Solar")
    expect(page.locator("#inputs-hint")).to_have_text("167 of 1,000")
    page.locator("#rows").evaluate("list => { list.scrollTop = list.scrollHeight }")
    page.locator("#rows .row", has_text="996").click()
    expect(page.locator("#trace-hint")).to_have_text("#996 Solar canopy permits")
    expect(page.locator("#pane")).to_contain_text("Publish of <i>Solar canopy permits</i>")


def test_paper_is_white_and_holds_what_a_list_scrolls_to(opened, many):
    """The first five hundred rows of it, and no button; afterwards the page is as it was."""
    page = opened(many, color_scheme="dark")
    page.click("#theme")
    page.click("#theme")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    rows = page.locator("#rows .row")
    assert rows.count() == 500
    assert rows.nth(499).bounding_box()["y"] < page.locator("#legend").bounding_box()["y"]
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert not page.locator("#theme").is_visible()
    assert not page.locator("#search").is_visible()
    assert page.locator("#columns button").first.is_visible()
    assert page.locator("#error-list .mistake").first.is_visible()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert rows.count() < 50
    assert page.locator("html").get_attribute("data-theme") == "dark"


def crew_of(*, output=None, status="ok", **usage):
    """A span of Intake with two tasks that have no names and one agent."""
    calls = [
        Call(
            kind="model",
            name=f"model-{number}",
            task=f"task 'Sum up {word}'",
            agent="Boss",
            started=5.0 + number,
            seconds=1.0,
        )
        for number, word in enumerate(("{one}", "{other}"))
    ]
    tasks = [
        {"label": f"task 'Sum up {word}'", "description": f"Sum up {told}", "agent": "Boss", "raw": told}
        for word, told in (("{one}", "tea"), ("{other}", "salt"))
    ]
    return Span(
        node="Intake", kind="crew", status=status, started=moment(5.0), ended=moment(7.0), calls=calls,
        usage=UsageMetrics(**usage), output=output or {"raw": "x", "tasks_output": tasks},
    )  # fmt: skip


def report_of(tmp_path, *spans, status="ok", error=None, total=None):
    with Report(graph(), total=total) as report:
        report.take(Record(0, "id", status, error, {}, spans))
        return report.write(tmp_path / "r.html")


def test_calls_stand_under_their_tasks(opened, tmp_path):
    """Also where tasks have no names and one agent does them all."""
    page = opened(report_of(tmp_path, crew_of()))
    texts = [row.split("\n") for row in page.locator("#tree .row").all_inner_texts()]
    assert [row[1] for row in texts] == ["Intake", "Sum up tea — Boss", "model-0", "Sum up salt — Boss", "model-1"]


def test_a_cost_that_nobody_knows_is_never_told_as_nothing(opened, tmp_path):
    """Neither as a share, nor for each input."""
    tokens = {"total_tokens": 300, "prompt_tokens": 200, "completion_tokens": 100}
    page = opened(report_of(tmp_path, crew_of(**tokens, picodollars=10**12, unpriced_requests=1)))
    tiles = page.locator(".tile")
    expect(tiles.nth(4)).to_contain_text("≥ $1.00")
    expect(tiles.nth(4)).to_contain_text("≥ $1.00 per input")
    expect(tiles.nth(5)).to_contain_text("most tokens")
    expect(page.locator("#rows .row")).to_contain_text("≥ $1.00")
    expect(page.locator("#cost-table tbody tr")).to_contain_text("100 %")


def test_what_was_not_begun_and_what_was_cancelled_is_told(opened, tmp_path):
    """And a cancelled node does not have the error of another one."""
    lost = Span(
        node="Research", kind="crew", status="failed", started=moment(5.0), ended=moment(6.0), error="ValueError: lost"
    )
    cut = Span(node="Risk Screening", kind="crew", status="cancelled", started=moment(5.0), ended=moment(6.0))
    file = report_of(tmp_path, lost, cut, status="failed", error="'Research' failed: ValueError: lost", total=20)
    page = opened(file, "#input=0&graph=one")
    expect(page.locator(".tile").first).to_contain_text("0 / 20")
    expect(page.locator(".tile").first).to_contain_text("1 failed · 19 not begun")
    expect(page.locator("#n-Research")).to_contain_text("ValueError: lost")
    expect(page.locator("[id='n-Risk%20Screening']")).not_to_contain_text("lost")


def test_a_node_is_reached_by_the_keyboard(opened, few):
    """And selected with Enter."""
    page = opened(few, "#input=0")
    page.locator("#n-Research").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#span-hint")).to_have_text("crew · Research")


def test_a_search_without_a_hit_says_so(opened, few):
    """An empty list would look broken."""
    page = opened(few)
    page.fill("#search", "nothing like it")
    expect(page.locator("#none")).to_be_visible()


def test_without_a_script_the_graph_is_there(browser, few):
    """As it was drawn."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(few.as_uri())
        expect(page.locator("#n-Rework")).to_be_visible()
        expect(page.locator(".note")).to_be_visible()


def test_one_cause_at_several_nodes_is_told_once(opened, tmp_path):
    """With the nodes, however an input is numbered in it; another cause and a lone node are told as they were."""
    told = [("Intake", "no line to 1"), ("Publish", "no line to 22"), ("Intake", "no line to 3"), ("Intake", "no time")]
    with Report(graph()) as report:
        for number, (node, error) in enumerate(told):
            span = Span(node=node, kind="crew", status="failed", started=moment(number), ended=moment(number + 1))
            report.take(Record(number, str(number), "failed", f"'{node}' failed: OSError: {error}", {}, [span]))
        page = opened(report.write(tmp_path / "r.html"))
    texts = page.locator(".mistake").all_inner_texts()
    assert [text.split("\n") for text in texts] == [
        ["#0 and 2 more, at 'Intake', 'Publish'", "OSError: no line to 1"],
        ["#3", "'Intake' failed: OSError: no time"],
    ]


def test_large_figures_have_room(opened, tmp_path):
    """They are smaller, and whole."""
    small = opened(report_of(tmp_path, total=100)).locator(".tile .figure").first
    expect(small).to_have_class("figure")
    large = opened(report_of(tmp_path, total=98_969_100_000)).locator(".tile .figure").first
    expect(large).to_have_class("figure long")
    assert large.inner_text() == "1 / 98,969,100,000"
    assert large.evaluate("it => it.scrollWidth <= it.clientWidth")
