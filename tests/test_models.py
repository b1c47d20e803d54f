"""Every model that can be put together from the pieces: the engine against autograd on the dense network."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from numerics import OBSERVABLES, SERIES, Event, Setting, chance, course, draw, train, train_reference
from numerics import activation as activations
from numerics import algorithm as algorithms
from numerics import loss as losses
from numerics.algorithm import Algorithm
from numerics.generalization import generalization, losses_on_test_points
from numerics.identities import step_residual
from numerics.inputs import MEAN, SUM, TRAINED, Inputs
from numerics.model import parameter
from numerics.observables import moments
from numerics.state import Batch

# Both sides round at 1e-16; measured 1e-11 at most in a step and 1e-8 along a run of these lengths. A planted fault
# below shows at 1e-3 or more.
STEP, RUN = 1e-9, 1e-6
STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Base(Setting):
    """All parameters that some piece takes."""

    q: float = parameter(1.5, 4, default=2.5)
    leak: float = parameter(0, 1, default=0.2)
    bend: float = parameter(1e-3, 10, default=0.3)
    sharpness: float = parameter(1e-3, 1e3, default=2.0)
    weight_decay: float = parameter(0, 1e3, default=0.3)
    momentum: float = parameter(0, 1, below=True, default=0.8)
    radius: float = parameter(0, 1e3, default=0.05)
    batch: int = parameter(1, 1e9, whole=True, default=3)
    copies: int = parameter(1, 100, whole=True, default=3)
    cosine: float = parameter(-0.9, 0.9, default=0.4)


def momentum_with_decay(weights, memory, slope, eta, beta, decay):
    moving = memory[0] * beta + (slope(weights) - weights * decay) * (1 - beta)
    return weights + moving * eta, (moving,)


PIECES = {
    "activation": [
        activations.RELU, activations.RELU_POWER, activations.SQUARED_RELU, activations.CUBED_RELU,
        activations.LEAKY_RELU, activations.HUBERIZED_RELU, activations.SMOOTHED_LEAKY_RELU, activations.SQUARE,
        activations.CUBE,
    ],
    "inputs": [
        Inputs(name="one signal"),
        Inputs(name="projected", projected=True),
        Inputs(name="copies", copies="copies"),
        Inputs(name="one patch", joined=True),
        Inputs(name="xor", labels=(1, -1, 1, -1), projected=True),
        Inputs(name="xor at an angle", labels=(1, -1, 1, -1), cosine="cosine", copies="copies"),
        Inputs(name="uneven", labels=(1, 1, 1, -1), cosine="cosine", joined=True),
        Inputs(name="three signals", labels=(1, -1, 1, -1, 1, -1)),
    ],
    "head": [MEAN, SUM, TRAINED],
    "loss": [losses.LOGISTIC, losses.HINGE, losses.SQUARED],
    "algorithm": [
        algorithms.DESCENT, algorithms.DECAY, algorithms.MOMENTUM, algorithms.SAM,
        Algorithm(
            name="momentum with decay", step=momentum_with_decay, memory=1, parameters=("momentum", "weight_decay")
        ),
    ],
    "batches": [algorithms.FULL, algorithms.EPOCHS, algorithms.INDEPENDENT],
    "flips": ["once", "fresh"],
}  # fmt: skip


def model(**pieces) -> type[Setting]:
    return dataclass(frozen=True, kw_only=True)(type("Model", (Base,), pieces))


models = st.builds(model, **{piece: st.sampled_from(values) for piece, values in PIECES.items()})
dimensions = st.sampled_from([4, 6, 7, 8, 9, 40])  # below, about and above n
seeds = st.integers(0, 10**6)


def setting(kind: type[Setting], d: int = 40, **changes) -> Setting:
    """Coefficients of order one within some tens of steps, and no step so large that rounding grows."""
    base = dict(n=7, m=3, d=d, mu=2.0, sigma_0=0.3 / d**0.5, eta=1.0, tau_plus=0.3, tau_minus=0.2)
    one = kind(**base | changes)
    pace = 0.02 if one.head.summed or one.inputs.copies else 0.1
    return replace(one, eta=pace / one.time_scale)


NOT_PLAIN = [
    {piece: value} for piece, values in PIECES.items() if piece != "activation" for value in values
    if not model(**{piece: value}).plain()
]  # fmt: skip


@pytest.mark.parametrize(
    "pieces", NOT_PLAIN, ids=lambda p: next((f"{k}-{getattr(v, 'name', v)}" for k, v in p.items()))
)
def test_the_compiled_step_refuses_every_piece_that_it_does_not_take(pieces):
    one = setting(model(**pieces))
    batch = Batch([one], [draw(one, 0)], "cpu")
    coefficients, overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()
    with pytest.raises(TypeError, match="plain model"):
        batch.steps(coefficients, overlap, 1)
    assert torch.equal(overlap, batch.overlap) and not coefficients.any()


def gap(one: Setting, seed: int, steps: int = STEPS) -> float:
    """Largest relative gap between engine and autograd after a run; nothing where training diverges."""
    sample = draw(one, seed, dense=True)
    truth = train_reference(one, sample, steps)
    if not bool(truth.losses.max() < 1e3):
        return 0.0
    run = train([one], [sample], steps=steps, times=np.arange(steps + 1), series={"loss": lambda s: s.losses.mean(1)})
    state, weights = run.state("end"), run.kept["end"]
    pairs = [
        (state.gamma[0], truth.gamma), (state.rho[0], truth.rho), (state.margins[0], truth.margins),
        (weights.head[0], truth.second_layer), (torch.as_tensor(run.series["loss"][0]), truth.losses),
    ]  # fmt: skip
    return max(float((a - b).abs().max() / b.abs().max().clamp(min=1e-300)) for a, b in pairs)


@given(kind=models, d=dimensions, seed=seeds)
@settings(max_examples=120, deadline=None)
def test_a_step_of_any_model_is_that_of_autograd(kind, d, seed):
    one = setting(kind, d)
    sample = draw(one, seed, dense=True)
    for steps in (0, 1, 30):
        residual = step_residual(one, sample, steps)
        assert residual <= STEP or np.isnan(residual)


@given(kind=models, d=dimensions, seed=seeds)
@settings(max_examples=60, deadline=None)
def test_a_run_of_any_model_is_that_of_autograd(kind, d, seed):
    assert gap(setting(kind, d), seed) <= RUN


# --- planted faults: in the engine alone, so that the two differ ---


def seen(kind: type[Setting], d: int = 40) -> float:
    """The larger of the gaps that the two comparisons above show, over three seeds."""
    one = setting(kind, d)
    in_steps = max(step_residual(one, draw(one, seed, dense=True), 30) for seed in range(3))
    return max(in_steps, *(gap(one, seed) for seed in range(3)))


def test_nothing_is_seen_where_nothing_is_planted():
    for kind in (
        model(activation=activations.SQUARED_RELU, flips="fresh"),
        model(inputs=PIECES["inputs"][5], algorithm=algorithms.SAM, batches=algorithms.EPOCHS),
        model(algorithm=algorithms.DECAY, head=TRAINED),
    ):
        assert seen(kind) <= RUN


def test_a_dropped_derivative_is_seen():
    dropped = replace(activations.SQUARED_RELU, slope=lambda z: (z > 0).to(z.dtype))
    assert seen(model(activation=dropped)) > 1e-3


def test_the_wrong_read_is_seen():
    kind = model(inputs=PIECES["inputs"][4])
    one = setting(kind)
    sample = draw(one, 0, dense=True)
    other = replace(sample, reads=(sample.reads + 2) % 4)  # -u for u: of the same label
    run = train([one], [other], steps=STEPS).state("end")
    assert float((run.margins[0] - train_reference(one, sample, STEPS).margins).abs().max()) > 1e-3


def test_stale_labels_are_seen(monkeypatch):
    class Stale(chance.Chance):
        def take(self, steps):
            _, shares = super().take(steps)
            return np.tile(self._sample.y_tilde, (steps, 1)), shares

    monkeypatch.setattr(course, "Chance", Stale)
    assert seen(model(flips="fresh")) > 1e-3


def test_decay_of_the_coefficients_alone_is_seen():
    def of_coefficients(weights, memory, slope, eta, decay):
        moved = weights * (1 - eta * decay) + slope(weights) * eta
        if len(moved.parts) == 2 and moved.parts[1].dim() == 1:  # (C, s): the engine's
            moved = replace(moved, parts=(moved.parts[0], weights.parts[1]))
        return moved, memory

    wrong = Algorithm(name="decay of C alone", step=of_coefficients, parameters=("weight_decay",))
    assert seen(model(algorithm=wrong)) > 1e-3


def test_sam_without_its_norm_is_seen(monkeypatch):
    """The norm in coefficient space without the overlaps of the patches: |C| for |C V'|."""
    monkeypatch.setattr(course.General, "_inner", lambda self, one, other: (one[0] * other[0]).sum((1, 2)))
    assert seen(model(algorithm=algorithms.SAM)) > 1e-3


def test_a_step_that_does_not_commute_with_rotations_is_seen():
    def signs(weights, memory, slope, eta):
        down = slope(weights)
        return weights + replace(down, parts=tuple(part.sign() for part in down.parts)) * (eta * 1e-3), memory

    assert seen(model(algorithm=Algorithm(name="sign descent", step=signs))) > 1e-3


def test_a_forgotten_copy_is_seen(monkeypatch):
    monkeypatch.setattr(Batch, "outputs", lambda self, overlap, head=None: _without_copies(self, overlap, head))
    assert seen(model(inputs=PIECES["inputs"][2], algorithm=algorithms.DECAY)) > 1e-3


def _without_copies(batch: Batch, overlap: torch.Tensor, head: torch.Tensor | None) -> torch.Tensor:
    second = batch.head if head is None else head[:, None]
    patches = torch.bmm(second, batch.phi(overlap))[:, 0]
    return patches.gather(1, batch.reads) + patches[:, batch.noise]


# --- the algorithms themselves ---


def test_momentum_is_torchs():
    """torch.optim.SGD with dampening = momentum; its buffer, which starts as the first gradient, set to zero."""
    one = setting(model(algorithm=algorithms.MOMENTUM))
    sample = draw(one, 3, dense=True)
    net, x, y = _network(one, sample)
    optimizer = torch.optim.SGD([net.weights], lr=one.eta, momentum=one.momentum, dampening=one.momentum)
    optimizer.state[net.weights]["momentum_buffer"] = torch.zeros_like(net.weights)
    _descend(optimizer, net, x, y, STEPS)
    assert torch.allclose(train_reference(one, sample, STEPS).weights, net.weights, rtol=1e-10, atol=1e-12)


def test_weight_decay_is_torchs():
    one = setting(model(algorithm=algorithms.DECAY))
    sample = draw(one, 3, dense=True)
    net, x, y = _network(one, sample)
    optimizer = torch.optim.SGD([net.weights], lr=one.eta, weight_decay=one.weight_decay)
    _descend(optimizer, net, x, y, STEPS)
    assert torch.allclose(train_reference(one, sample, STEPS).weights, net.weights, rtol=1e-10, atol=1e-12)


def test_sam_goes_up_by_its_radius():
    """The point at which the slope is taken lies at that distance, in the direction of the gradient."""
    one = setting(model(algorithm=algorithms.SAM))
    net, x, y = _network(one, sample := draw(one, 3, dense=True))
    asked = []

    def recorded(weights, memory, slope, eta, radius):
        def told(at):
            asked.append(at.parts[0].clone())
            return slope(at)

        return algorithms.SAM.step(weights, memory, told, eta, radius)

    spied = setting(model(algorithm=Algorithm(name="spied", step=recorded, parameters=("radius",))))
    train_reference(spied, sample, 1)
    torch.nn.functional.softplus(-y * net(x)).mean().backward()
    up = net.weights.grad / net.weights.grad.norm() * one.radius
    assert torch.allclose(asked[1] - asked[0], up, rtol=1e-9)


def _network(one, sample):
    from numerics.reference import TwoLayerCNN, data

    x, y = data(one, sample)
    return TwoLayerCNN(torch.as_tensor(sample.weights), one.phi), x, y


def _descend(optimizer, net, x, y, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.softplus(-y * net(x)).mean().backward()
        optimizer.step()


# --- algorithms that look at single coordinates run on the weights themselves ---


@dataclass(frozen=True, kw_only=True)
class Adam(Base):
    algorithm = algorithms.ADAM
    beta_1: float = parameter(0, 1, below=True, default=0.9)
    beta_2: float = parameter(0, 1, below=True, default=0.99)


def test_adam_is_torchs():
    one = replace(setting(Adam), eta=0.01)
    sample = draw(one, 3)
    assert sample.patches is not None, "vectors are drawn where the algorithm needs them"
    net, x, y = _network(one, sample)
    optimizer = torch.optim.Adam([net.weights], lr=one.eta, betas=(one.beta_1, one.beta_2), eps=1e-8)
    _descend(optimizer, net, x, y, STEPS)
    assert torch.allclose(train_reference(one, sample, STEPS).weights, net.weights, rtol=1e-9, atol=1e-12)
    run = train([one], [sample], steps=STEPS)
    with torch.no_grad():
        assert torch.allclose(run.state("end").margins[0], y * net(x), rtol=1e-9)
    assert np.isnan(run.series["gamma_max"]).all(), "there are no coefficients"


def test_dense_runs_leave_a_batch_and_have_test_errors():
    runs = [replace(setting(Adam, tau_plus=0.1 * k, d=8), eta=0.01) for k in range(3)]
    samples = [draw(one, k) for k, one in enumerate(runs)]
    stop = Event(series="loss", value=0.4, falling=True)
    run = train(runs, samples, steps=80, stop=stop)
    assert len(set(run.last.tolist())) > 1
    errors = generalization(run, "end")
    for k, one in enumerate(runs):
        there = train_reference(one, samples[k], int(run.last[k]))
        rng = np.random.default_rng(k)
        y = rng.choice([-1.0, 1.0], POINTS)
        margin = torch.as_tensor(y) * _dense_output(
            one, there, y[:, None] * samples[k].patches[0], rng.standard_normal((POINTS, one.d))
        )
        wrong, se = float((margin < 0).double().mean()), np.hypot(errors.fresh_se[k] + 1e-3, 0.5 / POINTS**0.5)
        assert abs(errors.fresh[k] - wrong) <= BOUND * se


def test_a_dense_algorithm_needs_vectors():
    one = replace(setting(Adam), eta=0.01)
    with pytest.raises(ValueError, match="draw it with dense=True"):
        train([one], [draw(one, 0, dense=False)], steps=5)


# --- chance ---


@given(blocks=st.lists(st.integers(0, 9), max_size=6), seed=seeds, batches=st.sampled_from(PIECES["batches"]))
@settings(deadline=None)
def test_what_is_drawn_does_not_depend_on_how_many_steps_are_taken_at_a_time(blocks, seed, batches):
    one = setting(model(batches=batches, flips="fresh"))
    sample = draw(one, seed)
    by_blocks, at_once = chance.Chance(one, sample), chance.Chance(one, sample).take(sum(blocks))
    parts = [by_blocks.take(count) for count in blocks]
    for k in range(2):
        joined = np.concatenate([part[k] for part in parts]) if parts else np.empty((0, one.n))
        assert np.array_equal(joined, at_once[k])


def test_an_epoch_sees_every_sample_once_and_independent_batches_do_not():
    one = setting(model(batches=algorithms.EPOCHS), n=12, batch=4)
    _, shares = chance.Chance(one, draw(one, 0)).take(30)
    assert (shares.reshape(10, 3, 12).sum(1) == 1 / 4).all()
    one = setting(model(batches=algorithms.INDEPENDENT), n=12, batch=4)
    _, shares = chance.Chance(one, draw(one, 0)).take(3000)
    assert np.allclose(shares.sum(1), 1)
    hits = round(shares.sum() * 4 / 12)  # a sample is drawn binomially often: five standard deviations
    for count in (shares * 4).sum(0):
        assert abs(count - hits) < 5 * (12_000 / 12 * (11 / 12)) ** 0.5


def test_fresh_flips_have_the_probability_of_their_class():
    one = setting(model(flips="fresh"), n=40, tau_plus=0.3, tau_minus=0.1)
    sample = draw(one, 0)
    assert not sample.noisy.any(), "the labels that a sample keeps are the true ones"
    labels, _ = chance.Chance(one, sample).take(4000)
    for side, tau in ((1, 0.3), (-1, 0.1)):
        mine = labels[:, sample.y == side]
        flipped = int((mine != side).sum())
        low, high = stats.binom.ppf([5e-7, 1 - 5e-7], mine.size, tau)
        assert low <= flipped <= high


def test_a_batch_must_not_be_larger_than_the_sample():
    with pytest.raises(ValueError, match=r"batch = 8: must be at most n = 7; give e.g. batch=7"):
        setting(model(batches=algorithms.EPOCHS), batch=8)


# --- a batch of runs, and what is recorded ---


def test_runs_of_a_batch_are_those_alone_and_may_leave():
    kind = model(
        flips="fresh",
        algorithm=algorithms.MOMENTUM,
        batches=algorithms.EPOCHS,
        head=TRAINED,
        inputs=PIECES["inputs"][5],
    )
    runs = [setting(kind, tau_plus=0.1 * k, momentum=0.3 * k, copies=k + 1) for k in range(3)]
    samples = [draw(one, 5 + k) for k, one in enumerate(runs)]
    stop = Event(series="loss", value=0.6, falling=True)
    some = Event(series="loss", value=0.65, falling=True)
    together = train(runs, samples, steps=200, stop=stop, events={"some": some})
    assert len(set(together.last.tolist())) > 1, "they leave at different times"
    for k, (one, sample) in enumerate(zip(runs, samples, strict=True)):
        alone = train([one], [sample], steps=200, stop=stop, events={"some": some})
        assert alone.last[0] == together.last[k]
        for name in together.kept:
            for ours, theirs in zip(together.kept[name][:3], alone.kept[name][:3], strict=True):
                assert torch.allclose(ours[k], theirs[0], rtol=1e-9, equal_nan=True)
        assert torch.allclose(together.state("end").margins[k], alone.state("end").margins[0], rtol=1e-9)


def test_series_and_observables_have_a_number_or_none_in_every_model():
    for inputs in PIECES["inputs"]:
        one = setting(model(inputs=inputs))
        run = train([one] * 2, [draw(one, k) for k in range(2)], steps=5, events=moments(0.25))
        assert set(run.series) == set(SERIES)
        for observable in OBSERVABLES.values():
            if observable.stage != "exact":
                assert observable(run).shape == (2,)


@pytest.mark.gpu
def test_gpu_is_cpu_in_any_model(cuda):
    for kind in (
        model(flips="fresh", algorithm=algorithms.SAM, batches=algorithms.EPOCHS, inputs=PIECES["inputs"][5]),
        model(head=TRAINED, algorithm=algorithms.MOMENTUM, inputs=PIECES["inputs"][6], loss=losses.SQUARED),
        model(inputs=PIECES["inputs"][1], activation=activations.RELU_POWER),
    ):
        runs = [setting(kind, tau_plus=0.1 * k) for k in range(3)]
        samples = [draw(one, k) for k, one in enumerate(runs)]
        here, there = (train(runs, samples, steps=STEPS, device=device) for device in ("cpu", cuda))
        for name in here.series:
            np.testing.assert_allclose(here.series[name], there.series[name], rtol=1e-8, atol=1e-9, equal_nan=True)
        for which in (generalization, losses_on_test_points):
            ours, theirs = which(here, "end"), which(there, "end")
            for name in vars(ours):
                np.testing.assert_allclose(vars(ours)[name], vars(theirs)[name], rtol=1e-6, atol=1e-3)


# --- test errors and losses ---

POINTS = 20_000
TESTED = {
    "projected": (model(inputs=PIECES["inputs"][1]), {}),
    "copies": (model(inputs=PIECES["inputs"][2]), {}),
    "one patch": (model(inputs=PIECES["inputs"][3], activation=activations.LEAKY_RELU), {}),
    "xor, trained and decaying": (model(inputs=PIECES["inputs"][4], head=TRAINED, algorithm=algorithms.DECAY), {}),
    "xor at an angle": (model(inputs=PIECES["inputs"][5], activation=activations.SMOOTHED_LEAKY_RELU), {"d": 8}),
    "uneven": (model(inputs=PIECES["inputs"][6], loss=losses.SQUARED), {}),
    "sum": (model(head=SUM, loss=losses.HINGE, inputs=PIECES["inputs"][1]), {}),
}
BOUND = stats.norm.isf(1e-3 / (2 * len(TESTED) * 4))  # a false alarm in a thousand, over all comparisons


@pytest.mark.parametrize("which", TESTED)
def test_errors_and_losses_are_those_of_real_test_points(which):
    kind, changes = TESTED[which]
    one = setting(kind, **changes)
    sample = draw(one, 1, dense=True)
    run = train([one], [sample], steps=40)
    errors, on_points = generalization(run, "end"), losses_on_test_points(run, "end")
    there = train_reference(one, sample, 40)
    rng = np.random.default_rng(0)
    signals, noise = np.split(sample.patches, [one.inputs.signals])
    both = np.concatenate([signals, -signals])
    labels = np.array(one.inputs.labels)
    y = rng.choice([-1, 1], POINTS)
    reads = np.array([rng.choice(np.flatnonzero(labels == side)) for side in y])
    zeta = one.sigma_xi * rng.standard_normal((POINTS, one.d))
    if one.inputs.projected:
        zeta[:, : one.inputs.signals] = 0
    for law, xi in (("fresh", zeta), ("spurious", zeta + noise[rng.integers(one.n, size=POINTS)])):
        margin = torch.as_tensor(y) * _dense_output(one, there, both[reads], xi)
        for found, points in ((errors, (margin < 0).double()), (on_points, one.loss.value(margin))):
            here, se = getattr(found, law)[0], getattr(found, f"{law}_se")[0]
            spread = np.hypot(max(se, 1e-3), float(points.std()) / POINTS**0.5)
            assert abs(here - float(points.mean())) <= BOUND * spread, (law, here, float(points.mean()))


def _dense_output(one, there, signal: np.ndarray, noise: np.ndarray) -> torch.Tensor:
    on_signal, on_noise = (torch.as_tensor(part) @ there.weights.T for part in (signal, noise))
    if one.inputs.joined:
        return one.phi(on_signal + on_noise) @ there.second_layer
    copies = one.noise_patches
    return (one.phi(on_signal) + copies * one.phi(on_noise)) @ there.second_layer
