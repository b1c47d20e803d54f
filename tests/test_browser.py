"""Pages in a real browser: anchors, images, a phone's width, contrast in both modes, print, without scripts, and what a
pointer over a figure shows. The report of a study at length, every other page in one visit.

Skipped where there is no Chromium; `.ci/run` installs it where it may.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from test_calibrate import CLAIM as CALIBRATED
from test_calibrate import FEW, cell, faces, ladder, measured, setting, with_arrivals
from test_limit_and_runs import THEOREMS, verdict
from test_report import COMMAND, study

from theory.papers.han2025 import Reading, claims, entailments
from verify import calibrate, falsify, maps, report, reproduce
from verify.entailed import decide
from verify.maps import Axis, Map
from verify.reproduce import synthetic
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


OTHERS = ("compare", "map", "falsify", "calibrate", "figures")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A small one of every other page, by the command that writes it; what a test asks for is made."""

    class Made(dict):
        def __missing__(self, name: str) -> Path:
            folder = tmp_path_factory.mktemp(name) / "out"
            globals()[f"write_{name}"](folder)
            [page] = folder.glob("*.html")
            return self.setdefault(name, page)

    return Made()


def write_compare(folder: Path) -> None:
    report.write(study(settings=0), folder.parent / "first", COMMAND)
    held = json.loads((folder.parent / "first/report.json").read_text(encoding="utf-8"))
    for claim, status in zip(held["claims"], ("SUPPORTED", "REFUTED"), strict=False):
        claim["status"] = status
    (folder.parent / "second.json").write_text(json.dumps(held), encoding="utf-8")
    assert report.compare(folder.parent / "first", folder.parent / "second.json", folder, COMMAND) == 1


def write_map(folder: Path) -> None:
    asked = Map(
        x=Axis(name="kappa", low=1.0, high=8.0, count=3), y=Axis(name="tau", low=0.05, high=0.3, count=2),
        at=(("n", "12"), ("m", "6"), ("d", "5000")), seeds=2, show=("stage1.signal-leads", "order_one_time"),
    )  # fmt: skip
    with maps.FOLDER.open(folder, maps.identity(asked)) as batches:
        runs = maps.collect(maps.plan(asked), batches)
        assert runs is not None
        report.write_map(asked, runs, folder, COMMAND, 1.0)


def write_falsify(folder: Path) -> None:
    named = {claim.name: claim for claim in claims()}
    tested = [
        falsify.Tested(
            setting=setting(n=10, m=6, d=4000, kappa=k), failures=9, trials=64, rate=0.1, most=0.3, excess=0.1
        )
        for k in (1.5, 6.0)
    ]
    found = [
        falsify.Finding(claim=named[name], counted=64, simplest=tested[0], worst=tested[0], holds=tested[1])
        for name in ("stage1.noisy-ignored", "stage1.signal-leads")
    ]
    hunt = falsify.Hunt(
        findings=tuple(found), stage="T1", settings=9, runs=72, batches=2, rejected=0.0, limits=falsify.limits(),
        rescaled=True, seconds=1.0, seed=0,
    )  # fmt: skip
    followed = {f.claim.name: falsify.follow(f, Reading(), 0, seeds=5) for f in found}
    report.write_hunts([hunt], followed, Reading(), folder, COMMAND)


def write_calibrate(folder: Path) -> None:
    kappas = [
        cell("kappa", [setting(kappa=k, m=m) for k in (1, 2, 4, 8)], tau_plus=0.1, tau_minus=0.1, n=20, m=m)
        for m in (16, 32)
    ]
    sizes = (16, 32, 64, 128)
    dimensions = [cell("dimension", [setting(n=n, d=n * 2**k) for k in range(5)], n=n) for n in sizes]

    def failing(here: Any, k: int, at: Any) -> float:
        if here.part == "dimension":
            return 1 / (1 + (at.d / at.n / 4) ** 4)
        return 0.9 if (at.kappa < 2.5 if here.part == "kappa" else here.labels.get("C", 9) < 2 and k < 9) else 0.02

    plan, counts = measured([*ladder(15), *faces(1), *kappas, *dimensions], failing, FEW)
    found = calibrate.conclude(plan, with_arrivals(counts), True, 0.0)
    report.write_calibration(found, folder, COMMAND)


def write_figures(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("VARIANTS", "MS", "SIGMAS"):
            patch.setattr(synthetic, name, getattr(synthetic, name)[:1])
        runs = {one: reproduce.trained(one, range(2), 60) for one, _ in reproduce.needed([1])}
        report.write_figures([reproduce.make(1, runs)], folder, COMMAND)


@pytest.fixture
def opened(browser):
    """Opens a page: at a width, in a mode, with scripts or without."""
    contexts = []

    def open_(address: str, viewport: dict = DESK, scheme: str = "light", scripts: bool = True) -> Any:
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=scripts))
        page = contexts[-1].new_page()
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.goto(address)
        return page

    yield open_
    for context in contexts:
        context.close()


def dangling(page: Any) -> list[str]:
    """Links within the page, and to files beside it, that lead nowhere."""
    beside = page.evaluate("() => [...document.querySelectorAll('a[href]:not([href^=\"#\"])')].map(a => a.href)")
    lost = [link for link in beside if link.startswith("file:") and not Path(unquote(urlsplit(link).path)).exists()]
    return lost + page.evaluate(
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


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_page_in_one_visit(name, pages, opened):
    page = opened(pages[name].as_uri(), PHONE)
    assert dangling(page) == []
    assert undrawn(page) == []
    assert page.evaluate("document.images.length") >= (name != "compare")
    assert {url.partition(":")[0] for url in page.asked} <= {"file", "data"}
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert beyond(page) == []
    for scheme, paper in (("light", "none"), ("dark", "brightness(0.87)")):
        page.emulate_media(color_scheme=scheme)
        assert hard_to_read(page) == []
        # A figure is paper in the dark too: its colours are those of its legend and its caption, dimmed alike.
        figures = page.evaluate(
            "() => [...document.querySelectorAll('.plot img')].map(i => getComputedStyle(i).filter)"
        )
        assert set(figures) <= {paper}
    for image in page.locator(".plot img").all():
        image.hover()
    assert page.wrong == []


def held_by(page: Any) -> Any:
    """What the page knows of the runs behind its figures."""
    return json.loads(page.locator("#points").text_content())


def pointed_at(page: Any, figure: str, x: float, y: float) -> Any:
    """The words beside the pointer, at a place of a figure in ten thousandths of its width and height."""
    image = page.locator(f'[data-points="{figure}"] img')
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    page.mouse.move(box["x"] + x / 1e4 * box["width"], box["y"] + y / 1e4 * box["height"])
    return page.locator(".hover")


def test_a_pointer_over_a_point_shows_the_run_and_a_line_that_trains_it_again(address, opened, outcome):
    page = opened(address)
    held = held_by(page)
    sizes = [n * m for n, m in zip(held["settings"]["n"], held["settings"]["m"], strict=True)]
    points = [point for point in held["figures"]["probable"]["points"] if point[2] >= 0]
    x, y, _ = min(points, key=lambda point: sizes[held["runs"]["setting"][point[2]]])
    words = pointed_at(page, "probable", x, y)
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
    x, y, _ = held_by(page)["figures"]["where-theorem-4.1"]["points"][0]
    words = pointed_at(page, "where-theorem-4.1", x, y)
    assert "runs meet it" in words.inner_text() and "run theorem-4.1" in words.inner_text()
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(5, 5)
    assert words.is_visible()
    page.mouse.down()
    page.mouse.up()
    assert words.is_hidden()


def test_a_pointer_over_a_curve_shows_its_setting(address, opened, outcome):
    page = opened(address)
    held = held_by(page)
    what, *line = held["figures"]["two-stages"]["curves"][0]
    setting_ = held["runs"]["setting"][-what - 1]
    x, y = ((line[k] + line[k + 2]) / 2 for k in (2, 3))  # between two vertices
    words = pointed_at(page, "two-stages", x, y).inner_text()
    columns = (held["settings"][key] for key in ("group", "setting"))
    group, number = (column[setting_] if isinstance(column, list) else column for column in columns)
    first = outcome.runs[(outcome.runs["group"] == group) & (outcome.runs["setting"] == number)].iloc[0]
    assert f"setting {number} of {group}, all its runs; the first has seed {first['seed']}" in words


def retrained(words: Any) -> Any:
    """What the line in the words trains."""
    names: dict = {}
    exec(words.locator("code").inner_text(), names)
    return names["run"]


def test_a_pointer_over_a_cell_of_a_map_shows_its_value_and_trains_its_run_again(pages, opened):
    page = opened(pages["map"].as_uri())
    runs = pd.read_csv(pages["map"].parent / "map-runs.csv")
    cells = pd.read_csv(pages["map"].parent / "map-cells.csv")
    mesh = held_by(page)["figures"]["map"]["meshes"][0]
    x, y = ((edges[k] + edges[k + 1]) / 2 for edges, k in ((mesh["x"], 2), (mesh["y"], 1)))
    words = pointed_at(page, "map", x, y)
    first = runs[runs["cell"] == 5].iloc[0]
    assert f"stage1.signal-leads: {cells['stage1.signal-leads'].iloc[5]:g}" in words.inner_text()
    assert f"setting 5 of the map, all its runs; the first has seed {first['seed']}" in words.inner_text()
    run = retrained(words)
    assert run.settings[0].kappa == pytest.approx(8.0) and run.last[0] == first["steps"]


def test_a_pointer_over_a_violation_shows_a_run_whose_seed_no_number_of_a_browser_holds(pages, opened):
    page = opened(pages["falsify"].as_uri())
    held = held_by(page)
    name = "witness-stage1.signal-leads"  # the second: its runs are counted on from those of the first
    x, y, what = held["figures"][name]["points"][0]
    words = pointed_at(page, name, x, y)
    table = pd.read_csv(pages["falsify"].parent / f"falsify-figures/{name}.csv", dtype={"seed": str})
    seeds = set(table.loc[table["kind"] == "point", "seed"])
    run = retrained(words)
    assert held["runs"]["seed"][what] == str(run.samples[0].seed) and str(run.samples[0].seed) in seeds
    assert run.samples[0].seed > 2**53
    assert f"of the violation, seed {run.samples[0].seed}" in words.inner_text()


def test_a_pointer_over_a_calibrated_cell_counts_it_and_asks_again_where_it_fails_most(pages, opened):
    page = opened(pages["calibrate"].as_uri())
    cells = held_by(page)["figures"]["constants"]["meshes"]
    words = pointed_at(page, "constants", *(sum(cells[0][k]) / 2 for k in "xy"))
    assert re.match(rf"{CALIBRATED.name} at C = 1: 9 of 15 settings violate it", words.inner_text())
    assert "most at n = 20" in words.inner_text()
    shown = held_by(page)["figures"]
    assert "half of the runs meet it at κ" in shown["thresholds"]["points"][0][2]
    assert "fails in" in shown["leaning"]["meshes"][0]["what"][0]
    assert "n = 16" in shown["exponents"]["points"][0][2]


# Each fault is seen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ('<a href="#nowhere">x</a>', dangling),
        ('<a href="no%20such.csv">x</a>', dangling),
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
