"""The engine against its specification, plain gradient descent by autograd; batching, events and refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from numerics import Event, Sample, Setting, Trajectory, compiled, draw, train, train_reference
from numerics.engine import DIVERGED, check_device
from numerics.identities import recursion_residual
from numerics.state import Batch
from numerics.trajectory import RATIO, recording_times

STEPS = 1000
# Both sides round at 1e-16 and neither lets errors grow (B is recomputed from C at every step): measured 1e-14 after
# 1000 steps. 1e-9 leaves room for other hardware; every planted fault below is seen at 1e-7 or more.
EXACT = 1e-9
# Matrix products of other shapes sum in another order; measured 1e-15.
REORDERED = 1e-12

BASE = dict(n=12, m=3, d=60, mu=4.0, sigma_xi=1.0, sigma_0=0.01, eta=0.02, tau_plus=0.3, tau_minus=0.2)


def setting(**changes) -> Setting:
    return Setting(**{**BASE, **changes})


def at_pace(pace: float, **changes) -> Setting:
    """A setting whose rescaled time advances by ``pace`` per step, whatever its sizes."""
    one = setting(**changes)
    return replace(one, eta=one.eta * pace / one.time_scale)


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max().clamp(min=1e-300))


def gap(run: Setting, sample: Sample, steps: int, seen_by_engine: Sample | None = None) -> float:
    """Largest relative gap between the engine and autograd: coefficients and margins at the end, loss at all times."""
    truth = train_reference(run, sample, steps)
    trajectory = train(
        [run],
        [seen_by_engine or sample],
        steps=steps,
        series={"loss": lambda s: s.losses.mean(1)},
        times=np.arange(steps + 1),
    )
    state = trajectory.state("end")
    loss = torch.as_tensor(trajectory.series["loss"][0])
    return max(
        relative(state.gamma[0], truth.gamma),
        relative(state.rho[0], truth.rho),
        relative(state.margins[0], truth.margins),
        float((loss / truth.losses - 1).abs().max()),
    )


@pytest.mark.parametrize(
    ("n", "m", "d", "tau"),
    [
        (12, 3, 5, 0.3),  # patches linearly dependent
        (12, 3, 11, 0.3),
        (12, 3, 12, 0.3),
        (12, 3, 13, 0.3),  # as many dimensions as patches
        (12, 3, 14, 0.0),
        (12, 3, 60, 0.3),
        (12, 3, 60, 0.0),  # no noisy sample
        (12, 1, 60, 0.3),
        (12, 1, 8, 0.3),
        (1, 3, 40, 0.0),
        (1, 1, 40, 0.49),
        (1, 1, 1, 0.0),
        (30, 8, 400, 0.2),
    ],
)
def test_engine_is_gradient_descent(n, m, d, tau):
    run = at_pace(0.05, n=n, m=m, d=d, tau_plus=tau, tau_minus=tau)
    sample = draw(run, seed=5, dense=True)
    assert tau > 0 or not sample.noisy.any()
    assert gap(run, sample, STEPS) <= EXACT


@pytest.mark.parametrize(("n", "d", "tau"), [(12, 5, 0.3), (13, 60, 0.3), (12, 60, 0.0), (1, 40, 0.4)])
def test_engine_is_gradient_descent_on_balanced_labels(n, d, tau):
    run = at_pace(0.05, n=n, d=d, tau_plus=tau, tau_minus=tau, labels="balanced")
    sample = draw(run, seed=5, dense=True)
    assert int(sample.noisy.sum()) == sum(flips for _, flips in run.counts)
    assert gap(run, sample, 300) <= EXACT


def test_the_comparison_is_not_about_nothing():
    """In the runs compared, coefficients become of order one, neurons switch off and on, and flips are memorized."""
    run = at_pace(0.05, tau_plus=0.3, tau_minus=0.3)
    sample = draw(run, seed=5, dense=True)
    end = train([run], [sample], steps=STEPS).state("end")
    assert sample.noisy.any()
    assert float(end.rho.max()) > 1
    assert float(end.gamma.max()) > 1
    switched = (end.overlap > 0) != (end.batch.overlap > 0)
    assert switched[..., :2].any()
    assert switched[..., 2:].any()


def _gram_entry(sample: Sample) -> Sample:
    gram = sample.gram.copy()
    gram[2, 5] = gram[5, 2] = gram[2, 5] * (1 + 1e-5)
    return replace(sample, gram=gram)


def _one_sign(sample: Sample) -> Sample:
    y_tilde = sample.y_tilde.copy()
    y_tilde[np.flatnonzero(sample.noisy)[0]] *= -1
    return replace(sample, y_tilde=y_tilde)


FAULTS = {
    "one Gram entry off by 1e-5": _gram_entry,
    "one noisy sample with the sign of a clean one": _one_sign,
    "initial overlaps off by 1e-5": lambda s: replace(s, overlap=s.overlap * (1 + 1e-5)),
    "signal read with the wrong sign": lambda s: replace(
        s, overlap=s.overlap * np.where(np.arange(s.overlap.shape[1]) == 0, -1, 1)
    ),
    "y and y~ exchanged": lambda s: replace(s, y=s.y_tilde, y_tilde=s.y),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_caught(fault):
    run = at_pace(0.05)
    sample = draw(run, seed=5, dense=True)
    assert gap(run, sample, 200, FAULTS[fault](sample)) > 100 * EXACT


def test_relu_at_zero_is_flat():
    """relu'(0) = 0, as autograd has it: neurons that start at exactly zero never move."""
    run = setting()
    sample = draw(run, seed=5, dense=True)
    still = replace(sample, overlap=0 * sample.overlap, weights=0 * sample.weights)
    assert float(train_reference(run, still, 20).rho.abs().max()) == 0
    assert float(train([run], [still], steps=20).state("end").rho.abs().max()) == 0


def test_recursion_residual_sees_what_this_file_sees():
    runs = [at_pace(0.05), at_pace(0.05, d=8)]
    samples = [draw(run, seed, dense=True) for seed, run in enumerate(runs)]
    trajectory = train(runs, samples, steps=200)
    assert (recursion_residual(trajectory) <= EXACT).all()
    wrong = train(runs, [samples[0], _one_sign(samples[1])], steps=200)
    good, caught = recursion_residual(replace(wrong, samples=tuple(samples)))
    assert good <= EXACT < 1e-3 < caught


def test_recursion_residual_never_loses_a_number_that_is_none():
    run = setting()
    trajectory = train([run], [draw(run, 0, dense=True)], steps=5)
    broken = trajectory.kept["end"].coefficients.clone()
    broken[0, 0, 0] = torch.nan
    assert np.isnan(
        recursion_residual(replace(trajectory, kept={"end": trajectory.kept["end"]._replace(coefficients=broken)}))
    ).all()


def test_reference_needs_vectors():
    run = setting()
    with pytest.raises(ValueError, match="dense=True"):
        train_reference(run, draw(run, 0), 1)


# --- batches ---


def mixed_batch() -> tuple[list[Setting], list[Sample]]:
    """Runs that share n and m and nothing else; dense and Gram-only samples side by side."""
    runs = [
        at_pace(0.05),
        at_pace(0.2, d=10, mu=1.0),
        at_pace(0.01, d=10**6, mu=300.0, tau_plus=0.0, tau_minus=0.0),
        at_pace(0.1, d=500, mu=0.0, sigma_xi=3.0, tau_plus=0.0),
        at_pace(1.0, d=90, sigma_0=1.0),
    ]
    return runs, [draw(run, seed=10 + k) for k, run in enumerate(runs)]


def same(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a, b, rtol=REORDERED, atol=REORDERED, equal_nan=True)


def assert_alone(batch: Trajectory, row: int, alone: Trajectory) -> None:
    """Row ``row`` of a batch is the run that ``alone`` holds."""
    assert batch.status[row] == alone.status[0]
    assert batch.last[row] == alone.last[0]
    for name in batch.series:
        same(batch.series[name][row], alone.series[name][0])
    for name in batch.kept:
        for ours, theirs in zip(batch.kept[name][:3], alone.kept[name][:3], strict=True):
            same(ours[row].numpy(), theirs[0].numpy())


def test_a_batch_is_its_runs_alone():
    runs, samples = mixed_batch()
    together = train(runs, samples, steps=150)
    for row, (run, sample) in enumerate(zip(runs, samples, strict=True)):
        assert_alone(together, row, train([run], [sample], steps=150))


def test_a_batch_with_its_samples_exchanged_is_caught():
    """The planted failure of the comparison above."""
    runs, samples = mixed_batch()
    together = train(runs, samples[1:] + samples[:1], steps=150)
    with pytest.raises(AssertionError):
        assert_alone(together, 0, train(runs[:1], samples[:1], steps=150))


def test_finished_runs_leave_without_a_trace():
    """Runs that stop, diverge or go on, in one batch: each is what it is alone, and unstopped ones go on unchanged."""
    runs, samples = mixed_batch()
    broken = replace(samples[0], overlap=samples[0].overlap * np.inf)
    runs, samples = [*runs, runs[0]], [*samples, broken]
    bounds = (0.3, 0.1, 0.0, 0.5, 0.05, 0.1)  # 0: never
    stop = Event(series="loss", value=bounds, falling=True)
    events = {"fit": Event(series="accuracy", value=0.9)}
    with np.errstate(invalid="ignore"):
        together = train(runs, samples, steps=400, stop=stop, events=events)
    assert together.status[2] == "horizon"
    assert together.status[5] == "diverged"
    assert {"stopped"} == {together.status[k] for k in (0, 1, 3, 4)}
    assert len(set(together.last.tolist())) >= 4, "they should leave at different times"
    for row in range(6):
        own_stop = replace(stop, value=bounds[row])
        assert_alone(together, row, train([runs[row]], [samples[row]], steps=400, stop=own_stop, events=events))
    unstopped = train(runs[2:3], samples[2:3], steps=400)
    same(together.series["loss"][2], unstopped.series["loss"][0])


def test_series_end_with_the_run():
    runs, samples = mixed_batch()
    bounds = (0.3, 0.1, 0.0, 0.5, 0.05)
    trajectory = train(runs, samples, steps=400, stop=Event(series="loss", value=bounds, falling=True))
    for row, status in enumerate(trajectory.status):
        loss = trajectory.series["loss"][row]
        end = trajectory.index("end")[row]
        assert trajectory.times[end] == trajectory.last[row]
        assert np.isfinite(loss[: end + 1]).all()
        assert np.isnan(loss[end + 1 :]).all()
        assert (loss[:end] > bounds[row]).all()
        assert (loss[end] <= bounds[row]) == (status == "stopped")


# --- runs without an ordinary answer ---


def contradicting() -> Setting:
    """Far more samples than dimensions, so no weights fit them and a huge step is paid for in loss."""
    return setting(n=30, d=3, eta=1e12, tau_plus=0.4, tau_minus=0.4)


@pytest.mark.parametrize("eta", [1e12, 1e20, 1e30])
def test_a_diverging_run_is_told_and_hurts_no_other(eta):
    wild, tame = replace(contradicting(), eta=eta), replace(contradicting(), eta=0.1)
    sample = draw(wild, seed=0)
    both = train([wild, tame], [sample, sample], steps=50)
    assert both.status == ("diverged", "horizon")
    gone = both.index("end")[0]
    assert not both.series["loss"][0, gone] <= DIVERGED
    for values in both.series.values():
        assert np.isnan(values[0, gone + 1 :]).all()
    assert_alone(both, 1, train([tame], [sample], steps=50))


def test_a_sample_without_numbers_diverges_at_once():
    run = setting()
    sample = draw(run, seed=0)
    nothing = replace(sample, overlap=np.full_like(sample.overlap, np.nan))
    trajectory = train([run, run], [nothing, sample], steps=20)
    assert trajectory.status == ("diverged", "horizon")
    assert trajectory.last.tolist() == [0, 20]
    assert np.isnan(trajectory.series["loss"][0]).all()


# --- events ---


def test_events_keep_the_state_of_their_moment():
    runs, samples = mixed_batch()
    values = (0.1, 0.2, 0.05, 0.3, 1e9)  # the last never happens
    events = {
        "grown": Event(series="rho_own_mean", value=values),
        "learned": Event(series="loss", value=0.6, falling=True),
        "start": Event(series="loss", value=0.0),
    }
    trajectory = train(runs, samples, steps=300, events=events)
    assert trajectory.index("start").tolist() == [0] * 5
    assert float(trajectory.kept["start"].coefficients.abs().max()) == 0
    for name in ("grown", "learned"):
        for row, (run, sample) in enumerate(zip(runs, samples, strict=True)):
            time = trajectory.time(name)[row]
            if np.isnan(time):
                assert trajectory.index(name)[row] == -1
                assert trajectory.kept[name].coefficients[row].isnan().all()
                assert trajectory.state(name).margins[row].isnan().all()
                assert np.isnan(trajectory.at(name, "loss")[row])
                assert np.isnan(trajectory.up_to(name, "loss")[row]).all()
                continue
            there = train([run], [sample], steps=int(time), times=np.array([0, int(time)]))
            same(trajectory.kept[name].coefficients[row].numpy(), there.kept["end"].coefficients[0].numpy())
            same(trajectory.state(name).margins[row].numpy(), there.state("end").margins[0].numpy())
            same(trajectory.at(name, "loss")[row], there.series["loss"][0, -1])
            # Once, and at the first recorded time.
            series = trajectory.series[events[name].series][row]
            k = trajectory.index(name)[row]
            bound = np.broadcast_to(events[name].value, 5)[row]
            before = series[:k] > bound if events[name].falling else series[:k] < bound
            assert before.all()
            assert np.isnan(trajectory.up_to(name, "loss")[row, k + 1 :]).all()
            assert not np.isnan(trajectory.up_to(name, "loss")[row, : k + 1]).any()
    assert np.isnan(trajectory.time("grown")).tolist() == [False] * 4 + [True]
    assert np.isfinite(trajectory.time("learned")).any()


def test_an_event_at_no_number_never_happens():
    run = setting()
    series = {"loss": lambda s: s.losses.mean(1), "nothing": lambda s: torch.full((1,), torch.nan).double()}
    events = {"rise": Event(series="nothing", value=-1.0), "fall": Event(series="nothing", value=1.0, falling=True)}
    trajectory = train([run], [draw(run, 0)], steps=5, series=series, events=events)
    assert np.isnan(trajectory.time("rise")).all()
    assert np.isnan(trajectory.time("fall")).all()


@given(st.integers(1, 10**12))
@example(1)
@example(2)
@example(3)
@example(26)
def test_recording_grid(last):
    times = recording_times(last)
    assert times[0] == 0
    assert times[-1] == last
    assert (np.diff(times) > 0).all()
    now, then = times[1:-1].astype(float), times[2:].astype(float)
    # Whole iterations: at most one beyond the ratio. 1e-12: RATIO**k is rounded.
    assert (then <= (RATIO * now + 1) * (1 + 1e-12)).all()
    assert len(times) <= np.log(last) / np.log(RATIO) + 3, "no denser than geometric"


# --- the state in the field's own terms ---


def test_state_reads_off_the_decomposition():
    """gamma, rho and rho_own give W_t back: w_jr = w0 + j gamma mu/|mu|^2 + sum_i rho_i xi_i/|xi_i|^2."""
    run = at_pace(0.05)
    sample = draw(run, seed=3, dense=True)
    state = train([run], [sample], steps=300).state("end")
    weights = train_reference(run, sample, 300).weights
    mu, xi = torch.as_tensor(sample.patches[0]), torch.as_tensor(sample.patches[1:])
    j = torch.tensor([1.0, -1.0]).double().repeat_interleave(run.m)
    rebuilt = (
        torch.as_tensor(sample.weights)
        + (j * state.gamma[0].flatten())[:, None] * mu / (mu @ mu)
        + state.rho[0].flatten(0, 1) @ (xi / (xi**2).sum(1, keepdim=True))
    )
    assert relative(rebuilt, weights) <= EXACT
    for i in range(run.n):
        side = 0 if sample.y_tilde[i] > 0 else 1
        assert torch.equal(state.rho_own[0, :, i], state.rho[0, side, :, i])
    # Gradient descent moves own coefficients up and the other class's down, never otherwise (D1).
    own = torch.as_tensor(sample.y_tilde[None, :] * np.array([[1.0], [-1.0]]))[:, None] > 0
    assert (state.rho[0][own.expand_as(state.rho[0])] >= 0).all()
    assert (state.rho[0][~own.expand_as(state.rho[0])] <= 0).all()
    margins = state.margins.numpy()
    np.testing.assert_allclose(state.loss_derivatives.numpy(), 1 / (1 + np.exp(margins)), rtol=1e-12)  # rounding
    np.testing.assert_allclose(state.losses.numpy(), np.log1p(np.exp(-margins)), rtol=1e-12)  # rounding


# --- refusals: a value, the rule, the way out, in one line ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 0),
        ("m", -1),
        ("d", 0),
        ("mu", -1.0),
        ("mu", float("inf")),
        ("sigma_xi", 0.0),
        ("sigma_xi", -2.0),
        ("sigma_0", -0.1),
        ("sigma_0", float("nan")),
        ("eta", 0.0),
        ("eta", float("nan")),
        ("tau_plus", 0.7),
        ("tau_plus", 0.5),
        ("tau_minus", -0.1),
        ("tau_minus", float("nan")),
    ],
)
def test_settings_outside_their_range(name, value):
    with pytest.raises(ValueError, match=rf"^{name} = {value}: must|^{name} = {value}: a flip") as refusal:
        setting(**{name: value})
    assert "\n" not in str(refusal.value)
    assert f"; give e.g. {name}=" in str(refusal.value)


def test_labels_are_of_two_kinds():
    with pytest.raises(ValueError, match=r"^labels = 'exact': must be drawn or balanced; give e.g. labels='balanced'$"):
        setting(labels="exact")


def test_settings_accept_what_is_allowed():
    run = setting(n=1, m=1, d=1, mu=0, tau_plus=0, tau_minus=0.4999)
    assert run.mu == 0.0
    assert run.kappa == 0.0
    assert setting(d=10**12).d == 10**12


def refused(match: str, settings, samples, **arguments) -> None:
    with pytest.raises(ValueError, match=match) as refusal:
        train(settings, samples, **{"steps": 5, **arguments})
    assert "\n" not in str(refusal.value)


def test_train_refuses_what_it_cannot_do():
    run = setting()
    sample = draw(run, 0)
    refused("at least one", [], [])
    refused("1 settings and 0 samples", [run], [])
    refused("agree in n and m", [run, setting(m=4)], [sample, sample])
    refused("its own setting", [run], [draw(setting(n=11), 0)])
    refused("its own setting", [run], [draw(setting(m=2), 0)])
    refused("steps = 0", [run], [sample], steps=0)
    refused("nonsense", [run], [sample], device="nonsense")
    refused("increase from 0", [run], [sample], times=np.array([1, 5]))
    refused("increase from 0", [run], [sample], times=np.array([0, 4]))
    refused("increase from 0", [run], [sample], times=np.array([0, 3, 3, 5]))
    refused("'los'", [run], [sample], stop=Event(series="los", value=1.0))
    refused("'los'", [run], [sample], events={"x": Event(series="los", value=1.0)})
    refused("2 values for 3 runs", [run] * 3, [sample] * 3, stop=Event(series="loss", value=(1.0, 2.0)))


@pytest.mark.parametrize("device", ["nonsense", "", "meta", "cuda:999"])
def test_devices_that_cannot_compute(device):
    with pytest.raises(ValueError, match=f"^device '{device}' cannot be used here: choose cpu") as refusal:
        check_device(device)
    assert "\n" not in str(refusal.value)
    assert check_device("cpu") == "cpu"


# --- a GPU computes the same ---


@pytest.mark.gpu
def test_gpu_is_cpu(cuda):
    runs, samples = mixed_batch()
    stop = Event(series="loss", value=(0.3, 0.1, 0.0, 0.5, 0.05), falling=True)
    events = {"fit": Event(series="accuracy", value=0.9)}
    here = train(runs, samples, steps=400, stop=stop, events=events)
    there = train(runs, samples, steps=400, stop=stop, events=events, device=cuda)
    assert here.status == there.status
    np.testing.assert_array_equal(here.last, there.last)
    for name in here.series:
        # Same arithmetic in another order: as between a batch and its runs alone, with room for other exponentials.
        np.testing.assert_allclose(here.series[name], there.series[name], rtol=1e-10, atol=1e-10, equal_nan=True)
    for name in here.kept:
        a, b = here.kept[name].coefficients.numpy(), there.kept[name].coefficients.numpy()
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10, equal_nan=True)


def test_batch_steps_leave_the_overlap_in_step():
    """The contract of Batch.steps that the recording relies on: B = B_0 + C K on return."""
    runs, samples = mixed_batch()
    batch = Batch(runs, samples, "cpu")
    coefficients, overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()
    batch.steps(coefficients, overlap, 7)
    assert relative(overlap, torch.baddbmm(batch.overlap, coefficients, batch.gram)) < REORDERED


def test_compiled_pass_and_tensors_take_the_same_steps(monkeypatch):
    """Numba's pass is the one that runs on a CPU; other devices, and machines without Numba, take tensors."""
    assert compiled.push() is not None
    runs, samples = mixed_batch()
    fast = train(runs, samples, steps=STEPS)
    monkeypatch.setattr(compiled, "push", lambda power: None)
    plain = train(runs, samples, steps=STEPS)
    assert relative(fast.kept["end"].coefficients, plain.kept["end"].coefficients) < REORDERED


@pytest.mark.parametrize("eta", [1e20, 1e30])
def test_compiled_pass_and_tensors_diverge_alike(monkeypatch, eta):
    run = setting(eta=eta)
    fast = train([run], [draw(run, 0)], steps=20)
    monkeypatch.setattr(compiled, "push", lambda power: None)
    plain = train([run], [draw(run, 0)], steps=20)
    assert fast.status == plain.status == ("diverged",)
    np.testing.assert_array_equal(fast.last, plain.last)


def test_projections_of_a_state_are_those_of_its_weights():
    run = setting(d=30)
    sample = draw(run, 3, dense=True)
    state = train([run], [sample], steps=60).state("end")
    weights = train_reference(run, sample, 60).weights
    onto = (weights @ torch.as_tensor(sample.patches).T).unflatten(0, (2, -1))  # (2, m, n+1)
    assert relative(state.on_signal[0], onto[..., 0]) < EXACT
    assert relative(state.on_noise[0], onto[..., 1:]) < EXACT
    own = torch.where(torch.as_tensor(sample.y_tilde) > 0, onto[0, :, 1:], onto[1, :, 1:])
    assert relative(state.on_own_noise[0], own) < EXACT
    start = torch.as_tensor(sample.weights @ sample.patches.T).unflatten(0, (2, -1))[..., 1:]
    assert torch.equal(state.first_active[0], torch.where(torch.as_tensor(sample.y_tilde) > 0, start[0], start[1]) > 0)
