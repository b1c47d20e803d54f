"""The hunt finds planted faults, and nothing where nothing is planted. Runs are made up, so that truth is known."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

from theory import Within
from theory.paper import Reading, claims
from verify import falsify
from verify.falsify import falsifiable, hunt

CLAIMS = {c.name: c for c in claims()}
CLAIM = CLAIMS["stage1.noisy-ignored"]
TEST = {"budget": 40.0, "batches": 6}  # seconds never reached, so that the clock decides nothing


def made_up(failing):
    """Runs whose observable breaks the bound with probability ``failing(setting)``."""

    def run(jobs):
        rows = []
        for job in jobs:
            rng = np.random.default_rng(job.seeds[0] % 2**32)
            broken = rng.random(len(job.seeds)) < failing(job.point.setting)
            for one, seed in zip(broken, job.seeds, strict=True):
                values = {"margin_noisy_max_T1": 0.1 if one else -0.1, "flip_share": 0.2}
                rows.append({"setting": job.point.index, "seed": seed, "status": "stopped", "steps": 10, **values})
        return pd.DataFrame(rows)

    return run


@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_in_one_corner_is_found_and_made_simple(seed):
    def corner(setting):
        return 0.6 if setting.tau_plus < 0.08 and setting.tau_minus > 0.15 and setting.m < 60 else 0.02

    found = hunt(CLAIM, Reading(), seed_=seed, **TEST, run=made_up(corner))
    assert found.violated
    for witness in (found.simplest, found.worst):
        assert witness is not None
        assert corner(witness.setting) == 0.6
        assert witness.rate > 0.1
        assert witness.failures / witness.trials > 0.3
    assert found.simplest.setting.n <= found.worst.setting.n
    assert found.rejected < 0.05


def test_nothing_is_found_where_nothing_is_planted():
    """Fails in 8 % of the runs, where 10 % are allowed: unlucky settings are many, violations none."""
    found = hunt(CLAIM, Reading(), seed_=0, **TEST, run=made_up(lambda _: 0.08))
    assert not found.violated
    assert found.settings == 6 * falsify.TOGETHER
    assert found.suspects  # some looked bad, and were cleared by fresh seeds


def test_true_identities_never_raise_a_false_alarm():
    found = hunt(CLAIM, Reading(), seed_=0, **TEST, run=made_up(lambda _: 0.0))
    assert not found.violated
    assert not found.suspects


def test_fresh_seeds_are_never_those_that_found_it():
    used = []

    def run(jobs):
        used.extend(seed for job in jobs for seed in job.seeds)
        return made_up(lambda _: 0.5)(jobs)

    hunt(CLAIM, Reading(), seed_=0, **TEST, run=run)
    assert len(set(used)) == len(used)


def test_what_no_single_setting_can_violate_is_refused():
    assert falsifiable(CLAIM)
    assert not falsifiable(CLAIMS["stage1.time"])
    assert not falsifiable(CLAIMS["stage1.loss-derivative"])
    with pytest.raises(ValueError, match="its constant is unnamed"):
        hunt(CLAIMS["stage1.time"], Reading(), budget=1.0, seed_=0)


def test_excess_is_how_far_a_run_misses_its_bound():
    runs = pd.DataFrame({"setting": [0, 0, 0], "x": [1.0, 3.0, np.nan]})
    assert falsify._excess([("x", Within(high=2))], runs).tolist() == pytest.approx([-1 / 3, 1 / 5, -1.0])


def test_one_seed_looks_at_the_same_settings():
    looked = []
    for _ in range(2):
        seen = []

        def run(jobs, seen=seen):
            seen.append([job.point.setting for job in jobs])
            return made_up(lambda _: 0.0)(jobs)

        hunt(CLAIM, Reading(), seed_=5, **TEST, run=run)
        looked.append(seen)
    assert len(looked[0]) == 6
    assert looked[0] == looked[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stage1.time"], "its constant is unnamed"),
        (["recursion.exact"], "no conditions to search"),
        (["stage1.noisy-ignord"], "did you mean 'stage1.noisy-ignored'?"),
        (["stage1.noisy-ignored", "--budget", "soon"], "give e.g. 90s or 5m"),
        (["stage1.noisy-ignored", "--at", "n=10 m=x"], "'x' is no number"),
        (["stage1.noisy-ignored", "--at", "n=10 dd=3"], "no such parameter"),
        (["stage1.noisy-ignored", "--at", "n=10"], "missing"),
        (["stage1.noisy-ignored", "--at", "n=10 m=10 d=50 mu=1 sigma_0=1 eta=1 tau_plus=0.2"], "breaks '4.1."),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(arguments, words, monkeypatch, capsys, tmp_path):
    from verify.__main__ import main

    monkeypatch.setattr("sys.argv", ["verify", "falsify", *arguments, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "out").exists()


def test_a_violation_is_printed_with_its_margins_a_command_and_a_test_that_runs(monkeypatch, capsys, tmp_path):
    from verify.__main__ import main

    monkeypatch.setattr(falsify, "_execute", made_up(lambda _: 0.6))
    monkeypatch.setattr("sys.argv", ["verify", "falsify", CLAIM.name, "--budget", "4s", "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 1
    printed = capsys.readouterr().out
    for text in ("VIOLATED", "margins: 4.1.1-snr", "again: python -m verify falsify stage1.noisy-ignored --at"):
        assert text in printed
    held = json.loads((tmp_path / "falsify.json").read_text())
    assert held["hunts"][0]["violated"]
    code = (tmp_path / "test_stage1_noisy_ignored.py").read_text()
    namespace: dict = {}
    exec(compile(code, "<witness>", "exec"), namespace)
    with pytest.raises(AssertionError):  # as long as the violation stands
        namespace["test_stage1_noisy_ignored_holds_often_enough"]()
    # The command shown sees it again.
    command = shlex.split(held["hunts"][0]["simplest"]["reproduce"])
    monkeypatch.setattr("sys.argv", ["verify", *command[3:]])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 1
