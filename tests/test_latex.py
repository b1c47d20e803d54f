"""A report as a paper's appendix: what is written compiles, whatever claims are called, and says what reports say."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_report import CLAIMS, HOSTILE, study

from theory import papers
from verify import figures, report
from verify.drawn import table
from verify.report import citing, latex

DOCUMENT = r"""\documentclass{article}
\usepackage{%s}
\begin{document}
%s
\end{document}
"""
HOSTILE_FORMULAS = {
    "reads_a-file.1": r"\input{/etc/passwd}", "comment": "a % b", "ends.a-cell": "x < 1 & y", "half": r"\frac{a",
    "signs": "γ ≤ ‖w‖ + é",
}  # fmt: skip


def compiled(body: str, folder: Path) -> str:
    """The log of pdflatex, which must be content."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    (folder / "document.tex").write_text(DOCUMENT % (",".join(latex.PACKAGES), body), encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def outcome():
    held = study()
    named = [replace(held.verdicts[3], claim=replace(held.verdicts[3].claim, name=name, latex=written))
             for name, written in HOSTILE_FORMULAS.items()]  # fmt: skip
    grouped = held.plan.group_of | {name: held.plan.group_of[held.verdicts[3].claim.name] for name in HOSTILE_FORMULAS}
    return replace(held, verdicts=(*held.verdicts, *named), plan=replace(held.plan, group_of=grouped))


@pytest.fixture(scope="module")
def body(outcome) -> str:
    return latex.verdict_tables(outcome)


def test_every_claim_is_a_row_with_its_verdict(body, outcome):
    rows = [line for line in body.splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == len(outcome.verdicts)
    for row, v in zip(rows, sorted(outcome.verdicts, key=lambda v: v.claim.contrast), strict=True):
        assert len(re.findall(r"(?<!\\)&", row)) == 3
        assert f"\\textsc{{{v.status.lower()}}}" in row
        if v.claim.name.isalpha():
            assert v.claim.name in row


def test_braces_and_dollars_are_balanced_and_nothing_is_read_or_lost(body):
    for line in body.splitlines()[1:]:
        bare = re.sub(r"\\\\|\\[{}$%&#_]", "", line)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert "%" not in bare
    assert r"\input" not in body.replace(r"\textbackslash{}input", "")
    assert all(sign.isascii() or sign == "é" for sign in body)


def test_it_compiles(body, tmp_path):
    assert "Missing character" not in compiled(body, tmp_path)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("κ(1−2 max τ) ≥ 3.2, T₁", r"$\kappa (1-2$ max $\tau )$ $\geq $ 3.2, $T_{1}$"),
        ("nm/(ησ_ξ²d)", r"$nm/(\eta \sigma _{\xi }^{2}d)$"),
        ("100 % of $n$ [0.1, 0.2]", r"100 \% of $n$ {[}0.1,~0.2{]}"),
        ("ρ̄ is C_D of the mean", r"$\bar{\rho}$ is $C_{D}$ of the mean"),
        ("a_long_name costs 10⁻³ $", r"a\_long\_name costs $10^{-3}$ \$"),
    ],
)
def test_signs_of_a_text_become_latex(text, written):
    assert latex.sentence(text) == written


def test_a_text_of_everything_compiles(tmp_path):
    greek = "".join(chr(c) for c in range(0x391, 0x3CA) if c != 0x3A2)
    texts = (greek, "≤≥≠≈≲≳≍≪≫∝∈∉∀∃⟺⟹→↦∞−×·±√∑∫∂‖⟨⟩′″ℓ✓✗○–—…“”‘’⁰⁻ⁿ₀₊☃", HOSTILE, "".join(map(chr, range(1, 384))))
    compiled("\n\n".join(latex.sentence(x) for x in texts), tmp_path)


def test_an_outcome_without_any_verdict_is_an_empty_fragment(outcome):
    assert "longtable}" not in latex.verdict_tables(replace(outcome, verdicts=())).replace("longtable,", "")


def test_a_contrast_says_what_is_expected(body):
    assert "Contrasts: expected to fail" in body
    assert "fails, as expected" in body


# ---------------------------------------------------------------------------------------------------------------
# The folder


@pytest.fixture(scope="module")
def small():
    return study(tuple(c for c in CLAIMS if c.name in ("identity", "rate")))


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory) -> Path:
    where = tmp_path_factory.mktemp("appendix")
    report.write(small, where, "python -m verify all --out 'a_b & c'", latex=True)
    return where


def test_every_figure_has_a_pdf_its_data_and_a_place_in_the_appendix(folder):
    drawn = {path.stem.replace("_", "-").replace(".", "-") for path in (folder / "figures").glob("*.png")}
    for kind in ("pdf", "csv"):
        assert {path.stem for path in (folder / "latex").glob(f"*.{kind}")} == drawn
    floats = (folder / "latex/figures.tex").read_text()
    assert all(f"{{\\thetacheck {name}.pdf}}" in floats and f"\\label{{fig:{name}}}" in floats for name in drawn)
    assert all(path.read_bytes().startswith(b"%PDF") for path in (folder / "latex").glob("*.pdf"))


def test_the_data_of_a_figure_are_what_is_drawn(folder, small):
    held = pd.read_csv(folder / "latex/rate.csv")
    points = held[(held["panel"] == 1) & (held["kind"] == "point")]
    rows = small.runs[small.runs["group"] == "large-end"]
    means = np.exp(np.log(rows["order_one_time"]).groupby(rows["setting"]).mean())
    assert sorted(points["y"]) == pytest.approx(sorted(means), rel=1e-4)
    assert set(points["y_axis"]) == {"measured $T_1$"}
    own = points.set_index("setting")["y"]  # each beside the setting that it is of
    assert list(own.sort_index()) == pytest.approx(list(means.sort_index()), rel=1e-4)
    assert set(held["kind"]) >= {"point", "line", "interval", "box", "level"}
    [fitted] = [part for _, part in held[(held["panel"] == 1) & (held["kind"] == "line")].groupby("part")]
    assert np.ptp(np.log(fitted["y"]) - np.log(fitted["x"])) < 1e-4  # slope 1


def test_a_figure_without_data_has_an_empty_table():
    from matplotlib.figure import Figure

    assert table(Figure()).empty


def test_the_appendix_compiles(folder, tmp_path):
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex here")
    shutil.copytree(folder / "latex", tmp_path / "latex")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "appendix.tex"]
    done = subprocess.run(command, cwd=tmp_path / "latex", capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_fragments_compile_from_another_folder(folder, tmp_path):
    shutil.copytree(folder / "latex", tmp_path / "report/latex")
    read = "".join(rf"\input{{report/latex/{name}}}" for name in ("verdicts", "figures"))
    compiled(r"\newcommand{\thetacheck}{report/latex/}" + read, tmp_path)


def test_without_being_asked_for_there_is_none_and_an_old_one_goes(small, folder):
    report.write(small, folder, "python -m verify all")
    assert not list(folder.glob("latex/*"))


def test_pdfs_do_not_change_from_one_writing_to_the_next(small):
    first, second = (next(figures.of_claim(small.verdicts[0], small)).pdf() for _ in range(2))
    assert first == second


# ---------------------------------------------------------------------------------------------------------------
# Citations


def test_every_paper_and_the_tool_can_be_cited():
    written = citing.bibtex(papers.built_in())
    keys = re.findall(r"^@\w+\{(\w+),", written, flags=re.M)
    assert keys == ["thetacheck", *papers.built_in()]
    assert written.count("{") == written.count("}")
    for name in papers.built_in():
        family, year = re.fullmatch(r"([a-z]+)(\d{4})", name).groups()
        entry = written.partition(f"{{{name},")[2].partition("\n}")[0]
        assert f"author = {{{family.capitalize()}, " in entry and f"year = {{{year}}}" in entry


def test_a_report_cites_the_papers_that_its_claims_are_from(outcome):
    taken = replace(outcome.verdicts[0].claim, source="Kou et al. 2023, Lemma B.5")
    held = replace(outcome, verdicts=(replace(outcome.verdicts[0], claim=taken),))
    assert citing.papers_of(held) == ["han2025", "kou2023"]


def test_the_command_prints_citations_and_says_what_it_does_not_know(here):
    done = here("--cite", "--paper", "kou2023")
    assert done.returncode == 0 and "@inproceedings{kou2023," in done.stdout and "@software{thetacheck," in done.stdout
    assert "no entry is known of toy" in here("--cite", "--paper", "tests/toy.py").stdout
