"""Where proofs about the limit meet the runs: what stands beside a verdict, and what a bad certificate does."""

import gzip
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest

from theory.limit import Proposition
from theory.papers import built_in, load
from theory.papers.han2025 import PAPER, Reading
from theory.statements import Theorem
from verify import proved, report
from verify.fit import Interval
from verify.judge import judge
from verify.laws.kind import Status
from verify.packs.han2025 import PACK
from verify.proved import Proofs, Standing, stands
from verify.quantify import TheoremVerdict
from verify.quantify.choice import Choice
from verify.report.limits import falls, limit_lines, limit_statements
from verify.study import Plan, conclude

LIMIT = PAPER.limit()
STATED = tuple(s for s in LIMIT.statements if s.parts)
READING = Reading()
DISTANCE = next(c for c in PAPER.claims(READING) if c.name == LIMIT.distance)
THEOREMS = {t.name: t for t in PAPER.theorems(READING)}


@pytest.fixture(scope="module")
def kept():
    return {c["name"]: c for c in proved.read(LIMIT.certificates)["certificates"]}


@pytest.fixture(scope="module")
def standing(kept):
    return Proofs(limit=LIMIT, standings=tuple(stands(s, kept.get(s.name), LIMIT.system, "") for s in STATED))


def verdict(theorem: Theorem, labels: str = "balanced", met: int = 143) -> TheoremVerdict:
    """144 runs at n 16 to 200, made up."""
    sizes = pd.DataFrame({"n": [16, 50, 200], "runs": 48, "failures": 0, "kappa": [4.0, 9.0, 20.0]})
    sizes = sizes.assign(tau_plus=[0.1, 0.05, 0.2], tau_minus=0.1, contradicts=False, doubtful=False)
    constants = {h.name: h.ladder[0] for h in theorem.hidden}
    choice = Choice(
        constants=constants,
        served=True,
        least=constants,
        table=pd.DataFrame(),
        settings=sizes.assign(rung=0),
        last=True,
    )
    return TheoremVerdict(
        theorem=theorem, labels=labels, status=Status.SUPPORTED, choice=choice, met=met, runs=144, settings=sizes,
        failing=0.2, p=0.5, reason="so", parts=(), group="confirm",
    )  # fmt: skip


def gaps(power: float, settings: int = 60, seeds: int = 4) -> pd.DataFrame:
    """Runs whose gap to the limit goes like n^power."""
    rng = np.random.default_rng(5)
    rows = []
    for k in range(settings):
        sizes = {name: float(10.0 ** rng.uniform(1.2, 3.0)) for name in ("n", "m")}
        sizes |= {"d": float(10.0 ** rng.uniform(5, 8)), "tau_plus": rng.uniform(0.05, 0.2), "tau_minus": 0.1}
        for seed in range(seeds):
            gap = 0.4 * sizes["n"] ** power * np.exp(rng.normal(0, 0.1))
            rows.append({**sizes, "setting": k, "seed": seed, "kappa": 5.0 + k % 7, "meanfield_gap": gap,
                         "epsilon": 0.01, "delta": 0.1, "horizon": 8.0, "sigma_xi": 1.0, "sigma_0": 1e-4, "eta": 0.1,
                         "mu": 1.0, "status": "stopped", "steps": 9})  # fmt: skip
    return pd.DataFrame(rows)


def measured(power: float):
    return judge(DISTANCE, gaps(power), READING, PACK.observables)


def outcome_of(answers, proofs, verdicts=()):
    from verify.design import PROFILES

    plan = Plan(claims=(), group_of={}, jobs=(), undesigned={}, profile=PROFILES["quick"], reading=READING, seed=0,
                device="cpu")  # fmt: skip
    return replace(conclude(plan, [], "", 0.0), answers=tuple(answers), proofs=proofs, verdicts=tuple(verdicts))


def lines(theorem, proofs, verdicts=()):
    answer = verdict(THEOREMS[theorem])
    return {line["what"]: line["told"] for line in limit_lines(answer, outcome_of([answer], proofs, verdicts))}


# The data ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", built_in())
def test_what_a_limit_states_are_parts_of_theorems_and_a_claim_of_its_paper(name):
    paper = load(name)
    limit = paper.limit()
    if limit is None:
        return
    parts = {t.name: {p.name for p in t.parts} for t in paper.theorems(paper.reading())}
    for statement in limit.statements:
        for theorem, named in statement.parts.items():
            assert named and set(named) <= parts[theorem], statement.name
    if limit.distance:
        assert limit.distance in {c.name for c in paper.claims(paper.reading())}


def test_a_certificate_is_kept_of_every_statement_about_parts_and_proves_it(standing, kept):
    assert {s.name for s in STATED if isinstance(s, Proposition)} == set(kept)
    for held in standing.standings:
        assert not held.problem, held
        assert held.leaves > 0


# The lines ---------------------------------------------------------------------------------------------------------


def test_three_lines_stand_beside_a_theorem(standing):
    said = lines("theorem-4.1", standing, [measured(-0.5)])
    assert list(said) == ["in the limit", "measured", "distance to the limit"]
    assert "proved for 3.2 ≤ κ(1−2τ) ≤ 43.2, 3.2 ≤ κ ≤ 48, 0.05 ≤ τ ≤ 0.25" in said["in the limit"]
    assert "T₁ at any s in [0.44, 0.9], coefficients in [0.1, 4] (limit.stage1)" in said["in the limit"]
    assert "argued: stage1.signal-leads (limit.threshold)" in said["in the limit"]
    assert said["measured"].startswith("at n = 16–200: all parts at one time in 143 of 144 fresh runs (99.3 %)")
    assert said["distance to the limit"].startswith("falls like n^−0.5")


def test_what_no_statement_is_about_is_named(standing):
    said = lines("proposition-4.3", standing)["in the limit"]
    assert said.endswith("nothing of early-stopping.test-error")
    assert "argued" in lines("theorem-4.2", standing)["in the limit"]
    assert "proved" not in lines("theorem-4.2", standing)["in the limit"], "an argument is no proof by machine"


def test_without_the_claim_the_distance_is_not_invented(standing):
    said = lines("theorem-4.1", standing)["distance to the limit"]
    assert said == "not measured in this study; meanfield.trajectory measures it"
    few = judge(DISTANCE, gaps(-0.5, settings=4), READING, PACK.observables)
    said = lines("theorem-4.1", standing, [few])["distance to the limit"]
    assert said.startswith("not known from these runs") and "settings for" in said


@pytest.mark.parametrize("power", [-1.0, -0.5, -0.25, 0.0, 0.3])
def test_the_power_is_that_of_the_gap_itself(power, standing):
    held = measured(power)
    found = falls(held)
    assert isinstance(found, Interval)
    assert found.low <= power <= found.high
    assert abs(found.value - power) < 0.1
    said = lines("theorem-4.1", standing, [held])["distance to the limit"]
    assert said.startswith("falls like" if power < -0.1 else "no fall is certain")


def test_a_study_that_checked_nothing_says_nothing():
    assert not lines("theorem-4.1", None)
    assert not lines("theorem-4.1", Proofs(limit=LIMIT, standings=()))


# Bad certificates --------------------------------------------------------------------------------------------------

SMALL = next(s for s in STATED if s.name == "limit.clean-labels")


def leaf(node):
    while "cut" in node:
        node = node["halves"][1]
    return node


def plant(name, certificate):
    """One fault in a certificate that stands."""
    if name == "fence":
        fence = leaf(certificate["tree"])["lower"][0]
        fence[len(fence) // 2] += 10**6
    elif name == "pruned":
        certificate["tree"] = leaf(certificate["tree"])
    elif name == "region":
        certificate["region"]["lead"] = ["4", "40"]
    elif name == "statement":
        certificate["statement"] = certificate["statement"].replace("0.1 <=", "0.05 <=")
    elif name == "verdict":
        certificate["verdict"] = "disproved"
    elif name == "whole":
        del certificate["tree"]
    elif name == "format":
        certificate["format"] = "another"
    return certificate


FAULTS = ["fence", "pruned", "region", "statement", "verdict", "whole", "format"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stale_or_spoiled_certificate_proves_nothing(fault, kept):
    spoiled = plant(fault, json.loads(json.dumps(kept[SMALL.name])))
    held = stands(SMALL, spoiled, LIMIT.system)
    assert held.problem
    said = lines("theorem-4.4.stage1", Proofs(limit=LIMIT, standings=(held,)))["in the limit"]
    assert said.startswith(f"not proved here: {SMALL.name}, ") and "thetacheck prove limit.clean-labels" in said
    assert "proved for" not in said
    assert said.endswith("nothing of stage1.order-one, stage1.order-one-above, clean-labels.fitted")


def test_a_changed_statement_is_noticed(kept):
    """The code moved on, the certificate did not."""
    wider = replace(SMALL, region={**SMALL.region, "lead": (SMALL.region["lead"][0] / 2, SMALL.region["lead"][1])})
    assert "another statement or region" in stands(wider, kept[SMALL.name], LIMIT.system).problem
    stronger = replace(SMALL, text=SMALL.text.replace("0.1 <=", "0.2 <="))
    assert "another statement or region" in stands(stronger, kept[SMALL.name], LIMIT.system).problem
    faster = replace(LIMIT.system, named={**LIMIT.system.named, "margin_clean": "gamma + 3*active*rho_clean"})
    assert "does not stand" in stands(SMALL, kept[SMALL.name], faster).problem


def test_what_is_kept_is_gone_over_beside_the_runs(tmp_path, kept):
    """In a process of its own; what is missing in the file, or the file itself, counts as not proved."""
    one = tmp_path / "one.json.gz"
    one.write_bytes(gzip.compress(json.dumps({"format": proved.FILE, "certificates": [kept[SMALL.name]]}).encode()))
    held = replace(LIMIT, certificates=one, statements=tuple(s for s in STATED if s.name != "limit.stage1.steps"))
    with proved.beside(held, {"theorem-4.1", "theorem-4.4.stage1"}) as stood:
        found = {s.statement.name: s.problem for s in stood.proofs(True).standings}
    assert found == {"limit.stage1": "no certificate of it is kept", SMALL.name: "", "limit.threshold": ""}
    with proved.beside(replace(held, certificates=tmp_path / "none.json.gz"), {"theorem-4.4.stage1"}) as stood:
        [only] = stood.proofs(True).standings
    assert "cannot be read" in only.problem
    with proved.beside(held, {"another"}) as stood:
        assert stood is None
    with proved.beside(None, {"theorem-4.1"}) as stood:
        assert stood is None


def test_an_interrupt_before_the_check_leaves_it_unproved():
    slow = replace(LIMIT, statements=tuple(s for s in STATED if s.name == "limit.stage1"))
    with proved.beside(slow, {"theorem-4.1"}) as stood:
        [held] = stood.proofs(False).standings
    assert held.problem == "interrupted before it was checked"


def test_a_packed_file_is_read_and_what_is_none_is_refused(tmp_path):
    proved.write((), "han2025", tmp_path / "none.json.gz")
    assert proved.read(tmp_path / "none.json.gz")["certificates"] == []
    (tmp_path / "bad.json.gz").write_bytes(b"no such thing")
    (tmp_path / "cut.json.gz").write_bytes((tmp_path / "none.json.gz").read_bytes()[:-9])
    for name in ("bad.json.gz", "cut.json.gz"):
        with pytest.raises(ValueError, match="cannot be read as certificates"):
            proved.read(tmp_path / name)


# The reports -------------------------------------------------------------------------------------------------------


def test_every_kind_of_report_shows_them(standing, tmp_path, capsys, monkeypatch):
    spoiled = tuple(
        Standing(statement=s.statement, problem="the certificate kept does not stand: planted")
        if s.statement.name == "limit.stage1"
        else s
        for s in standing.standings
    )
    answers = [verdict(THEOREMS[name], labels) for name in ("theorem-4.1", "theorem-4.2") for labels in
               ("balanced", "drawn")]  # fmt: skip
    held = outcome_of(answers, Proofs(limit=LIMIT, standings=spoiled))
    monkeypatch.setenv("COLUMNS", "4000")
    report.write(held, tmp_path, "command")
    report.summary(held)
    told = capsys.readouterr().out
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    for shown in (told, page, text):
        assert shown.count("not proved here: limit.stage1, the certificate kept does not stand: planted") == 2
        assert shown.count("143 of 144 fresh runs (99.3 %)") == 4
        assert "distance to the limit" in shown and "limit.stage1.steps" in shown
    assert "102 boxes cover it" in page
    found = json.loads((tmp_path / "report.json").read_text())
    jsonschema.Draft202012Validator(json.loads(report.SCHEMA.read_text())).validate(found)
    verdicts = {s["name"]: s["verdict"] for s in found["theorems"][0]["limit"]["statements"]}
    assert verdicts == {"limit.stage1": "not proved here", "limit.stage1.steps": "proved", "limit.threshold": "argued"}
    assert limit_statements(THEOREMS["theorem-4.1"], held) == found["theorems"][0]["limit"]["statements"]
