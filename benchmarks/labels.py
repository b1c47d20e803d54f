"""What independently drawn labels cost Stage I (docs/findings.md).

    python benchmarks/labels.py [SEEDS]

At settings inside Condition 4.1 at C = 2: the share of runs in which, at one recorded time in the window, every gamma
and own rho is at least 0.1, every gamma exceeds every own rho, no clean margin is negative and no noisy one positive.
A pair of settings differs in its labels alone: the flip probabilities are shares that exist at that n (about 0.1), and
a seed gives both the same noise and weights.
"""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

from numerics import SERIES, draw, train
from numerics.trajectory import recording_times
from theory import Band, Condition, kappa
from theory.papers.han2025 import Reading, condition_4_1
from verify.fit import clopper_pearson
from verify.region import Region

NS = (11, 22, 44, 88, 176, 352)
LEADS = (2.2, 2.6, 3.2, 4.5, 7.0)  # kappa (1 - 2 max tau)
TAU, LEAST, WINDOW = 0.1, 0.1, (0.1, 1.2)
PARTS = {
    "signal leads": lambda s: s["signal_lead"] > 0,
    "clean fitted": lambda s: s["margin_clean_min"] >= 0,
    "noisy ignored": lambda s: s["margin_noisy_max"] <= 0,
}


def setting(n: int, lead: float):
    """Balanced, with kappa (1 - 2 max tau) as asked; m and d are the least, step and weights the largest allowed."""
    region = Region(needs=condition_4_1(), reading=Reading(labels="balanced")).at_size(n, 1)
    m = next(m for m in range(1, 500) if any(replace(region, ranges={"n": (n, n), "m": (m, m)}).place([{"d": 0.0}])))
    shares = {"tau_plus": 0.5, "tau_minus": 0.5, "d": 0.0, "sigma_0": 0.98, "eta": 1.0}
    ranges = {"n": (n, n), "m": (m, m), "tau_plus": (0.09, 0.2), "tau_minus": (0.09, 0.2), "sigma_xi": (1, 1)}
    # The larger share of the two classes decides; they are equal for even n.
    [found] = replace(region, ranges=ranges).place([shares | {"tau_plus": 0.0, "tau_minus": 0.0}])
    top = 1 - 2 * max(found.tau_plus, found.tau_minus)
    exact = Condition(name="lead", source="here", statement=Band(kappa * top, lead / 1.001, lead * 1.001))
    [one] = Region(
        needs=(*condition_4_1(Reading(kappa_low=1.0)), exact),
        reading=Reading(labels="balanced", kappa_low=1.0),
        ranges=ranges | {"tau_plus": (found.tau_plus,) * 2, "tau_minus": (found.tau_minus,) * 2},
    ).place([shares])
    return one


def held(one, seeds: range) -> dict[str, np.ndarray]:
    """Whether each part, and all of them, hold at one time of the window. Shapes (seeds,)."""
    steps = int(np.ceil(WINDOW[1] / one.time_scale))
    names = ("coefficient_min", "signal_lead", "margin_clean_min", "margin_noisy_max")
    samples = [draw(one, seed) for seed in seeds]
    run = train(
        [one] * len(seeds),
        samples,
        steps=steps,
        times=recording_times(steps),
        series={name: SERIES[name] for name in names},
    )
    s = run.times * one.time_scale
    inside = (s >= WINDOW[0]) & (s <= WINDOW[1] * (1 + 1e-9)) & (run.series["coefficient_min"] >= LEAST)
    met = {name: part(run.series) for name, part in PARTS.items()}
    met["all at one time"] = np.logical_and.reduce(list(met.values()))
    found = {name: (mask & inside).any(1) for name, mask in met.items()}
    return found | {"in the window": inside.any(1), "some flipped": np.array([x.noisy.any() for x in samples])}


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rows = []
    for n in NS:
        for lead in LEADS:
            one = setting(n, lead)
            for labels in ("drawn", "balanced"):
                this = replace(one, labels=labels)
                parts = [held(this, range(k, min(k + 50, seeds))) for k in range(0, seeds, 50)]
                met = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
                all_ = clopper_pearson(int(met["all at one time"].sum()), seeds)
                rows.append(
                    {"n": n, "m": this.m, "tau": f"{this.tau_plus:.3f}, {this.tau_minus:.3f}", "lead": lead}
                    | {"labels": labels}
                    | {name: f"{mask.mean():.3f}" for name, mask in met.items()}
                    | {"95 %": f"[{all_.low:.2f}, {all_.high:.2f}]"}
                )
                sys.stdout.write(" | ".join(map(str, rows[-1].values())) + "\n")
                sys.stdout.flush()
    sys.stdout.write(pd.DataFrame(rows).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
