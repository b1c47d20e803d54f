"""Verdicts as LaTeX: what is written compiles, whatever claims are called, and says what the report says."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from test_report import HOSTILE, study

from verify.report import latex

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
