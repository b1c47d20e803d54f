"""Reports of a small made-up study: valid, self-contained, honest about what is missing, and whole or not at all."""

import html
import io
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import sympy as sp
from rich.table import Table
from rich.text import Text

from numerics import Setting
from theory import (
    AtLeast,
    AtMost,
    Claim,
    Condition,
    Crossing,
    Exactly,
    Theta,
    Within,
    d,
    eta,
    kappa,
    m,
    n,
    sigma_xi,
    tau_minus,
    tau_plus,
)
from theory.formulas import plain
from theory.orders import Ruling
from theory.papers.han2025 import Reading, claims, condition_4_1, entailments
from theory.statements import PROVENANCE, law_tex, tex
from verify import figures, notation, report
from verify.design import KEPT_SERIES, PROFILES, Group, groups
from verify.entailed import Decision, decide
from verify.laws.kind import Status
from verify.laws.theta import Rate
from verify.packs.han2025 import PACK
from verify.report import common, tables
from verify.shown import command
from verify.study import Outcome, Plan, conclude
from verify.sweep import Result

HOSTILE = '<script>alert("x")</script> & | `$a$` {{ 7*7 }}'
READING = Reading()
SEEDS = 8

LARGE = Condition(name="large", source="a note", statement=n >= 2, says="There are samples.")


def claim(name: str, observable: str, law: object, **more: object) -> Claim:
    given = {"source": "a note (1)", "needs": (LARGE,), "says": f"It says {name}."}
    return Claim(name=name, observable=observable, law=law, **{**given, **more})  # type: ignore[arg-type]


CLAIMS = (
    claim("identity", "recursion_residual", Exactly(1e-9, "rounding"), needs=()),
    claim("rate", "order_one_time", Theta(n * m / (eta * sigma_xi**2 * d))),
    claim("open", "early_time", Theta(n * m / (eta * sigma_xi**2 * d))),
    claim("probable", "margin_clean_min_T1", Within(low=0)),
    claim("improbable", "margin_noisy_max_T1", Within(high=0), says=HOSTILE, tested=HOSTILE),
    claim("upper", "coefficient_max_T1", AtMost(sp.Integer(1)), latex=r"\gamma \le \undefinedcommand{K}"),
    claim("lower", "noisy_memorised_end", AtLeast(sp.Integer(1))),
    claim("never.positive", "fresh_excess_end", AtLeast(sp.Integer(1))),
    claim("crossing", "signal_lead_T1", Crossing(kappa * (1 - tau_plus - tau_minus), 2, 0.1, "5 %")),
    claim("contrast", "fresh_excess_end", Within(low=0), contrast=True),
)


def made_up_runs(group: str, rng: np.random.Generator, settings: int) -> pd.DataFrame:
    """Runs that obey the laws above by construction; only ``improbable`` and ``never.positive`` fail."""
    rows = []
    for index in range(settings):
        size = {k: int(np.exp(rng.uniform(np.log(10), np.log(1000)))) for k in ("n", "m")}
        values = {**size, "d": int(1e6 * np.exp(rng.uniform(0, 6))), "sigma_xi": float(np.exp(rng.uniform(-3, 3)))}
        values |= {"sigma_0": 1e-8 * float(np.exp(rng.uniform(-2, 2))), "eta": float(np.exp(rng.uniform(-11, -5)))}
        values |= {"tau_plus": rng.uniform(0.05, 0.2), "tau_minus": rng.uniform(0.05, 0.2)}
        ratio = rng.uniform(0.7, 5)
        values["mu"] = float(values["sigma_xi"] * np.sqrt(ratio * values["d"] / values["n"]))
        setting = Setting(**values)
        scale = 1 / setting.time_scale
        for seed in range(SEEDS):
            flips = rng.binomial(setting.n, 0.1) / setting.n
            effective = ratio * (1 - setting.tau_plus - setting.tau_minus)
            rows.append(
                {
                    "group": group, "setting": index, "seed": 1000 * index + seed, **setting.values(), "kappa": ratio,
                    "time_scale": setting.time_scale, "epsilon": 0.01, "delta": 0.1, "horizon": 8.0,
                    "status": "stopped", "steps": 500, "flip_share": flips if flips else np.nan,
                    "recursion_residual": 10.0 ** rng.uniform(-16, -13),
                    "early_time": 0.1 * scale * np.exp(rng.normal(0, 0.8)),
                    "order_one_time": 0.7 * scale * np.exp(rng.normal(0, 0.02)),
                    "margin_clean_min_T1": rng.uniform(0.1, 1), "margin_noisy_max_T1": rng.normal(0, 1),
                    "coefficient_max_T1": rng.uniform(1, 1.5), "noisy_memorised_end": rng.uniform(0.1, 0.2),
                    "fresh_excess_end": -flips / 2 if flips else np.nan,
                    "signal_lead_T1": effective / 2 - 1 + rng.normal(0, 0.05),
                    "overtake_time": 3 * scale, "error_spurious_T1": 0.0, "error_fresh_T1": 0.0,
                    "error_training_noise_T1": 0.0, "error_spurious_end": flips / 2, "error_fresh_end": 0.0,
                    "error_training_noise_end": flips / 2,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def made_up_curves(runs: pd.DataFrame) -> Result:
    times = np.unique(np.geomspace(1, 500, 60).astype(int))
    times = np.concatenate([[0], times])
    growth = np.log1p(times * runs["time_scale"].iloc[0])[None, :] * np.ones((len(runs), 1))
    series = {name: (growth if "rho" in name or "gamma" in name else np.minimum(growth, 1)) for name in KEPT_SERIES}
    series = {name: values.astype(np.float32) for name, values in series.items()}
    series["rho_noisy_minus"][:] = np.nan  # no flipped sample of that label
    return Result(key=f"{runs['group'].iloc[0]}-{runs['setting'].iloc[0]:03d}", runs=runs, times=times, series=series)


def study(chosen: tuple[Claim, ...] = CLAIMS, missing: str = "", settings: int = 36) -> Outcome:
    rng = np.random.default_rng(0)
    group_of = {}
    for c in chosen:
        label, stage = ("large", "end") if c.needs else ("any", "exact")
        group_of[c.name] = Group(name=f"{label}-{stage}", needs=c.needs, stage=stage, needs_rates=True, observables=())
    results = []
    for name in dict.fromkeys(g.name for g in group_of.values()) if settings else ():
        runs = made_up_runs(name, rng, settings)
        results += [made_up_curves(part) for _, part in runs.groupby("setting")]
    plan = Plan(
        claims=chosen,
        group_of=group_of,
        jobs=(),
        undesigned={} if settings else {g.name: "no setting lies inside them" for g in group_of.values()},
        profile=PROFILES["quick"],
        reading=READING,
        seed=3,
        device="cpu",
    )
    return replace(conclude(plan, results, missing, 0.0), wall=12.0)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return study()


COMMAND = "python -m verify all --note '<b>'"


@pytest.fixture(scope="module")
def folder(outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("report")
    report.write(outcome, where, COMMAND)
    return where


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def status(outcome: Outcome, name: str) -> Status:
    return next(v.status for v in outcome.verdicts if v.claim.name == name)


def strict(text: str) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def printed(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None], width: int = 80) -> str:
    """What an action prints into a pipe."""
    stream = io.StringIO()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout", stream)
    action()
    monkeypatch.undo()
    text = stream.getvalue()
    assert "\x1b" not in text
    return text


def test_the_made_up_study_has_every_status_and_every_kind_of_law(outcome):
    assert status(outcome, "rate") == Status.SUPPORTED
    assert status(outcome, "open") == Status.INCONCLUSIVE
    assert status(outcome, "improbable") == Status.REFUTED
    assert status(outcome, "contrast") == Status.REFUTED
    kinds = {part["kind"] for v in outcome.verdicts for part in v.details["parts"]}
    assert kinds == {"rate", "probability", "bound", "identity", "crossing"}


def test_json_is_strict_and_follows_the_schema(folder, outcome):
    held = strict((folder / "report.json").read_text(encoding="utf-8"))
    schema = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(held)
    assert [c["name"] for c in held["claims"]] == [c.name for c in CLAIMS]
    assert held["counts"]["contrasts"]["REFUTED"] == 1
    assert sum(held["counts"]["claims"].values()) == len(CLAIMS) - 1
    by_name = {c["name"]: c for c in held["claims"]}
    assert by_name["contrast"]["expected"] is True
    assert by_name["improbable"]["expected"] is False
    assert by_name["rate"]["reproduce"] == "thetacheck run rate --profile quick --seed 3"


def test_the_schema_refuses_what_is_not_a_report(folder):
    held = strict((folder / "report.json").read_text(encoding="utf-8"))
    schema = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
    for spoil in (
        lambda h: h["claims"][0].update(status="PROBABLY"),
        lambda h: h["claims"][0].pop("reason"),
        lambda h: h.pop("finished"),
        lambda h: h["counts"]["claims"].update(SUPPORTED=-1),
    ):
        broken = json.loads(json.dumps(held))
        spoil(broken)
        assert not jsonschema.Draft202012Validator(schema).is_valid(broken)


def test_json_turns_what_is_not_finite_into_null():
    held = common.strict({"a": [np.nan, np.inf, np.float32(1.5), np.int64(2), np.bool_(True)], "b": {"c": -np.inf}})
    assert held == {"a": [None, None, 1.5, 2, True], "b": {"c": None}}


def test_the_page_shows_every_claim_with_status_reason_and_command(page, outcome):
    for v in outcome.verdicts:
        assert f'id="claim-{v.claim.name}"' in page
        assert str(report.reproduce(v.claim.name, outcome)) in page
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    for v in outcome.verdicts:
        words = re.sub(r"\s+", " ", common.readable(v.reason)).split(" ")[:3]
        assert " ".join(words) in text
    for word in ("SUPPORTED", "REFUTED", "INCONCLUSIVE", "OUTSIDE", "fails, as expected"):
        assert word in text


def test_the_page_embeds_its_figures_and_loads_nothing(page):
    assert len(re.findall(r'<img src="data:image/svg\+xml;base64,', page)) >= len(CLAIMS) + 3
    assert re.findall("<script[^>]*>", page) == ['<script type="application/json" id="points">', "<script>"]
    assert "<link" not in page
    assert "@import" not in page
    loads = re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page)
    assert {x[:5] for x in loads} <= {"data:"} | {x[:5] for x in loads if x.startswith("#")}
    anchors = {x[1:] for x in loads if x.startswith("#")}
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert anchors <= set(ids)
    assert len(ids) == len(set(ids))


def test_hostile_text_stays_text(page, folder):
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "49" not in re.findall(r"\{\{ 7\*7 \}\}|>49<", page)
    assert "&lt;b&gt;" in page
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert "<script>" not in markdown
    for line in markdown.splitlines():
        if line.startswith("| improbable"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 7


def test_a_formula_that_cannot_be_drawn_is_shown_as_text(page):
    assert 'class="plainmath"' in page
    assert "undefinedcommand" in page


def test_every_formula_of_a_report_is_one_of_its_sources(page, outcome):
    """Nothing in the page is made a formula that was not one: each is the LaTeX of a statement, a term or a symbol."""
    sources = [*notation.names().values(), common.VECTOR, r"\kappa = n\,\mathrm{SNR}^2"]
    for v in outcome.verdicts:
        sources += re.split(r",\s*\\quad\s*", v.claim.latex)
        sources += [law_tex(name, law) for name, law in v.claim.parts]
    conditions = {c for held in outcome.margins.values() for c in held.group.needs}
    sources += [tex(c.statement) for c in conditions]
    bound = [term for held in outcome.margins.values() for term in held.table["binding"]]
    assert bound
    assert all(isinstance(term, sp.Basic) for term in bound)
    sources += map(tex, bound)
    sources += [row["open"] for row in tables.reading_rows(READING)]
    sources += [row["rule"] for row in PACK.says(READING)["thresholds"]]
    sentences = [row["what"] for row in PACK.says(READING)["thresholds"]]
    sentences += [p.caption for p in figures.overview(outcome)] + [v.claim.says for v in outcome.verdicts]
    sentences += [p.caption for v in outcome.verdicts for p in figures.of_claim(v, outcome)]
    sources += [piece for text in sentences for latex, piece in common.pieces(text) if latex]
    written = {str(common.mathml(latex)) for latex in sources}
    shown = re.findall(r"<math .*?</math>", page)
    assert len(shown) > 50
    assert set(shown) - written == set()
    for latex in (*(tex(c.statement) for c in conditions), *map(tex, bound)):
        assert str(common.mathml(latex)) in shown
    # No other way to raise or to lower is left.
    assert not re.search(r"<su[bp]>", page)


def test_formulas_read_as_text():
    assert plain(r"\tfrac1m \le \frac{a+b}{\sqrt{c}}") == "1/m ≤ (a + b)/√c"
    assert plain(r"\{i\in S_f: \bar\rho^{(T_1)} > \|\mu\|\}") == "{i ∈ S_f : \u03c1\u0304^(T_1) > ‖μ‖}"
    assert plain(r"\tfrac1m\sum_r(\rho \pm \gamma)") == "(1/m) ∑_r(ρ ± γ)"


def test_numbers_are_written_as_they_are_read():
    assert [notation.number(x) for x in (1e-5, 3.2e-7, -1e-4, 1.5, 250000.0, 1e6, 12.0)] == [
        "10⁻⁵", "3.2·10⁻⁷", "−0.0001", "1.5", "2.5·10⁵", "10⁶", "12",
    ]  # fmt: skip


def test_names_in_a_sentence_are_symbols_and_nothing_else_is_a_formula():
    assert common.readable("eta^-1.5 of sigma_xi <= 3 at mu") == "η^−1.5 of σ_ξ ≤ 3 at ‖μ‖"
    assert common.prose("every gamma, mu and $n^2/\\delta$ at T_1; tau_+ - 2") == "every γ, μ and n^2/δ at T_1; τ_+ − 2"
    assert common.readable("a*b**2/3 and metadata") == "a*b**2/3 and metadata"


def test_runs_survive_the_round_trip(folder, outcome):
    held = pd.read_csv(folder / "runs.csv")
    pd.testing.assert_frame_equal(held, outcome.runs, check_dtype=False, rtol=1e-14)


def test_figures_are_written_in_both_formats_and_named_in_the_markdown(folder):
    written = {p.name for p in (folder / "figures").iterdir()}
    assert {"two-stages", "collapse", "test-errors", "rate", "crossing", "never.positive"} <= {x[:-4] for x in written}
    assert {x[:-4] for x in written if x.endswith(".svg")} == {x[:-4] for x in written if x.endswith(".png")}
    named = re.findall(r"\]\(figures/([^)]+)\)", (folder / "report.md").read_text(encoding="utf-8"))
    assert named
    assert set(named) <= written


def test_reports_do_not_change_from_one_writing_to_the_next(outcome, folder, tmp_path):
    report.write(outcome, tmp_path / "again", COMMAND)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes(), path.name


def test_an_interrupted_study_says_so_first(tmp_path, monkeypatch):
    partial = study((CLAIMS[3],), missing="interrupted", settings=3)
    report.write(partial, tmp_path, COMMAND)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.index("Partial: interrupted") < text.index('id="table"')
    assert "Partial: interrupted" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert strict((tmp_path / "report.json").read_text(encoding="utf-8"))["finished"] is False
    assert "PARTIAL, 3 of 0 settings ran: interrupted" in printed(monkeypatch, lambda: report.summary(partial))


def test_a_study_without_any_run_is_outside_everywhere(tmp_path):
    empty = study(CLAIMS[:3], missing="interrupted", settings=0)
    report.write(empty, tmp_path, COMMAND)
    held = strict((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {c["status"] for c in held["claims"]} == {"OUTSIDE"}
    assert "no setting lies inside them" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("fails", ["report.md", "figures/test-errors.png"])
def test_a_full_disk_leaves_the_old_report_whole(fails, outcome, tmp_path, monkeypatch):
    small = replace(outcome, verdicts=(), results={})
    report.write(small, tmp_path, "first")
    (tmp_path / "batches").mkdir()
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    write_bytes = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.as_posix().endswith(fails):
            raise OSError(28, "No space left on device")
        return write_bytes(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"cannot write the report to .*: No space left on device; choose") as problem:
        report.write(small, tmp_path, "second")
    assert "\n" not in str(problem.value)
    monkeypatch.undo()
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["batches", "figures", "index.html", "report.json", "report.md", "runs.csv", "thetacheck.json"]
    )


def test_a_file_in_the_way_is_said(outcome, tmp_path):
    (tmp_path / "taken").write_text("x")
    small = replace(outcome, verdicts=(), results={}, runs=outcome.runs.head(0))
    with pytest.raises(ValueError, match="taken: is a file; name a folder"):
        report.write(small, tmp_path / "taken", COMMAND)


def test_figures_of_an_earlier_report_do_not_linger(outcome, tmp_path):
    report.write(replace(outcome, verdicts=outcome.verdicts[1:2], results={}), tmp_path, COMMAND)
    report.write(replace(outcome, verdicts=outcome.verdicts[3:4], results={}), tmp_path, COMMAND)
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == {"probable", "test-errors"}


def test_a_verdict_without_data_to_draw_gets_no_figure(outcome):
    verdict = outcome.verdicts[1]
    detail = Rate(observable="x", predicted={"n": 1.0})
    bare = replace(verdict, findings=(replace(verdict.findings[0], detail=detail),))
    assert list(figures.of_claim(bare, outcome)) == []


def test_reproducing_names_every_option_that_was_not_the_default(outcome):
    plan = replace(outcome.plan, reading=Reading(C=4, horizon=20, kappa_low=2.5), device="cuda", seed=0)
    line = report.reproduce("a claim", replace(outcome, plan=plan))
    assert line.startswith("thetacheck run 'a claim' --profile quick --seed 0 ")
    assert line.endswith(" --C 4 --horizon 20 --kappa-low 2.5 --device cuda")


def test_summary_fits_a_narrow_terminal(outcome, monkeypatch):
    text = printed(monkeypatch, lambda: report.summary(outcome, Path("somewhere")))
    assert max(map(len, text.splitlines())) <= 80
    for v in outcome.verdicts:
        assert v.claim.name in text
    assert "2 REFUTED" in text
    assert "somewhere" in text


def test_statements_about_orders_do_not_drown_the_claims(outcome, tmp_path, monkeypatch):
    known = {s.name: s for s in entailments()}
    right = decide(known["regime.snr-vanishes"])
    wrong = replace(right, statement=replace(right.statement, name="regime.wrong", expected=Ruling.NOT_ENTAILED))
    open_ = Decision(statement=known["regime.cross-talk"], answer=None)
    small = replace(outcome, verdicts=outcome.verdicts[:1], results={}, decisions=(right, wrong, open_))
    text = printed(monkeypatch, lambda: report.summary(small))
    assert text.splitlines()[:2] == [
        "1 SUPPORTED   0 REFUTED   0 OPEN   0 INCONCLUSIVE   ",
        "and 3 statements about orders decided exactly: 1 SUPPORTED, 1 REFUTED, 1 ",
    ]
    assert "regime.wrong" in text  # what is not as stated is shown, what is only counts
    assert "regime.cross-talk" in text
    assert "regime.snr-vanishes" not in text
    report.write(small, tmp_path, COMMAND)
    held = strict((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(held, json.loads(report.SCHEMA.read_text(encoding="utf-8")))
    assert held["counts"]["claims"]["SUPPORTED"] == held["counts"]["statements"]["SUPPORTED"] == 1
    assert [s["status"] for s in held["statements"]] == ["SUPPORTED", "REFUTED", "INCONCLUSIVE"]
    assert [s["answer"] for s in held["statements"]] == ["entailed", "entailed", None]
    for name in ("index.html", "report.md"):
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert "Regime: what the conditions entail" in page
        assert "Claim: mu ≪ d^(1/2) sigma_xi" in page


@pytest.fixture(scope="module")
def other(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same report with one other verdict, one claim less, and a name from outside."""
    held = strict((folder / "report.json").read_text(encoding="utf-8"))
    held["claims"][1] |= {"status": "REFUTED", "measured": HOSTILE}
    del held["claims"][2]
    where = tmp_path_factory.mktemp("other")
    (where / "report.json").write_text(json.dumps(held))
    return where


def test_a_page_of_two_reports_says_where_they_differ_and_where_not(folder, other, tmp_path, here):
    out = tmp_path / "out"
    done = here("compare", folder, other, "--out", out)
    assert done.returncode == 1 and f"{len(CLAIMS) - 2} verdicts and constants agree, 2 differ" in done.stdout
    for name in ("compare.html", "compare.md"):
        page = (out / name).read_text(encoding="utf-8")
        differ, agree = page.split("Where they differ")[1].split("Where they agree")
        assert "REFUTED" in differ and "not there" in differ and "probable" in agree and "probable" not in differ
        assert "<script>alert" not in page
    assert here("compare", folder, folder, "--out", out).returncode == 0
    assert "Nowhere." in (out / "compare.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [("--papers", "kou2023", "han2025", "--out", "x"), (".", ".", "--out", "x")])
def test_a_page_is_of_two_reports(arguments, here, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = here("compare", *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_cells_that_a_spreadsheet_would_run_are_text(tmp_path):
    held = pd.DataFrame({
        "=1+1": ["=cmd|' /C calc'!A0", "+1+2", "-3+4", "@sum(a)", "\t=1", "@"],
        "plain": ["a", "-5", "+2e3", "-inf", "x=1", ""],
        "number": [-1.5, 2.0, -np.inf, np.nan, 0.0, -0.0],
        "mixed": [-1, "=2", 3, None, "-4", True],
    })  # fmt: skip
    (tmp_path / "a.csv").write_text(common.csv(held), encoding="utf-8")
    read = pd.read_csv(tmp_path / "a.csv", dtype=str, keep_default_na=False)
    assert list(read) == ["'=1+1", "plain", "number", "mixed"]
    assert all(x.startswith("'") for x in read["'=1+1"])
    assert list(read["plain"]) == list(held["plain"])
    assert list(read["number"]) == ["-1.5", "2.0", "-inf", "", "0.0", "-0.0"]
    assert list(read["mixed"]) == ["-1", "'=2", "3", "", "-4", "True"]
    assert "=1+1" in held  # what was given stays as it was


def test_markdown_takes_no_html_from_a_formula_a_name_or_a_command(outcome, tmp_path):
    hostile = r"x <img src=a onerror=b> \text{`<u>`} | $y$"
    bad = claim("bad", "margin_clean_min_T1", Within(low=0), latex=hostile, says=HOSTILE)
    report.write(study((bad,)), tmp_path, "python `x`\n\n<script>alert(1)</script>")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    outside = re.sub(r"`[^`\n]*`", "", text)  # code is shown as it is
    for tag in ("<script>alert", "<img src=a", "<u>"):
        assert tag not in outside
        assert tag not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_escape_codes_are_shown_and_not_passed_on():
    said = io.StringIO()
    console = common.open_console(said)
    console.print("a\x1b[31mb\x9bc\u202ed", soft_wrap=True)
    console.print(Text("x\x1b]0;t\x07y"))
    shown = Table()
    shown.add_column("c\x1b")
    shown.add_row(Text("two\nlines\x1b"))
    console.print(shown)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said.getvalue())
    assert r"a\x1b[31mb\x9bc\u202ed" in said.getvalue()
    terminal = io.StringIO()
    coloured = common._Console(file=terminal, force_terminal=True, color_system="standard", width=40)
    coloured.print(Text("red\x1b[2J", style="red"))
    assert "\x1b[31m" in terminal.getvalue()
    assert "\x1b[2J" not in terminal.getvalue()


def test_a_command_is_printable_and_reads_as_it_was_given():
    given = ["plain", "two words", "it's", "new\nline", "\x1b[31m'\\", "κ", "\udcff"]
    line = command(given)
    assert line.isprintable()
    read = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    assert read.split(b"\0")[:-1] == [x.encode("utf-8", "surrogateescape") for x in given]


def test_the_list_names_every_claim(monkeypatch):
    known = claims()
    text = printed(monkeypatch, lambda: report.table_of_claims(known, groups(known, PACK.observables)))
    assert all(c.name in text and c.says.split()[0] in text for c in known)
    text = printed(monkeypatch, lambda: report.list_observables(PACK.observables))
    assert all(name in text for name in PACK.observables)


@pytest.mark.parametrize("index", range(len(CLAIMS)))
def test_explain_tells_everything(index, monkeypatch):
    c = CLAIMS[index]
    text = printed(monkeypatch, lambda: report.explain(c, PACK.observables))
    assert max(map(len, text.splitlines())) <= 80
    flat = re.sub(r"\s+", " ", text)
    for name, _ in c.parts:
        assert name in flat
    assert "a note (1)" in flat
    assert "stated by the user" in flat
    for condition in c.needs:
        assert condition.name in flat
        assert condition.says in flat
    if c.contrast:
        assert "expected to fail" in flat


def test_explain_states_the_tolerances(monkeypatch):
    text = re.sub(r"\s+", " ", printed(monkeypatch, lambda: report.explain(CLAIMS[1], PACK.observables)))
    assert "±0.05" in text
    assert "1.5 decades" in text


def test_margins_show_which_term_binds(monkeypatch):
    setting = Setting(n=100, m=20, d=2000, mu=10.0, sigma_xi=1.0, sigma_0=1e-3, eta=0.1, tau_plus=0.2, tau_minus=0.2)
    values = READING.at(setting.values(), 0.01)
    margins = [c.margin(values, 2.0) for c in condition_4_1()]
    text = printed(monkeypatch, lambda: report.margin_tables([("Condition 4.1", margins)], setting, READING, 0.01))
    assert max(map(len, text.splitlines())) <= 80
    assert "4.1.2-dimension" in text
    assert "FAILS" in text
    assert "> n^2" in text
    assert "outside" in text


@pytest.mark.parametrize(("total", "quiet", "lines"), [(0, False, 0), (50, True, 0), (50, False, 10)])
def test_progress_into_a_pipe_is_plain_and_rare(total, quiet, lines, capsys, monkeypatch):
    clock = iter(range(0, 1000, 2))  # two seconds a job: a line every ten
    monkeypatch.setattr(common, "monotonic", lambda: float(next(clock)))
    with report.progress(total, quiet) as tick:
        for _ in range(total):
            tick()
    told = capsys.readouterr()
    assert told.out == ""
    assert "\x1b" not in told.err
    assert len(told.err.splitlines()) == lines
    if lines:
        assert told.err.splitlines()[0] == "5 of 50 settings, 10 s gone, about 1 min 30 s left"


def test_the_time_left_is_told_from_the_work_done_and_not_before_a_tenth_of_it():
    left = common.Remaining(100.0, start=0.0)
    left.ended(40, now=1.0, kept=True)  # was done before: says nothing of how long the rest takes
    assert left.said(1.0) == "time left not known yet"
    left.ended(5, now=10.0)  # of sixty
    assert left.said(10.0) == "time left not known yet"
    left.ended(7, now=24.0)
    assert left.said(24.0) == "about 1 min 36 s left"
    assert left.said(34.0) == "about 1 min 26 s left"
    left.ended(48, now=100.0)
    assert left.said(101.0) == "about 0 s left"


def test_a_bundle_of_which_the_first_is_told_says_nothing_of_the_rest(capsys, monkeypatch):
    """Sixteen short settings of four hundred come at once, after thirteen seconds: no hour and a half is left."""
    clock = iter([0.0] + [13.0] * 16)
    monkeypatch.setattr(common, "monotonic", lambda: next(clock))
    with report.progress(407, quiet=False, work=1000.0) as tick:
        for _ in range(16):
            tick(1, 1.0)
    assert capsys.readouterr().err == "1 of 407 settings, 13 s gone, time left not known yet\n"


def test_a_terminal_without_unicode_gets_question_marks(outcome, monkeypatch):
    held = io.BytesIO()
    stream = io.TextIOWrapper(held, encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    report.summary(outcome)
    stream.flush()
    assert b"SUPPORTED" in held.getvalue()


def test_the_schema_knows_every_tag():
    found = re.findall(r'"provenance": \{"enum": (\[.*?\])\}', report.SCHEMA.read_text(encoding="utf-8"))
    assert found
    assert all(json.loads(tags) == list(PROVENANCE) for tags in found)


def test_every_run_that_took_more_than_the_first_step_counts_as_trained(outcome):
    """Those of theorems too, whose groups no claim has; not those of identities, at any size."""
    table = pd.DataFrame({"n": [500, 31, 11], "m": 8, "d": 100, "kappa": 4.0, "steps": [1, 3, 400]})

    def told(*groups: str) -> str:
        return re.sub(r"\W+", " ", tables.sizes_of(replace(outcome, runs=table.assign(group=groups))))

    assert "n from 11 to 31" in told("large-end", "large-end", "large-end")
    assert "n from 11 to 31" in told("large-end", "confirm-theorem-end", "large-end")
    assert "n from 31 to 31" in told("large-end", "large-end", "any-exact")
