"""Observables: one number per run, by name. All of them, and a user's own, can be named in a claim.

NaN means that a run gives no number: no label was flipped, or the run ended before the moment came (censored). What a
number needs in order to say anything of a claim is declared beside it (``Observable.premises``).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from numerics.model import Setting
from numerics.module import ModuleSetting
from numerics.series import OF_MARGINS, SERIES, Listed
from numerics.trajectory import Event, Trajectory

Computed = Callable[[Trajectory], np.ndarray]
STAGES = ("exact", "start", "early", "T1", "end")
# The moments that a run may come to, and the observable that dates each.
MOMENTS = {"early": "early_time", "T1": "order_one_time", "end": "convergence_time"}


@dataclass(frozen=True, kw_only=True)
class Observable:
    """A named number per run.

    Attributes:
        name: unique.
        says: what it is, in a few words.
        stage: how far a run must go: ``"start"`` (initialization), ``"early"`` (mean own rho at 1/25 of order
            one), ``"T1"`` (all coefficients of order one), ``"end"`` (loss at epsilon); ``"exact"`` needs a dense
            sample and 200 steps.
        compute: trajectory -> array of shape (runs,).
        time: whether it is an iteration count, known to within the recording ratio and possibly censored.
        premises: what a run must have for the number to say anything: moments (``"early"``, ``"T1"``, ``"end"``) that
            it came to, and ``"flips"`` where it speaks of flipped samples alone. By default the moment of its stage.
            Without that moment among them the observable is *about* the moment's coming, as a ``time`` is: a run to
            which it never came speaks against it.
        through: whether it is an extreme over times, so that a bound broken on the way is broken, however the run ends.
        reads: the recorded series that ``compute`` reads, beside the moments' own; all where nothing is declared. A run
            made for it need not record others.
        latex: the formula, in the letters of :data:`numerics.series.NOTATION`; what ``compute`` was declared with where
            nothing is said here.
        weight: the power of c that it takes under the exact symmetry (mu, sigma_xi, sigma_0, eta) ->
            (c mu, c sigma_xi, sigma_0/c, eta/c^2) (D4). Coefficients, margins, shares and times have 0.

    Raises:
        ValueError: the stage or a premise is unknown, ``reads`` names no series, or a field is of another kind.
    """

    name: str
    says: str
    stage: str
    compute: Callable[[Trajectory], np.ndarray]
    time: bool = False
    premises: tuple[str, ...] = None  # type: ignore[assignment]  # known once it is made
    through: bool = False
    reads: tuple[str, ...] = None  # type: ignore[assignment]
    weight: int = 0
    latex: str = ""

    def __post_init__(self) -> None:
        for kind, called, names in (
            (str, "a string", ("name", "says", "latex")),
            (bool, "True or False", ("time", "through")),
            (int, "a whole number", ("weight",)),
            (tuple | list | None, "a tuple of names", ("premises", "reads")),
        ):
            for name in names:
                held = getattr(self, name)
                if not isinstance(held, kind) or (kind is int and isinstance(held, bool)):
                    raise ValueError(f"observable '{self.name}': {name} is {held!r}; give {called}")
        if not self.latex:
            object.__setattr__(self, "latex", getattr(self.compute, "latex", ""))
        if not callable(self.compute):
            raise ValueError(f"observable '{self.name}': compute is {self.compute!r}; give a function of a trajectory")
        if self.stage not in STAGES:
            raise ValueError(f"observable '{self.name}': stage '{self.stage}' is none of {', '.join(STAGES)}")
        if self.reads is None:
            object.__setattr__(self, "reads", getattr(self.compute, "reads", tuple(SERIES)))
        for series in self.reads:
            if series not in SERIES:
                raise ValueError(f"observable '{self.name}': reads '{series}', which is no recorded series; see `list`")
        if self.premises is None:
            object.__setattr__(self, "premises", (self.stage,) if self.stage in MOMENTS and not self.time else ())
        for premise in self.premises:
            if premise not in (*MOMENTS, "flips"):
                known = ", ".join((*MOMENTS, "flips"))
                raise ValueError(f"observable '{self.name}': premise '{premise}' is none of {known}")

    def __repr__(self) -> str:
        return f"Observable {self.name}: {self.says}"

    def _repr_markdown_(self) -> str:
        return f"**{self.name}**: {self.says}" + (f"\n\n$\\displaystyle {self.latex}$" if self.latex else "")

    def __call__(self, trajectory: Trajectory) -> np.ndarray:
        values = np.asarray(self.compute(trajectory), dtype=float)
        # An extreme over nothing (no flipped sample) says nothing.
        return np.where(np.isfinite(values), values, np.nan)


def series_of(observables: Iterable[Observable], events: Iterable[Event] = ()) -> frozenset[str]:
    """The series that must be recorded for some observables and moments."""
    return frozenset(name for o in observables for name in o.reads) | {event.series for event in events}


def reading(*series: str, latex: str = "") -> Callable[[Computed], Computed]:
    """Declare on a function which recorded series it reads, and its formula."""

    def declared(compute: Computed) -> Computed:
        compute.reads, compute.latex = series, latex
        return compute

    return declared


def moments(order_one: float) -> dict[str, Event]:
    """The two moments of Stage I, dated by the own coefficients; so early, no loss derivative has moved by 4 %."""
    return {
        "early": Event(series="rho_own_mean", value=order_one / 25),
        "T1": Event(series="coefficient_min", value=order_one),
    }


_WHEN = {"early": "T_0", "T1": "T_1", "end": "T"}  # how formulas call the moments


def when(event: str, formula: str) -> str:
    """LaTeX of what ``formula`` says, at a moment."""
    return rf"{formula} \quad (t = {_WHEN[event]})"


def formula(series: str) -> str:
    """LaTeX of a recorded series without its letter; of one's own its name."""
    known = SERIES.get(series)
    return rf"\text{{{series}}}" if known is None else re.sub(r"^(L_S|s) = ", "", known.latex)


def at(event: str, series: str) -> Callable[[Trajectory], np.ndarray]:
    """A recorded series at a moment."""
    return reading(series, latex=when(event, formula(series)))(lambda run: run.at(event, series))


def _over(series: str, largest: bool, times: str) -> str:
    inner = formula(series)
    inner = rf"\left({inner}\right)" if r" - \m" in inner else inner
    return rf"\{'max' if largest else 'min'}_{{{times}}} {inner}"


def _extreme(values: np.ndarray, largest: bool) -> np.ndarray:
    fill = -np.inf if largest else np.inf
    filled = np.where(np.isnan(values), fill, values)
    return filled.max(1) if largest else filled.min(1)


def _until_T1(series: str, largest: bool) -> Callable[[Trajectory], np.ndarray]:
    latex = _over(series, largest, r"t \le T_1")
    return reading(series, latex=latex)(lambda run: _extreme(run.up_to("T1", series), largest))


def _until_grown(series: str) -> Callable[[Trajectory], np.ndarray]:
    """The least of a series until some gamma or own rho is of order one; NaN where none comes to it."""

    grown = rf"t \le \min\{{t: {formula('coefficient_own_max')} \ge c_1\}}"

    @reading(series, "coefficient_own_max", latex=_over(series, False, grown))
    def least(run: Trajectory) -> np.ndarray:
        grown = run.events["T1"].reached(run.series["coefficient_own_max"])
        later = np.cumsum(grown, 1) > 1
        values = _extreme(np.where(later, np.nan, run.series[series]), largest=False)
        return np.where(grown.any(1), values, np.nan)

    return least


def _from_T1(series: str, largest: bool = False, by_time: bool = False) -> Callable[[Trajectory], np.ndarray]:
    """The least or largest of a series from T_1 on; ``by_time``: of its product with rescaled time."""

    latex = _over(series, largest, r"t \ge T_1")

    @reading(series, latex=latex.replace(formula(series), f"s {formula(series)}") if by_time else latex)
    def extreme(run: Trajectory) -> np.ndarray:
        index = run.index("T1")
        before = np.arange(run.times.size)[None, :] < index[:, None]
        scale = run.times * np.array([[s.time_scale] for s in run.settings]) if by_time else 1.0
        values = _extreme(np.where(before, np.nan, run.series[series] * scale), largest)
        return np.where(index >= 0, values, np.nan)

    return extreme


def _through(series: str, largest: bool) -> Callable[[Trajectory], np.ndarray]:
    return reading(series, latex=_over(series, largest, "t"))(lambda run: _extreme(run.series[series], largest))


@reading("loss_derivative_max", "loss_derivative_min", latex=r"\max_t \frac{\max_i g_i}{\min_i g_i}")
def _loss_derivative_ratio(run: Trajectory) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # a diverged run's derivatives underflow
        return _extreme(run.series["loss_derivative_max"] / run.series["loss_derivative_min"], largest=True)


def _projection(series: str) -> Callable[[Trajectory], np.ndarray]:
    over = rf"\frac{{{formula(series)}}}{{\max(1,\ {formula('coefficient_max')})}}"

    @reading(series, "coefficient_max", latex=rf"\max_{{t \le T_1}} {over}")
    def worst(run: Trajectory) -> np.ndarray:
        return _extreme(run.up_to("T1", series) / np.maximum(1.0, run.series["coefficient_max"]), largest=True)

    return worst


def _settles(series: str, above: float = 0.0) -> Callable[[Trajectory], np.ndarray]:
    """First recorded time >= 1 from which on a series stays above a value to the end; NaN if it does not."""

    latex = rf"\min\{{t \ge 1: {formula(series)} > {above:g} \text{{ from }} t \text{{ to }} T\}}"

    @reading(series, latex=latex)
    def when(run: Trajectory) -> np.ndarray:
        values = run.series[series]
        met = np.isnan(values) | (values > above)  # NaN: the run has left
        stays = np.flip(np.logical_and.accumulate(np.flip(met, 1), 1), 1)
        stays[:, 0] = False
        stays &= ~np.isnan(values)
        stays &= np.isfinite(values[:, :1])  # an extreme over nothing
        settled = stays.any(1) & (np.array(run.status) != "diverged")
        return np.where(settled, run.times[stays.argmax(1)].astype(float), np.nan)

    return when


@reading("rho_noisy_max", "gamma_max", latex=rf"\min\{{t > 0: {formula('rho_noisy_max')} > {formula('gamma_max')}\}}")
def _overtakes(run: Trajectory) -> np.ndarray:
    lead = run.series["rho_noisy_max"] - run.series["gamma_max"]
    lead = np.where(np.isnan(run.series["gamma_max"]), np.nan, lead)
    hit = (lead > 0) & (run.times > 0)
    return np.where(hit.any(1), run.times[hit.argmax(1)].astype(float), np.nan)


def _per_sample(function: Callable[..., float]) -> Callable[[Trajectory], np.ndarray]:
    return reading()(lambda run: np.array([function(a, b) for a, b in zip(run.settings, run.samples, strict=True)]))


def _noise_norms(setting, sample) -> np.ndarray:
    return np.diag(sample.gram)[setting.inputs.signals :]


def _cross(setting, sample) -> float:
    signals = setting.inputs.signals
    noise = sample.gram[signals:, signals:]
    return float(np.abs(noise - np.diag(np.diag(noise))).max())


def _best(columns: np.ndarray, m: int) -> float:
    """The least over signs j and columns of max_r j<w, .>."""
    return float(min(columns[:m].max(0).min(), (-columns[m:]).max(0).min()))


_INITIAL = r"\langle w^{(0)}_{j,r}, \xi_i\rangle"


@reading(latex=r"\min_i \frac{1}{m} |\{r: \langle w^{(0)}_{\tilde y_i,r}, \xi_i\rangle > 0\}|")
def _active_neurons(run: Trajectory) -> np.ndarray:
    return run.batch.first_active.double().mean(1).amin(1).numpy()


@reading(latex=rf"\min_{{j,r}} \frac{{1}}{{n}} |\{{i: \tilde y_i = j,\ {_INITIAL} > 0\}}|")
def _active_samples(run: Trajectory) -> np.ndarray:
    batch = run.batch
    noise = (batch.overlap[..., batch.noise] > 0).unflatten(1, (2, -1))
    mine = batch.y_tilde[:, None] * batch.j > 0  # (R, 2, n)
    return (noise & mine[:, :, None]).double().mean(3).flatten(1).amin(1).numpy()


def _growth(series: tuple[str, ...], total: str) -> Callable[[Trajectory], np.ndarray]:
    """The mean of some series over the iteration, early; ``total`` is the formula of that mean."""
    return reading(*series, latex=when("early", rf"\frac{{1}}{{t}} {total}"))(
        lambda run: sum(run.at("early", name) for name in series) / len(series) / run.time("early")
    )


@reading(latex=r"\frac{|S_f|}{n}")
def _flip_share(run: Trajectory) -> np.ndarray:
    share = np.array([sample.noisy.mean() for sample in run.samples])
    return np.where(share > 0, share, np.nan)


# The laws of the noise patch of a test point, zeta ~ N(0, sigma_xi^2 I) (numerics.generalization).
_LAWS = {
    "spurious": r"x = (y\mu,\ \xi_i + \zeta),\ \zeta \sim N(0, \sigma_\xi^2 I)",
    "fresh": r"x = (y\mu,\ \zeta),\ \zeta \sim N(0, \sigma_\xi^2 I)",
    "training_noise": r"x = (y\mu,\ \xi_i)",
}


def on_test_points(law: str, event: str, number: str) -> str:
    """LaTeX of the mean of a number over test points, or of its standard error from the draws, at a moment."""
    name = law.removesuffix("_se")
    mean = rf"{number} \quad ({_LAWS[name]};\ t = {_WHEN[event]})"
    return mean if name == law else rf"\text{{standard error of }} {mean}"


def _error(law: str, event: str) -> Callable[[Trajectory], np.ndarray]:
    @reading(latex=on_test_points(law, event, r"\mathbb{P}[y f(x) < 0]"))
    def error(run: Trajectory) -> np.ndarray:
        from numerics.generalization import generalization

        return getattr(generalization(run, event), law)

    return error


def _test_loss(law: str, event: str) -> Callable[[Trajectory], np.ndarray]:
    @reading(latex=on_test_points(law, event, r"\mathbb{E}\,\ell(y f(x))"))
    def loss(run: Trajectory) -> np.ndarray:
        from numerics.generalization import losses_on_test_points

        return getattr(losses_on_test_points(run, event), law)

    return loss


# Of the certified bound on the spurious error: what zeta -> y f is Lipschitz with, and its mean.
_CERTIFIED = (
    r"-\log \frac{1}{2n} \sum_{y, i} \exp\left(-\frac{\max(0,\ \mathbb{E}_\zeta\, y f(y\mu, \xi_i + \zeta))^2}"
    r"{2 \sigma_\xi^2 L^2}\right),\ L = \frac{1}{m} \min\left(\sum_{j,r} \|w_{j,r}\|,\ \sqrt{2m}\, \|W\|\right)"
)


def _certified(event: str) -> Callable[[Trajectory], np.ndarray]:
    @reading(latex=when(event, _CERTIFIED))
    def exponent(run: Trajectory) -> np.ndarray:
        from numerics.generalization import exponents

        return exponents(run, event)

    return exponent


def _excess(law: str) -> Callable[[Trajectory], np.ndarray]:
    latex = on_test_points(law, "end", r"\mathbb{P}[y f(x) < 0] - \frac{|S_f|}{2n}")
    return reading(latex=latex)(lambda run: _error(law, "end")(run) - _flip_share(run) / 2)


def _residual(identity: str) -> Callable[[Trajectory], np.ndarray]:
    @reading()
    def residual(run: Trajectory) -> np.ndarray:
        from numerics import identities

        return getattr(identities, f"{identity}_residual")(run)

    return residual


@reading(latex=r"1 \text{ if } L_S \le \varepsilon \text{ at some } t, \text{ else } 0")
def _stopped(run: Trajectory) -> np.ndarray:
    return np.array([status == "stopped" for status in run.status], dtype=float)


def _accuracy(when: str) -> list[Observable]:
    return [
        Observable(
            name=f"{kind}_{when}",
            says=f"{kind.replace('_', ' ')} at {when}",
            stage=when,
            compute=at(when, kind),
            premises=(when, "flips") if "noisy" in kind else None,
        )
        for kind in ("accuracy", "accuracy_clean", "accuracy_noisy", "loss", "loss_clean", "loss_noisy")
    ]


def _errors(when: str) -> list[Observable]:
    laws = {
        "spurious": "test error on shared noise patches (D_test)",
        "spurious_se": "its standard error from the draws",
        "fresh": "test error on fresh noise patches",
        "fresh_se": "its standard error from the draws",
        "training_noise": "test error on the training noise patches themselves",
    }
    return [
        Observable(name=f"error_{law}_{when}", says=f"{says}, at {when}", stage=when, compute=_error(law, when))
        for law, says in laws.items()
    ] + [
        Observable(
            name=f"test_loss_{law}{error}_{when}",
            says=f"{says}test loss on {kind} noise patches, at {when}",
            stage=when,
            compute=_test_loss(law + error, when),
        )
        for law, kind in (("spurious", "shared"), ("fresh", "fresh"))
        for error, says in (("", ""), ("_se", "standard error of the "))
    ]


def _early_balance(label: str) -> list[Observable]:
    """Signal against noise of one true label while no loss derivative has decayed."""

    def over_rho(series: str) -> Callable[[Trajectory], np.ndarray]:
        return reading(series, "rho_own_mean", latex=rf"\frac{{{formula(series)}}}{{{formula('rho_own_mean')}}}")(
            lambda run: run.at("early", series) / run.at("early", "rho_own_mean")
        )

    lead, margin = over_rho(f"gamma_{label}"), over_rho(f"margin_noisy_{label}")
    formula_of_lead = when("early", rf"{lead.latex} - 1")
    return [
        Observable(name=f"early_signal_lead_{label}", stage="early",
                   compute=reading(*lead.reads, latex=formula_of_lead)(lambda run: lead(run) - 1),
                   says=f"(mean gamma of label {label} - mean own rho) / mean own rho, early"),
        Observable(name=f"early_noisy_margin_{label}", stage="early", compute=margin, premises=("early", "flips"),
                   latex=when("early", margin.latex),
                   says=f"mean margin of flipped samples of true label {label} / mean own rho, early"),
    ]  # fmt: skip


_ALL = [
    Observable(name="recursion_residual", says="recursion against autograd", stage="exact",
               latex=r"\max_{a \in \{\gamma, \rho, \tilde y f\}} \frac{\max |a - a^{\nabla}|}{\max |a^{\nabla}|} \quad"
               r" (t = T,\ a^{\nabla} \text{ by autograd})",
               compute=_residual("recursion")),
    Observable(name="conservation_residual", says="signal against memorized noise", stage="exact",
               latex=r"\max_{j,r} \frac{|\Delta\gamma_{j,r} - \sum_{i: y_i = j} c_i \Delta\rho_{\tilde y_i,r_i,i}|}"
               r"{\max(\sum_{i: y_i = j} |c_i \Delta\rho_{\tilde y_i,r_i,i}|,\ |\Delta\gamma_{j,r}|)},"
               r"\ c_i = \frac{y_i \tilde y_i \|\mu\|^2}{\|\xi_i\|^2}",
               compute=_residual("conservation")),
    Observable(name="noise_norm_min", latex=r"\min_i \|\xi_i\|^2",
               says="least |xi_i|^2", stage="start", weight=2,
               compute=_per_sample(lambda s, x: float(_noise_norms(s, x).min()))),
    Observable(name="noise_norm_max", latex=r"\max_i \|\xi_i\|^2",
               says="largest |xi_i|^2", stage="start", weight=2,
               compute=_per_sample(lambda s, x: float(_noise_norms(s, x).max()))),
    Observable(name="noise_cross_max", latex=r"\max_{i \ne k} |\langle \xi_i, \xi_k\rangle|",
               says="largest |<xi_i, xi_k>|", stage="start", weight=2,
               compute=_per_sample(_cross)),
    Observable(name="noise_signal_max", latex=r"\max_i |\langle \xi_i, \mu\rangle|",
               says="largest |<xi_i, mu>|", stage="start", weight=2,
               compute=_per_sample(lambda s, x: float(np.abs(x.gram[: s.inputs.signals, s.inputs.signals :]).max()))),
    Observable(name="init_signal_max", latex=r"\max_{j,r} |\langle w^{(0)}_{j,r}, \mu\rangle|",
               says="largest |<w0, mu>|", stage="start",
               compute=_per_sample(lambda s, x: float(np.abs(x.overlap[:, : s.inputs.signals]).max()))),
    Observable(name="init_signal_best", latex=r"\min_j \max_r j \langle w^{(0)}_{j,r}, \mu\rangle",
               says="least over j of max_r j<w0, mu>", stage="start",
               compute=_per_sample(lambda s, x: _best(x.overlap[:, : s.inputs.signals], s.m))),
    Observable(name="init_noise_max", latex=r"\max_{j,r,i} |\langle w^{(0)}_{j,r}, \xi_i\rangle|",
               says="largest |<w0, xi_i>|", stage="start",
               compute=_per_sample(lambda s, x: float(np.abs(x.overlap[:, s.inputs.signals :]).max()))),
    Observable(name="init_noise_best", latex=r"\min_{j,i} \max_r j \langle w^{(0)}_{j,r}, \xi_i\rangle",
               says="least over j and i of max_r j<w0, xi_i>", stage="start",
               compute=_per_sample(lambda s, x: _best(x.overlap[:, s.inputs.signals :], s.m))),
    Observable(name="active_neurons_share", says="least share of own neurons active on a sample", stage="start",
               compute=_active_neurons),
    Observable(name="active_samples_share", says="least |{i: y~_i = j, neuron active}| / n", stage="start",
               compute=_active_samples),
    Observable(name="flip_share", says="share of flipped samples; NaN if none", stage="start", compute=_flip_share),
    Observable(name="early_time", latex=rf"T_0 = \min\{{t: {formula('rho_own_mean')} \ge c_1/25\}}",
               says="mean own rho at 1/25 of order one", stage="early", time=True,
               compute=lambda run: run.time("early"), reads=()),
    Observable(name="signal_growth", says="mean gamma per iteration, early", stage="early",
               compute=_growth(("gamma_plus", "gamma_minus"), r"\frac{1}{2m} \sum_{j,r} \gamma_{j,r}")),
    Observable(name="noise_growth", says="mean own rho per iteration, early", stage="early",
               compute=_growth(("rho_own_mean",), formula("rho_own_mean"))),
    *_early_balance("plus"),
    *_early_balance("minus"),
    Observable(name="order_one_time", latex=rf"T_1 = \min\{{t: {formula('coefficient_min')} \ge c_1\}}",
               says="T_1: every gamma and own rho of order one", stage="T1", time=True,
               compute=lambda run: run.time("T1"), reads=()),
    Observable(name="coefficient_min_T1", says="least of every gamma and own rho at T_1", stage="T1",
               premises=(),
               compute=at("T1", "coefficient_min")),
    Observable(name="coefficient_max_T1", says="largest gamma or own rho at T_1", stage="T1",
               compute=at("T1", "coefficient_own_max")),
    Observable(name="signal_lead_T1", says="least gamma minus largest own rho at T_1", stage="T1",
               compute=at("T1", "signal_lead")),
    Observable(name="margin_clean_min_T1", says="least clean margin at T_1", stage="T1",
               compute=at("T1", "margin_clean_min")),
    Observable(name="margin_noisy_max_T1", says="largest noisy margin at T_1", stage="T1",
               premises=("T1", "flips"),
               compute=at("T1", "margin_noisy_max")),
    Observable(name="selection_precision_T1", says="clean share of the samples with loss <= log 2 at T_1", stage="T1",
               compute=at("T1", "selection_precision")),
    Observable(name="selection_recall_T1", says="share of the clean samples with loss <= log 2 at T_1", stage="T1",
               compute=at("T1", "selection_recall")),
    Observable(name="margin_min_T1", says="least margin of any sample at T_1", stage="T1",
               compute=at("T1", "margin_min")),
    Observable(name="loss_derivative_min_growth", says="least g_i until some coefficient is of order one", stage="T1",
               compute=_until_grown("loss_derivative_min")),
    Observable(name="signal_drive_min_stage1", says="least direction of any gamma up to T_1: its next step over"
               " eta |mu|^2/m", stage="T1", compute=_until_T1("signal_drive_min", largest=False)),
    Observable(name="margin_error_stage1", says="largest gap of Lemma 5.1 up to T_1", stage="T1",
               compute=_until_T1("margin_error", largest=True)),
    Observable(name="projection_noise_stage1", says="largest |<w_t - w_0, xi_i> - rho_i| up to T_1", stage="T1",
               compute=_projection("projection_noise")),
    Observable(name="projection_signal_stage1", says="largest |<w_t - w_0, mu> - j gamma| up to T_1", stage="T1",
               compute=_projection("projection_signal")),
    *_accuracy("T1"),
    *_errors("T1"),
    Observable(name="spurious_exponent_T1", says="-log of a certified bound on the D_test error at T_1", stage="T1",
               compute=_certified("T1")),
    Observable(name="converged", says="1 if the loss reached epsilon", stage="end", compute=_stopped, premises=()),
    Observable(name="convergence_time", latex=r"T_\varepsilon = \min\{t: L_S \le \varepsilon\}",
               says="first iteration with loss <= epsilon", stage="end", time=True,
               compute=lambda run: np.where(_stopped(run) > 0, run.last.astype(float), np.nan), reads=()),
    Observable(name="clean_fit_time", says="clean samples fitted from here on", stage="end", time=True,
               compute=_settles("margin_clean_min")),
    Observable(name="overtake_time", says="some noisy rho first exceeds every gamma", stage="end", time=True,
               premises=("flips",),
               compute=_overtakes),
    Observable(name="noisy_fit_time", says="noisy samples fitted from here on", stage="end", time=True,
               premises=("flips",),
               compute=_settles("margin_noisy_min")),
    Observable(name="rho_max_run", says="largest rho of the run", stage="end", compute=_through("rho_max", True),
               through=True),
    Observable(name="rho_negative_run", latex=r"\max(0,\ -\min_t \min_{j,r,i} \rho_{j,r,i})",
               says="minus the least rho of the run, 0 if none is negative", stage="end",
               through=True, compute=lambda run: np.maximum(0.0, -_extreme(run.series["rho_min"], False)),
               reads=("rho_min",)),
    Observable(name="rho_min_beyond_beta", says="least rho of the run plus beta", stage="end", through=True,
               latex=r"\min_t \min_{j,r,i} \rho_{j,r,i} + \beta,\ \beta = 2 \max(\max_{j,r} |\langle w^{(0)}_{j,r},"
               r" \mu\rangle|,\ \max_{j,r,i} |\langle w^{(0)}_{j,r}, \xi_i\rangle|)",
               compute=lambda run: _extreme(run.series["rho_min"], False)
               + 2 * run.batch.overlap.abs().flatten(1).amax(1).numpy(), reads=("rho_min",)),
    Observable(name="gamma_max_run", says="largest gamma of the run", stage="end", compute=_through("gamma_max", True),
               through=True),
    Observable(name="gamma_min_run", says="least gamma of the run", stage="end", compute=_through("gamma_min", False),
               through=True),
    Observable(name="signal_drive_min_run", says="least direction of any gamma in the run: its next step over"
               " eta |mu|^2/m", stage="end", compute=_through("signal_drive_min", False), through=True),
    Observable(name="margin_error_run", says="largest gap of Lemma 5.1 in the run", stage="end",
               compute=_through("margin_error", True), through=True),
    Observable(name="predicted_spread_run", says="largest spread of predicted margins in the run",
               stage="end", compute=_through("predicted_spread", True), through=True),
    Observable(name="loss_derivative_ratio_run", says="largest g_i over least g_k, in the run", stage="end",
               through=True, compute=_loss_derivative_ratio),
    Observable(name="margin_clean_min_stage2", says="least clean margin from T_1 on", stage="end",
               premises=("T1", "end"), through=True,
               compute=_from_T1("margin_clean_min")),
    Observable(name="gamma_min_stage2", says="least gamma from T_1 on", stage="end", compute=_from_T1("gamma_min"),
               premises=("T1", "end"), through=True),
    Observable(name="derivative_by_time_stage2", says="largest s g_i from T_1 on, s rescaled time", stage="end",
               premises=("T1", "end"), through=True,
               compute=_from_T1("loss_derivative_max", largest=True, by_time=True)),
    Observable(name="rho_per_gamma_min_stage2", says="least sum_i rho / gamma of a neuron from T_1 on", stage="end",
               premises=("T1", "end"), through=True, compute=_from_T1("rho_per_gamma_min")),
    Observable(name="rho_per_gamma_max_stage2", says="largest sum_i rho / gamma of a neuron from T_1 on",
               stage="end", premises=("T1", "end"), through=True,
               compute=_from_T1("rho_per_gamma_max", largest=True)),
    Observable(name="margin_clean_min_end", says="least clean margin at the end", stage="end",
               compute=at("end", "margin_clean_min")),
    Observable(name="margin_min_end", says="least margin of any sample at the end", stage="end",
               compute=at("end", "margin_min")),
    Observable(name="noisy_memorised_end", says="share of samples noisy, fitted and with mean rho above mean gamma, at"
               " the end; NaN if none is noisy", stage="end", compute=at("end", "noisy_memorised"),
               premises=("end", "flips")),
    Observable(name="margin_min_after_first", latex=_over("margin_min", False, r"t \ge 1"),
               says="least margin at any t >= 1", stage="end", through=True,
               compute=lambda run: _extreme(run.series["margin_min"][:, 1:], largest=False), reads=("margin_min",)),
    *_accuracy("end"),
    *_errors("end"),
    Observable(name="spurious_exponent_end", says="-log of a certified bound on the D_test error at the end",
               stage="end", compute=_certified("end")),
    Observable(name="exponent_beyond_dn_end", latex=when("end", r"\frac{d}{n} " + _CERTIFIED),
               says="the same plus d/n", stage="end",
               compute=lambda run: _certified("end")(run) + np.array([s.d / s.n for s in run.settings]),
               reads=()),
    Observable(name="spurious_excess_end", says="D_test error minus half the realised flip share", stage="end",
               premises=("end", "flips"),
               compute=_excess("spurious")),
    Observable(name="fresh_excess_end", says="error on fresh noise minus half the realised flip share", stage="end",
               premises=("end", "flips"),
               compute=_excess("fresh")),
]  # fmt: skip

OBSERVABLES: dict[str, Observable] = Listed({observable.name: observable for observable in _ALL})

# What every network has, though it is read from no series.
_OF_ANY = {"flip_share", "converged", "convergence_time", "early_time", "order_one_time", "fresh_excess_end"} | {
    f"{what}_{when}"
    for what in ("error_fresh", "error_fresh_se", "test_loss_fresh", "test_loss_fresh_se")
    for when in ("T1", "end")
}


def of_model(model: type[Setting]) -> dict[str, Observable]:
    """Those of ours that the runs of a model have; of a network of one's own also the end of each series of its own."""
    if not issubclass(model, ModuleSetting):
        return OBSERVABLES
    read = OF_MARGINS | set(model.series)
    absent = {name for name, event in moments(1.0).items() if event.series not in read}

    def has(one: Observable) -> bool:
        known = set(one.reads) <= read if one.reads else one.name in _OF_ANY
        return known and not absent & {one.stage, *one.premises}

    def end(name: str) -> Observable:
        return Observable(
            name=f"{name}_end", says=f"{name.replace('_', ' ')} at the end", stage="end",
            compute=reading()(at("end", name)),
        )  # fmt: skip

    own = {f"{name}_end": end(name) for name in model.series}
    return {name: one for name, one in OBSERVABLES.items() if has(one)} | own
