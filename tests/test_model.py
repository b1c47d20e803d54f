"""A model of one's own in one file, from a doubt to a verdict; what is wrong with one is said before anything runs."""

import json
import pickle
from pathlib import Path

import pandas as pd
import pytest

from numerics import Setting
from numerics.algorithm import Algorithm
from numerics.model import parameter
from theory import symbols
from verify.model import around
from verify.pack import load

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "momentum_relu3.py"

SMALL = """
from dataclasses import dataclass
import torch
from numerics import Setting
from numerics.activation import Activation, CUBED_RELU
from numerics.algorithm import ADAM, EPOCHS, Algorithm, DECAY, SAM
from numerics.loss import LOGISTIC, Loss
from numerics.model import parameter
from theory import Band, Claim, Condition, Within, sigma_0, mu
from theory.statements import Source
from verify.model import around

MINE = Source(provenance="derived", reference="this file")
NEAR = (Condition(name="own.weights", source=MINE, statement=Band(sigma_0 * mu, 0.01, 0.3)),)
CLAIMS = (Claim(name="own.fitted", source=MINE, needs=NEAR, observable="accuracy_end", law=Within(low=0.99)),)
TYPICAL = {"n": 12, "m": 6, "d": 400, "mu": 12.0, "sigma_0": 0.01, "eta": 0.05}
SCALED = {"n": (11, 44), "m": (11, 22), "d": (400, 2000), "mu": (10, 20), "eta": (0.02, 0.05), "sigma_xi": (0.5, 1)}


@dataclass(frozen=True, kw_only=True)
class Own(Setting):
    '''A model of one's own.'''
    PIECES


PACK = around(Own, typical=TYPICAL, claims=CLAIMS, conditions=NEAR, extents=SCALED | EXTENTS)
"""


def written(folder: Path, pieces: str, *, name: str = "own_model", typical: str = "", extents: str = "{}") -> str:
    text = SMALL.replace("PIECES", pieces).replace("EXTENTS", extents)
    if typical:
        text = text.replace("typical=TYPICAL", f"typical={typical}")
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_tutorials_file_comes_to_its_verdicts(here, tmp_path):
    """Two processes, so that its reading and its settings travel."""
    done = here("check", str(EXAMPLE), "--out", str(tmp_path / "mine"), "--jobs", "2")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "mine" / "report.json").read_text(encoding="utf-8"))
    found = {claim["name"]: claim["status"] for claim in report["claims"]}
    # 20 runs of a quick study: what is false is seen in all of them, what is true is never refuted.
    assert found["cube.shorter"] == "REFUTED"
    assert {found["cube.benign"], found["cube.plateau"]} <= {"SUPPORTED", "INCONCLUSIVE"}


@pytest.mark.parametrize(("algorithm", "parameter"), [("SAM", "radius"), ("DECAY", "weight_decay")])
def test_what_is_a_length_or_a_rate_is_rescaled(here, tmp_path, algorithm, parameter):
    pieces = f"algorithm = {algorithm}; {parameter}: float = parameter(0, 1e9, default=0.01)"
    path = written(tmp_path, pieces, name=f"own_{parameter}", extents=f"{{'{parameter}': (1e-3, 0.02)}}")
    done = here("papers", path)
    assert "holds  the rescaling changes no run" in done.stdout, done.stdout + done.stderr


def test_a_reading_of_such_a_file_travels():
    reading = load(str(EXAMPLE)).paper.reading(C=3.0)
    assert pickle.loads(pickle.dumps(reading)) == reading


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (
            "activation = Activation(name='bent', value=lambda z: z.relu() ** 3, slope=lambda z: z.relu() ** 2)",
            "phi' of 'bent' at z =",
        ),
        (
            "algorithm = Algorithm(name='signs', step=lambda w, memory, slope, eta:"
            " (w + slope(w).each(torch.sign) * (eta * 0.01), memory))",
            "an algorithm that looks at single coordinates of the weights must say dense=True",
        ),
        ("algorithm = SAM", "the algorithm takes 'radius', which is no parameter of the model"),
        (
            "loss = Loss(name='bent', value=LOGISTIC.value,"
            " pull=lambda z: LOGISTIC.pull(z) * (1 + ((z > 1) & (z < 1.2)).double()))",
            "the pull of the loss 'bent' at z = 1.0",
        ),
        (
            "activation = Activation(name='far', value=lambda z: z.relu() ** 3,"
            " slope=lambda z: 3 * z.relu() ** 2 * (1 + (z > 40).double()))",
            "phi' of 'far' at z =",
        ),
        (
            "algorithm = Algorithm(name='forgetful', memory=1, step=lambda w, memory, slope, eta: (w, ()))",
            "algorithm 'forgetful': its step must return (weights, memory), memory being a tuple of 1 vectors",
        ),
        ("seed: float = parameter(0, 10, default=1.0)", "a parameter cannot be called 'seed'"),
        ("kappa: float = parameter(0, 10, default=1.0)", "a parameter cannot be called 'kappa'"),
        ("C: float = parameter(0, 10, default=1.0)", "a parameter cannot be called 'C'"),
    ],
)
def test_what_is_wrong_with_a_model_is_one_line_before_anything_runs(here, tmp_path, pieces, said):
    name = f"own_{abs(hash(pieces)) % 10**8}"
    done = here("check", written(tmp_path, pieces, name=name), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert not {p.name for p in symbols.table()} & {"seed", "kappa"}, "what is refused is not declared"
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr  # what it was doing, and what is wrong
    assert not (tmp_path / "out").exists()


def test_an_extent_stays_within_what_a_parameter_may_be(here, tmp_path):
    pieces = "leak: float = parameter(0, 1, default=0.5)"
    done = here("papers", written(tmp_path, pieces, name="own_wide", extents="{'leak': (0.1, 5)}"))
    assert done.returncode == 2
    assert "the extent of leak is (0.1, 5), beyond what it may be, 0 to 1" in done.stderr


def test_batches_are_never_larger_than_the_sample(here, tmp_path):
    pieces = "batches = EPOCHS; batch: int = parameter(1, 1e9, whole=True, default=8)"
    path = written(
        tmp_path, pieces, name="own_batches", extents="{'batch': (2, 64), 'sigma_0': (0.002, 0.01), 'eta': (0.1, 0.3)}"
    )
    asked = here("papers", path)
    assert "FAILS" not in asked.stdout, asked.stdout
    done = here("check", path, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert (runs["batch"] <= runs["n"]).all()


def test_training_that_does_not_arrive_says_so(here, tmp_path):
    slow = "TYPICAL | {'eta': 1e-9}"
    done = here("check", written(tmp_path, "activation = CUBED_RELU", name="own_slow", typical=slow))
    assert done.returncode == 2
    assert "not every run comes to a loss of 0.1 within 20000 steps; raise eta, or say in lasts" in done.stderr


def test_adam_runs_densely_and_says_what_it_costs(here, tmp_path):
    pieces = (
        "algorithm = ADAM; beta_1: float = parameter(0, 1, below=True, default=0.9);"
        " beta_2: float = parameter(0, 1, below=True, default=0.99)"
    )
    extents = "{'beta_1': (0.8, 0.95), 'beta_2': (0.9, 0.99), 'eta': (0.005, 0.02)}"
    path = written(
        tmp_path, pieces, name="own_adam", extents=extents, typical="TYPICAL | {'eta': 0.01, 'sigma_0': 0.01}"
    )
    done = here("check", path, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "Adam runs on d-dimensional weights" in done.stderr
    runs = (tmp_path / "out" / "runs.csv").read_text(encoding="utf-8")
    assert runs.count("\n") > 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"typical": {"n": 4}}, "typical has no number for m"),
        ({"typical": {"nn": 4}}, "typical has 'nn', which is no parameter of the model"),
        ({"extents": {"nn": (1, 2)}}, "extents has 'nn', which is none of n, m"),
        ({"lasts": {"T2": 1.0}}, "lasts has 'T2', which is none of early, T1, end"),
        ({"model": 3}, "the model is 3: give a class of settings"),
    ],
)
def test_what_around_is_given(changes, said):
    typical = {"n": 12, "m": 6, "d": 400, "mu": 12.0, "sigma_0": 0.01, "eta": 0.05}
    asked = {"typical": typical, **changes}
    with pytest.raises(ValueError, match=said):
        around(asked.pop("model", Setting), **asked)


def test_a_parameter_that_nobody_declared_gives_way_to_who_does():
    assumed = symbols.declare("giving_way", "g", "[0, 1]", "of a model", nonnegative=True, assumed=True)
    assert symbols.declare("giving_way", "h", "[0, 2]", "of another", assumed=True) is assumed
    declared = symbols.declare("giving_way", r"\gamma_w", "> 0", "of a paper")
    assert symbols.lookup("giving_way") is declared
    with pytest.raises(ValueError, match="the name is taken by 'of a paper'"):
        symbols.declare("giving_way", "g", "[0, 1]", "of a third")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            lambda w, memory, slope, eta: (w - slope(w) * eta, memory),
            "of 'own' raises the loss: slope is minus the gradient",
        ),
        (lambda w, memory, slope, eta: (w * 1.0, memory), "of 'own' changes the loss: it does not use the slope"),
    ],
)
def test_why_training_comes_to_nothing_is_said(step, said):
    own = type("Own", (Setting,), {"algorithm": Algorithm(name="own", step=step)})
    pack = around(own, typical={"n": 6, "m": 3, "d": 40, "mu": 5.0, "sigma_0": 0.01, "eta": 0.05})
    with pytest.raises(ValueError, match=said):
        pack.lasts("end", 0.1)


def test_a_field_of_a_class_that_is_no_dataclass_is_found():
    own = type("Own", (Setting,), {"beta": parameter(0, 1, default=0.5)})
    with pytest.raises(ValueError, match="Own has the field 'beta' and is no dataclass: put @dataclass"):
        around(own, typical={"n": 6, "m": 3, "d": 40, "mu": 5.0, "sigma_0": 0.01, "eta": 0.05})
