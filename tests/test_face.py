"""What `import thetacheck` gives, and a claim's way to its verdict in one call."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import thetacheck
from theory.papers.han2025 import Reading, claims
from thetacheck import Claim, Within, draw, train, verify

ROOT = Path(__file__).parent.parent
FITTED = next(claim for claim in claims(Reading()) if claim.name == "stage1.clean-fitted")


def test_the_public_names_are_these():
    assert thetacheck.__all__ == [
        "OBSERVABLES", "SERIES", "AtLeast", "AtMost", "Band", "Claim", "Condition", "Crossing", "Event", "Exactly",
        "Observable", "Order", "Outcome", "Premise", "Sample", "Setting", "Source", "Theta", "Trajectory", "Within",
        "around", "consistent", "draw", "entails", "papers", "premises", "train", "verify",
    ]  # fmt: skip
    for name in thetacheck.__all__:
        assert getattr(thetacheck, name) is not None
    assert "han2025" in thetacheck.papers()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        thetacheck.nothing  # noqa: B018


def test_a_claim_and_its_negation_come_to_opposite_verdicts():
    """Chosen wrong beside it, so that a yes is worth something."""
    wrong = Claim(
        name="own.unfitted",
        source=FITTED.source,
        needs=FITTED.needs,
        observable=FITTED.observable,
        law=Within(high=-0.1),
    )
    outcome = verify([FITTED, wrong], progress=False)
    found = outcome.to_frame()["verdict"]
    assert found["stage1.clean-fitted"] == "SUPPORTED"
    assert found["own.unfitted"] == "REFUTED"
    told = repr(outcome)
    assert len(told) < 1000
    assert "REFUTED      own.unfitted" in told
    assert "<table" in outcome._repr_html_()


def test_any_executor_and_a_folder_give_the_same(tmp_path):
    alone = verify("stage1.clean-fitted", progress=False)
    with ThreadPoolExecutor(2) as threads:
        there = verify("stage1.clean-fitted", progress=False, executor=threads, folder=tmp_path / "report")
    assert alone.runs.equals(there.runs)
    assert (tmp_path / "report" / "index.html").exists()
    again = verify("stage1.clean-fitted", progress=False, folder=tmp_path / "report", resume=True)
    assert again.runs.equals(alone.runs)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"claims": "stage1.tme"}, "unknown claim 'stage1.tme'"),
        ({"profile": "huge"}, "profile = 'huge': must be quick, standard, thorough"),
        ({"kapa_low": 2}, "kapa_low: no number of the paper's reading"),
        ({"C": 0.5}, "C = 0.5: must be"),
        ({"device": "nonsense"}, "device 'nonsense' cannot be used here"),
        ({"paper": "nobody2020"}, "no such paper"),
    ],
)
def test_mistakes_are_said(asked, said):
    with pytest.raises(ValueError, match=said):
        verify(**{"claims": "stage1.clean-fitted", "progress": False, **asked})


def test_values_show_themselves_in_a_line():
    setting = thetacheck.Setting(n=8, m=4, d=200, mu=5.0, sigma_0=0.01, eta=0.1)
    sample = draw(setting, 3)
    run = train([setting], [sample], steps=20)
    assert repr(sample) == "Sample of n = 8, m = 4, seed 3: 0 flipped, inner products alone"
    assert (
        repr(run) == f"Trajectory of 1 runs (1 horizon), {run.times.size} times from 0 to 20, {len(run.series)} series"
    )


def test_a_stray_verify_does_not_stand_in_for_ours(tmp_path):
    (tmp_path / "verify.py").write_text("print('stray')\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "thetacheck", "papers"],
        cwd=tmp_path, capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "stray" not in done.stdout
    assert "han2025" in done.stdout


def test_processes_of_a_script_without_a_guard_are_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from thetacheck import verify\nverify('stage1.clean-fitted', jobs=2)\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False
    )
    assert done.stderr.count("Traceback") == 1
    assert "put what it does under if __name__ == '__main__'" in done.stderr
