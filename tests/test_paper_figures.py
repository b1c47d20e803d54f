"""The synthetic figures of the paper: compared by their data, not by pixels."""

import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from numerics import draw, train
from numerics.generalization import generalization, spurious_error
from numerics.series import SERIES
from verify import reproduce as paper
from verify.__main__ import main
from verify.reproduce import synthetic, synthetic_figures

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def noisy():
    return paper.trained(synthetic.NOISY_LABELS, SEEDS, 60)


def test_the_recorded_test_error_is_that_of_generalization():
    settings = [synthetic.NOISY_LABELS] * 2
    samples = [draw(s, seed) for seed, s in enumerate(settings)]
    series = {"loss": SERIES["loss"], "error": spurious_error(settings, samples)}
    run = train(settings, samples, steps=20, series=series)
    np.testing.assert_allclose(run.series["error"][:, -1], generalization(run, "end").spurious, atol=1e-3)


def test_overtaking_is_where_the_drawn_curves_cross(noisy):
    line = noisy.overtaking()
    for seed, t in enumerate(line):
        k = int(np.searchsorted(noisy.times, t))
        lead = noisy.series["rho_noisy_max"][seed] - noisy.series["gamma_max"][seed]
        assert lead[k] > 0
        assert (lead[1:k] <= 0).all()
        assert noisy.stage_one[seed].sum() == k - 1


def test_the_mean_field_has_a_stage_one_only_above_its_threshold():
    assert synthetic.mean_field(paper.setting(mu=10, tau=0.2)) == pytest.approx(9.5, abs=0.1)
    assert synthetic.mean_field(paper.setting(mu=7, tau=0.2)) == 0
    assert np.isnan(synthetic.mean_field(synthetic.CLEAN_LABELS))


def test_own_labels_foretell_each_run(noisy):
    assert np.abs(noisy.foretold - noisy.overtaking()).max() < 4


def test_without_flips_nothing_is_overtaken():
    clean = paper.trained(synthetic.CLEAN_LABELS, SEEDS[:2], 10)
    assert np.isnan(clean.overtaking()).all()
    assert clean.band("rho_noisy_max") is None


def test_settled_needs_the_end():
    held = paper.SyntheticRuns(setting=synthetic.NOISY_LABELS, times=np.arange(4), series={}, foretold=np.zeros(3))
    mask = np.array([[0, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(held.settled(mask), [3, 1, np.nan])


@pytest.mark.parametrize("number", [1, 3])
def test_a_figure_holds_its_data_points_and_values(number, noisy, monkeypatch):
    monkeypatch.setattr(synthetic, "VARIANTS", synthetic.VARIANTS[:1])
    monkeypatch.setattr(synthetic, "MS", (20,))
    monkeypatch.setattr(synthetic, "SIGMAS", (0.01,))
    monkeypatch.setattr(synthetic, "TAUS", (0.1, 0.2))
    monkeypatch.setattr(synthetic, "MUS", (7.0, 10.0))
    runs = {one: paper.trained(one, SEEDS, 60) for one, _ in paper.needed([number])}
    figure = paper.make(number, runs)
    assert figure.number == number
    for point in figure.points:
        assert point.met is None or 0 <= point.met <= point.of
        assert re.search(r"\d", point.measured) or "read the other way" in point.measured
    assert all(why for _, _, why in figure.values)
    shown = figure.data[(figure.data["mu"] == 10) & (figure.data["tau"] == 0.2)]
    np.testing.assert_allclose(shown["gamma_max_median"], np.median(noisy.series["gamma_max"], 0))
    assert shown["share_overtaken"].is_monotonic_increasing
    assert figure.picture.png.startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def authors():
    return tuple(
        paper.trained(one, SEEDS, synthetic.AUTHORS_STEPS) for one in (synthetic.AUTHORS, synthetic.AUTHORS_CLEAN)
    )


def test_what_the_authors_say_of_their_figure_is_seen_at_their_values(authors):
    assert synthetic.AUTHORS.counts == ((50, 5), (50, 5))
    assert synthetic.AUTHORS.kappa == pytest.approx(20)
    overtaken, drops, above, condition = synthetic_figures._sentences(*authors)
    assert overtaken.met == drops.met == above.met == len(SEEDS)
    assert "not met" in condition.measured
    assert synthetic.foretold(synthetic.AUTHORS, [(0.5, 0.1), (0.5, 0.1)]) == pytest.approx(
        synthetic.mean_field(synthetic.AUTHORS)
    )


def test_a_sentence_that_is_false_is_not_seen(authors):
    noisy, clean = authors
    early = {**noisy.series, "rho_noisy_max": 10 * noisy.series["rho_noisy_max"]}
    never = {**early, "accuracy_noisy": np.maximum(noisy.series["accuracy_noisy"], 0.1)}
    behind = {**clean.series, "gamma_max": clean.series["gamma_max"] / 100}
    faulty = replace(noisy, series=never), replace(clean, series=behind)
    assert [p.met for p in synthetic_figures._sentences(*faulty)][:3] == [0, 0, 0]


def test_figures_take_labels_of_either_kind():
    [(asked, held)] = paper.collect([(synthetic.NOISY_LABELS, 2)], SEEDS[:2], None, "balanced")
    assert asked == synthetic.NOISY_LABELS
    assert held.setting == replace(synthetic.NOISY_LABELS, labels="balanced")
    assert held.foretold == pytest.approx(synthetic.mean_field(synthetic.NOISY_LABELS)), "no luck of the flips is left"


def test_the_captions_are_whole():
    assert "The gray dashed line separates the two stages" in paper.CAPTIONS[1]
    assert "where early stopping is beneficial" in paper.CAPTIONS[3]


def run_command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["verify", "figures", *map(str, arguments)])
    with pytest.raises(SystemExit) as done:
        main()
    return done.value.code, capsys.readouterr()


def test_the_command_writes_everything(tmp_path, monkeypatch, capsys):
    for name in ("VARIANTS", "MS", "SIGMAS"):
        monkeypatch.setattr(synthetic, name, getattr(synthetic, name)[:1])
    status, printed = run_command(monkeypatch, capsys, 1, "--out", tmp_path, "--seeds", 2, "--jobs", 1, "--quiet")
    assert status == 0
    names = {p.name for p in tmp_path.iterdir() if p.is_file() and not p.name.startswith(".")}
    pictures = {f"{name}.{kind}" for name in ("fig1", "fig1-ours") for kind in ("svg", "png", "pdf")}
    assert names == pictures | {"fig1.csv", "figures.html", "figures.md", "thetacheck.json"}
    assert "gray dashed line" in printed.out
    assert "about iteration 25" in printed.out
    assert "not met: 4.1.1" in printed.out, "what the authors' values miss of Condition 4.1"
    assert len(pd.read_csv(tmp_path / "fig1.csv")) > 100
    page = (tmp_path / "figures.html").read_text(encoding="utf-8")
    assert 'src="data:image/svg+xml' in page
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", page)


def test_images_without_their_extra_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shap", None)  # as if it were not installed
    status, printed = run_command(monkeypatch, capsys, 2, "--out", tmp_path / "x")
    assert status == 2
    [line] = printed.err.strip().splitlines()
    assert "the extra 'images'" in line
    assert not (tmp_path / "x").exists()
