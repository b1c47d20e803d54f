"""Real images: their sources, the network's training, what is measured on it, SHAP values and the figures."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

for _package in ("sklearn", "shap", "pyarrow", "PIL"):
    pytest.importorskip(_package, reason="needs the extra 'images'")

from numerics import attribution, images, vgg  # noqa: E402
from verify.reproduce import image_figures  # noqa: E402
from verify.reproduce import image_measures as measures  # noqa: E402
from verify.reproduce import image_runs as experiment  # noqa: E402
from verify.reproduce.image_measures import ImageRuns, Sighting  # noqa: E402
from verify.reproduce.image_runs import Experiment  # noqa: E402

TINY = vgg.Recipe(network="tiny", epochs=4, rate=0.1, batch=32, snapshots=(0, 2, 4))


@pytest.mark.parametrize(
    ("data", "classes", "says"),
    [
        ("mnist", None, "give digits, or cifar10:PATH"),
        ("cifar10", None, "give digits, or cifar10:PATH"),
        ("digits:here", None, "give digits, or cifar10:PATH"),
        ("digits", ("3", "13"), "no class '13'"),
        ("digits", ("3",), "two different classes"),
        ("digits", ("3", "3"), "two different classes"),
        ("digits", ("cat", "dog"), "no class 'cat'"),
    ],
)
def test_unusable_sources_and_classes_are_one_line(data, classes, says):
    with pytest.raises(ValueError, match=says) as problem:
        images.load(data, classes)
    assert "\n" not in str(problem.value)


# Digits and flips ----------------------------------------------------------------------------------------------------


def test_digits_are_divided_anew_by_every_seed_and_the_same_by_one():
    first, again, other = (images.load("digits", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.train, again.train) and not torch.equal(first.train, other.train)
    assert first.classes == ("3", "8")
    assert first.train.shape == (238, 1, 32, 32) and first.test.shape == (119, 1, 32, 32)
    # Nothing is in both: the images differ from each other.
    every = torch.cat([first.train, first.test]).flatten(1)
    assert len(torch.unique(every, dim=0)) == 357


@pytest.mark.parametrize(("n", "tau"), [(10, 0.3), (238, 0.2), (5000, 0.4), (7, 0.49), (9, 0.0)])
def test_flips_by_exact_count(n, tau):
    labels = torch.arange(n) % 2
    found = images.flips(labels, tau, seed=3)
    assert found.sum() == int(round(tau * n, 9))
    assert torch.equal(found, images.flips(labels, tau, seed=3))
    assert tau == 0 or n < 10 or not torch.equal(found, images.flips(labels, tau, seed=4))
    assert not (images.flips(labels, tau / 2, seed=3) & ~found).any()


def test_a_rate_that_flips_nothing_is_one_line():
    with pytest.raises(ValueError, match="flips none of 9 labels"):
        images.flips(torch.zeros(9, dtype=torch.int64), 0.1, seed=0)
    with pytest.raises(ValueError, match="Figure 2 compares"):
        image_figures.planned((2, 4), tau=0.0)
    assert not images.flips(torch.zeros(9, dtype=torch.int64), 0.0, seed=0).any()


def test_a_plan_takes_over_what_is_given_and_nothing_else():
    made = image_figures.planned((2, 4), classes="4, 9", seed=3, seeds=2, epochs=5, batch=None)
    assert made.classes == ("4", "9") and made.seeds == (3, 4) and made.rates == (0.0, 0.2, 0.1, 0.3, 0.4)
    assert made.recipe == replace(vgg.RECIPES["digits"], epochs=5)
    assert made.recipe_of(3).snapshots == (0, 2, 5) and made.recipe_of(4).snapshots == ()
    assert image_figures.planned((4,), data="cifar10:here").recipe.network == "vgg11"
    with pytest.raises(ValueError, match="give digits, or cifar10:PATH"):
        image_figures.planned((2,), data="mnist")


def test_flips_by_rates_of_each_class():
    labels = torch.arange(20000) % 2
    found = images.flips(labels, (0.1, 0.4), seed=0)
    for label, rate in ((0, 0.1), (1, 0.4)):
        share = found[labels == label].double().mean()
        assert abs(share - rate) < 5 * (rate * (1 - rate) / 10000) ** 0.5
    for wrong in (0.5, -0.1, (0.1, 0.5), float("nan")):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1/2\)"):
            images.flips(labels, wrong, seed=0)


# Training ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return images.load("digits", seed=0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def same(a, b):
    return torch.equal(a.margins, b.margins) and torch.equal(a.test_margins, b.test_margins)


@pytest.fixture
def headed(monkeypatch):
    """The name of a small network with the head of vgg11-4096."""
    monkeypatch.setitem(vgg.NETWORKS, "headed", vgg.Architecture((4, 0, 0, 8, 0, 0), hidden=(12, 10)))
    return "headed"


@pytest.mark.parametrize(("network", "momentum"), [("tiny", 0.0), ("tiny", 0.9), ("headed", 0.9)])
def test_training_repeats_and_resumes_bit_for_bit(digits, network, momentum, headed):
    flipped = images.flips(digits.train_labels, 0.2, 0)
    recipe = replace(TINY, network=network, momentum=momentum, rate=0.02)
    offered = {}

    def keep(epoch, state):
        out = io.BytesIO()
        torch.save(state(), out)  # as a checkpoint does
        offered[epoch] = out.getvalue()

    whole = vgg.train(digits, flipped, recipe, 7, on_epoch=keep)
    torch.rand(3)  # nobody's draws depend on the global generator
    assert same(whole, vgg.train(digits, flipped, recipe, 7))
    assert not same(whole, vgg.train(digits, flipped, recipe, 8))
    for epoch in (3,) if momentum else (1, 3):
        held = torch.load(io.BytesIO(offered[epoch]), weights_only=True)
        resumed = vgg.train(digits, flipped, recipe, 7, held=held)
        assert same(whole, resumed)
        assert resumed.snapshots.keys() == {0, 2, 4}
        for name, weights in whole.snapshots[4].items():
            assert torch.equal(weights, resumed.snapshots[4][name])


def test_margins_are_those_of_a_network_trained_by_hand(digits):
    """Against autograd and the update written out, in double precision; the rest is single precision's rounding."""
    flipped = images.flips(digits.train_labels, 0.2, 0)
    course = vgg.train(digits, flipped, replace(TINY, epochs=1, batch=64, rate=0.05, momentum=0.5), 2)
    network = vgg.build("tiny", 1, 32, 2).double()
    x, y = digits.train.double(), torch.where(flipped, 1 - digits.train_labels, digits.train_labels) * 2 - 1
    velocity = [torch.zeros_like(p) for p in network.parameters()]

    def f():
        z = network(x)
        return z[:, 1] - z[:, 0]

    torch.testing.assert_close(course.margins[0].double(), (y * f()).detach(), rtol=1e-4, atol=1e-5)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    for rows in order.split(64):
        loss = torch.nn.functional.softplus(-(y * f())[rows]).mean()  # the theory's logistic loss
        for v, p, g in zip(
            velocity, network.parameters(), torch.autograd.grad(loss, list(network.parameters())), strict=True
        ):
            v.mul_(0.5).add_(g)
            p.data -= 0.05 * v
    torch.testing.assert_close(course.margins[1].double(), (y * f()).detach(), rtol=1e-3, atol=1e-4)


def test_dropout_is_drawn_in_training_and_nowhere_else(digits, headed):
    flipped = images.flips(digits.train_labels, 0.2, 0)
    recipe = replace(TINY, network=headed, epochs=2, snapshots=(0, 2))
    course = vgg.train(digits, flipped, recipe, 3)
    network = vgg.build(headed, 1, 32, 0).eval()
    sign = 2.0 * (digits.train_labels ^ flipped.long()) - 1
    for epoch, weights in course.snapshots.items():
        network.load_state_dict(weights)
        with torch.no_grad():
            z = network(digits.train)
        torch.testing.assert_close(course.margins[epoch], sign * (z[:, 1] - z[:, 0]), rtol=1e-4, atol=1e-5)
    # While training, half of what enters is dropped and the rest is doubled, anew every time.
    dropout = next(layer for layer in network if isinstance(layer, vgg.Dropout)).train()
    ones = torch.ones(200, 50)
    first, second = dropout(ones), dropout(ones)
    assert set(first.unique().tolist()) == {0, 2} and abs(first.mean() - 1) < 0.05
    assert not torch.equal(first, second) and torch.equal(dropout.eval()(ones), ones)


def test_the_head_of_the_authors_code():
    network = vgg.build("vgg11-4096", 3, 32, 0)
    kinds = [type(layer).__name__ for layer in network][-8:]
    assert kinds == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert [x.out_features for x in network if isinstance(x, torch.nn.Linear)] == [4096, 4096, 2]
    head = 512 * 4096 + 4096 + 4096**2 + 4096 + 4096 * 2 + 2
    assert sum(p.numel() for p in network.parameters()) == 9_220_480 + head
    plain = vgg.build("vgg11", 3, 32, 0)
    assert all(torch.equal(a, b) for a, b in zip(list(network.parameters())[:16], plain.parameters(), strict=False))


def test_vgg11_is_vgg11():
    network = vgg.build("vgg11", 3, 32, 0)
    convolutions = [x for x in network if isinstance(x, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [64, 128, 256, 256, 512, 512, 512, 512]
    assert sum(p.numel() for p in network.parameters()) == 9_220_480 + 512 * 2 + 2
    assert sum(isinstance(x, torch.nn.MaxPool2d) for x in network) == 5
    # He's initialisation: what passes neither dies out nor grows with the depth, and losses start near log 2.
    z = network(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert (torch.nn.functional.cross_entropy(z, torch.zeros(8, dtype=torch.int64)) - np.log(2)).abs() < 0.7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"network": "vgg16"}, "choose one of vgg11"),
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"rate": 0.0}, "--rate 0: must be above 0"),
        ({"rate": float("nan")}, "must be above 0"),
        ({"momentum": 1.0}, r"must be in \[0, 1\)"),
        ({"batch": 0}, "--batch 0"),
    ],
)
def test_a_recipe_out_of_range_is_one_line(change, says):
    with pytest.raises(ValueError, match=says):
        replace(TINY, **change)


def test_training_that_diverges_and_mixed_precision_on_a_cpu_are_one_line(digits):
    flipped = images.flips(digits.train_labels, 0.2, 0)
    with pytest.raises(ValueError, match="training diverged in epoch 1: give a smaller --rate"):
        vgg.train(digits, flipped, replace(TINY, rate=1e30), 0)
    with pytest.raises(ValueError, match="--amp on cpu: mixed precision is for a CUDA device"):
        vgg.train(digits, flipped, replace(TINY, amp=True), 0)


@pytest.mark.gpu
@pytest.mark.parametrize("amp", [False, True])
def test_training_on_cuda_agrees_with_the_cpu(digits, cuda, amp):
    flipped = images.flips(digits.train_labels, 0.2, 0)
    here = vgg.train(digits, flipped, replace(TINY, epochs=2), 0)
    there = vgg.train(digits, flipped, replace(TINY, epochs=2, amp=amp), 0, cuda)
    # Single precision in another order of summation; bfloat16 keeps 8 bits.
    tolerance = 0.1 if amp else 1e-2
    torch.testing.assert_close(here.margins, there.margins, rtol=tolerance, atol=tolerance)


# SHAP ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "small", "vgg11/8", "headed"])
def test_shap_values_sum_to_the_output_difference_for_both_classes(name, headed):
    random = torch.Generator().manual_seed(1)
    network = vgg.build(name, 3, 32, 4)
    with torch.no_grad():
        for p in network.parameters():  # biases too, and outputs of order one
            p.add_(0.1 * torch.randn(p.shape, generator=random))
    x, background = torch.randn(2, 3, 32, 32, generator=random), torch.randn(5, 3, 32, 32, generator=random)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    values, outputs, expected = attribution.shap_values(network, x, background)
    assert values.shape == (2, 2, 3, 32, 32)
    with torch.no_grad():
        truth, mean = network.double().eval()(x.double()), network(background.double()).mean(0)
    np.testing.assert_allclose(outputs, truth, rtol=1e-10)
    np.testing.assert_allclose(expected, mean, rtol=1e-10)
    scale = np.abs(outputs - expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(values.sum((2, 3, 4)), outputs - expected, atol=1e-8 * scale)
    # The network is as it was: in place, single precision weights, without hooks.
    for key, weights in network.float().state_dict().items():
        assert torch.equal(weights, before[key])
    assert any(layer.inplace for layer in network if isinstance(layer, torch.nn.ReLU))
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in network)


def test_shap_values_of_a_linear_network_are_the_weights_times_the_difference():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    random = torch.Generator().manual_seed(3)
    x, background = torch.randn(2, 3, 2, 2, generator=random), torch.randn(4, 3, 2, 2, generator=random)
    values, _, _ = attribution.shap_values(network, x, background)
    weights = network[1].weight.detach().double().reshape(2, 3, 2, 2)
    wanted = weights[None] * (x.double() - background.double().mean(0))[:, None]
    np.testing.assert_allclose(values, wanted, atol=1e-12)


@pytest.mark.parametrize("broken", ["in place", "used twice"])
def test_what_breaks_shap_is_undone_by_the_copy(broken):
    relu = torch.nn.ReLU(inplace=broken == "in place")
    other = relu if broken == "used twice" else torch.nn.ReLU(inplace=True)
    network = torch.nn.Sequential(
        torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), relu), torch.nn.Conv2d(3, 4, 3), other, torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(16, 2),
    )  # fmt: skip
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=random))
    x, background = torch.randn(3, 1, 8, 8, generator=random), torch.randn(4, 1, 8, 8, generator=random)
    values, outputs, expected = attribution.shap_values(network, x, background)
    np.testing.assert_allclose(values.sum((2, 3, 4)), outputs - expected, atol=1e-10)
    # Planted failure: shap's own explainer fails on the network as it stands.
    import shap

    with pytest.raises(RuntimeError):
        shap.DeepExplainer(network, background).shap_values(x)


def pooled(side=9, **pooling):
    """A network with a max-pooling, and images for it."""
    random = torch.Generator().manual_seed(0)
    first = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(**pooling), torch.nn.Flatten()
    )
    network = torch.nn.Sequential(*first, torch.nn.Linear(first(torch.zeros(1, 1, side, side)).shape[1], 2))
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=random))
    return network, *(torch.randn(count, 1, side, side, generator=random) for count in (3, 4))


@pytest.mark.parametrize(
    "pooling",
    [
        {"kernel_size": 3, "stride": 2}, {"kernel_size": 2, "stride": 1}, {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3), "stride": (2, 2)}, {"kernel_size": 2, "stride": 2, "dilation": 2},
    ],
)  # fmt: skip
def test_a_pooling_whose_windows_overlap_is_refused_by_its_kernel_and_stride(pooling):
    with pytest.raises(ValueError, match=r"MaxPool2d layer with kernel \(\d, \d\), stride \(\d, \d\), dilation"):
        attribution.shap_values(*pooled(**pooling))


@pytest.mark.parametrize(
    "pooling",
    [
        {"kernel_size": 2}, {"kernel_size": 3}, {"kernel_size": 2, "stride": 3}, {"kernel_size": (2, 1)},
        {"kernel_size": 3, "padding": 1}, {"kernel_size": 2, "ceil_mode": True}, {"kernel_size": (2, 3), "stride": 3},
    ],
)  # fmt: skip
def test_a_pooling_whose_windows_do_not_overlap_is_exact(pooling):
    values, outputs, expected = attribution.shap_values(*pooled(**pooling))
    np.testing.assert_allclose(values.sum((2, 3, 4)), outputs - expected, atol=1e-10)


def test_a_layer_whose_rule_is_not_exact_is_refused():
    with pytest.raises(ValueError, match="a BatchNorm2d layer"):
        attribution.explainable(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))


# Measures ------------------------------------------------------------------------------------------------------------


def planted(flipped_curve, clean_curve=(0.5, 1, 1, 1), test_curve=(0.5, 0.95, 0.9, 0.8), seeds=10, n=100, tau=0.2):
    """Runs whose accuracies are given."""
    flipped = np.zeros((seeds, n), dtype=bool)
    flipped[:, : int(tau * n)] = True

    def margins(curve, count):
        return np.where(np.arange(count) < np.round(np.array(curve)[:, None] * count), 1.0, -1.0)

    one = np.concatenate([margins(flipped_curve, int(tau * n)), margins(clean_curve, n - int(tau * n))], axis=1)
    test = margins(test_curve, n)
    return ImageRuns(
        rate=tau, margins=np.tile(one, (seeds, 1, 1)), flipped=flipped, test_margins=np.tile(test, (seeds, 1, 1))
    )


def test_accuracies_and_statements_of_planted_curves():
    runs = planted((0.5, 0.1, 0.6, 1.0))
    np.testing.assert_allclose(runs.accuracy("flipped")[0], (0.5, 0.1, 0.6, 1.0))
    np.testing.assert_allclose(runs.accuracy("clean")[0], (0.5, 1, 1, 1))
    np.testing.assert_allclose(runs.accuracy("all")[0], (0.5, 0.82, 0.92, 1))
    np.testing.assert_allclose(runs.accuracy("test")[0], (0.5, 0.95, 0.9, 0.8))
    assert (runs.bottom == 1).all()
    for statement in (measures.dips, measures.memorised, measures.clean_first):
        assert statement(runs).all(), statement
    assert measures.stopping_helps(runs, runs.bottom).all()
    assert measures.near_best(runs, runs.bottom).all() and not measures.near_best(runs, -1).any()


TIED = (0.5, 0.8, 0.9, 0.8)


@pytest.mark.parametrize(
    ("statement", "runs"),
    [
        (measures.dips, planted((0.5, 0.6, 0.8, 1.0))),  # no fall
        (measures.dips, planted((0.5, 0.4, 0.8, 1.0))),  # one of 2 in 20, within sampling error
        (measures.memorised, planted((0.5, 0.1, 0.6, 0.95))),
        (measures.clean_first, planted((0.5, 0.1, 1.0, 1.0), clean_curve=(0.5, 0.9, 1, 1))),  # at the same epoch
        (lambda runs: measures.stopping_helps(runs, runs.bottom), planted((0.5, 0.1, 0.6, 1.0), test_curve=TIED)),
    ],
)
def test_statements_fail_where_they_should(statement, runs):
    assert not statement(runs).any()


def test_answers_are_three():
    assert [measures.sighting(k, 10) for k in (10, 9, 8, 2, 1, 0)] == [
        Sighting.SEEN, Sighting.SEEN, Sighting.UNDECIDED, Sighting.UNDECIDED, Sighting.NOT_SEEN, Sighting.NOT_SEEN,
    ]  # fmt: skip
    # Few seeds never decide.
    assert {measures.sighting(k, 5) for k in range(6)} == {Sighting.UNDECIDED}


def test_selection_against_scikit_learn():
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

    random = np.random.default_rng(0)
    runs = planted((0.5, 0.1, 0.6, 1.0))
    noise = random.normal(size=runs.margins.shape) + np.where(runs.flipped, -1.0, 1.0)[:, None]
    noise[:, :, :40] = noise[:, :, :40].round(1)  # ties
    runs = replace(runs, margins=noise)
    held = measures.selection(runs, 2, 1)
    losses, clean = runs.losses(2, 1), ~runs.flipped[2]
    assert held.area == pytest.approx(roc_auc_score(clean, -losses), abs=1e-12)
    mistakes, recall, _ = roc_curve(clean, -losses, drop_intermediate=False)
    np.testing.assert_allclose(held.recall, recall[1:])
    np.testing.assert_allclose(held.mistakes, mistakes[1:])
    precision, _, _ = precision_recall_curve(clean, -losses)
    np.testing.assert_allclose(held.precision[::-1], precision[:-1])
    # At log 2 exactly those are selected whose given label is predicted.
    taken = runs.margins[2, 1] >= 0
    recall, wrong, precise = held.at(measures.LOG2)
    assert recall == pytest.approx((taken & clean).sum() / clean.sum())
    assert wrong == pytest.approx((taken & ~clean).sum() / (~clean).sum())
    assert precise == pytest.approx(clean[taken].mean())
    assert held.at(-1.0)[:2] == (0, 0) and np.isnan(held.at(-1.0)[2])


def test_log2_is_near_the_best_threshold_only_where_it_is():
    runs = planted((0.5, 0.1, 0.6, 1.0))
    level = np.where(runs.flipped, -1.0, 1.0)[:, None] * np.ones_like(runs.margins)
    apart = replace(runs, margins=level)
    assert measures.log2_near_best(apart, runs.bottom).all()
    # All are fitted, yet well apart.
    assert not measures.log2_near_best(replace(runs, margins=level + 3), runs.bottom).any()


def test_the_others_bottom_does_not_look_at_a_runs_own_flips():
    runs = planted((0.5, 0.1, 0.6, 1.0), seeds=4)
    margins = runs.margins.copy()
    margins[2, :, :20] = np.where(np.array([1, 1, 0, 1])[:, None] > 0, 1.0, -1.0)  # its own bottom is epoch 2
    moved = replace(runs, margins=margins)
    assert moved.bottom.tolist() == [1, 1, 2, 1] and moved.others.tolist() == [1, 1, 1, 1]


# The whole path ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def planned():
    return Experiment(data="digits", classes=None, rates=(0.0, 0.2), seeds=(0, 1), recipe=TINY)


@pytest.fixture(scope="module")
def courses(planned, tmp_path_factory):
    return experiment.collect(planned, tmp_path_factory.mktemp("out"), 1)


def test_runs_are_kept_and_resumed_and_the_same_in_processes(planned, courses, tmp_path):
    class Stop(Exception):
        pass

    seen = []

    def stop(k):
        seen.append(k)
        if sum(seen) == 6:
            raise Stop

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    long = replace(planned, rates=(0.2,), recipe=replace(TINY, epochs=7))
    with pytest.raises(Stop):  # after the fifth epoch of the first run its checkpoint lies there
        experiment.collect(long, tmp_path / "a", 1, stop)
    seen.clear()
    assert experiment.epochs_left(long, tmp_path / "a") == 9
    resumed = experiment.collect(long, tmp_path / "a", 1, seen.append)
    assert seen == [1] * 9
    seen.clear()
    fresh = experiment.collect(long, tmp_path / "b", 2, seen.append)
    assert 0 < sum(seen) <= 14  # what is told last may be lost with the processes
    for rate in long.rates:
        assert all(map(same, resumed[rate], fresh[rate]))
    # All is there: nothing is run again, nor by a process that is told to because it was not there a moment ago.
    seen.clear()
    assert same(experiment._execute(long, (0.2, 0), tmp_path / "b", seen.append), fresh[0.2][0])
    experiment.collect(long, tmp_path / "b", 1, seen.append)
    assert seen == [] and experiment.epochs_left(long, tmp_path / "b") == 0
    with pytest.raises(ValueError, match="belongs to another run"):
        experiment.collect(replace(long, recipe=replace(long.recipe, rate=0.3)), tmp_path / "b", 1)
    [path, *_] = sorted((tmp_path / "b").glob("*.pt"))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="is damaged"):
        experiment.collect(long, tmp_path / "b", 1)


def test_a_fresh_start_clears_the_runs_and_only_them(tmp_path):
    with experiment.FOLDER.open(tmp_path, {}) as runs:
        for name in ("tau-0.2-seed-1.pt", "tau-0.2-seed-1.partial", "notes.txt"):
            (runs / name).touch()
    with experiment.FOLDER.open(tmp_path, {}, resume=True):
        assert sorted(path.name for path in runs.iterdir()) == ["notes.txt", "tau-0.2-seed-1.pt"]
    with experiment.FOLDER.open(tmp_path, {}):
        assert [path.name for path in runs.iterdir()] == ["notes.txt"]


def test_figures_hold_what_was_measured(planned, courses, monkeypatch):
    monkeypatch.setattr(image_figures, "EXPLAINED", 4)
    runs = {rate: measures.runs_of(rate, held) for rate, held in courses.items()}
    explained = image_figures.explain(planned, runs[0.2], courses[0.2][0].snapshots)
    assert explained.values.shape == (3, 8, 32, 32)
    np.testing.assert_allclose(explained.values.sum((2, 3)), explained.outputs - explained.expected, atol=1e-9)
    # The outputs that SHAP explains are the margins of the run.
    np.testing.assert_allclose(
        explained.outputs, runs[0.2].margins[0][[0, 2, 4]][:, explained.rows], rtol=1e-3, atol=1e-5
    )
    assert runs[0.2].flipped[0][explained.rows].tolist() == [True, False] * 4

    two = image_figures.figure_2(planned, runs[0.2], runs[0.0], explained)
    four = image_figures.figure_4(planned, (runs[0.2],))
    for figure in (two, four):
        table = figure.data[figure.data["tau"] == "0.2"]
        assert table["epoch"].tolist() == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(table["flipped_median"], np.median(runs[0.2].accuracy("flipped"), axis=0))
        np.testing.assert_allclose(table["test_low"], np.percentile(runs[0.2].accuracy("test"), 10, axis=0))
        for picture in (figure.picture, *figure.more):
            assert picture.svg.lstrip().startswith("<?xml") and picture.png.startswith(b"\x89PNG")
        # Two seeds decide nothing, and the words say so.
        assert all("Not enough evidence" in p.measured for p in figure.points if p.met is not None)
    assert two.data[two.data["tau"] == "0"]["flipped_median"].isna().all()
    assert (
        len(two.tables["Small-loss selection at several thresholds (means over the seeds with 95 % intervals)"]) == 18
    )


def test_flips_by_class_rates_are_drawn_and_named(planned, tmp_path, monkeypatch):
    monkeypatch.setattr(image_figures, "EXPLAINED", 2)
    rate = (0.0, 0.3)
    one = replace(planned, rates=(0.0, rate), seeds=(0,), recipe=replace(TINY, epochs=2))
    courses = experiment.collect(one, tmp_path, 1)
    assert (tmp_path / "tau-plus-0.3-minus-0-seed-0.pt").exists()
    [figure] = image_figures.make(one, (2,), courses, rate)
    assert "τ₋ = 0, τ₊ = 0.3" in dict(x[:2] for x in figure.values)["τ"]
    assert set(figure.data["tau"]) == {"0", "τ₋ = 0, τ₊ = 0.3"}


def command(monkeypatch, capsys, *arguments):
    from verify.__main__ import main

    monkeypatch.setattr("sys.argv", ["verify", "figures", *map(str, arguments)])
    with pytest.raises(SystemExit) as done:
        main()
    return done.value.code, capsys.readouterr()


def test_the_command_writes_both_figures_and_resumes_to_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(image_figures, "EXPLAINED", 2)
    asked = ("--network", "tiny", "--epochs", 2, "--seeds", 2, "--jobs", 1, "--quiet")
    with experiment.FOLDER.open(tmp_path, {}):
        pass  # killed before the first checkpoint
    status, printed = command(monkeypatch, capsys, 2, 4, "--resume", tmp_path, *asked)
    assert status == 0
    names = {path.name for path in tmp_path.iterdir() if path.is_file() and not path.name.startswith(".")}
    drawn = {f"{name}.{kind}" for name in ("fig2", "fig2-selection", "fig4") for kind in ("svg", "png", "pdf")}
    assert names == drawn | {
        "fig2.csv",
        "fig4.csv",
        "figures.html",
        "figures.md",
        "thetacheck.json",
    }
    assert "Not enough evidence" in " ".join(printed.out.split())
    page = (tmp_path / "figures.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml") == 3
    before = (tmp_path / "fig4.csv").read_text()
    [gone, *_] = sorted((tmp_path / "runs").glob("tau-0.3-*.pt"))
    gone.unlink()
    status, _ = command(monkeypatch, capsys, 2, 4, "--resume", tmp_path, *asked)
    assert status == 0 and (tmp_path / "fig4.csv").read_text() == before


def test_a_run_that_is_stopped_before_anything_is_kept_can_be_resumed(tmp_path, monkeypatch, capsys):
    asked = (4, "--network", "tiny", "--epochs", 1, "--seeds", 2, "--jobs", 1, "--quiet")

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "_save", stopped)
        status, _ = command(monkeypatch, capsys, *asked, "--out", tmp_path / "a")
    assert status == 130 and not list((tmp_path / "a" / "runs").iterdir())
    for arguments in (("--resume", tmp_path / "a"), ("--out", tmp_path / "b")):
        status, printed = command(monkeypatch, capsys, *asked, *arguments)
        assert status == 0, printed.err
    assert (tmp_path / "a" / "fig4.csv").read_text() == (tmp_path / "b" / "fig4.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "cifar10:nowhere"), "No such file"),
        (("--data", "cifar10:/dev/zero"), "is no regular file"),
        (("--data", "mnist"), "give digits, or cifar10:PATH"),
        (("--classes", "3"), "two different classes"),
        (("--network", "vgg16"), "choose one of vgg11"),
        (("--rate", "0"), "above 0"),
        (("--tau", "0.5"), "below 0.5"),
        (("--tau", "0"), "give one above 0"),
        (("--tau", "0.2", "--tau-plus", "0.3"), "two ways to flip"),
        (("--amp",), "mixed precision is for a CUDA device"),
        (("--device", "tpu"), "tpu"),
        (("--resume", "nowhere"), "holds no figures to resume"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, printed = command(monkeypatch, capsys, 2, "--quiet", *arguments)
    assert status == 2
    [line] = printed.err.strip().splitlines()
    assert says in line
    assert not list(tmp_path.iterdir())
