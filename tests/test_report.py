"""Reports of a small made-up study: valid, self-contained, honest about what is missing, and whole or not at all."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import sympy as sp

from numerics import Setting
from theory import AtLeast, AtMost, Claim, Condition, Crossing, Exactly, Theta, Within
from theory import d, eta, kappa, m, n, sigma_xi, tau_minus, tau_plus
from theory.paper import Reading, claims, condition_4_1
from verify import figures, report
from verify.judge import Status, judge
from verify.study import Outcome, Plan, conclude
from verify.sweep import KEPT_SERIES, OBSERVABLE_BY_NAME, PROFILES, Group, Result, groups

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
    claim("probable", "margin_clean_min_T1", Within(low=0)),
    claim("improbable", "margin_noisy_max_T1", Within(high=0), says=HOSTILE, tested=HOSTILE),
    claim("upper", "coefficient_max_T1", AtMost(sp.Integer(1)), latex=r"\gamma \le \undefinedcommand{K}"),
    claim("lower", "noisy_memorised_end", AtLeast(sp.Integer(1))),
    claim("never.positive", "fresh_excess_end", AtLeast(sp.Integer(1))),
    claim("crossing", "early_lead", Crossing(kappa * (1 - tau_plus - tau_minus), 2, 0.1, "5 %")),
    claim("contrast", "fresh_excess_end", Within(low=0), contrast=True),
)


def made_up_runs(group: str, rng: np.random.Generator, settings: int = 40) -> pd.DataFrame:
    """Runs that obey the laws above by construction; only ``improbable`` and ``never.positive`` fail."""
    rows = []
    for index in range(settings):
        size = {k: int(np.exp(rng.uniform(np.log(10), np.log(500)))) for k in ("n", "m")}
        values = {**size, "d": int(1e6 * np.exp(rng.uniform(0, 6))), "sigma_xi": float(np.exp(rng.uniform(-2, 2)))}
        values |= {"sigma_0": 1e-8 * float(np.exp(rng.uniform(-2, 2))), "eta": float(np.exp(rng.uniform(-9, -5)))}
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
                    "time_scale": setting.time_scale, "epsilon": 0.01, "delta": 0.1, "T_star": 1e6,
                    "status": "stopped", "steps": 500, "flip_share": flips if flips else np.nan,
                    "recursion_residual": 10.0 ** rng.uniform(-16, -13),
                    "order_one_time": 0.7 * scale * np.exp(rng.normal(0, 0.02)),
                    "margin_clean_min_T1": rng.uniform(0.1, 1), "margin_noisy_max_T1": rng.normal(0, 1),
                    "coefficient_max_T1": rng.uniform(1, 1.5), "noisy_memorised_end": rng.uniform(0.1, 0.2),
                    "fresh_excess_end": -flips / 2 if flips else np.nan, "early_lead": effective / 2 - 1 + rng.normal(0, 0.05),
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


def study(chosen: tuple[Claim, ...] = CLAIMS, finished: bool = True) -> Outcome:
    rng = np.random.default_rng(0)
    observables = {k: OBSERVABLE_BY_NAME[k] for k in OBSERVABLE_BY_NAME}
    base = OBSERVABLE_BY_NAME["order_one_time"]
    observables["early_lead"] = replace(base, name="early_lead", stage="early", time=False)
    group_of = {}
    for c in chosen:
        stage = "exact" if not c.needs else "end"
        name = f"{'any' if not c.needs else 'large'}-{stage}"
        group_of[c.name] = Group(name=name, needs=c.needs, stage=stage, needs_rates=True, observables=())
    runs = pd.concat([made_up_runs(name, rng) for name in dict.fromkeys(g.name for g in group_of.values())])
    results = [made_up_curves(part) for _, part in list(runs.groupby(["group", "setting"]))[-3:]]
    plan = Plan(
        claims=chosen,
        group_of=group_of,
        jobs=(),
        profile=PROFILES["quick"],
        reading=READING,
        seed=3,
        device="cpu",
    )
    outcome = conclude(replace(plan, claims=()), results, finished, 0.0)
    verdicts = tuple(
        judge(c, runs[runs["group"] == group_of[c.name].name].reset_index(drop=True), READING, observables) for c in chosen
    )
    margins = {g.name: conclude(replace(plan, claims=()), results, True, 0.0).margins.get(g.name) for g in group_of.values()}
    return replace(outcome, plan=plan, verdicts=verdicts, runs=runs.reset_index(drop=True), wall=12.0, margins=margins)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return study()


@pytest.fixture(scope="module")
def folder(outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("report")
    report.write(outcome, where, "python -m verify all --note '<b>'")
    return where
