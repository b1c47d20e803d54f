"""How a proof is said: as a derivation to be read line by line, though it was found by supposing the contrary."""

from collections.abc import Sequence

from theory.orders.lattice import Clause, Literal, raised, times
from theory.orders.proof import CONTRARY, Leaf, Proof
from theory.orders.relations import fraction_text


def derivation_text(parts: Sequence[tuple[Clause, Proof]], constants: Sequence[str]) -> str:
    """Proofs of the conjuncts of a goal, each with the literals of its negation, and which symbols are constants."""
    lines = []
    if constants:
        lines.append(f"{', '.join(constants)} ≍ 1 and numbers are dropped")
    for clause, proof in parts:
        lines += _part_lines(clause, proof)
    if not parts:
        lines.append("Both sides are of the same order, identically")
    return "\n".join(lines)


def _part_lines(negated: Clause, proof: Proof) -> list[str]:
    if not negated:
        return ["The premises contradict each other:", *_proof_lines(proof, "  ")]
    goal = " or ".join(str(x.negated()) for x in negated)
    return [f"Claim: {goal}", *_proof_lines(proof, "  ")]


def _proof_lines(proof: Proof, indent: str) -> list[str]:
    if isinstance(proof, Leaf):
        return _leaf_lines(proof, indent)
    lines = []
    cited = f"  [{proof.split.cites}]" if proof.split.cites else ""
    rest = [(label, b) for label, b in zip(proof.split.labels, proof.branches, strict=True)]
    short = [(label, b) for label, b in rest if isinstance(b, Leaf) and not _speaks_of_goal(b)]
    if len(short) == len(rest) - 1:  # all cases but one are impossible
        [(label, branch)] = [(label, b) for label, b in rest if not any(b is s for _, s in short)]
        for other, leaf in short:
            if len(leaf.steps) <= 3:
                lines.append(f"{indent}{label}{cited}, for {other} is impossible: {_one_line(leaf)}")
            else:
                lines.append(f"{indent}{label}{cited}, for {other} is impossible:")
                lines += _leaf_lines(leaf, indent + "    ")
        return lines + _proof_lines(branch, indent)
    lines.append(f"{indent}One of these holds along a subsequence{cited}:")
    for label, branch in rest:
        lines.append(f"{indent}- {label}:")
        lines += _proof_lines(branch, indent + "    ")
    return lines


def _speaks_of_goal(leaf: Leaf) -> bool:
    return any(row.why == CONTRARY for row, _ in leaf.steps)


def _one_line(leaf: Leaf) -> str:
    return " and ".join(f"{row.literal} [{row.why}]" for row, _ in leaf.steps)


def _leaf_lines(leaf: Leaf, indent: str) -> list[str]:
    steps = [(row, power) for row, power in leaf.steps if row.why != CONTRARY]
    contrary = [(row, power) for row, power in leaf.steps if row.why == CONTRARY]
    width = max((len(str(row.literal)) for row, _ in steps), default=0)
    lines = [f"{indent}({k}) {row.literal!s:{width}}  [{row.why}]" for k, (row, _) in enumerate(steps, start=1)]
    recipe = " · ".join(
        f"({k})" + ("" if power == 1 else f"^{fraction_text(power)}") for k, (_, power) in enumerate(steps, 1)
    )
    if not contrary:
        return [*lines, f"{indent}{recipe}:  1 ≪ 1, impossible"]
    if len(contrary) == 1:
        [(row, _)] = contrary
        conclusion = str(row.literal.negated())
        if not steps:
            return [f"{indent}{conclusion}, identically"]
        return [*lines, f"{indent}{recipe}:  {conclusion}"]
    total = sum(power for _, power in contrary)
    mean = times(*(raised(row.literal.ratio, -power / total) for row, power in contrary))
    conclusion = Literal(mean, not contrary[0][0].literal.strict, contrary[0][0].literal.tilde)
    shown = f"{recipe}:  {conclusion}" if steps else f"{conclusion}, identically"
    alternatives = " or ".join(str(row.literal.negated()) for row, _ in contrary)
    return [*lines, f"{indent}{shown}", f"{indent}a weighted mean of these is met only if one is: {alternatives}"]
