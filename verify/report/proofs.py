"""What is said of proofs about the limit, on the terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from rich.text import Text

from theory.limit import Argument, Limit, Proposition, Region, Verdict
from verify.proved import Outcome
from verify.report.common import indented, open_console

SIGNS = {Verdict.PROVED: "✓", Verdict.ARGUED: "✓", Verdict.DISPROVED: "✗", Verdict.UNDECIDED: "?"}
STYLES = {Verdict.PROVED: "green", Verdict.ARGUED: "green", Verdict.DISPROVED: "bold red", Verdict.UNDECIDED: "yellow"}


def exact(number: Fraction) -> str:
    """A rational number: as a decimal where that is short, else as a ratio."""
    short = f"{float(number):.10g}"
    return short if Fraction(short) == number else str(number)


def write_proofs(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Say of each statement what became of it, as it comes, and return all of them."""
    console = open_console()
    found = []
    for outcome in outcomes:
        found.append(outcome)
        line = Text(f"{SIGNS[outcome.verdict]} {outcome.verdict}", style=STYLES[outcome.verdict])
        console.print(line.append(f"  {outcome.asked.name}", style="not bold default"), soft_wrap=True)
        for text in _told(outcome):
            indented(console, text)
    if len(found) > 1:
        counted = Counter(str(o.verdict) for o in found)
        console.print(Text(", ".join(f"{count} {verdict}" for verdict, count in counted.items()), style="bold"))
    return found


def _told(outcome: Outcome) -> Iterable[str]:
    asked, decided = outcome.asked, outcome.decided
    if asked.says:
        yield asked.says
    if isinstance(asked, Argument):
        yield f"For {asked.where}."
        if outcome.failing:
            yield f"These steps of the argument do not hold: {'; '.join(outcome.failing)}."
        else:
            yield f"The argument: docs/proofs.md; of its algebra {_counted(outcome.leaves, 'step')} checked."
        return
    yield f"For {region_text(asked.region)}."
    assert decided is not None
    if outcome.verdict == Verdict.PROVED:
        yield f"{_counted(outcome.leaves, 'box', 'boxes')}, checked again in whole numbers."
    elif decided.witness is not None:
        witness = decided.witness
        inequality = decided.statement.inequalities[witness.inequality]
        point = ", ".join(f"{name} = {exact(x)}" for name, x in witness.point.items())
        yield f"At {point} and s = {exact(witness.time)} the flow breaks {inequality.text}, checked again:"
        for text, (low, high) in zip(("the left side", "the right side"), witness.sides, strict=True):
            yield f"{text} is from {float(low):.6g} to {float(high):.6g}."
    else:
        yield f"Not decided after {decided.boxes} boxes, among others where"
        for box in decided.open:
            yield "; ".join(f"{name} from {float(a):.6g} to {float(b):.6g}" for name, (a, b) in box.items())


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def region_text(region: Region, signs: Mapping[str, str] | None = None) -> str:
    """A region in words; ``signs`` are what stands for names that are typed."""
    parts = []
    for typed, (low, high) in region.items():
        name = (signs or {}).get(typed, typed)
        if typed != "step":
            parts.append(f"{name} = {exact(low)}" if low == high else f"{exact(low)} ≤ {name} ≤ {exact(high)}")
    most = region["step"][1]
    steps = f"the flow and every recursion with a step of at most {exact(most)}" if most else "the flow"
    return f"{', '.join(parts)}; {steps}"


def list_proofs(limit: Limit) -> None:
    """All statements about the limit, on stdout, and the names that one's own may use."""
    console = open_console()
    for statement in limit.statements:
        console.print(Text(statement.name, style="bold"), soft_wrap=True)
        indented(console, statement.says)
    console.print()
    console.print('In inequalities of one\'s own, `prove "gamma > rho_noisy at s = 0.4"`:', style="bold")
    for name in (*limit.system.names, "step"):
        indented(console, f"{name}: {limit.system.says[name]}")


def explain_proof(statement: Proposition | Argument) -> None:
    """One statement about the limit, on stdout."""
    console = open_console()
    console.print(Text(statement.name, style="bold"))
    console.print(Text(statement.says))
    console.print()
    if isinstance(statement, Argument):
        console.print("Where", style="bold")
        indented(console, statement.where)
        console.print()
        console.print("Its algebra, which is checked", style="bold")
        for step in statement.steps:
            indented(console, step.says)
        console.print()
        indented(console, "The argument around it: docs/proofs.md.")
        return
    console.print("It says", style="bold")
    indented(console, statement.text)
    console.print()
    console.print("Where", style="bold")
    indented(console, region_text(statement.region))
    console.print()
    indented(console, f"Decided by boxes: `prove {statement.name}` (docs/proofs.md).")


def rechecked(found: Sequence[tuple[str, str, str]]) -> bool:
    """Say of each certificate of a file whether it stands; return whether all do."""
    console = open_console()
    for name, text, wrong in found:
        console.print(Text(f"{'✗ does not stand' if wrong else '✓ stands'}  {name or text}"), soft_wrap=True)
        if wrong:
            indented(console, wrong)
    return all(not wrong for _, _, wrong in found)
