"""A VGG network trained by minibatch SGD on flipped labels, one record per epoch.

The network is VGG-11 as used on 32 x 32 images: eight 3 x 3 convolutions with max-pooling and one linear layer, or the
head that VGG was published with, three linear layers with dropout between them, which the authors' code has too. It has
no batch normalisation, for three reasons: VGG-11 was published without (Simonyan and Zisserman 2015); with it, a
sample's loss while training would depend on the samples that share its minibatch, clean and flipped ones alike; and the
theory's network has none. It has two outputs z_0, z_1 and the cross-entropy, which is the logistic loss of the theory
on f = z_1 - z_0: -log softmax(z)_1 = log(1 + exp(-(z_1 - z_0))). So one number per sample says everything, its margin
y~_i f(x_i) with y~_i = +-1: the loss is log(1 + exp(-margin)), the sample is fitted where the margin is positive, and
that is where its loss is below log 2.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init

from numerics.images import Images


class Architecture(NamedTuple):
    """Layers of a network.

    Attributes:
        convolutions: their channels; 0 is a max-pooling.
        hidden: widths of linear layers, each with a dropout of one half, before the last one.
    """

    convolutions: tuple[int, ...]
    hidden: tuple[int, ...] = ()


VGG11 = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)
# "vgg11-4096" is the authors' public one; "small" is for the digits on a CPU, "tiny" for tests.
NETWORKS: dict[str, Architecture] = {
    "vgg11": Architecture(VGG11),
    "vgg11-4096": Architecture(VGG11, hidden=(4096, 4096)),
    "vgg11/8": Architecture((8, 0, 16, 0, 32, 32, 0, 64, 64, 0, 64, 64, 0)),
    "small": Architecture((8, 0, 16, 0, 32, 0, 64, 0)),
    "tiny": Architecture((4, 0, 0, 8, 0, 0)),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained. The paper names VGG-11 and SGD only; the other values are ours.

    Attributes:
        network: a name in NETWORKS.
        epochs: passes over the training images.
        rate: the learning rate, constant.
        momentum: in [0, 1); 0 as in the theory's gradient descent.
        batch: images a step.
        snapshots: epochs after which the weights are kept; 0 is the initialisation.
        amp: bfloat16 in forward and backward passes; on a CUDA device only.

    Raises:
        ValueError: a value out of its range.
    """

    network: str
    epochs: int
    rate: float
    momentum: float = 0.0
    batch: int
    snapshots: tuple[int, ...] = ()
    amp: bool = False

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(f"--network {self.network}: no such network; choose one of {', '.join(NETWORKS)}")
        for name, value, holds, rule in (
            ("epochs", self.epochs, self.epochs >= 1, "at least 1"),
            ("rate", self.rate, 0 < self.rate < float("inf"), "above 0"),
            ("momentum", self.momentum, 0 <= self.momentum < 1, "in [0, 1)"),
            ("batch", self.batch, self.batch >= 1, "at least 1"),
        ):
            if not holds:
                raise ValueError(f"--{name} {value:g}: must be {rule}")


# The first was chosen on seeds from 100 on, which no figure uses, so that training ends with every label fitted up to
# 40 % flips. The second has not been run: there is no copy of CIFAR-10 where this was written.
RECIPES = {
    "digits": Recipe(network="small", epochs=80, rate=0.02, batch=16),
    "cifar10": Recipe(network="vgg11", epochs=100, rate=0.02, batch=64),
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training did, at the end of every epoch from 0, before the first step, to E.

    Attributes:
        margins: y~_i f(x_i) of the training images against the labels they were given.
        test_margins: y f(x) of the test images against their true labels.
        flipped: which of the given labels are false.
        snapshots: weights after some epochs, by epoch.
    """

    margins: Float[Tensor, "epochs N"]
    test_margins: Float[Tensor, "epochs M"]
    flipped: Bool[Tensor, " N"]
    snapshots: dict[int, dict[str, Tensor]]


def check_precision(recipe: Recipe, device: str) -> None:
    """Raise ``ValueError`` for mixed precision on another device than CUDA."""
    if recipe.amp and not device.startswith("cuda"):
        raise ValueError(f"--amp on {device}: mixed precision is for a CUDA device; drop it, or give --device cuda")


class Dropout(nn.Dropout):
    """Dropout whose draws come from a generator of its own on the CPU, so that a run can be repeated and resumed."""

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        self.random = random

    def forward(self, x: Float[Tensor, "N width"]) -> Float[Tensor, "N width"]:
        if not self.training:
            return x
        kept = torch.empty(x.shape).bernoulli_(1 - self.p, generator=self.random)
        return x * (kept / (1 - self.p)).to(x)


def build(network: str, channels: int, side: int, seed: int, draws: torch.Generator | None = None) -> nn.Sequential:
    """A network of NETWORKS with He's normal initialisation, and biases zero.

    The last layer starts small, with a deviation of 0.01 as in VGG, so that no loss starts far from log 2.

    Args:
        network: its name.
        channels: of the images.
        side: theirs, in pixels.
        seed: of the initialisation.
        draws: what dropout draws from while training; by default, a generator of its own.
    """
    random = torch.Generator().manual_seed(seed)
    draws = draws or torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []

    def add(layer: nn.Conv2d | nn.Linear) -> None:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=random)
        nn.init.zeros_(layer.bias)
        layers.extend([layer, nn.ReLU(inplace=True)])

    for width in NETWORKS[network].convolutions:
        if width:
            add(skip_init(nn.Conv2d, channels, width, 3, padding=1))
            channels = width
        else:
            layers.append(nn.MaxPool2d(2))
            side //= 2
    layers.append(nn.Flatten())
    features = channels * side**2
    for width in NETWORKS[network].hidden:
        add(skip_init(nn.Linear, features, width))
        layers.append(Dropout(draws))
        features = width
    last = skip_init(nn.Linear, features, 2)
    nn.init.normal_(last.weight, std=0.01, generator=random)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def train(
    images: Images,
    flipped: Bool[Tensor, " N"],
    recipe: Recipe,
    seed: int,
    device: str = "cpu",
    held: dict[str, Any] | None = None,
    on_epoch: Callable[[int, Callable[[], dict[str, Any]]], None] = lambda epoch, state: None,
) -> Trained:
    """Train a network on the images with some labels flipped.

    On the CPU the same arguments give the same numbers, bit for bit, if the number of threads is the same too. So does
    going on from any state that ``on_epoch`` was offered.

    Args:
        images: what to train and test on.
        flipped: which training labels are given wrongly.
        recipe: the network and how it is trained.
        seed: of the initialisation, of the order of images and of dropout.
        device: cpu, cuda ...
        held: a state to go on from, as ``on_epoch`` was offered it.
        on_epoch: called after every epoch with its number and a function that returns the state reached: plain
            tensors, numbers and dictionaries, on the CPU.

    Raises:
        ValueError: ``recipe.amp`` on a CPU, or the training diverged.
    """
    check_precision(recipe, device)
    where = torch.device(device)
    x, x_test = (part.to(where, memory_format=torch.channels_last) for part in (images.train, images.test))
    given = torch.where(flipped, 1 - images.train_labels, images.train_labels).to(where)
    true = images.test_labels.to(where)
    draws = torch.Generator().manual_seed(seed)  # of all that training draws: its state says how to go on
    network = build(recipe.network, x.shape[1], x.shape[2], seed, draws)
    network = network.to(where, memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=recipe.rate, momentum=recipe.momentum)
    margins: list[Tensor] = []
    test_margins: list[Tensor] = []
    snapshots: dict[int, dict[str, Tensor]] = {}

    def weights() -> dict[str, Tensor]:
        # Contiguous: a file then says nothing of the memory format.
        return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in network.state_dict().items()}

    def record(epoch: int) -> None:
        margins.append(_margins(network, x, given, recipe.amp))
        test_margins.append(_margins(network, x_test, true, recipe.amp))
        if not torch.isfinite(margins[-1]).all():
            raise ValueError(f"training diverged in epoch {epoch}: give a smaller --rate than {recipe.rate:g}")
        if epoch in recipe.snapshots:
            snapshots[epoch] = weights()

    def state() -> dict[str, Any]:
        velocity = [optimiser.state[p].get("momentum_buffer") for p in network.parameters()]
        return {
            "network": weights(),
            "velocity": [None if v is None else v.detach().to("cpu", copy=True).contiguous() for v in velocity],
            "draws": draws.get_state(),
            "margins": torch.stack(margins),
            "test_margins": torch.stack(test_margins),
            "snapshots": dict(snapshots),
        }

    with _repeatable(where):
        if held is None:
            record(0)
        else:
            network.load_state_dict(held["network"])
            for parameter, velocity in zip(network.parameters(), held["velocity"], strict=True):
                if velocity is not None:
                    placed = torch.empty_like(parameter).copy_(velocity)
                    optimiser.state[parameter]["momentum_buffer"] = placed
            draws.set_state(held["draws"])
            margins, test_margins = list(held["margins"]), list(held["test_margins"])
            snapshots = dict(held["snapshots"])
        for epoch in range(len(margins), recipe.epochs + 1):
            for rows in torch.randperm(len(x), generator=draws).split(recipe.batch):
                rows = rows.to(where)
                optimiser.zero_grad()
                with torch.autocast(where.type, torch.bfloat16, enabled=recipe.amp):
                    outputs = network(x[rows])
                nn.functional.cross_entropy(outputs.float(), given[rows]).backward()
                optimiser.step()
            record(epoch)
            on_epoch(epoch, state)
    return Trained(
        margins=torch.stack(margins), test_margins=torch.stack(test_margins), flipped=flipped, snapshots=snapshots
    )


@torch.no_grad()
def _margins(
    network: nn.Sequential, x: Float[Tensor, "N C H W"], labels: Int[Tensor, " N"], amp: bool
) -> Float[Tensor, " N"]:
    found = []
    network.eval()
    for part, label in zip(x.split(256), labels.split(256), strict=True):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=amp):
            z = network(part).float()
        found.append((2 * label - 1) * (z[:, 1] - z[:, 0]))
    network.train()
    return torch.cat(found).cpu()


@contextmanager
def _repeatable(device: torch.device) -> Iterator[None]:
    """Deterministic algorithms on the CPU; on CUDA only cuDNN's, since max-pooling has no deterministic gradient."""
    before = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(before[0] or device.type == "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads it; filling takes a tenth longer
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.utils.deterministic.fill_uninitialized_memory = before[1]
