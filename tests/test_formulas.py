"""Formulas of a report against their SymPy source: read back from the page and from the terminal, as numbers."""

import html
import math
import random
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mathml_reader import of_mathml, of_text, sides, value

from theory import AtLeast, AtMost, Band, Crossing, Theta, Within, evaluate
from theory.formulas import mathml, plain
from theory.papers.han2025 import (
    Reading,
    claims,
    condition_4_1,
    condition_clean,
    condition_huang,
    condition_kou,
    entailments,
)
from theory.statements import law_tex, tex
from theory.symbols import T_star, d, delta, mu, n, sigma_xi, table
from verify.maps import figures as maps_figures
from verify.maps import plane
from verify.report import common

CONDITIONS = {c.name: c for c in (*condition_4_1(), *condition_clean(), *condition_kou(), *condition_huang())}
CONDITIONS |= {c.name: c for claim in claims() for c in claim.needs}
NAMES = {
    "n": "n", "m": "m", "d": "d", "mu": "‖μ‖", "sigma_xi": "σ_ξ", "sigma_0": "σ_0", "eta": "η", "tau_plus": "τ_+",
    "tau_minus": "τ_−", "epsilon": "ε", "delta": "δ", "horizon": "c_T", "T_star": "T*", "t": "t", "C": "C",
}  # fmt: skip


def points(count: int = 4) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Random values of all symbols: by their name in theory, and as pages write them, with the paper's shorthands."""
    rng = random.Random(0)
    for _ in range(count):
        values = {p.name: math.exp(rng.uniform(0.3, 2)) for p in table() if p.name in NAMES}
        values |= {"tau_plus": rng.uniform(0.05, 0.2), "delta": rng.uniform(0.01, 0.2)}
        values["tau_minus"] = values["tau_plus"]
        values["horizon"] *= 1e3  # so that T* is above e, where its definition bends
        values["T_star"] = evaluate(T_star, values)
        shown = {NAMES[name]: x for name, x in values.items()}
        snr = values["mu"] / (values["sigma_xi"] * math.sqrt(values["d"]))
        shown |= {"SNR": snr, "κ": values["n"] * snr**2, "τ": values["tau_plus"], "α": 4 * math.log(values["T_star"])}
        shown |= {"β": 0.0, "C′": 1.0, "C_D": 1.0}
        yield values, shown


def parts(source: sp.Basic | Band) -> list[sp.Expr]:
    if isinstance(source, Band):
        return [sp.Float(source.low), source.expression, sp.Float(source.high)]
    return [source.lhs, source.rhs] if isinstance(source, sp.core.relational.Relational) else [source]


def assert_reads_as(latex: str, expected: list[sp.Expr]) -> None:
    """Both forms of a formula, read back, are the expressions between its relations."""
    for tokens in (of_mathml(str(mathml(latex))), of_text(plain(latex))):
        found = sides([x for x in tokens if x != "up to logarithms"])
        assert len(found) == len(expected), (latex, plain(latex))
        for values, shown in points():
            for side, expression in zip(found, expected, strict=True):
                assert value(side, shown) == pytest.approx(evaluate(expression, values), rel=1e-9), plain(latex)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (sp.log(6 * n**2 / delta), "log(6 n^2/δ)"),
        (sigma_xi**2 / 2, "σ_ξ^2/2"),
        (mu**2 / d, "‖μ‖^2/d"),
        (n ** sp.Rational(3, 2) / 4, "n^(3/2)/4"),
        (sp.sqrt(n) / (2 * sigma_xi**2 * d), "√n/(2 d σ_ξ^2)"),
        (sp.log(n) ** 2, "log(n)^2"),
        (1 / sp.sqrt(d / n + 1), "1/(√(d/n + 1))"),
        (sp.Max(n, d**2) ** 3, "max(d^2, n)^3"),
    ],
)
def test_a_division_ends_a_power(expression, text):
    assert plain(tex(expression)) == text
    assert_reads_as(tex(expression), [expression])


# Other packs' parameters are in the table too once another test file of the same process has imported them.
symbols = st.sampled_from([p.symbol for p in table() if p.name in NAMES])
powers = st.sampled_from([-3, -2, -1, sp.Rational(-1, 2), sp.Rational(1, 2), sp.Rational(2, 3), 2, 4])
expressions = st.recursive(
    symbols | st.integers(2, 40).map(sp.Integer),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a / b, inner, inner),
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, p: a**p, inner, powers),
        st.builds(lambda a: sp.log(a + 2), inner),
        st.builds(lambda a, b: sp.Max(a, b), inner, inner),
        st.builds(lambda a, b: sp.Min(a, b), inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(expressions)
def test_any_expression_reads_back_as_itself(expression):
    values, _ = next(points())
    if not 1e-200 < abs(evaluate(expression, values)) < 1e200:
        return
    assert_reads_as(tex(expression), [expression])


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_reads_back_as_its_statement(name):
    condition = CONDITIONS[name]
    assert_reads_as(condition.latex, parts(condition.statement))
    assert common.stated(condition) == plain(tex(condition.statement))


def test_every_term_that_can_bind_reads_back():
    values, _ = next(points())
    for condition in CONDITIONS.values():
        for term in condition.margin(values, 2.0).terms:
            assert_reads_as(tex(term.term), parts(term.term))


@pytest.mark.parametrize("statement", [s for s in entailments() if s.goal is not None], ids=lambda s: s.name)
def test_every_goal_reads_back_as_its_order(statement):
    latex = statement.goal.latex.split(r"\quad")[0]
    assert_reads_as(latex, [statement.goal.left, statement.goal.right])
    assert plain(statement.goal.latex).endswith("(up to logarithms)") == statement.goal.up_to_logs


def _bounds(claim) -> Iterator[tuple[sp.Expr, bool]]:
    """What a claim's laws compare with, and whether up to a constant; numbers say nothing of a formula."""
    for _, law in claim.parts:
        match law:
            case Within(low, high):
                found = [(low, False), (high, False)]
            case Theta(expression) | AtMost(expression) | AtLeast(expression):
                found = [(expression, True)]
            case Crossing(along):
                found = [(along, False)]
            case _:
                found = []
        yield from ((sp.sympify(e), free) for e, free in found if e is not None and sp.sympify(e).free_symbols)


# Stated in the paper's form; what is compared is a rearrangement of it, which `tested` says in words: T* as the end of
# a range, the exponent less d/n, one over SNR^2.
REARRANGED = {"stage2.converges", "clean-labels.converges", "clean-labels.test-error", "clean-labels.signal-share"}
STATED = [c for c in claims(Reading()) if any(_bounds(c)) and c.name not in REARRANGED]


@pytest.mark.parametrize("claim", STATED, ids=lambda c: c.name)
def test_every_claim_states_its_law(claim):
    """Claims are written by hand: each bound of their laws stands in the formula, on the page and on the terminal."""
    held = list(points())
    for read in (lambda x: of_mathml(str(mathml(x))), lambda x: of_text(plain(x))):
        found = []
        for formula in re.split(r",\s*\\quad\s*", claim.latex):
            for side in sides(read(formula)):
                try:
                    found.append([value(side, shown) for _, shown in held])
                except (ValueError, KeyError):  # the side of the observable
                    continue
        for expression, up_to_constant in _bounds(claim):
            expected = [evaluate(expression, values) for values, _ in held]
            candidates = found + [[-math.log(x) for x in xs] for xs in found if all(0 < x < 1 for x in xs)]
            ratios = [[x / y for x, y in zip(xs, expected, strict=True)] for xs in candidates]
            wanted = [r for r in ratios if r == pytest.approx([r[0] if up_to_constant else 1.0] * len(r), rel=1e-9)]
            assert wanted, (claim.name, expression, claim.latex)


LAWS = [(name, law) for claim in claims() for name, law in claim.parts]
LAWS += [("loss", AtMost(n + d)), ("loss", AtLeast(n + d)), ("loss", Theta(n + d)), ("loss", Within(n + d, n * d))]


@pytest.mark.parametrize(("name", "law"), LAWS)
def test_every_law_as_generated_reads_back(name, law):
    said = plain(law_tex(name, law))
    assert name.replace("_", " ") in said
    values, shown = next(points())
    found = sides(of_text(said.replace(name.replace("_", " "), "t")))
    read = [value(side, shown | {"K": 1.0}) for side in found]
    for expression in (x for x in vars(law).values() if isinstance(x, sp.Expr)):
        assert any(x == pytest.approx(evaluate(expression, values), rel=1e-9) for x in read), said


@pytest.mark.parametrize(
    "text", ["n^2/d", "0.1*n*m/d", "sigma_xi*sqrt(n*d/m)", "max(n, m)/2", "1e-6*(n+m)**2/d", "d-n/2"]
)
def test_what_a_map_holds_reads_back(text):
    for values, shown in points():
        expected = plane._formula(text, values.__getitem__, "--at")
        assert value(of_mathml(str(mathml(maps_figures._tex(text)))), shown) == pytest.approx(expected, rel=1e-9)


# What an author writes --------------------------------------------------------------------------------------------

HOSTILE = (
    r"\text{<script>alert(1)</script>}", r"\href{javascript:alert(1)}{x}", r"<img src=x onerror=alert(1)>", "a & b",
    r"\unicode{x}", r"\class{x}{y}", r"\style{color:red}{y}", r"\undefinedcommand{K}", "x^", r"\frac{a", "", "$",
    "`<b>`",
    r"\begin{matrix} a & b \\ c & d \end{matrix}", r"\color{red}{x}", r"\url{http://a.b}", r"\text{a|b}",
    "\x00\x1b",
)  # fmt: skip


@pytest.mark.parametrize("latex", HOSTILE)
def test_no_latex_becomes_markup(latex):
    shown = str(mathml(latex))
    root = ElementTree.fromstring(shown) if "\x00" not in shown else None
    if root is not None:
        assert {x.tag for x in root.iter()} <= {"math", "code", *re.findall(r"<(m\w+)", shown)}
        assert not any(
            name.startswith("on") or name in ("href", "src", "style") for x in root.iter() for name in x.attrib
        )
    page = common.markdown("figures.md", {"command": f"`{latex}`\n\n<b>x</b>", "figures": []})
    assert "\n<b>" not in page
    assert "<" not in common._inline(latex) and "`" not in common._inline(latex) and "|" not in common._inline(latex)


def test_what_cannot_be_read_stands_as_it_was_written():
    assert html.unescape(re.sub("<[^>]+>", "", str(mathml(r"\nonsense{K}")))) == r"\nonsense{K}"
    assert plain(r"\nonsense{K}") == r"\nonsense{K}"


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"L_D^{0-1} \geq 0.5", "L_D⁰⁻¹ ≥ 0.5"),  # the name of a loss
        (r"x^{a-1}", "x^(a − 1)"),
        (r"\kappa \leq c''", "κ ≤ c″"),
        (r"\kappa \leq c^{\prime\prime}", "κ ≤ c″"),
        (r"c^{\prime}", "c′"),
    ],
)
def test_names_with_raised_signs_read_as_names(latex, text):
    assert plain(latex) == text
