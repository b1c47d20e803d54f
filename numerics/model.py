"""The setting and one drawn sample."""

import math
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import cache
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from numerics.activation import RELU, Activation
from numerics.algorithm import DESCENT, FULL, Algorithm, Batches
from numerics.inputs import MEAN, ONE_SIGNAL, Head, Inputs
from numerics.loss import LOGISTIC, Loss

if TYPE_CHECKING:
    from torch import Tensor

Array = Float[np.ndarray, "..."]

LABELS = ("drawn", "balanced")
FLIPS = ("once", "fresh")
PIECES = {
    "activation": Activation, "inputs": Inputs, "head": Head, "loss": Loss, "algorithm": Algorithm, "batches": Batches,
}  # fmt: skip


def is_number(value: Any) -> bool:
    """Whether it is a real number; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def check_whole(name: str, value: Any, least: int, most: float = math.inf) -> int:
    """An argument as an ``int``; 1e3 is a whole number too.

    Raises:
        ValueError: it is no whole number, or outside [least, most].
    """
    if not (is_number(value) and least <= value <= most and math.isfinite(value) and value == int(value)):
        ends = f"at least {least}" if most == math.inf else f"from {least} to {most:g}"
        raise ValueError(f"{name} = {value!r}: must be a whole number, {ends}")
    return int(value)


def check_each(name: str, held: Any, kind: Any, example: str) -> tuple:
    """Several arguments as a tuple.

    Raises:
        ValueError: one of them is of another kind, or they are not several.
    """
    found = tuple(held) if isinstance(held, Iterable) else (held,)
    odd = [one for one in found if not isinstance(one, kind)]
    if odd or not isinstance(held, Iterable):
        raise ValueError(f"{name}: {(odd or found)[0]!r} is not what is asked for; give e.g. {example}")
    return found


def class_sizes(n: int) -> tuple[int, int]:
    """(|S_1|, |S_-1|) of balanced labels: n/2 each, and of an odd n one more of label +1."""
    return (n + 1) // 2, n // 2


def flip_share(tau: float, size: int, low: float = 0.0, high: float = 0.5) -> float:
    """The share of ``size`` samples nearest to ``tau`` that can be flipped: k/size for a whole k.

    Halves are rounded up, so that 5 samples at tau = 0.1 have a flip; fewer than half are flipped, as tau < 1/2 asks.
    No sample has the share 0. NaN where no share lies in [low, high].
    """
    if size == 0:
        return 0.0
    rounding = 1e-9  # 0.07 * 50 is 3.5, but not in floating point
    least = math.ceil(low * size - rounding)
    most = min(math.floor(high * size + rounding), (size - 1) // 2)
    return min(max(math.floor(tau * size + 0.5 + rounding), least), most) / size if least <= most else math.nan


@dataclass(frozen=True, kw_only=True)
class Range:
    """What a parameter may be: a number from ``low`` to ``high``, ``whole``, or ``below`` high."""

    low: float
    high: float
    whole: bool = False
    below: bool = False

    def check(self, name: str, value: float) -> None:
        """Raise ``ValueError`` unless ``value`` of the parameter ``name`` lies in it; it need not be whole."""
        if not is_number(value):
            raise ValueError(f"{name} = {value!r}: must be a number from {self.low:g} to {self.high:g}")
        if self.below:
            if not self.low <= value < self.high:
                ends = f"[{self.low:g}, {self.high:g})"
                what = "a flip probability must" if name.startswith("tau") else "must"
                example = f"{self.low + 0.4 * (self.high - self.low):g}"
                raise ValueError(f"{name} = {value}: {what} lie in {ends}; give e.g. {name}={example}")
        elif not self.low <= value <= self.high:
            kind, example = ("whole number", "100") if self.whole else ("number", "1.0")
            ends = f"{self.low:g} to {self.high:g}"
            raise ValueError(f"{name} = {value}: must be a {kind} from {ends}; give e.g. {name}={example}")


def parameter(low: float, high: float, *, whole: bool = False, below: bool = False, default: Any = MISSING) -> Any:
    """A field of a :class:`Setting`: the one declaration of what it may be.

    Ranges go far beyond any experiment, yet no product of usual powers leaves floating point, and whole numbers stay
    exact.
    """
    return field(default=default, metadata={"range": Range(low=low, high=high, whole=whole, below=below)})


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Everything a run depends on, but for its seed. All dimensionless.

    Attributes:
        n: training samples, >= 1.
        m: neurons per output sign, >= 1.
        d: dimension of a patch, >= 1.
        mu: length of the signal vector, >= 0.
        sigma_xi: noise level per coordinate, > 0.
        sigma_0: weight scale at initialization, > 0.
        eta: step size, > 0.
        tau_plus: flip probability of label +1, in [0, 1/2).
        tau_minus: flip probability of label -1, in [0, 1/2).
        labels: ``"drawn"``: each label is +-1 with probability 1/2 and flipped with probability tau, independently.
            ``"balanced"``: both in exact numbers, |S_1| = |S_-1| = n/2 (:func:`class_sizes`) and tau_c |S_c| flips
            (:func:`flip_share`), as the paper assumes without loss of generality. The flip probabilities of a balanced
            setting are the shares that can be flipped: what is given is rounded, so that 0.1 of 11 samples becomes
            1/11, and whatever is said of tau is true of every run.

    Another model is a subclass: fields made by :func:`parameter` for the parameters that it has beside these, and the
    pieces in which it differs, each a value that may name such parameters. Everything else, reports and searches
    included, follows from that.

    * ``activation``: phi.
    * ``inputs``: the signals, and what the patches of a sample are.
    * ``head``: the second layer.
    * ``loss``: of the margin.
    * ``algorithm``: how weights move in a step.
    * ``batches``: which samples a step sees.
    * ``flips``: ``"once"``, or ``"fresh"``: true labels are kept, and at every step each is flipped anew, with the
      probability tau of its class.

    Raises:
        ValueError: where a subclass is made, a piece of another kind; a value outside its range, with the value, the
            rule and the way out.
    """

    activation: ClassVar[Activation] = RELU
    inputs: ClassVar[Inputs] = ONE_SIGNAL
    head: ClassVar[Head] = MEAN
    loss: ClassVar[Loss] = LOGISTIC
    algorithm: ClassVar[Algorithm] = DESCENT
    batches: ClassVar[Batches] = FULL
    flips: ClassVar[str] = "once"
    series: ClassVar[tuple[str, ...]] = ()  # of one's own, where the network is too (numerics.module)

    n: int = parameter(1, 1e15, whole=True)
    m: int = parameter(1, 1e15, whole=True)
    d: int = parameter(1, 1e18, whole=True)  # it fits a column of integers
    mu: float = parameter(0, 1e30)
    sigma_xi: float = parameter(1e-30, 1e30, default=1.0)
    sigma_0: float = parameter(1e-30, 1e30)
    eta: float = parameter(1e-30, 1e30)
    tau_plus: float = parameter(0, 0.5, below=True, default=0.0)
    tau_minus: float = parameter(0, 0.5, below=True, default=0.0)
    labels: str = "drawn"

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for piece, kind in PIECES.items():
            if not isinstance(found := getattr(cls, piece), kind):
                raise ValueError(f"{piece} of {cls.__name__} is {found!r}: give one of {kind.__module__}")
        if cls.flips not in FLIPS:
            raise ValueError(f"flips of {cls.__name__} is {cls.flips!r}: must be {' or '.join(FLIPS)}")

    def __post_init__(self) -> None:
        for name, range_ in self.ranges().items():
            value = getattr(self, name)
            range_.check(name, value)
            if range_.whole and value != int(value):
                raise ValueError(f"{name} = {value}: must be a whole number; give e.g. {name}={value:.0f}")
            object.__setattr__(self, name, int(value) if range_.whole else float(value))
        if self.labels not in LABELS:
            raise ValueError(f"labels = {self.labels!r}: must be {' or '.join(LABELS)}; give e.g. labels='balanced'")
        if self.labels == "balanced" and self.flips == "once":
            for name, size in zip(("tau_plus", "tau_minus"), class_sizes(self.n), strict=True):
                object.__setattr__(self, name, flip_share(getattr(self, name), size))
        if self.inputs.cosine and not -1 / max(1, self.inputs.signals - 1) < getattr(self, self.inputs.cosine) < 1:
            value, low = getattr(self, self.inputs.cosine), -1 / max(1, self.inputs.signals - 1)
            raise ValueError(
                f"{self.inputs.cosine} = {value}: {self.inputs.signals} signals can have a common cosine above {low:g}"
                " and below 1 alone"
            )
        if self.batches.size and (size := getattr(self, self.batches.size)) > self.n:
            name = self.batches.size
            raise ValueError(f"{name} = {size}: must be at most n = {self.n}; give e.g. {name}={self.n}")

    @classmethod
    @cache
    def plain(cls) -> bool:
        """Whether nothing but the activation differs from the network and the gradient descent of this class."""
        return all(
            getattr(cls, piece) == getattr(Setting, piece)
            for piece in ("head", "loss", "algorithm", "batches", "flips")
        ) and replace(cls.inputs, name="", projected=False) == replace(Setting.inputs, name="")

    @classmethod
    def pieces(cls) -> "dict[str, tuple[str, ...]]":
        """The parameters that each piece of the model takes, by the piece."""
        named = {"inputs": (cls.inputs.cosine, cls.inputs.copies), "batches": (cls.batches.size,)}
        found = {"activation": cls.activation.parameters, "algorithm": cls.algorithm.parameters} | named
        return {piece: tuple(name for name in names if name) for piece, names in found.items()}

    @classmethod
    @cache
    def ranges(cls) -> dict[str, Range]:
        """What each parameter may be, by name, in the order of their declaration."""
        return {f.name: f.metadata["range"] for f in fields(cls) if "range" in f.metadata}

    @classmethod
    @cache
    def required(cls) -> tuple[str, ...]:
        """The parameters that have no default."""
        return tuple(f.name for f in fields(cls) if f.name in cls.ranges() and f.default is MISSING)

    @classmethod
    @cache
    def whole(cls) -> frozenset[str]:
        """The parameters that are whole numbers."""
        return frozenset(name for name, range_ in cls.ranges().items() if range_.whole)

    @property
    def kappa(self) -> float:
        """n SNR^2."""
        return self.n * self.mu**2 / (self.sigma_xi**2 * self.d)

    @property
    def time_scale(self) -> float:
        """Rescaled time per step, s = eta t sigma_xi^2 d / (n m) at t = 1 (D5)."""
        return self.eta * self.sigma_xi**2 * self.d / (self.n * self.m)

    @property
    def signals(self) -> np.ndarray:
        """The signals in coordinates, lower triangular. Shape (K, K)."""
        cosine = getattr(self, self.inputs.cosine) if self.inputs.cosine else 0.0
        return self.mu * np.linalg.cholesky((1 - cosine) * np.eye(self.inputs.signals) + cosine)

    @property
    def projected(self) -> bool:
        """Whether noise has no component along the signals; without a signal there is nothing to project off."""
        return self.inputs.projected and self.mu > 0

    @property
    def noise_patches(self) -> int:
        """How many noise patches a sample has."""
        return getattr(self, self.inputs.copies) if self.inputs.copies else 1

    @property
    def counts(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """(samples, flips among them) of the labels +1 and -1; None where they are drawn."""
        if self.labels == "drawn":
            return None
        plus, minus = class_sizes(self.n)
        if self.flips == "fresh":
            return (plus, 0), (minus, 0)
        return (plus, round(self.tau_plus * plus)), (minus, round(self.tau_minus * minus))

    @property
    def shape(self) -> np.ndarray:
        """The parameters of the activation. Shape (parameters,)."""
        return np.array([getattr(self, name) for name in self.activation.parameters], dtype=float)

    def phi(self, z: "Tensor") -> "Tensor":
        """The activation of this setting, elementwise on a tensor."""
        return self.activation.value(z, *(z.new_tensor(x) for x in self.shape))

    def values(self) -> dict[str, Any]:
        """The parameters by name: numbers, but for ``labels``."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One draw of data, labels and initial weights, as the inner products that the dynamics needs (D1).

    Rows of weight-indexed arrays: the m neurons of j = +1, then the m of j = -1.

    Attributes:
        seed: what it was drawn with.
        y: true labels, +-1. Shape (n,).
        y_tilde: observed labels, +-1; where labels are flipped afresh at every step, the true ones. Shape (n,).
        gram: V V^T with V = [mu_1; ...; mu_K; xi_1; ...; xi_n], of one signal [mu; xi_1; ...]. Shape (K+n, K+n).
        overlap: W_0 V^T. Shape (2m, K+n).
        weight_gram: W_0 W_0^T, from which test errors are computed. Shape (2m, 2m).
        patches: V itself where it was drawn densely, else None. Shape (K+n, d).
        weights: W_0 itself where it was drawn densely, else None. Shape (2m, d).
        reads: which of mu_1..mu_K, -mu_1..-mu_K each sample has; by default mu where y = 1, else -mu. Shape (n,).
    """

    seed: int
    y: Float[np.ndarray, " n"]
    y_tilde: Float[np.ndarray, " n"]
    gram: Float[np.ndarray, "vectors vectors"]
    overlap: Float[np.ndarray, "neurons vectors"]
    weight_gram: Float[np.ndarray, "neurons neurons"]
    patches: Float[np.ndarray, "vectors d"] | None = None
    weights: Float[np.ndarray, "neurons d"] | None = None
    reads: Int[np.ndarray, " n"] | None = None

    def __repr__(self) -> str:
        kind = "inner products alone" if self.patches is None else "with its vectors"
        n, m = self.y.size, self.overlap.shape[0] // 2
        return f"Sample of n = {n}, m = {m}, seed {self.seed}: {int(self.noisy.sum())} flipped, {kind}"

    @property
    def signal(self) -> np.ndarray:
        """Which of mu_1..mu_K, -mu_1..-mu_K each sample has. Shape (n,), whole numbers."""
        return np.where(self.y > 0, 0, 1) if self.reads is None else self.reads

    @property
    def noisy(self) -> np.ndarray:
        """Mask of the flipped samples S_f. Shape (n,), bool."""
        return self.y != self.y_tilde
