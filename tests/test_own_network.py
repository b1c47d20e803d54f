"""A network of one's own in one file, from a doubt to a verdict; what is wrong is said before anything runs."""

import json
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "deep_adam.py"

SMALL = """
import torch
from sympy import Eq
from numerics import Observable
from numerics.module import ModuleSetting
from theory import Band, Claim, Condition, Within, SNR, d, eta, m, n
from theory.statements import Source
from verify.model import around

MINE = Source(provenance="derived", reference="this file")
NEAR = tuple(
    Condition(name=f"own.{k}", source=MINE, statement=held)
    for k, held in enumerate((n <= 44, m <= 44, Band(d / n, 1, 2), Band(SNR, 3, 4), Band(eta, 0.1, 0.2)))
)
OWN = Observable(name="twice", says="twice the length", stage="end", compute=lambda run: 2 * run.at("end", "length"))
CLAIMS = (
    Claim(name="own.fitted", source=MINE, needs=NEAR, observable="OBSERVABLE", law=Within(low=0.0)),
    Claim(name="own.length", source=MINE, needs=NEAR, observable="twice", law=Within(low=0.0)),
)


class Own(ModuleSetting):
    '''A network of one's own.'''
    series = ("length",)

    def network(self):
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(2 * self.d, self.m), torch.nn.ReLU(), LAYER
            torch.nn.Linear(self.m, 1), torch.nn.Flatten(0),
        )

    def length(self, network, points):
        return network[1].weight.norm()


PACK = around(
    Own, typical={"n": 11, "m": 11, "d": 20, "mu": 16.0, "sigma_0": 1.0, "eta": 0.1}, claims=CLAIMS, conditions=NEAR,
    observables=(OWN,), extents={"sigma_0": (1, 1), "sigma_xi": (0.5, 2)},
)
"""


def written(folder: Path, name: str, layer: str = "", observable: str = "accuracy_end") -> str:
    path = folder / f"{name}.py"
    path.write_text(SMALL.replace("LAYER", layer).replace("OBSERVABLE", observable), encoding="utf-8")
    return str(path)


def test_the_tutorials_file_comes_to_its_verdicts(here, tmp_path):
    """Two processes, so that its networks are made in each."""
    done = here("check", str(EXAMPLE), "--out", str(tmp_path / "mine"), "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "the network runs on its own parameters, 4 seeds at once" in done.stderr
    report = json.loads((tmp_path / "mine" / "report.json").read_text(encoding="utf-8"))
    found = {claim["name"]: claim["status"] for claim in report["claims"]}
    # 20 runs of a quick study: what is false is seen in nearly all of them, what is true is never refuted.
    assert found["deep.faint"] == "REFUTED"
    assert {found["deep.fitted"], found["deep.strong"]} <= {"SUPPORTED", "INCONCLUSIVE"}
    runs = pd.read_csv(tmp_path / "mine" / "runs.csv")
    assert runs["on_signal_end"].between(0, 1).all()
    assert "gamma_max_run" not in runs


def test_a_series_of_ones_own_is_there_and_every_other_command_takes_the_file(here, tmp_path):
    held = "[one := torch.nn.Identity(), setattr(one, 'kept', torch.zeros(1))][0],"
    path = written(tmp_path, "own_network", held)
    done = here("check", path, "--out", str(tmp_path / "out"), "--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert "warning: network of Own: '3.kept' is a tensor of float32" in done.stderr, "what may be meant is a warning"
    for page in ("index.html", "report.md", "report.json"):
        assert "neither parameter nor buffer" in (tmp_path / "out" / page).read_text(encoding="utf-8"), page
    runs = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert (runs["twice"] - 2 * runs["length_end"]).abs().max() < 1e-12
    grid = ("--x", "11:22:2", "--y", "10:20:2", "--seeds", "2", "--steps", "20", "--show", "loss_end")
    drawn = here("map", "n", "mu", *grid, "--paper", path, "--out", str(tmp_path / "map"), "--jobs", "1")
    assert drawn.returncode == 0, drawn.stderr
    asked = ("--paper", path, "--out", str(tmp_path / "hunt"), "--budget", "2s", "--jobs", "1")
    hunted = here("falsify", "own.fitted", *asked)
    assert hunted.returncode == 0, hunted.stderr
    assert "no violation found" in hunted.stdout


@pytest.mark.parametrize(
    ("layer", "observable", "said"),
    [
        ("torch.nn.Dropout(),", "accuracy_end", "network of Own draws random numbers in forward"),
        ("torch.nn.BatchNorm1d(self.m),", "accuracy_end", "network of Own changes its buffer '3.running_mean'"),
        ("", "gamma_max_run", "claim 'own.fitted' is about 'gamma_max_run', which the two-layer network alone has"),
        ("", "margin_min_T1", "claim 'own.fitted' is about 'margin_min_T1', which the two-layer network alone has"),
        ("", "length", "claim 'own.fitted' is about the series 'length': name its end, 'length_end'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_before_anything_runs(here, tmp_path, layer, observable, said):
    name = f"own_{abs(hash((layer, observable))) % 10**8}"
    done = here("check", written(tmp_path, name, layer, observable), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr  # what it was doing, and what is wrong
    assert not (tmp_path / "out").exists()
