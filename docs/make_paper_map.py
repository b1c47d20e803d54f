"""Writes docs/paper-map.md from the values themselves. Run by `make docs`; a test keeps the file current."""

from pathlib import Path

from theory import symbols
from theory.papers.han2025 import (
    claims,
    condition_4_1,
    condition_activation,
    condition_clean,
    condition_huang,
    condition_kou,
    condition_low_snr,
    condition_threshold,
    entailments,
    theorems,
)
from theory.papers.han2025.proofs import all_proofs
from theory.statements import PROVENANCE, Source
from verify.design import stage_of
from verify.entailed import CLAIMED, Decision, decide
from verify.laws import kind_of
from verify.packs.han2025 import PACK

TARGET = Path(__file__).parent / "paper-map.md"


def render() -> str:
    """The whole page."""
    lines = [
        "# Paper map",
        "",
        "Statement ↔ code ↔ claim. Generated from `theory/papers/han2025/` and the observables by",
        "`make docs`; do not edit. To correct a statement, edit it there and nowhere else.",
        "",
        "## How surely a statement's wording is known",
        "",
        *(f"- **{tag}**: {meaning}" for tag, meaning in PROVENANCE.items()),
        "",
        "## Symbols",
        "",
        "| name | symbol | domain | meaning |",
        "|---|---|---|---|",
        # Those of this paper: which others are declared depends on the packs that this process has met.
        *(
            f"| `{p.name}` | {_math(p.latex)} | {p.domain} | {p.meaning} |"
            for p in symbols.table()
            if getattr(symbols, p.name, None) == p.symbol
        ),
        "",
        "## Conditions",
        "",
    ]
    sets = {
        "Condition 4.1": condition_4_1(),
        "Theorem 4.4 (no label noise)": condition_clean(),
        "Low signal (for a contrast)": condition_low_snr(),
        "Both sides of the thresholds": condition_threshold(),
        "Lemma 2.3": condition_activation(),
        "Kou et al. 2023, to compare": condition_kou(),
        "Huang et al. 2024, to compare": condition_huang(),
    }
    for title, conditions in sets.items():
        lines += [f"### {title}", "", "| condition | statement | in words | source |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {_math(c.latex)} | {c.says} | {_source(c.source)} |" for c in conditions]
        lines.append("")
    lines += [
        "## Theorems",
        "",
        "Each with the constants it hides and the ladder on which they are looked for ([theorems.md](theorems.md)).",
        "",
    ]
    for theorem in theorems():
        lines += [
            f"### `{theorem.name}`",
            "",
            theorem.says,
            "",
            f"- source: {_source(theorem.source)}",
            *([f"- tested: {theorem.tested}"] if theorem.tested else []),
            f"- conditions: {', '.join(f'`{c.name}`' for c in theorem.needs)}",
            *(f"- {_math(h.latex)}, {h.says}: {', '.join(f'{v:g}' for v in h.ladder)}" for h in theorem.hidden),
            *(f"- part `{p.name}`: {p.says} {_math(p.latex)}" for p in theorem.parts),
            "",
        ]
    lines += ["## Claims", ""]
    for claim in claims():
        laws = ", ".join(dict.fromkeys(kind_of(law).method for _, law in claim.parts))
        lines += [
            f"### `{claim.name}`{' (contrast: expected to fail)' if claim.contrast else ''}",
            "",
            f"{claim.says}",
            "",
            f"- prediction: {_math(claim.latex)}",
            f"- source: {_source(claim.source)}",
            f"- judged as: {laws}" + (f"; tested: {claim.tested}" if claim.tested else ""),
            f"- conditions: {', '.join(f'`{c.name}`' for c in claim.needs) or 'none'}",
            f"- runs go to: {stage_of(claim, PACK.observables)}",
            *(f"- observable `{name}`: {PACK.observables[name].says}" for name, _ in claim.parts),
            "",
        ]
    lines += [
        "## What the conditions entail",
        "",
        "Statements about [orders of magnitude](orders.md), decided exactly: `thetacheck explain NAME` shows the",
        "premises and the whole certificate.",
        "",
        "| statement | in words | goal | answer, with its certificate | source |",
        "|---|---|---|---|---|",
        *(_entailed(decide(statement)) for statement in entailments()),
        "",
        "## Symbolic proofs",
        "",
        "| proof | statement | sizes (n, m, d) | cases | holds |",
        "|---|---|---|---|---|",
    ]
    for proof in all_proofs():
        holds = "yes" if proof.holds else "NO"
        lines.append(f"| {proof.name} | {proof.statement} | {proof.sizes} | {proof.cases} | {holds} |")
    lines += ["", "## Observables", "", "| name | what it is | runs go to |", "|---|---|---|"]
    lines += [f"| `{o.name}` | {o.says.replace('|', chr(92) + '|')} | {o.stage} |" for o in PACK.observables.values()]
    return "\n".join(lines) + "\n"


def _entailed(decision: Decision) -> str:
    statement = decision.statement
    goal = _math(statement.goal.latex) if statement.goal is not None else ""
    agreed = "" if decision.answer and decision.answer.status == statement.expected else "NOT AS STATED: "
    cells = (f"`{statement.name}`", statement.says, f"{goal} {CLAIMED[statement.expected]}".strip(),
             f"{agreed}{decision.measured}", _source(statement.source))  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _math(latex: str) -> str:
    # A bar would end the table cell.
    return "$" + latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ") + "$"


def _source(source: Source | str) -> str:
    assert isinstance(source, Source)
    return f"{source.reference} [**{source.provenance}**{': ' + source.note if source.note else ''}]"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
