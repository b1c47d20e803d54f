"""Observables and series: against naive definitions, and NaN exactly where they say that a run says nothing."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from numerics import OBSERVABLES, SERIES, Event, Observable, Sample, Setting, Trajectory, draw, train, train_reference
from numerics.observables import STAGES, moments

ORDER_ONE = 0.3


def about_flips(name: str) -> bool:
    """Whether an observable is about flipped samples and so says nothing about a run without any."""
    others = {"flip_share", "overtake_time", "spurious_excess_end", "fresh_excess_end"}
    return "noisy" in name or name in others


def setting(**changes) -> Setting:
    """Rescaled time 0.05 per step, unless eta is given."""
    base = dict(n=20, m=10, d=2000, mu=25.0, sigma_xi=1.0, sigma_0=1e-3, eta=1.0, tau_plus=0.2, tau_minus=0.2)
    run = Setting(**{**base, **changes})
    return run if "eta" in changes else replace(run, eta=0.05 / run.time_scale)


def run_to(loss: float, steps: int, runs: list[Setting]) -> Trajectory:
    return train(
        runs,
        [draw(run, seed, dense=True) for seed, run in enumerate(runs)],
        steps=steps,
        events=moments(ORDER_ONE),
        stop=Event(series="loss", value=loss, falling=True),
    )


@cache
def ordinary() -> Trajectory:
    """Three converged runs: signal learned second, signal learned first, no flips."""
    runs = [setting(mu=18.0), setting(), setting(mu=18.0, tau_plus=0.0, tau_minus=0.0)]
    trajectory = run_to(0.1, 5000, runs)
    assert trajectory.status == ("stopped",) * 3
    assert [len(set(s.y[s.noisy])) for s in trajectory.samples] == [2, 2, 0], "flips of both labels, or none"
    return trajectory


@cache
def short() -> Trajectory:
    return run_to(1e-9, 200, [setting(n=8, m=8, d=200, mu=9.0), setting(n=8, m=8, d=200, mu=4.0)])


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_observable_has_an_answer(name):
    observable = OBSERVABLES[name]
    assert observable.name == name
    assert observable.stage in STAGES
    values = observable(short() if observable.stage == "exact" else ordinary())
    assert values.shape == ((2,) if observable.stage == "exact" else (3,))
    assert values.dtype == float
    if observable.stage == "exact":
        assert (values < 1e-9).all(), "identities hold to rounding; tests of their own say how well"
        return
    assert np.isfinite(values[:2]).all()
    assert np.isnan(values[2]) == about_flips(name)
    if observable.time:
        assert np.isin(values[:2], ordinary().times[1:]).all(), "a time is a recorded iteration, never 0"


def test_stages_come_in_their_order():
    run = ordinary()
    early, t1, end = (OBSERVABLES[name](run) for name in ("early_time", "order_one_time", "convergence_time"))
    assert (early < t1).all()
    assert (t1 < end).all()
    np.testing.assert_array_equal(end, run.last)


def test_a_short_horizon_censors():
    """Three steps: no run gets to T_1 or converges. NaN says so; nothing is rounded to the horizon."""
    run = run_to(0.1, 3, [setting(), setting(mu=18.0)])
    assert run.status == ("horizon", "horizon")
    for name, observable in OBSERVABLES.items():
        if observable.stage == "T1" or name in ("convergence_time", "margin_clean_min_stage2", "gamma_min_stage2"):
            assert np.isnan(observable(run)).all(), name
        if observable.stage == "start":
            assert np.isfinite(observable(run)).all(), name
    assert (OBSERVABLES["converged"](run) == 0).all()
    assert np.isfinite(OBSERVABLES["loss_end"](run)).all()


@pytest.mark.parametrize("eta", [1e10, 1e20, 1e30])
def test_diverged_runs_give_no_warning_and_spoil_no_other(eta):
    """Warnings are errors here: an overflow in a diverged run must neither warn nor stop the batch."""
    wild, tame = (setting(n=20, m=3, d=3, mu=4.0, tau_plus=0.4, tau_minus=0.4, eta=e) for e in (eta, 0.1))
    sample = draw(wild, 0)
    stop = Event(series="loss", value=0.01, falling=True)
    both = train([wild, tame], [sample, sample], steps=50, events=moments(ORDER_ONE), stop=stop)
    alone = train([tame], [sample], steps=50, events=moments(ORDER_ONE), stop=stop)
    assert both.status[0] == "diverged"
    for name, observable in OBSERVABLES.items():
        if observable.stage == "exact":
            continue
        values = observable(both)
        assert not np.isinf(values).any(), name
        # The same sum in another order (batch against alone), or the same draws.
        np.testing.assert_allclose(values[1], observable(alone)[0], rtol=1e-9, atol=1e-9, err_msg=name)
    assert OBSERVABLES["converged"](both)[0] == 0


def test_moments():
    events = moments(0.4)
    assert set(events) == {"early", "T1"}
    assert events["early"] == Event(series="rho_own_mean", value=0.016)
    assert events["T1"] == Event(series="coefficient_min", value=0.4)
    run = ordinary()
    for name, series in (("early", "rho_own_mean"), ("T1", "coefficient_min")):
        values, index = run.series[series], run.index(name)
        bound = ORDER_ONE / 25 if name == "early" else ORDER_ONE
        for row, k in enumerate(index):
            assert values[row, k] >= bound
            assert (values[row, :k] < bound).all()


# --- every series against a definition in loops ---


def naive(run: Setting, sample: Sample, steps: int) -> dict[str, float]:
    """All series at W_t, from the vectors themselves, in loops and in the paper's words."""
    end = train_reference(run, sample, steps)
    n, m = run.n, run.m
    gamma, rho, margin = end.gamma.numpy(), end.rho.numpy(), end.margins.numpy()
    y, y_tilde = sample.y, sample.y_tilde
    w0, w, mu, xi = sample.weights, end.weights.numpy(), sample.patches[0], sample.patches[1:]
    side = [0 if label > 0 else 1 for label in y_tilde]
    loss = [np.log1p(np.exp(-z)) for z in margin]
    clean = [i for i in range(n) if y[i] == y_tilde[i]]
    noisy = [i for i in range(n) if y[i] != y_tilde[i]]
    own = {i: [r for r in range(m) if w0[side[i] * m + r] @ xi[i] > 0] for i in range(n)}

    def rhos(samples, condition=lambda i: True):
        return [rho[side[i], r, i] for i in samples if condition(i) for r in own[i]]

    predicted = []
    for i in range(n):
        memorized = sum(max(rho[side[i], r, i], 0.0) for r in range(m)) / m
        predicted.append(memorized + (gamma[side[i]].mean() if i in clean else -gamma[1 - side[i]].mean()))
    g = [1 / (1 + np.exp(z)) for z in margin]

    def gaps():
        for i in range(n):
            yield abs(margin[i] - predicted[i])

    def drives():
        for k in range(2 * m):
            yield sum(y[i] * y_tilde[i] * g[i] for i in range(n) if w[k] @ (y[i] * mu) > 0) / n

    def rho_per_gamma():
        return [sum(max(rho[k, r, i], 0.0) for i in range(n)) / gamma[k, r] for k in range(2) for r in range(m)]

    def projections():
        for k in range(2):
            for r in range(m):
                moved = w[k * m + r] - w0[k * m + r]
                noise = max(abs(moved @ xi[i] - rho[k, r, i]) for i in range(n))
                yield noise, abs(moved @ mu - (1, -1)[k] * gamma[k, r])

    chosen = [i for i in range(n) if loss[i] <= np.log(2)]
    mean = np.mean
    return {
        "gamma_min": gamma.min(),
        "gamma_max": gamma.max(),
        "gamma_plus": mean(gamma[0]),
        "gamma_minus": mean(gamma[1]),
        "rho_own_min": min(rhos(range(n))),
        "rho_own_max": max(rhos(range(n))),
        "rho_own_mean": mean(rhos(range(n))),
        "rho_clean_max": max(rhos(clean)),
        "rho_clean_mean": mean(rhos(clean)),
        "rho_noisy_max": max(rhos(noisy)),
        "rho_noisy_min": min(rhos(noisy)),
        "rho_noisy_mean": mean(rhos(noisy)),
        "rho_clean_plus": mean(rhos(clean, lambda i: y[i] > 0)),
        "rho_clean_minus": mean(rhos(clean, lambda i: y[i] < 0)),
        "rho_noisy_plus": mean(rhos(noisy, lambda i: y[i] > 0)),
        "rho_noisy_minus": mean(rhos(noisy, lambda i: y[i] < 0)),
        "rho_max": rho.max(),
        "rho_min": rho.min(),
        "coefficient_min": min(*rhos(range(n)), gamma.min()),
        "coefficient_own_max": max(*rhos(range(n)), gamma.max()),
        "coefficient_max": max(abs(rho).max(), abs(gamma).max()),
        "signal_lead": gamma.min() - max(rhos(range(n))),
        "margin_clean_min": min(margin[clean]),
        "margin_noisy_min": min(margin[noisy]),
        "margin_noisy_max": max(margin[noisy]),
        "margin_noisy_plus": mean([margin[i] for i in noisy if y[i] > 0]),
        "margin_noisy_minus": mean([margin[i] for i in noisy if y[i] < 0]),
        "margin_min": min(margin),
        "margin_mean": mean(margin),
        "margin_error": max(gaps()),
        "predicted_spread": max(predicted) - min(predicted),
        "signal_drive_min": min(drives()),
        "rho_per_gamma_min": min(rho_per_gamma()),
        "rho_per_gamma_max": max(rho_per_gamma()),
        "loss": mean(loss),
        "loss_clean": mean([loss[i] for i in clean]),
        "loss_noisy": mean([loss[i] for i in noisy]),
        "loss_derivative_min": min(g),
        "loss_derivative_max": max(g),
        "accuracy": mean([margin[i] > 0 for i in range(n)]),
        "accuracy_clean": mean([margin[i] > 0 for i in clean]),
        "accuracy_noisy": mean([margin[i] > 0 for i in noisy]),
        "noisy_memorised": sum(
            margin[i] >= 0 and sum(max(rho[side[i], r, i], 0) for r in range(m)) / m > gamma[1 - side[i]].sum() / m
            for i in noisy
        )
        / n,
        "selection_precision": len(set(chosen) & set(clean)) / len(chosen),
        "selection_recall": len(set(chosen) & set(clean)) / len(clean),
        "projection_noise": max(noise for noise, _ in projections()),
        "projection_signal": max(signal for _, signal in projections()),
        "signal_best": min(max(w[k] @ mu for k in range(m)), max(-w[m + k] @ mu for k in range(m))),
        "noise_best": mean([max(w[side[i] * m + r] @ xi[i] for r in range(m)) for i in range(n)]),
    }


@pytest.mark.parametrize(("seed", "steps"), [(1, 6), (1, 60), (6, 25)])
def test_every_series_is_what_it_says(seed, steps):
    run = setting(n=16, m=6, d=150, mu=8.0, tau_plus=0.4, tau_minus=0.4)
    sample = draw(run, seed, dense=True)
    assert {(a, b) for a, b in zip(sample.y, sample.y_tilde, strict=True)} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    expected = naive(run, sample, steps)
    recorded = train([run], [sample], steps=steps).series
    expected["elapsed"] = steps * run.time_scale
    assert set(recorded) == set(SERIES) == set(expected)
    for name, value in expected.items():
        # Rounding of the vectors' inner products; shares of samples are equal outright.
        np.testing.assert_allclose(recorded[name][0, -1], value, rtol=1e-9, atol=1e-11, err_msg=name)


def test_the_series_of_different_moments_differ():
    """Planted: the comparison above would notice a series taken 5 % of the time away."""
    run = setting(n=16, m=6, d=150, mu=8.0, tau_plus=0.4, tau_minus=0.4)
    sample = draw(run, 1, dense=True)
    expected = naive(run, sample, 60) | {"elapsed": 60 * run.time_scale}
    other = train([run], [sample], steps=63).series
    changed = {name for name, value in expected.items() if abs(other[name][0, -1] / value - 1) > 1e-6}
    shares = {"accuracy", "accuracy_clean", "accuracy_noisy", "noisy_memorised", "selection_precision"}
    assert changed >= set(SERIES) - shares - {"selection_recall"}


def test_start_observables_from_vectors():
    run = ordinary()
    for row, (one, sample) in enumerate(zip(run.settings, run.samples, strict=True)):
        n, m = one.n, one.m
        w, mu, xi = sample.weights, sample.patches[0], sample.patches[1:]
        signs = [1.0] * m + [-1.0] * m
        own = {i: range(0, m) if sample.y_tilde[i] > 0 else range(m, 2 * m) for i in range(n)}
        halves = (range(0, m), range(m, 2 * m))
        expected = {
            "noise_norm_min": min(x @ x for x in xi),
            "noise_norm_max": max(x @ x for x in xi),
            "noise_cross_max": max(abs(xi[i] @ xi[k]) for i in range(n) for k in range(i)),
            "noise_signal_max": max(abs(x @ mu) for x in xi),
            "init_signal_max": max(abs(v @ mu) for v in w),
            "init_signal_best": min(max(signs[r] * (w[r] @ mu) for r in half) for half in halves),
            "init_noise_max": max(abs(v @ x) for v in w for x in xi),
            "init_noise_best": min(max(signs[r] * (w[r] @ x) for r in half) for half in halves for x in xi),
            "active_neurons_share": min(sum(w[r] @ xi[i] > 0 for r in own[i]) / m for i in range(n)),
            "active_samples_share": min(
                sum(r in own[i] and w[r] @ xi[i] > 0 for i in range(n)) / n for r in range(2 * m)
            ),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(OBSERVABLES[name](run)[row], value, rtol=1e-10, err_msg=name)  # rounding
        share = sum(a != b for a, b in zip(sample.y, sample.y_tilde, strict=True)) / n
        np.testing.assert_equal(OBSERVABLES["flip_share"](run)[row], share or np.nan)


# --- what is computed from series, on series made by hand ---


def made(times: list[int], **series: list[list[float]]) -> Trajectory:
    """A trajectory with given series; a run has left where its series turn NaN."""
    arrays = {name: np.array(values, dtype=float) for name, values in series.items()}
    runs = len(next(iter(arrays.values())))
    present = ~np.isnan(np.stack(list(arrays.values()))).all(0)
    last = np.array([times[np.flatnonzero(row)[-1]] for row in present])
    one = Setting(n=2, m=1, d=9, mu=1.0, sigma_0=0.1, eta=0.1)
    return Trajectory(
        settings=(one,) * runs,
        samples=(draw(one, 0),) * runs,
        times=np.array(times),
        series=arrays,
        status=("horizon",) * runs,
        last=last,
        events={"T1": Event(series="coefficient_min", value=0.5)},
        kept={"end": torch.zeros(runs, 2, 4, dtype=torch.float64)},
    )


NAN, INF = float("nan"), float("inf")


def test_fit_times_are_when_it_stays():
    times = [0, 1, 2, 3, 5]
    values = [
        [-1, -1, 1, 1, 1],  # from 2 on
        [-1, 1, -1, 1, 1],  # again unfitted at 2
        [1, 1, 1, 1, 1],  # from the first step on: time 0 is no time
        [-1, -1, -1, 1, -1],  # not at the end
        [-1, -1, 1, NAN, NAN],  # left the batch at 2
        [INF, INF, INF, INF, INF],  # no such sample
        [-1, 0, 0, 0, 0],  # 0 is not fitted
    ]
    run = made(times, margin_clean_min=values, margin_noisy_min=values)
    for name in ("clean_fit_time", "noisy_fit_time"):
        np.testing.assert_array_equal(OBSERVABLES[name](run), [2, 3, 1, NAN, 2, NAN, NAN])


def test_overtaking_is_the_first_time():
    run = made(
        [0, 1, 2, 3],
        rho_noisy_max=[[0, 1, 3, 1], [0, 1, 1, 1], [1, 2, 3, 4], [-INF] * 4],
        gamma_max=[[0, 2, 2, 2], [0, 1, 2, 3], [0, 1, 2, NAN], [0, 1, 2, 3]],
    )
    np.testing.assert_array_equal(OBSERVABLES["overtake_time"](run), [2, NAN, 1, NAN])


def test_extremes_look_at_their_stage_only():
    run = made(
        [0, 1, 2, 3],
        coefficient_min=[[0, 0.5, 0.6, 0.7], [0, 0.1, 0.2, 0.3]],
        coefficient_own_max=[[0, 0.4, 0.6, 0.7], [0, 0.1, 0.2, 0.3]],
        loss_derivative_min=[[0.5, 0.4, 0.3, 0.1], [0.5, 0.4, 0.3, 0.2]],
        loss_derivative_max=[[0.5, 0.6, 0.4, 0.8], [0.5, 0.4, 0.9, 0.4]],
        signal_drive_min=[[0.3, 0.2, -0.1, 0.1], [0.4, 0.3, 0.2, NAN]],
        rho_per_gamma_max=[[9, 2, 3, 1], [4, 5, 6, 7]],
        margin_error=[[0.1, 0.2, 9, 9], [9, 9, 9, 9]],
        margin_clean_min=[[-9, 0.2, 0.1, 0.3], [1, 1, 1, 1]],
        margin_min=[[-9, 3, 2, 1], [-9, -1, 2, NAN]],
        rho_max=[[0, 1, 5, 2], [0, 1, NAN, NAN]],
        rho_min=[[0, -1, -2, -1], [0, 0, 0.1, 0.2]],
    )
    unit = run.settings[0].time_scale
    expected = {
        "order_one_time": [1, NAN],
        "loss_derivative_min_growth": [0.3, NAN],  # at 2 the largest coefficient is of order one, T_1 was before
        "loss_derivative_ratio_run": [8, 3],
        "derivative_by_time_stage2": [3 * unit * 0.8, NAN],
        "signal_drive_min_stage1": [0.2, NAN],
        "signal_drive_min_run": [-0.1, 0.2],
        "rho_per_gamma_max_stage2": [3, NAN],
        "rho_negative_run": [2, 0],
        "margin_error_run": [9, 9],
        "margin_error_stage1": [0.2, NAN],
        "margin_clean_min_stage2": [0.1, NAN],
        "margin_min_after_first": [1, -1],
        "rho_max_run": [5, 1],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(OBSERVABLES[name](run), values, rtol=1e-12, err_msg=name)


def test_the_signal_drive_is_the_next_step_of_gamma():
    """Exactly, step by step: gamma moves by eta |mu|^2/m times it."""
    run = setting(n=16, m=6, d=150, mu=8.0, tau_plus=0.4, tau_minus=0.4)
    sample = draw(run, 1, dense=True)
    before, after = (train([run], [sample], steps=k, events={}) for k in (20, 21))
    least = (after.state("end").gamma - before.state("end").gamma).min() * run.m / (run.eta * run.mu**2)
    np.testing.assert_allclose(before.series["signal_drive_min"][0, -1], least, rtol=1e-7)


def test_memorised_counts_averages_over_all_neurons_and_ties_as_fitted():
    """Theorem 4.2 (2) compares averages: one strong neuron is enough, where not every one leads."""
    run = setting(n=16, m=6, d=150, mu=8.0, tau_plus=0.4, tau_minus=0.4)
    sample = draw(run, 1, dense=True)
    state = train([run], [sample], steps=50).state("end")
    every = (state.own_extremes[0] > state.gamma.flatten(1).amax(1)[:, None]) & state.batch.noisy
    assert SERIES["noisy_memorised"](state) * run.n > every.sum() > 0
    clean = setting(tau_plus=0.0, tau_minus=0.0)
    assert SERIES["noisy_memorised"](train([clean], [draw(clean, 0)], steps=1).state("end")).isnan().all()


# --- a user's own ---


def test_own_observable_and_own_series():
    def norm(state) -> torch.Tensor:
        return state.rho.flatten(1).norm(dim=1)

    mine = Observable(
        name="rho_norm_doubling",
        says="iterations from |rho| = 1 to |rho| = 2",
        stage="end",
        compute=lambda run: run.time("two") - run.time("one"),
        time=True,
    )
    run = setting(n=8, m=8, d=200, mu=9.0)
    samples = [draw(run, seed) for seed in range(2)]
    events = {"one": Event(series="rho_norm", value=1.0), "two": Event(series="rho_norm", value=2.0)}
    series = {**SERIES, "rho_norm": norm}
    trajectory = train([run, run], samples, steps=300, series=series, events=events)
    values = mine(trajectory)
    assert (values > 0).all()
    for row in range(2):
        np.testing.assert_allclose(
            trajectory.series["rho_norm"][row, -1],
            np.linalg.norm(trajectory.state("end").rho[row].numpy()),
            rtol=1e-12,  # rounding
        )
    assert np.isnan(mine(train([run], samples[:1], steps=2, series=series, events=events))).all()


def test_observable_refuses_an_unknown_stage():
    with pytest.raises(ValueError, match=r"^observable 'x': stage 'later' is none of exact, start, early, T1, end$"):
        Observable(name="x", says="", stage="later", compute=lambda run: np.zeros(1))


def test_infinite_is_no_answer():
    extreme = Observable(name="x", says="", stage="start", compute=lambda run: np.array([np.inf, -np.inf, 1.0]))
    np.testing.assert_array_equal(extreme(ordinary()), [np.nan, np.nan, 1.0])
