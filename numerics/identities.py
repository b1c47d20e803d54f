"""Residuals of exact identities, on small dense runs."""

from dataclasses import replace

import numpy as np
import torch

from numerics.algorithm import Vector
from numerics.course import General
from numerics.model import Sample, Setting
from numerics.reference import Reference, train_reference
from numerics.state import Batch, State
from numerics.trajectory import Trajectory


def recursion_residual(trajectory: Trajectory) -> np.ndarray:
    """D1: largest gap between the engine and autograd at the end of each run, relative to the largest entry.

    Compared are gamma, rho and the margins. Shape (runs,).

    Raises:
        ValueError: a sample without its vectors.
    """
    state = trajectory.state("end")
    out = []
    for run, (setting, sample) in enumerate(zip(trajectory.settings, trajectory.samples, strict=True)):
        reference = train_reference(setting, sample, int(trajectory.last[run]))
        pairs = (
            (state.gamma[run], reference.gamma),
            (state.rho[run], reference.rho),
            (state.margins[run], reference.margins),
        )
        # np.max, not max: a gap that is no number must not be lost.
        out.append(np.max([float((a - b).abs().max() / b.abs().max().clamp(min=1e-300)) for a, b in pairs]))
    return np.array(out)


def step_residual(setting: Setting, sample: Sample, steps: int) -> float:
    """D1 in one step after ``steps``: largest gap between the engine and autograd from the very same weights.

    What rounding does is not carried along, which grows without bound where gradient descent is unstable. Compared are
    the moves of the coefficients, relative to the largest of them, and after the step overlaps, margins and the second
    layer; NaN where autograd has no numbers any more, and infinite where the engine alone has none. A step that does
    not commute with rotations shows here.

    Raises:
        ValueError: a sample without its vectors.
    """
    batch = Batch([setting], [sample], "cpu")
    going = General(batch, [setting], [sample])
    going.advance(steps)
    if not bool(torch.isfinite(going.state(steps).overlap).all()):
        return float("nan")
    reference = Reference(setting, sample)
    along = torch.as_tensor(sample.patches)
    along = torch.cat([along[: batch.signals], -along[: batch.signals], along[batch.signals :]])  # V'

    def dense(vector: Vector, there: Vector) -> Vector:
        """The same weights, as the reference has them."""
        coefficients, scale, *head = (part[0] for part in vector.parts)
        weights = scale * torch.as_tensor(sample.weights) + coefficients @ along
        return replace(there, parts=(weights, coefficients.clone(), *(part.clone() for part in head)))

    reference.vector = dense(going.vector, reference.vector)
    reference.memory = tuple(dense(*both) for both in zip(going.memory, reference.memory, strict=True))
    reference.chance.take(steps)
    before = reference.vector
    ours = going.vector
    if batch.plain:  # the path that such a model takes
        coefficients, overlap = ours.parts[0].clone(), going.state(steps).overlap.clone()
        batch.steps(coefficients, overlap, 1)
        state = State(batch=batch, coefficients=coefficients, overlap=overlap, time=steps + 1)
        going.vector = replace(ours, parts=(coefficients, *ours.parts[1:]))
    else:
        going.advance(1)
        state = going.state(steps + 1)
    reference.step()
    moved, moved_there = (going.vector - ours).parts, (reference.vector - before).parts
    largest = max(float(moved_there[1].abs().max()), 1e-300)
    weights, _, *head = reference.vector.parts
    gaps = [float((moved[0][0] - moved_there[1]).abs().max()) / largest]
    pairs = [(state.overlap[0], weights @ along.T), (state.margins[0], reference.margins())]
    pairs += [(part[0], there) for part, there in zip(going.vector.parts[2:], head, strict=True)]
    gaps += [float((a - b).abs().max() / b.abs().max().clamp(min=1e-300)) for a, b in pairs]
    if not all(bool(torch.isfinite(part).all()) for part in (*reference.vector.parts, reference.margins())):
        return float("nan")
    return float(np.nan_to_num(np.max(gaps), nan=np.inf))


def conservation_residual(trajectory: Trajectory) -> np.ndarray:
    """D3: the largest relative residual over all neurons, each over the longest final window of its premise.

    A neuron (j, r) has the premise from the last time on at which <w, mu> had not the sign j. Each of the samples
    with y_i = j needs a neuron r_i of class y~_i active on xi_i through that window; a neuron without is left out.
    NaN for a run in which none is left, and of another model than the plain network. Shape (runs,).
    """
    batch = trajectory.batch
    if not batch.plain:  # whose steps these are, and for which the law is derived
        return np.full(len(trajectory.settings), np.nan)
    coefficients, overlap = torch.zeros_like(batch.overlap), batch.overlap.clone()
    gamma, rho, signal_sign, active = [], [], [], []
    steps = int(trajectory.last.max())
    for step in range(steps + 1):
        state = State(batch=batch, coefficients=coefficients, overlap=overlap, time=step)
        gamma.append(state.gamma.clone())
        rho.append(state.rho_own.clone())
        signal_sign.append(batch.j * state.on_signal > 0)
        active.append(state.on_own_noise > 0)
        if step < steps:
            batch.steps(coefficients, overlap, 1)
    gammas, rhos = torch.stack(gamma), torch.stack(rho)  # (T, R, 2, m), (T, R, m, n)
    signals, actives = torch.stack(signal_sign), torch.stack(active)
    weights = batch.y * batch.y_tilde * batch.norms[:, :1] / batch.norms[:, 2:]
    worst = np.full(len(trajectory.settings), np.nan)
    for run in range(len(worst)):
        for side, label in enumerate((1.0, -1.0)):
            for r in range(batch.m):
                off = torch.nonzero(~signals[:, run, side, r])
                start = int(off[-1]) + 1 if len(off) else 0
                mine = torch.nonzero(batch.y[run] == label)[:, 0]
                through = actives[start:-1, run][:, :, mine].all(0) if start < steps else None
                if through is None or not bool(through.any(0).all()):
                    continue
                chosen = through.double().argmax(0)
                learned = rhos[-1, run, chosen, mine] - rhos[start, run, chosen, mine]
                moved = float(gammas[-1, run, side, r] - gammas[start, run, side, r])
                terms = weights[run, mine] * learned
                scale = max(float(terms.abs().sum()), abs(moved), 1e-300)
                residual = abs(moved - float(terms.sum())) / scale
                worst[run] = residual if np.isnan(worst[run]) else max(worst[run], residual)
    return worst
