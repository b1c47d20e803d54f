"""A report in a real browser: anchors, images, a phone's width, contrast in both modes, print, without scripts.

Skipped where there is no Chromium; `.ci/run` installs it where it may.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_limit_and_runs import THEOREMS, verdict
from test_report import COMMAND, study

from theory.papers.han2025 import entailments
from verify import report
from verify.entailed import decide
from verify.study import Outcome

api = pytest.importorskip("playwright.sync_api", reason="no playwright here; it is in the extra 'dev'")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        held = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield held
        held.close()


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return study()


@pytest.fixture(scope="module")
def address(outcome, tmp_path_factory) -> str:
    """A report with every section: theorems, claims, contrasts, statements about orders, designs."""
    known = {s.name: s for s in entailments()}
    decisions = tuple(decide(known[name]) for name in ("regime.snr-vanishes", "regime.cross-talk"))
    answers = tuple(verdict(THEOREMS["theorem-4.1"], labels) for labels in ("balanced", "drawn"))
    folder = tmp_path_factory.mktemp("browsed")
    report.write(replace(outcome, decisions=decisions, answers=answers), folder, COMMAND)
    return (folder / "index.html").as_uri()


@pytest.fixture
def opened(browser):
    """Opens a page: at a width, in a mode, with scripts or without."""
    contexts = []

    def open_(address: str, viewport: dict = DESK, scheme: str = "light", scripts: bool = True) -> Any:
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=scripts))
        page = contexts[-1].new_page()
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()


def dangling(page: Any) -> list[str]:
    """Links within the page that lead nowhere."""
    return page.evaluate(
        """() => [...document.querySelectorAll('a[href^="#"]')].map(a => decodeURIComponent(a.hash.slice(1)))
               .filter(id => !document.getElementById(id))"""
    )


def undrawn(page: Any) -> list[str]:
    """Images without a picture, or without words for who does not see them."""
    return page.evaluate(
        """() => [...document.images].filter(i => !i.complete || i.naturalWidth < 50 || !i.alt.trim())
               .map(i => i.alt || i.src.slice(0, 60))"""
    )


def beyond(page: Any) -> list[str]:
    """What reaches over the right edge, and cannot be scrolled to by itself."""
    return page.evaluate(
        """() => {
            const scrolls = e => { for (; e && e !== document.body; e = e.parentElement)
                if (getComputedStyle(e).overflowX !== 'visible') return true };
            return [...document.querySelectorAll('body *')]
                .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
                .filter(e => !scrolls(e.parentElement)).map(e => e.outerHTML.slice(0, 80)) }"""
    )


def broken_intervals(page: Any) -> list[str]:
    """Intervals that stand on two lines."""
    return page.evaluate(
        r"""() => {
            const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            for (let node; node = walk.nextNode();)
                for (const hit of node.data.matchAll(/\[[−+\d.][^\s\[\]]*,\s[−+\d.][^\s\[\]]*\]/g)) {
                    const range = document.createRange();
                    range.setStart(node, hit.index); range.setEnd(node, hit.index + hit[0].length);
                    const lines = new Set([...range.getClientRects()].map(r => Math.round(r.top)));
                    if (lines.size > 1) found.push(hit[0]);
                }
            return found }"""
    )


def hard_to_read(page: Any) -> list[str]:
    """Text below the contrast of WCAG AA, and other faults that axe-core knows to be surely some."""
    from axe_playwright_python.sync_playwright import Axe

    rules = ["color-contrast", "link-in-text-block", "image-alt", "duplicate-id-aria", "empty-heading", "html-has-lang"]
    found = Axe().run(page, options={"runOnly": rules}).response["violations"]
    return [f"{v['id']}: {node['html'][:80]} {node['failureSummary'][:120]}" for v in found for node in v["nodes"]]


def test_every_link_leads_somewhere_every_image_is_drawn_and_nothing_is_fetched(address, opened):
    page = opened(address)
    assert dangling(page) == []
    assert undrawn(page) == []
    assert page.evaluate("document.images.length") > 10
    assert {url.partition(":")[0] for url in page.asked} <= {"file", "data"}


def test_a_phone_shows_it_without_scrolling_sideways(address, opened):
    page = opened(address, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert beyond(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read(address, opened, scheme):
    page = opened(address, scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert hard_to_read(page) == []


def test_it_reads_without_scripts(address, opened):
    with_scripts, without = opened(address), opened(address, scripts=False)
    assert without.inner_text("main") == with_scripts.inner_text("main")
    assert without.locator("figure img").count() == with_scripts.locator("figure img").count()


def test_in_print_it_is_short_and_no_interval_is_broken(address, opened):
    page = opened(address, {"width": 700, "height": 1000})  # of A4 within its margins
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert broken_intervals(page) == []
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    claims = page.locator("section.claim").count()
    assert pages <= 6 + claims  # a claim with its figure takes less than a page


def pointed_at(page: Any, figure: str, index: int) -> Any:
    """The words beside the pointer, on a point of a figure."""
    held = json.loads(page.locator("#points").text_content())
    x, y, _ = held["figures"][figure][index]
    image = page.locator(f'[data-points="{figure}"] img')
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    page.mouse.move(box["x"] + x / 1e4 * box["width"], box["y"] + y / 1e4 * box["height"])
    return page.locator(".hover")


def test_a_pointer_over_a_point_shows_the_run_and_a_line_that_trains_it_again(address, opened, outcome):
    page = opened(address)
    held = json.loads(page.locator("#points").text_content())
    sizes = [at[2] * at[3] for at in held["settings"]]
    points = held["figures"]["probable"]
    smallest = min(
        (k for k, (*_, what) in enumerate(points) if what >= 0), key=lambda k: sizes[held["runs"][points[k][2]][0]]
    )
    words = pointed_at(page, "probable", smallest)
    assert words.is_visible()
    line = words.locator("code").inner_text()
    seed = int(re.search(r"draw\(s, (\d+)\)", line)[1])
    row = outcome.runs[(outcome.runs["seed"] == seed) & (outcome.runs["group"] == "large-end")].iloc[0]
    assert f"setting {row['setting']} of large-end, seed {seed}" in words.inner_text()
    names: dict = {}
    exec(line.replace(f"steps={row['steps']}", "steps=2"), names)
    assert names["s"].values() == {k: row[k] for k in names["s"].values()}
    assert names["s"].labels == row["labels"] and names["run"].samples[0].seed == seed


def test_it_stays_after_a_click_and_goes_with_the_next(address, opened):
    page = opened(address)
    words = pointed_at(page, "where-theorem-4.1", 0)
    assert "runs meet it" in words.inner_text() and "run theorem-4.1" in words.inner_text()
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 5)
    assert words.is_visible()
    page.mouse.down()
    page.mouse.up()
    assert words.is_hidden()


# Each fault is seen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ('<a href="#nowhere">x</a>', dangling),
        ('<img src="data:image/svg+xml;base64,AAAA" alt="broken">', undrawn),
        ('<p style="width: 500px">wide</p>', beyond),
        ('<p style="width: 3em">surely between [0.123, 0.456]</p>', broken_intervals),
        ('<p style="color: #999">pale</p>', hard_to_read),
    ],
)
def test_a_planted_fault_is_seen(body, check, opened, tmp_path):
    file = tmp_path / "page.html"
    for inner, wanted in ((body, True), ("<p>sound [1, 2]</p>", False)):
        file.write_text(f'<!doctype html><html lang="en"><title>t</title><body>{inner}</body></html>')
        assert bool(check(opened(Path(file).as_uri(), PHONE))) == wanted
