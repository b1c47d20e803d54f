"""Any torch module as a model: the engine's numbers where the network is its, torch's where the algorithm is."""

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from numerics import Event, Sample, Setting, TwoLayerCNN, draw, train
from numerics.algorithm import ADAM, DECAY, EPOCHS, MOMENTUM, SAM, Algorithm
from numerics.examined import doubts, examine
from numerics.generalization import generalization, losses_on_test_points
from numerics.inputs import Inputs
from numerics.loss import SQUARED
from numerics.model import parameter
from numerics.module import ModuleSetting, drawn
from numerics.networks import margins_on_fresh_points, network, trained
from numerics.observables import of_model
from numerics.series import OF_MARGINS

SIZES = {"n": 12, "m": 5, "d": 30, "mu": 3.0, "sigma_0": 0.05, "eta": 0.1, "tau_plus": 0.2, "tau_minus": 0.1}
ROUNDING = 1e-9  # over some hundred steps; 1e-15 was seen


@dataclass(frozen=True, kw_only=True)
class House(ModuleSetting):
    """The house's own network, as a module."""

    def network(self):
        weights = self.sigma_0 * torch.randn(2 * self.m, self.d, dtype=torch.float64)
        return TwoLayerCNN(weights, self.phi, torch.as_tensor(self.head.weights(self.m)), self.head.trained)


@dataclass(frozen=True, kw_only=True)
class Layers(ModuleSetting):
    """Two layers with biases, and a frozen embedding."""

    series = ("length",)

    def network(self):
        net = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(2 * self.d, 7), torch.nn.Tanh(), torch.nn.Linear(7, self.m),
            torch.nn.ReLU(), torch.nn.Linear(self.m, 1), torch.nn.Flatten(0),
        )  # fmt: skip
        net[1].bias.requires_grad_(False)
        return net

    def length(self, network, points):
        return sum(p.square().sum() for p in network.parameters()) ** 0.5 + 0 * points.x.sum()


@dataclass(frozen=True, kw_only=True)
class WithAdam(Layers):
    algorithm = ADAM
    beta_1: float = parameter(0, 1, below=True, default=0.9)
    beta_2: float = parameter(0, 1, below=True, default=0.99)


def as_house(model: type[Setting], setting: ModuleSetting, points) -> tuple[Setting, Sample]:
    """The same run in coefficient space: its data and its initial weights as a sample of ours."""
    own = network(setting, points.seed).weights.detach().numpy()
    signals = setting.inputs.signals
    signal = np.zeros((signals, setting.d))
    signal[:, :signals] = setting.signals
    both, vectors = np.concatenate([signal, -signal]), np.concatenate([signal, points.x[:, 1]])
    reads = np.array([next(k for k, one in enumerate(both) if np.array_equal(one, x[0])) for x in points.x])
    sample = Sample(
        seed=points.seed, y=points.y, y_tilde=points.y_tilde, gram=vectors @ vectors.T, overlap=own @ vectors.T,
        weight_gram=own @ own.T, patches=vectors, weights=own, reads=reads,
    )  # fmt: skip
    return model(**setting.values()), sample


def pieces(base: type, **named):
    """A subclass of a setting with other pieces, and the parameters that these take."""
    taken = {"momentum": 0.5, "radius": 0.1, "weight_decay": 0.05, "batch": 4}
    asked = [name for name in named["algorithm"].parameters] if "algorithm" in named else []
    asked += ["batch"] if "batches" in named else []
    fields = {
        name: parameter(0 if name != "batch" else 1, 1e9, whole=name == "batch", default=taken[name]) for name in asked
    }
    kinds = {name: int if name == "batch" else float for name in asked}
    made = type("Made", (base,), {**named, **fields, "__annotations__": kinds, "__module__": __name__})
    return dataclass(frozen=True, kw_only=True)(made)


PIECES = [
    {},
    {"algorithm": MOMENTUM},
    {"algorithm": SAM, "flips": "fresh"},
    {"algorithm": DECAY, "batches": EPOCHS},
    {"loss": SQUARED, "inputs": Inputs(name="two", labels=(1, -1, -1, 1), projected=True)},
]


@pytest.mark.parametrize("named", PIECES, ids=lambda p: "+".join(p) or "plain")
@pytest.mark.parametrize("d", [8, 40])
def test_the_houses_network_as_a_module_gives_the_engines_numbers(named, d):
    own, model = pieces(House, **named), pieces(Setting, **named)
    settings = [own(**SIZES | {"d": d, "mu": mu}) for mu in (3.0, 5.0)]
    points = [draw(setting, seed) for seed, setting in enumerate(settings)]
    ours = [as_house(model, *one) for one in zip(settings, points, strict=True)]
    times = np.array([0, 1, 2, 30, 200])
    found = train(settings, points, steps=200, times=times)
    expected = train([s for s, _ in ours], [x for _, x in ours], steps=200, times=times)
    for name in OF_MARGINS - {"elapsed"}:  # whose unit is another
        np.testing.assert_allclose(found.series[name], expected.series[name], rtol=ROUNDING, atol=ROUNDING)
    assert np.isnan(found.series["gamma_max"]).all()


def test_a_wrong_network_is_seen():
    """Planted: one that reads the second patch with half its weight."""

    class Halved(TwoLayerCNN):
        def forward(self, x):
            return super().forward(torch.cat([x[:, :1], x[:, 1:] / 2], 1))

    class Wrong(House):
        def network(self):
            found = super().network()
            return Halved(found.weights.detach())

    right, wrong = House(**SIZES), Wrong(**SIZES)
    a, b = (train([s], [draw(s, 3)], steps=30) for s in (right, wrong))
    assert np.abs(a.series["loss"] - b.series["loss"]).max() > 1e-4


def test_errors_and_losses_on_fresh_points_are_the_engines():
    """Both are estimates, from draws of their own: within five standard errors, a false alarm in 1e6."""
    setting = House(**SIZES | {"mu": 2.0, "n": 20})
    points = [draw(setting, seed) for seed in range(4)]
    ours = [as_house(Setting, setting, one) for one in points]
    found = train([setting] * 4, points, steps=200)
    expected = train([s for s, _ in ours], [x for _, x in ours], steps=200)
    for measured in (generalization, losses_on_test_points):
        a, b = measured(found, "end", 4096), measured(expected, "end", 4096)
        assert (a.fresh > 0.01).all()
        assert (np.abs(a.fresh - b.fresh) <= 5 * np.hypot(a.fresh_se, b.fresh_se)).all()
        assert np.isnan(a.spurious).all()


def test_standard_errors_are_the_spread_of_repeats():
    setting = House(**SIZES | {"mu": 2.0})
    run = train([setting], [draw(setting, 1)], steps=50)
    [weights], count = run.kept["end"].held, 400
    whole = margins_on_fresh_points(setting, 1, weights, 200 * count, "cpu").reshape(200, count)
    spread = (whole < 0).double().mean(1).std()
    stated = generalization(run, "end", count).fresh_se[0]
    assert 0.7 < spread / stated < 1.4  # 200 repeats know a spread to 5 %, a draw of 400 its own to 15 %


def test_adam_is_torchs():
    setting = WithAdam(**SIZES | {"eta": 0.01})
    points = [draw(setting, seed) for seed in (4, 5)]
    found = train([setting] * 2, points, steps=200)
    for k, one in enumerate(points):
        net = network(setting, one.seed)
        optimizer = torch.optim.Adam(
            trained(net).values(), lr=setting.eta, betas=(setting.beta_1, setting.beta_2), eps=1e-8
        )
        x, labels = torch.as_tensor(one.x), torch.as_tensor(one.y_tilde)
        for _ in range(200):
            optimizer.zero_grad()
            torch.nn.functional.softplus(-labels * net(x)).mean().backward()
            optimizer.step()
        for name, value in trained(net).items():
            np.testing.assert_allclose(found.kept["end"].held[k][name], value.detach(), rtol=1e-9, atol=1e-9)
        assert "1.bias" not in found.kept["end"].held[k]  # it is not trained


def test_a_run_in_a_batch_is_the_run_alone():
    """To rounding, whoever else is there, leaves or diverges: products of stacked matrices add up in another order."""
    settings = [WithAdam(**SIZES | {"eta": eta}) for eta in (0.01, 0.01, 0.003, 1e9, 0.01)]
    points = [draw(setting, seed) for seed, setting in enumerate(settings)]
    stop = Event(series="loss", value=0.2, falling=True)
    events = {"half": Event(series="loss", value=0.4, falling=True)}
    together = train(settings, points, steps=200, stop=stop, events=events)
    assert {"stopped"} < set(together.status)
    assert len(set(together.last.tolist())) > 2  # they leave at different times
    for k, (setting, one) in enumerate(zip(settings, points, strict=True)):
        alone = train([setting], [one], steps=200, stop=stop, events=events)
        assert alone.status == together.status[k : k + 1]
        assert alone.last == together.last[k]
        for name in (*OF_MARGINS, "length"):
            np.testing.assert_allclose(alone.series[name][0], together.series[name][k], rtol=1e-9, atol=1e-9)
        for event in ("half", "end"):
            a, b = alone.kept[event].held[0], together.kept[event].held[k]
            assert (a is None) == (b is None)
            for name in a or ():
                np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-9)
        fresh = generalization(alone, "end").fresh[0], generalization(together, "end").fresh[k]
        np.testing.assert_allclose(*fresh, atol=1e-3)


def test_a_run_is_a_function_of_its_seed():
    setting = WithAdam(**SIZES)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    a = train([setting], [draw(setting, 11)], steps=20)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(5)
    b, c = (train([setting], [draw(setting, seed)], steps=20) for seed in (11, 12))
    np.testing.assert_array_equal(a.series["loss"], b.series["loss"])
    assert not np.array_equal(a.series["loss"], c.series["loss"])


# Points ------------------------------------------------------------------------------------------------------------


def test_points_have_the_law_of_signal_and_noise():
    """Moments of 4000 points, within five standard errors."""
    setting = House(**SIZES | {"d": 6, "sigma_xi": 1.5})
    x, y = drawn(setting, 4000, np.random.default_rng(0))
    assert x.shape == (4000, 2, 6)
    np.testing.assert_array_equal(x[:, 0], y[:, None] * setting.mu * np.eye(6)[0])
    assert abs(y.mean()) < 5 / 4000**0.5
    assert np.abs(x[:, 1].mean(0)).max() < 5 * 1.5 / 4000**0.5
    assert np.abs(np.cov(x[:, 1].T) / 1.5**2 - np.eye(6)).max() < 5 * (2 / 4000) ** 0.5
    projected = pieces(House, inputs=Inputs(name="off", projected=True))(**SIZES)
    assert not drawn(projected, 50, np.random.default_rng(0))[0][:, 1, 0].any()
    joined = pieces(House, inputs=Inputs(name="one", joined=True))(**SIZES)
    assert drawn(joined, 50, np.random.default_rng(0))[0].shape == (50, 1, 30)


def test_labels_are_flipped_as_often_as_said():
    counts = np.array([draw(House(**SIZES | {"n": 200}), seed).noisy.sum() for seed in range(40)])
    assert abs(counts.mean() / 200 - 0.15) < 5 * (0.15 / 200 / 40) ** 0.5
    balanced = House(**SIZES | {"n": 20, "labels": "balanced"})
    for seed in range(5):
        points = draw(balanced, seed)
        assert (points.y > 0).sum() == 10
        assert (points.noisy & (points.y > 0)).sum() == 2
        assert (points.noisy & (points.y < 0)).sum() == 1


def test_points_of_ones_own():
    class Rings(Layers):
        """No patches: a radius tells the label."""

        def points(self, count, rng):
            y = np.where(rng.random(count) < 0.3, 1.0, -1.0)
            x = rng.standard_normal((count, 3))
            return x / np.linalg.norm(x, axis=1, keepdims=True) * (1.5 + y)[:, None], y

        def network(self):
            return torch.nn.Sequential(
                torch.nn.Linear(3, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1), torch.nn.Flatten(0)
            )

    setting = Rings(**SIZES | {"n": 200, "eta": 0.3, "tau_plus": 0.0, "tau_minus": 0.0})
    examine(setting)
    run = train([setting], [draw(setting, 0)], steps=1000)
    assert generalization(run, "end").fresh[0] < 0.02
    assert (draw(replace(setting, labels="balanced"), 1).y > 0).sum() == 100


# What is wrong is said ---------------------------------------------------------------------------------------------


def layers(setting, *more):
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(2 * setting.d, 4), *more, torch.nn.Linear(4, 1), torch.nn.Flatten(0)
    )


def frozen(setting):
    found = layers(setting)
    for p in found.parameters():
        p.requires_grad_(False)
    return found


def unused(setting):
    found = layers(setting)
    found.idle = torch.nn.Parameter(torch.zeros(3))
    found.forward = lambda x: torch.nn.Sequential.forward(torch.nn.Sequential(*list(found)[:5]), x)
    return found


class Hidden(torch.nn.Module):
    """A random tensor that is neither parameter nor buffer."""

    def __init__(self, d):
        super().__init__()
        self.directions = torch.randn(2 * d, 4, dtype=torch.float64)
        self.outer = torch.nn.Linear(4, 1)

    def forward(self, x):
        return self.outer(x.flatten(1) @ self.directions)[:, 0]


class Branch(torch.nn.Module):
    """What torch.func cannot map over seeds."""

    def __init__(self, d):
        super().__init__()
        self.inner = torch.nn.Linear(2 * d, 1)

    def forward(self, x):
        z = self.inner(x.flatten(1))[:, 0]
        return z if z.sum() > 0 else 2 * z


class Twisted(torch.nn.Module):
    """Two layers with something done to the inputs, and to what is hidden."""

    def __init__(self, setting, at_x=lambda net, x: x, hidden=lambda net, h: h.relu(), held=lambda net: None):
        super().__init__()
        self.inner, self.outer = torch.nn.Linear(2 * setting.d, 4), torch.nn.Linear(4, 1)
        self.twists, self.calls = (at_x, hidden), 0
        held(self)

    def forward(self, x):
        at_x, hidden = self.twists
        return self.outer(hidden(self, self.inner(at_x(self, x).flatten(1))))[:, 0]


def twisted(**twists):
    return {"network": lambda s: Twisted(s, **twists)}


def gate(net):
    net.gate = torch.nn.Parameter(torch.zeros(1))


def counting(net, h):
    net.calls += 1
    return h.relu() / net.calls


def counting_late(net, h):
    net.calls += 1
    return h.relu() if net.calls < 1000 else h


def first_seen(net, h):
    """Keeps what it saw first."""
    net.kept = getattr(net, "kept", {})
    return h.relu() + net.kept.setdefault(len(h), h.detach().clone())


def clipping(net, h):
    net.outer.weight.data.clamp_(-0.1, 0.1)
    return h.relu()


@torch.no_grad()
def without_gradient(net, h):
    return h.relu()


def one_module():
    held = []

    def network(setting):
        held[:] = held or [layers(setting)]
        return held[0]

    return {"network": network}


def sampled(points):
    """Inputs of rank 2 and labels, and a network that takes them."""
    network = lambda s: torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1), torch.nn.Flatten(0))  # noqa: E731
    return {"points": lambda s, count, rng: points(count, rng), "network": network}


def normal(rng, count, x=lambda x: x, y=np.sign):
    drawn = rng.standard_normal((count, 3))
    return x(drawn), y(drawn[:, 0])


def with_a_teacher(count, rng):
    teacher, x = rng.standard_normal(3), rng.standard_normal((count, 3))
    return x, np.sign(x @ teacher)


def own_generator(count, rng):
    return normal(np.random.default_rng(7), count)


def global_seed(count, rng):
    np.random.seed(7)
    return np.random.standard_normal((count, 3)), rng.choice([-1.0, 1.0], count)


def remembered(weights, memory, slope, eta, held=[]):  # noqa: B006
    """Momentum whose memory is a variable of its own."""
    held.append(slope(weights) + held[-1] * 0.9 if held else slope(weights))
    return weights + held[-1] * eta, memory


def in_place(weights, memory, slope, eta):
    move = slope(weights) * eta
    for part, change in zip(weights.parts, move.parts, strict=True):
        part += change
    return weights, memory


def noisy(weights, memory, slope, eta):
    return (weights + slope(weights) * eta).each(lambda p: p + 0.01 * torch.randn_like(p)), memory


def over_all_runs(weights, memory, slope, eta):
    return weights + slope(weights).each(lambda p: p / p.norm()) * eta, memory


def step(function):
    return Algorithm(name="own", step=function)


def wider(weights, memory, slope, eta):
    moved = weights + slope(weights) * eta
    return replace(moved, parts=tuple(torch.cat([p, p], -1) for p in moved.parts)), memory


def fewer(weights, memory, slope, eta):
    return replace(weights, parts=weights.parts[:-1]), memory


WRONG = {
    "raises": ({"network": lambda s: s.n / 0}, "ZeroDivisionError"),
    "no module": ({"network": lambda s: 3}, "network of Own is a int: return a torch.nn.Module"),
    "shape": (
        {"network": lambda s: layers(s)[:3]},
        r"on inputs of shape \(12, 2, 30\) its output has the shape \(12, 1\): give one number per input, \(12,\)",
    ),
    "sizes": ({"network": lambda s: torch.nn.Linear(7, 1)}, r"on inputs of shape \(12, 2, 30\): RuntimeError: mat1"),
    "frozen": ({"network": frozen}, "has no parameter that requires a gradient"),
    "unused": ({"network": unused}, "its output has no gradient in 'idle'"),
    "dropout": ({"network": lambda s: layers(s, torch.nn.Dropout())}, "draws random numbers in forward"),
    "batch norm": ({"network": lambda s: layers(s, torch.nn.BatchNorm1d(4))}, "changes its buffer '2.running_mean'"),
    "coupled": (
        {"network": lambda s: layers(s, torch.nn.BatchNorm1d(4, track_running_stats=False))},
        "depends on the others beside it",
    ),
    "hidden": ({"network": lambda s: Hidden(s.d)}, "holds what differs between seeds and is no parameter"),
    "branch": ({"network": lambda s: Branch(s.d)}, "cannot be mapped over seeds by torch.func"),
    "foreign": (
        {"network": lambda s: [net := layers(s), torch.nn.init.constant_(net[1].bias, np.random.rand())][0]},
        "'1.bias' differs between two drawings of one seed",
    ),
    "labels": ({"points": lambda s, k, rng: (rng.random((k, 2, s.d)), np.zeros(k))}, "gives the label 0: "),
    "labels' shape": (
        {"points": lambda s, k, rng: (rng.random((k, 2, s.d)), np.ones((k, 1)))},
        r"gives labels of shape \(12, 1\) for 12",
    ),
    "points' shape": (
        {"points": lambda s, k, rng: (rng.random((k + 1, 2, s.d)), np.ones(k))},
        r"gives inputs of shape \(13, 2, 30\) for 12",
    ),
    "no pair": ({"points": lambda s, k, rng: rng.random((k, 2, s.d))}, r"returns a ndarray: return inputs and labels"),
    "no numbers": (
        {"points": lambda s, k, rng: (np.full((k, 2, s.d), np.nan), np.ones(k))}, "inputs that are no numbers",
    ),
    "foreign points": (
        {"points": lambda s, k, rng: (np.random.rand(k, 2, s.d), np.ones(k))},
        "points of Own differ between two drawings of one seed",
    ),
    "fewer": ({"algorithm": step(fewer)}, "algorithm 'own'"),
    "wider": ({"algorithm": step(wider)}, "algorithm 'own'.*weights of other shapes"),
    "no weights": ({"algorithm": step(lambda w, memory, slope, eta: w)}, r"its step must return \(weights, memory\)"),
    "nan": (
        {"algorithm": step(lambda w, memory, slope, eta: (w * float("nan"), memory))},
        "step 1 at the typical setting gives weights that are no numbers",
    ),
    "series": ({"series": ("nothing",)}, "series 'nothing' of Own is no method of it"),
    "series' shape": (
        {"series": ("many",), "many": lambda s, net, points: torch.zeros(3)}, "series 'many' gives .*: return one",
    ),
    "gate": (
        twisted(held=gate, hidden=lambda net, h: (h + net.gate * h.mean(0)).relu()),
        "depends on the others beside it, or on its place among them, at random parameters",
    ),
    "place": (twisted(hidden=lambda net, h: h * torch.arange(len(h))[:, None]), "or on its place among them"),
    "count": (
        {"network": lambda s: torch.nn.Sequential(*layers(s), torch.nn.Unflatten(0, (s.n,)))},
        r"on inputs of shape \(24, 2, 30\) \(any number of them may come\): RuntimeError",
    ),
    "one alone": (
        {"network": lambda s: [net := layers(s)[:4], net.register_forward_hook(lambda *a: a[2].squeeze())][0]},
        r"on inputs of shape \(1, 2, 30\) .* its output has the shape \(\)",
    ),
    "in place": (twisted(at_x=lambda net, x: x.sub_(x.mean())), "changes its inputs in place: make new ones"),
    "in place twice": (twisted(at_x=lambda net, x: x.relu_()), "changes its inputs in place: make new ones"),
    "weights in place": (twisted(hidden=clipping), "changes its parameter 'outer.weight' in forward"),
    "counter": (twisted(hidden=counting), "changes its attribute 'calls', with the same inputs"),
    "late counter": (twisted(hidden=counting_late), "changes its attribute 'calls', with the same inputs"),
    "first seen": (twisted(hidden=first_seen), "gives another value when it is called again"),
    "numpy's chance": (twisted(hidden=lambda net, h: h * np.random.rand()), "draws random numbers in forward"),
    "python's chance": (twisted(hidden=lambda net, h: h * random.random()), "draws random numbers in forward"),
    "a generator": (
        twisted(
            held=lambda net: setattr(net, "rng", np.random.default_rng(1)),
            hidden=lambda net, h: h * net.rng.random(),
        ),
        "gives another value when it is called again",
    ),
    "no gradient": (twisted(hidden=without_gradient), "no gradient in 'inner.weight': use it, without no_grad or"),
    "float32": (twisted(at_x=lambda net, x: x.float()), "dtype.*; runs are in float64, and what is no parameter"),
    "float32 out": (
        {"network": lambda s: [net := layers(s), net.register_forward_hook(lambda *a: a[2].float())][0]},
        "its output is float32: leave it in float64",
    ),
    "layers in a list": (
        twisted(
            held=lambda net: setattr(net, "more", [torch.nn.Linear(4, 4, dtype=torch.float64)]),
            hidden=lambda net, h: net.more[0](h),
        ),
        "is no parameter: give it register_buffer, and layers in a list ModuleList",
    ),
    "no input": (twisted(at_x=lambda net, x: torch.ones_like(x)), "output is the same for all inputs, whatever its"),
    "tuple": (
        {"network": lambda s: [net := layers(s), net.register_forward_hook(lambda *a: (a[2], a[1]))][0]},
        "its output is a tuple: give one number per input",
    ),
    "one module": (one_module(), "'1.weight' is the same parameter in two runs: make a new module at every call"),
    "a seed": ({"network": lambda s: [torch.manual_seed(0), layers(s)][1]}, "sets torch's seed, which is the run's"),
    "lazy": (
        {"network": lambda s: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(1), torch.nn.Flatten(0))},
        "'1.weight' has no size yet",
    ),
    "complex": (
        twisted(
            held=lambda net: setattr(net, "turn", torch.nn.Parameter(torch.ones(4, dtype=torch.complex128))),
            hidden=lambda net, h: (h * net.turn).real,
        ),
        "'turn' is complex128: parameters are real numbers",
    ),
    "too large": (
        {"network": lambda s: torch.nn.Linear(2**15, 2**14, device="meta")}, "5.4e.08 numbers a run exceed 2 GiB",
    ),
    "points raise": ({"points": lambda s, k, rng: s.nothing}, "points of Own at n = 12, .*: AttributeError"),
    "words": ({"points": lambda s, k, rng: (rng.random((k, 3)), ["a"] * k)}, "points of Own at n = 12, .*: V"),
    "scaled by their number": (
        sampled(lambda count, rng: normal(rng, count, lambda x: x * count)),
        "lengths: 2048 points at once and 4 at a time differ in law",
    ),
    "centred": (
        sampled(lambda count, rng: normal(rng, count, lambda x: x - x.mean(0))), "2048 points at once and 4 at a time",
    ),
    "labels by their number": (
        sampled(lambda count, rng: normal(rng, count, y=lambda x: np.where(np.arange(len(x)) < 50, 1, -1))),
        "labels: 2048 points at once and 4 at a time differ in law",
    ),
    "a teacher a call": (sampled(with_a_teacher), "label times input, .* such as a teacher, outside of points"),
    "the same points": (sampled(own_generator), "same inputs for two seeds, so that test points are training"),
    "the same inputs": (sampled(global_seed), "gives the same inputs for two seeds"),
    "too few points": (sampled(lambda count, rng: normal(rng, min(count, 50))), r"inputs of shape \(50, 3\) for 2048"),
    "own memory": ({"algorithm": step(remembered)}, "what it carries or counts goes into memory"),
    "weights moved in place": ({"algorithm": step(in_place)}, "'own': its step changes in place what it is given"),
    "random step": ({"algorithm": step(noisy)}, "'own': its step draws random numbers, which no seed of a run fixes"),
    "over all runs": ({"algorithm": step(over_all_runs)}, "what its step makes of a run depends on the runs beside it"),
    "step raises": ({"algorithm": step(lambda w, memory, slope: (w, memory))}, "algorithm 'own': TypeError"),
    "random series": (
        {"series": ("chance",), "chance": lambda s, net, points: torch.rand(1)},
        "gives another number when it is asked again",
    ),
    "series' points": (
        {"series": ("zero",), "zero": lambda s, net, points: np.multiply(points.x, 0, out=points.x).sum()},
        "series 'zero' changes its points in place",
    ),
    "a word of series": ({"series": "length"}, r"give a tuple of names, \('length',\)"),
    "a name taken": ({"series": ("margin_min",), "margin_min": lambda *_: 1.0}, "'margin_min' of Own has a name that"),
    "no network": ({"network": ModuleSetting.network}, "Own has no network; give it a method"),
}  # fmt: skip


@pytest.mark.parametrize(("named", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_network_is_one_line(named, said):
    own = type("Own", (ModuleSetting,), {"network": layers, **named})(**SIZES)
    with pytest.raises(ValueError, match=said) as raised:
        examine(own)
    assert "\n" not in str(raised.value)


DOUBTFUL = {
    "one label": (sampled(lambda count, rng: normal(rng, count, y=np.ones_like)), "all of 2048 have the label +1"),
    "sigmoid": ({"network": lambda s: torch.nn.Sequential(*layers(s), torch.nn.Sigmoid())}, "outputs have one sign"),
    "detached": (twisted(hidden=lambda net, h: h.relu() * h.detach()), "what autograd gives is not the derivative"),
    "straight through": (twisted(hidden=lambda net, h: h + (h.sign() - h).detach()), "is not the derivative"),
    "float32 inside": (twisted(hidden=lambda net, h: h.float().relu().double()), "is not the derivative"),
    "a tensor": (
        twisted(held=lambda net: setattr(net, "two", torch.tensor([2.0])), hidden=lambda net, h: h.relu() * net.two),
        "'two' is a tensor of float32, and neither parameter nor buffer",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("named", "said"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_may_be_meant_is_a_warning(named, said):
    own = type("Own", (ModuleSetting,), {"network": layers, **named})(**SIZES)
    examine(own)
    [found] = doubts(own)
    assert said in found
    assert "\n" not in found


def attention(setting):
    def held(net):
        net.more = torch.nn.TransformerEncoderLayer(4, 1, 4, dropout=0.0, batch_first=True)

    return Twisted(setting, held=held, hidden=lambda net, h: h + net.more(h[:, None])[:, 0])


RIGHT = {
    "narrow": {"network": lambda s: torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(2 * s.d, 1), torch.nn.ReLU(), torch.nn.Linear(1, 1), torch.nn.Flatten(0))},
    "nothing at first": twisted(held=lambda net: torch.nn.init.zeros_(net.outer.weight)),
    "of its parameters": twisted(
        held=lambda net: setattr(net, "own", torch.nn.Parameter(torch.eye(4))),
        hidden=lambda net, h: h.relu() @ torch.linalg.cholesky(net.own),
    ),
    "attention": {"network": attention},
    "waves": twisted(hidden=lambda net, h: (30 * h).sin()),
    "shared": twisted(held=lambda net: setattr(net, "twin", net.inner)),
    "balanced": sampled(lambda count, rng: normal(rng, count, y=lambda x: np.where(np.arange(len(x)) % 2, 1, -1))),
    "a cube's corners": sampled(lambda count, rng: [x := rng.choice([-1.0, 1.0], (count, 3)), (x, x.prod(1))][1]),
    "no moments": sampled(lambda count, rng: [x := rng.standard_cauchy((count, 3)), (x, np.sign(x[:, 0]))][1]),
    "a teacher for all": sampled(lambda count, rng: normal(rng, count, y=lambda x: np.sign(x + 0.1))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("named", RIGHT.values(), ids=RIGHT)
def test_what_is_rare_and_right_passes(named):
    own = type("Own", (ModuleSetting,), {"network": layers, **named})(**SIZES)
    examine(own)
    assert list(doubts(own)) == []


@pytest.mark.parametrize(
    ("piece", "given"), [("algorithm", torch.optim.Adam), ("loss", "hinge"), ("flips", "each"), ("batches", 4)]
)
def test_a_piece_of_another_kind_is_refused_where_the_class_is_made(piece, given):
    with pytest.raises(ValueError, match=f"^{piece} of Own is .*(give one of numerics|must be once or fresh)"):
        type("Own", (Setting,), {piece: given})


@pytest.mark.parametrize("setting", [House(**SIZES), Layers(**SIZES), WithAdam(**SIZES), House(**SIZES | {"n": 1})])
def test_what_is_right_passes(setting):
    examine(setting)


def test_it_has_the_observables_of_any_network_and_the_end_of_its_own_series():
    known = of_model(Layers)
    assert {"error_fresh_end", "test_loss_fresh_se_end", "loss_end", "flip_share", "length_end"} <= set(known)
    assert not {"error_spurious_end", "rho_max_run", "order_one_time", "loss_T1", "recursion_residual"} & set(known)
    setting = Layers(**SIZES)
    run = train([setting] * 2, [draw(setting, seed) for seed in (0, 1)], steps=20)
    for name, one in known.items():
        assert one(run).shape == (2,), name
    np.testing.assert_array_equal(known["length_end"](run), run.series["length"][:, -1])


def test_a_series_of_ones_own_may_date_the_moments():
    class Dated(Layers):
        series = ("coefficient_min",)

        def coefficient_min(self, network, points):
            return network[1].weight.abs().max()

    assert "order_one_time" in of_model(Dated)
    assert "early_time" not in of_model(Dated)
    setting = Dated(**SIZES)
    run = train([setting], [draw(setting, 0)], steps=20, events={"T1": Event(series="coefficient_min", value=0.01)})
    assert run.time("T1") == 0


def test_a_sample_of_another_setting_is_refused():
    setting = House(**SIZES)
    with pytest.raises(ValueError, match="for n = 12 of House: draw it from its own setting"):
        train([setting], [draw(Setting(**SIZES), 0)], steps=2)


@pytest.mark.gpu
def test_gpu_is_cpu_for_any_module(cuda):
    setting = WithAdam(**SIZES | {"eta": 0.01})
    points = [draw(setting, seed) for seed in range(3)]
    stop = Event(series="loss", value=0.2, falling=True)
    here, there = (train([setting] * 3, points, steps=100, stop=stop, device=device) for device in ("cpu", cuda))
    assert here.status == there.status
    for name in (*OF_MARGINS, "length"):
        np.testing.assert_allclose(here.series[name], there.series[name], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(generalization(here, "end").fresh, generalization(there, "end").fresh, atol=2e-3)
