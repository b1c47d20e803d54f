"""Statements about the limit: decided for whole regions, written as certificates, and these checked again.

Derivations: docs/proofs.md. Nothing here rests on runs.
"""

import gzip
import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from theory import limit, papers
from theory.limit import Argument, Cell, Diagram, Limit, Proposition, Region, System, Verdict
from verify import processes

FILE = "thetacheck-limit-proofs-1"
PACKED = ".gz"  # a file with this ending is packed
LARGEST = 64_000_000  # bytes that a packed file may unpack to: hundreds of our largest


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one statement.

    Attributes:
        asked: the statement.
        verdict: proved, disproved or undecided; argued, of an argument whose algebra holds.
        decided: what the search found; None of an argument.
        certificate: as it is written to a file; None of an argument, or where nothing was decided.
        leaves: boxes, or points, that were checked again; of an argument its steps.
        failing: steps of an argument that do not hold.
    """

    asked: Proposition | Argument
    verdict: Verdict
    decided: limit.Decided | None = None
    certificate: dict[str, Any] | None = None
    leaves: int = 0
    failing: tuple[str, ...] = ()


def of_paper(paper: papers.Paper) -> Limit:
    """The limit of a paper's dynamics.

    Raises:
        ValueError: none is known.
    """
    held = paper.limit()
    if held is None:
        raise ValueError(f"paper '{paper.name}': has no limit of which anything is proved; leave --paper out")
    return held


def asked(held: Limit, given: Sequence[str], region: str) -> tuple[Proposition | Argument, ...]:
    """What is named or typed, over a region if one is given; everything where nothing is.

    Raises:
        ValueError: a name that is none, or text that states nothing.
    """
    typed = limit.region(region, held.system)
    known = {s.name: s for s in held.statements}
    found = []
    for text in given or [s.name for s in held.statements if not typed or isinstance(s, Proposition)]:
        if any(sign in text for sign in "<>≤≥"):
            limit.statement(text, held.system)  # what cannot be read is refused before anything starts
            found.append(Proposition(name=text, says="", text=text, region=held.completed(typed)))
            continue
        if text not in known:
            near = get_close_matches(text, known, n=1) or [name for name in known if name.startswith(text)]
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"'{text}': no statement about the limit, and no inequality; {hint}")
        statement = known[text]
        if typed and isinstance(statement, Argument):
            raise ValueError(f"--region: '{text}' is argued for all parameters at once; leave --region out")
        found.append(_over(statement, typed, held) if typed else statement)
    return tuple(found)


def _over(statement: Proposition, typed: Region, held: Limit) -> Proposition:
    """A statement over another region. What is not typed stays as stated, but for what follows from what is."""
    kept = {name: ends for name, ends in statement.region.items() if name not in typed}
    if ("lead" in typed) != ("kappa" in typed):
        kept.pop("kappa" if "lead" in typed else "lead")
    return Proposition(
        name=statement.name,
        says=statement.says,
        text=statement.text,
        region=held.completed({**kept, **typed}),
    )


def prove(held: Limit, statement: Proposition | Argument) -> Outcome:
    """Decide one statement, and check the certificate as it will be read from a file.

    Raises:
        AssertionError: a certificate does not stand, which is a fault of ours.
    """
    if isinstance(statement, Argument):
        failing = tuple(step.says for step in statement.failing)
        verdict = Verdict.UNDECIDED if failing else Verdict.ARGUED
        return Outcome(asked=statement, verdict=verdict, leaves=len(statement.steps), failing=failing)
    decided = limit.decide(held.system, limit.statement(statement.text, held.system), statement.region)
    if decided.verdict == Verdict.UNDECIDED:
        return Outcome(asked=statement, verdict=decided.verdict, decided=decided)
    written = {"name": statement.name, **limit.certificate(decided)}
    leaves = limit.check_certificate(json.loads(json.dumps(written)), held.system)
    return Outcome(asked=statement, verdict=decided.verdict, decided=decided, certificate=written, leaves=leaves)


def prove_all(held: Limit, statements: Sequence[Proposition | Argument], paper: str, pool: Any) -> Iterator[Outcome]:
    """Decide statements in order; with a pool, those of the paper that take long beside each other."""
    ours = {s.name: s for s in held.statements}
    sent = {}
    if pool is not None:
        sent = {s.name: pool.submit(_named, paper, s.name) for s in statements if ours.get(s.name) is s}
    for statement in statements:
        yield pool.result(sent[statement.name]) if pool and statement.name in sent else prove(held, statement)


def _named(paper: str, name: str) -> Outcome:
    held = of_paper(papers.load(paper))
    [statement] = [s for s in held.statements if s.name == name]
    return prove(held, statement)


# ---------------------------------------------------------------------------------------------------------------
# Beside the runs of a study


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Whether a statement of parts of theorems stands: its kept certificate, or its algebra, gone over in this run.

    Attributes:
        statement: the statement.
        leaves: boxes, or steps of an argument, that were checked.
        problem: why it counts as not proved here, in one line; empty where it stands.
    """

    statement: Proposition | Argument
    leaves: int = 0
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """What stands of a limit in one run.

    Attributes:
        limit: the limit.
        standings: of the statements about parts of theorems.
        planes: by theorem and the constants on which it depends, where it holds: cells, each checked in this run.
    """

    limit: Limit
    standings: tuple[Standing, ...]
    planes: Mapping[tuple[str, tuple[float, ...]], tuple[Cell, ...]] = field(default_factory=dict)

    def about(self, theorem: str) -> tuple[Standing, ...]:
        """Of the statements that state parts of a theorem."""
        return tuple(s for s in self.standings if theorem in s.statement.parts)

    def plane(self, theorem: str, constants: Mapping[str, float]) -> tuple[Diagram, tuple[Cell, ...]] | None:
        """Where a theorem holds with these constants; None where that was not asked, or not answered in time."""
        for diagram in self.limit.diagrams:
            if diagram.theorem == theorem and (theorem, diagram.at(constants)) in self.planes:
                return diagram, self.planes[theorem, diagram.at(constants)]
        return None


class Beside:
    """What is checked of a limit in a process of its own, beside the runs of a study.

    Args:
        held: the limit.
        asked: statements whose kept certificates, or algebra, are gone over.
        pool: the process.
    """

    def __init__(self, held: Limit, asked: Sequence[Proposition | Argument], pool: processes.Pool) -> None:
        self._held, self._pool = held, pool
        kept, missing = _kept(held)
        self._sent = [(s, pool.submit(stands, s, kept.get(s.name), held.system, missing)) for s in asked]
        self._planes: dict[tuple[str, tuple[float, ...]], Any] = {}

    def follow(self, fixed: Mapping[tuple[str, str], Mapping[str, float]]) -> None:
        """Cover the planes of theorems whose constants, by name and kind of labels, are known by now."""
        for (theorem, _), constants in fixed.items():
            for diagram in self._held.diagrams:
                if diagram.theorem == theorem and (theorem, diagram.at(constants)) not in self._planes:
                    future = self._pool.submit(limit.cells, diagram, self._held.system, dict(constants))
                    self._planes[theorem, diagram.at(constants)] = future

    def proofs(self, finished: bool) -> Proofs:
        """What stands. With ``finished`` it is waited for, else what is not there counts as not proved."""
        standings, planes = [], {}
        for statement, future in self._sent:
            if not finished and not future.done():
                standings.append(Standing(statement=statement, problem="interrupted before it was checked"))
                continue
            try:
                standings.append(self._pool.result(future))
            except processes.Lost as problem:
                standings.append(Standing(statement=statement, problem=str(problem)))
        for key, future in self._planes.items():
            if finished or future.done():
                with suppress(processes.Lost):
                    planes[key] = self._pool.result(future)
        return Proofs(limit=self._held, standings=tuple(standings), planes=planes)


@contextmanager
def beside(held: Limit | None, theorems: Collection[str]) -> Iterator[Beside | None]:
    """Check what is said of these theorems in the limit, beside the runs; None where nothing is said.

    Certificates are not searched for but gone over as they are kept: a search takes longer than some studies.
    """
    asked = () if held is None else tuple(s for s in held.statements if set(s.parts) & set(theorems))
    if held is None or not asked:
        yield None
        return
    with processes.Processes(1) as pool:
        yield Beside(held, asked, pool)


def _kept(held: Limit) -> tuple[dict[str, Any], str]:
    """Certificates by name, and why there is none of what is not among them."""
    if held.certificates is None:
        return {}, "no certificates are kept for this paper"
    try:
        found = read(held.certificates)["certificates"]
    except ValueError as problem:
        return {}, str(problem)
    return {c["name"]: c for c in found if isinstance(c, Mapping) and isinstance(c.get("name"), str)}, (
        "no certificate of it is kept"
    )


def stands(
    statement: Proposition | Argument, certificate: Mapping[str, Any] | None, system: System, missing: str = ""
) -> Standing:
    """Whether a certificate proves this very statement over this very region, or an argument's algebra holds.

    Args:
        certificate: as read from a file; None of an argument, or where there is none.
        missing: why there is none.
    """
    if isinstance(statement, Argument):
        failing = "; ".join(step.says for step in statement.failing)
        problem = f"these steps do not hold: {failing}" if failing else ""
        return Standing(statement=statement, leaves=len(statement.steps), problem=problem)
    if certificate is None:
        return Standing(statement=statement, problem=missing)
    region = {name: [str(low), str(high)] for name, (low, high) in statement.region.items()}
    try:
        if (certificate["statement"], certificate["region"]) != (" ".join(statement.text.split()), region):
            return Standing(statement=statement, problem="the certificate kept is of another statement or region")
        if certificate["verdict"] != Verdict.PROVED:
            return Standing(statement=statement, problem="the certificate kept is no proof")
        return Standing(statement=statement, leaves=limit.check_certificate(certificate, system))
    except (AssertionError, KeyError) as problem:
        return Standing(statement=statement, problem=f"the certificate kept does not stand: {problem}")


# ---------------------------------------------------------------------------------------------------------------
# Files


def write(outcomes: Sequence[Outcome], paper: str, file: Path) -> None:
    """Write the certificates, whole or not at all; packed where the name ends in .gz.

    Raises:
        ValueError: something else lies there.
    """
    refuse_foreign(file)
    held = {
        "format": FILE,
        "paper": paper,
        "certificates": [o.certificate for o in outcomes if o.certificate is not None],
    }
    partial = file.with_name(f".{file.name}.partial")
    body = json.dumps(held, separators=(",", ":")).encode()
    try:
        partial.write_bytes(gzip.compress(body, mtime=0) if file.suffix == PACKED else body)
        os.replace(partial, file)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def refuse_foreign(file: Path) -> None:
    """Raise ``ValueError`` where a file would be written over that holds no certificates of ours."""
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"{file}: certificates go to a file in a folder that exists; give another name")
    if file.exists():
        try:
            read(file)
        except ValueError:
            raise ValueError(f"{file}: exists, and holds no certificates; give another name") from None


def read(file: Path) -> dict[str, Any]:
    """What was written.

    Raises:
        ValueError: the file holds something else.
    """
    try:
        if file.suffix == PACKED:
            with gzip.open(file) as packed:
                body = packed.read(LARGEST + 1)
            if len(body) > LARGEST:
                raise ValueError("larger than any of ours")
        else:
            body = file.read_bytes()
        held = json.loads(body.decode())
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as problem:
        raise ValueError(f"{file}: cannot be read as certificates ({type(problem).__name__})") from None
    if not isinstance(held, Mapping) or held.get("format") != FILE or not isinstance(held.get("certificates"), list):
        raise ValueError(f"{file}: holds no certificates of the limit; `prove --out FILE` writes them")
    return dict(held)


def recheck(held: Mapping[str, Any], of: Limit) -> Iterator[tuple[str, str, str]]:
    """Name, statement and what is wrong with it, for every certificate of a file; nothing wrong where it stands."""
    for certificate in held["certificates"]:
        whole = certificate if isinstance(certificate, Mapping) else {}
        name, text = (str(whole.get(key, "")) for key in ("name", "statement"))
        try:
            limit.check_certificate(whole, of.system)
            yield name, text, ""
        except AssertionError as problem:
            yield name, text, str(problem)
