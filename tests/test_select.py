"""Selection on a user's own losses: no flips are made up, those there are found, and every kind of table is read."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerics import Setting, draw, train
from numerics.trajectory import recording_times
from verify import roc, select
from verify.__main__ import main
from verify.losses import Losses, read


def losses_of(setting, seed, steps=200):
    """Losses of a run of our own at its recorded times, the labels it was given, and which of them are flipped."""
    sample = draw(setting, seed)
    series = {str(i): (lambda state, i=i: state.losses[:, i]) for i in range(setting.n)}
    run = train([setting], [sample], steps=steps, times=recording_times(steps), series=series)
    return np.stack([run.series[str(i)][0] for i in range(setting.n)], 1), np.asarray(sample.y_tilde), sample.noisy


def setting(tau):
    return Setting(n=40, m=10, d=4000, mu=30, sigma_0=1e-3, eta=0.01, tau_plus=tau, tau_minus=tau)


@pytest.fixture(scope="module")
def run():
    return losses_of(setting(0.2), 3)


def held(losses, classes=None, flipped=None):
    return Losses(
        samples=np.arange(losses.shape[1]),
        epochs=np.arange(len(losses)),
        losses=losses,
        classes=classes,
        flipped=flipped,
    )


def trained(flips, *, samples=240, classes=2, hard=0.0, epochs=40, rare=0.5, seed=0):
    """Losses as training gives them, made up: margins of the given label grow, against the flips before they turn.

    Samples ``hard`` start from the wrong side and are learned with the others; the first class is learned late if rare.
    """
    rng = np.random.default_rng(seed)
    true = np.where(rng.random(samples) < rare, 0, rng.integers(1, classes, samples)) if classes > 1 else 0
    flipped = rng.random(samples) < flips
    label = np.where(flipped, (true + rng.integers(1, classes, samples)) % classes, true)
    time = np.linspace(0, 1, epochs)[:, None]
    ease = np.where(rng.random(samples) < hard, rng.normal(0.3, 0.3, samples), rng.normal(1, 0.2, samples))
    shown = 6 * np.minimum(3 * time, 1) * ease  # logit of the true class over the others
    memory = 14 * np.maximum(time - 0.5, 0) * rng.uniform(0.5, 1.5, samples)  # of the given one
    noise = 0.3 * rng.normal(size=(epochs, samples))
    own = np.where(flipped, memory, shown + memory) + noise
    rival = np.where(flipped, shown, 0.0)
    losses = np.log(np.exp(own) + np.exp(rival) + classes - 2) - own
    return np.maximum(losses, 0.0), label, flipped


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["verify", *map(str, arguments)])
    with pytest.raises(SystemExit) as done:
        main()
    printed = capsys.readouterr()
    return done.value.code, printed.out, printed.err


# Flips that are there ----------------------------------------------------------------------------------------------


def test_a_run_of_our_own_is_parted_without_fault(run):
    losses, label, flipped = run
    found = select.select(held(losses, label, flipped))
    assert (found.clean == ~flipped).all()
    assert found.found == {"precision": 1.0, "recall": 1.0, "auc": 1.0, "average_precision": 1.0}
    # At the epoch to stop the clean are fitted and the others are not.
    assert (found.fitted[found.stop] == ~flipped).all()


@pytest.mark.parametrize(("flips", "classes"), [(0.1, 2), (0.3, 2), (0.4, 2), (0.2, 5), (0.4, 10)])
def test_flips_are_found_among_any_number_of_classes(flips, classes):
    losses, label, flipped = trained(flips, samples=400, classes=classes, rare=1 / classes)
    found = select.select(held(losses, label, flipped))
    assert found.threshold == pytest.approx(math.log(classes))
    assert found.found["precision"] > 0.97 and found.found["recall"] > 0.97
    fitted = found.fitted[found.stop]
    assert fitted[~flipped].mean() > 0.9 and fitted[flipped].mean() < 0.2


def test_a_proposal_without_classes_says_what_it_may_mistake():
    losses, label, _ = trained(0.1)
    assert "give the labels" in select.select(held(losses)).reason
    assert "give the labels" not in select.select(held(losses, label)).reason


def test_flags_do_not_move_the_epoch(run):
    losses, label, flipped = run
    assert select.select(held(losses, label)).stop == select.select(held(losses, label, flipped)).stop


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(6)), names=st.sampled_from([(0, 1), (-1, 1), ("cat", "dog"), (7.0, 3.5)]))
def test_neither_the_order_of_samples_nor_the_names_of_classes_matter(order, names):
    losses, label, _ = trained(0.2, samples=120)
    blocks = np.concatenate([np.arange(120).reshape(6, 20)[k] for k in order])
    first = select.select(held(losses, label))
    again = select.select(held(losses[:, blocks], np.array(names)[label][blocks]))
    assert first.stop is not None and first.stop == again.stop
    assert (first.clean[blocks] == again.clean).all()


# Flips that are not ------------------------------------------------------------------------------------------------


def test_classes_that_part_are_no_flips():
    first = np.arange(40) < 20
    losses = np.array([np.full(40, 0.6931), np.where(first, 0.40, 1.11), np.full(40, 0.30), np.full(40, 0.05)])
    without, named = select.select(held(losses)), select.select(held(losses, first.astype(int)))
    assert without.stop is None and without.clean is None and "give the labels" in without.reason
    assert named.stop is None and named.clean is None and "no flipped samples" in named.reason


@pytest.mark.parametrize("share", [0.05, 0.2, 0.35])
@pytest.mark.parametrize("named", [True, False])
def test_a_rare_class_that_is_learned_late_is_no_flips(share, named):
    """For a while only the share of the classes is known, then both are learned together."""
    rng = np.random.default_rng(1)
    rare = np.arange(200) < 200 * share
    plateau = np.where(rare, -np.log(share), -np.log(1 - share)) + 0.02 * rng.random((30, 200))
    learned = plateau[-1] * np.exp(-0.4 * np.arange(15))[:, None]
    found = select.select(held(np.concatenate([plateau, learned]), rare.astype(int) if named else None))
    if named or share > 0.15:
        assert found.stop is None, found.reason
    else:  # a class of 95 % is as confident as learned samples are
        assert found.stop is None or "a class that is learned late can look like this" in found.reason


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("classes", "hard"), [(2, 0.0), (2, 0.2), (5, 0.1)])
def test_without_flips_no_epoch_is_made_up(classes, hard, seed):
    losses, label, _ = trained(0.0, classes=classes, hard=hard, rare=1 / classes, seed=seed)
    assert select.select(held(losses, label)).stop is None
    assert select.select(held(losses), math.log(classes)).stop is None


@pytest.mark.parametrize("named", [True, False])
def test_our_own_run_without_flips(named):
    losses, label, _ = losses_of(setting(0.0), 3)
    assert select.select(held(losses, label if named else None)).stop is None


def test_a_few_that_stand_apart_are_no_flips():
    label = np.arange(300) % 2
    losses = 0.05 + 0.02 * np.random.default_rng(0).random((10, 300))
    losses[:, :7] = 4.0  # wrong to the end
    found = select.select(held(losses, label))
    assert found.stop is None and "7 of 300 samples stand apart" in found.reason
    losses[:, :15] = 4.0
    assert (select.select(held(losses, label)).clean == (np.arange(300) >= 15)).all()


def test_one_epoch_and_equal_losses_tell_nothing():
    losses, label, _ = trained(0.2)
    assert "one epoch tells nothing" in select.select(held(losses[20:21], label)).reason
    for level in (0.0, 0.2, math.log(2), 5.0):
        for classes in (None, np.arange(40) % 2):
            assert select.select(held(np.full((5, 40), level), classes)).stop is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), samples=st.integers(1, 60), epochs=st.integers(1, 8), named=st.booleans())
def test_losses_of_no_meaning_end_in_a_reason(seed, samples, epochs, named):
    rng = np.random.default_rng(seed)
    classes = np.arange(samples) % 2 if named and samples > 1 else None
    found = select.select(held(rng.exponential(size=(epochs, samples)) ** 3, classes))
    assert found.reason and (found.stop is None) == (found.clean is None)


def test_log_2_of_single_precision_is_not_above_log_2():
    single = np.full((3, 30), np.float32(math.log(2))).astype(float)
    assert (single > math.log(2)).all() and select.select(held(single)).fitted.all()


# Scores ------------------------------------------------------------------------------------------------------------


def test_scores_are_those_of_their_definitions():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.3
    pairs = [np.sign(a - b) / 2 + 0.5 for a in scores[positive] for b in scores[~positive]]
    assert roc.auc(scores, positive) == pytest.approx(np.mean(pairs))
    total, before = 0.0, 0.0
    for at in sorted(set(scores), reverse=True):
        taken = scores >= at
        recall = (taken & positive).sum() / positive.sum()
        total += (recall - before) * positive[taken].mean()
        before = recall
    assert roc.average_precision(scores, positive) == pytest.approx(total)
    assert np.isnan(roc.auc(scores, np.zeros(40, bool)))


# Tables and arrays -------------------------------------------------------------------------------------------------


def long_table(losses, label, flipped):
    epochs, samples = losses.shape
    return pd.DataFrame({"sample": np.tile(np.arange(samples), epochs), "epoch": np.repeat(np.arange(epochs), samples),
                         "loss": losses.ravel(), "class": np.tile(label, epochs),
                         "flipped": np.tile(flipped.astype(int), epochs)})  # fmt: skip


def wide_table(losses, label, flipped):
    table = pd.DataFrame(losses.T, columns=[f"epoch {k}" for k in range(len(losses))])
    return table.assign(sample=np.arange(losses.shape[1]), flipped=flipped.astype(int)).assign(**{"class": label})


def test_every_kind_of_input_says_the_same(run, tmp_path, monkeypatch, capsys):
    losses, label, flipped = run
    for name, held_ in (("l", losses), ("c", label), ("f", flipped)):
        np.save(tmp_path / f"{name}.npy", held_)
    long, wide = long_table(*run), wide_table(*run)
    long.to_csv(tmp_path / "long.csv", index=False)
    wide.to_csv(tmp_path / "wide.csv", index=False)
    long.to_parquet(tmp_path / "long.parquet")
    wide.set_index("sample").to_parquet(tmp_path / "wide.pq")
    single = read(tmp_path / "l.npy", tmp_path / "f.npy", tmp_path / "c.npy")
    for name in ("long.csv", "wide.csv", "long.parquet", "wide.pq"):
        again = read(tmp_path / name)
        assert np.allclose(again.losses, single.losses, rtol=1e-12), name
        assert (again.flipped == flipped).all() and (again.classes.astype(float) == label).all(), name
    status, out, _ = command(monkeypatch, capsys, "select", tmp_path / "wide.csv", "--out", tmp_path / "out")
    assert status == 0 and "precision 1, recall 1" in out
    said = json.loads((tmp_path / "out" / "select.json").read_text())
    assert said["stop_epoch"] == select.select(single).stop and said["classes"] == 2
    table = pd.read_csv(tmp_path / "out" / "select.csv")
    assert list(table) == ["sample", "proposed_clean", "loss", "position", "class", "flipped"]
    assert (table["proposed_clean"] == 1 - table["flipped"]).all()
    assert (tmp_path / "out" / "select.png").read_bytes().startswith(b"\x89PNG")


def test_missing_pairs_are_refused_dropped_or_carried_on(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("sample,epoch,loss\na,0,1\nb,0,2\nc,0,3\na,1,0.5\nb,1,\nb,2,1\nc,1,2\nc,2,1\na,2,0.25\n")
    with pytest.raises(ValueError, match="sample 'b' has no loss at epoch 1; give every pair, or choose --missing"):
        read(path)
    dropped, carried = read(path, missing="drop"), read(path, missing="last")
    assert list(dropped.samples) == ["a", "c"] and "1 samples" in dropped.notes[0]
    assert carried.losses.T.tolist() == [[1, 0.5, 0.25], [2, 2, 1], [3, 2, 1]] and "1 losses" in carried.notes[0]
    path.write_text("sample,epoch,loss\na,0,1\nb,1,2\n")  # each sample lacks one: the first known stands in before it
    assert read(path, missing="last").losses.tolist() == [[1, 2], [1, 2]]
    with pytest.raises(ValueError, match="every sample lacks"):
        read(path, missing="drop")
    np.save(tmp_path / "l.npy", np.array([[1.0, np.nan], [0.5, np.nan]]))
    assert read(tmp_path / "l.npy", missing="drop").losses.tolist() == [[1.0], [0.5]]
    with pytest.raises(ValueError, match="sample '1' has no loss at any epoch"):
        read(tmp_path / "l.npy", missing="last")


def test_rows_of_one_pair_are_averaged(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("sample,epoch,loss\na,0,1\na,0,1\nb,0,2\na,1,3\nb,1,1\nb,1,2\n")
    found = read(path)
    assert found.losses.tolist() == [[1, 2], [3, 1.5]] and "2 rows" in found.notes[0]
    path.write_text("sample,0,1\na,1,2\na,2,4\nb,1,1\n")
    assert read(path).losses.tolist() == [[1.5, 1], [3, 1]]


@pytest.mark.parametrize("loss", ["-1e-12", "-1.2e-07", "-0.0"])
def test_a_loss_below_0_by_rounding_is_0(loss, tmp_path):
    path = tmp_path / "l.csv"
    path.write_text(f"sample,epoch,loss\na,0,1\na,1,{loss}\n")
    assert read(path).losses.tolist() == [[1], [0]]
    np.save(tmp_path / "l.npy", np.array([[1], [float(loss)]], np.float32))
    assert read(tmp_path / "l.npy").losses.tolist() == [[1], [0]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_log_2_in_any_precision_is_fitted(dtype, tmp_path):
    np.save(tmp_path / "l.npy", np.full((3, 30), np.log(2), dtype))
    assert select.select(read(tmp_path / "l.npy")).fitted.all()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.0, "a"]], object), np.ones((2, 2), [("x", float)]), np.ones((2, 2), complex),
        np.full((2, 2), "2020-01-01", "datetime64[D]"), np.full((2, 2), 1, "timedelta64[s]"), np.full((2, 2), "1"),
        np.full((2, 2), b"1"), np.ones((2, 2), bool), np.ones(3), np.ones((0, 3)), np.ones((3, 0)), np.float64(1),
        np.ones((2, 2, 2)),
    ],
)  # fmt: skip
def test_an_unusual_array_is_one_line(array, tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "l.npy", array, allow_pickle=True)
    status, out, err = command(monkeypatch, capsys, "select", tmp_path / "l.npy", "--out", tmp_path / "out")
    assert status == 2 and out == "" and len(err.strip().splitlines()) == 1 and "l.npy" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x02\x00{}", b"sample,epoch\n"])
@pytest.mark.parametrize("name", ["l.npy", "l.parquet"])
def test_a_broken_file_is_one_line(name, body, tmp_path):
    (tmp_path / name).write_bytes(body)
    with pytest.raises(ValueError, match=name) as told:
        read(tmp_path / name)
    assert "\n" not in str(told.value)


GOOD = "sample,epoch,loss\na,0,1\nb,0,1\na,1,1\nb,1,1\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("sample,epoch\na,0\n", ["no column 'loss'"]),
        ("", ["no CSV table"]),
        (GOOD.replace("a,1,1", "a,1,nan"), ["line 4", "loss 'nan'"]),
        (GOOD.replace("a,1,1", "a,1,inf"), ["line 4", "loss 'inf'"]),
        (GOOD.replace("a,1,1", "a,1,-2"), ["line 4", "negative"]),
        (GOOD.replace("a,1,1", "a,1,-0.001"), ["line 4", "negative"]),
        (GOOD.replace("a,1,1", "a,x,1"), ["line 4", "epoch 'x'"]),
        (GOOD.replace("b,1,1\n", ""), ["sample 'b'", "epoch 1", "--missing"]),
        ("sample,epoch,loss\na,1,1\na,0,1\n", ["line 3", "sort"]),
        (GOOD.replace("a,0,1", "a,0,1,5"), ["line 2"]),
        ("sample,epoch,loss\na,0,1,5\na,1,1,5\n", ["line 2", "more values"]),
        ("sample,epoch,loss,loss\na,0,1,5\n", ["two columns 'loss'"]),
        ("sample,0,1\na,1,x\n", ["line 2", "1 'x'"]),
        ("sample,1,0\na,1,1\n", ["'0'", "sort"]),
        ("sample,0,epoch 0\na,1,1\n", ["'epoch 0'", "sort"]),
        ("sample,epoch,loss,flipped\na,0,1,0\na,1,1,1\n", ["flipped in one row"]),
        ("sample,epoch,loss,flipped\na,0,1,maybe\n", ["line 2", "maybe"]),
        ("sample,epoch,loss,class\na,0,1,x\na,1,1,y\n", ["line 3", "two classes"]),
        ("sample,epoch,loss,class\na,0,1,\n", ["line 2", "class"]),
        ("sample,epoch,loss,class\na,0,1,x\na,1,1,x\n", ["class", "'x'"]),
    ],
)
def test_a_mistake_is_one_line_with_its_row(body, words, tmp_path, monkeypatch, capsys):
    path = tmp_path / "l.csv"
    path.write_text(body)
    status, out, err = command(monkeypatch, capsys, "select", path, "--out", tmp_path / "out")
    assert status == 2
    assert out == ""
    [line] = err.strip().splitlines()
    assert all(word in line for word in words), line
    assert not (tmp_path / "out").exists()


def test_mistakes_in_arrays(tmp_path):
    np.save(tmp_path / "l.npy", np.array([[1.0, 2.0], [1.0, np.nan]]))
    with pytest.raises(ValueError, match="epoch 1, sample 1"):
        read(tmp_path / "l.npy")
    np.save(tmp_path / "l.npy", np.ones((3, 2)))
    np.save(tmp_path / "f.npy", np.array([0, 1, 0]))
    with pytest.raises(ValueError, match=r"shape \(3,\) for 2 samples"):
        read(tmp_path / "l.npy", tmp_path / "f.npy")
    with pytest.raises(ValueError, match=r"shape \(3,\) for 2 samples"):
        read(tmp_path / "l.npy", classes=tmp_path / "f.npy")
    np.save(tmp_path / "f.npy", np.array([0, 2]))
    with pytest.raises(ValueError, match="sample 1: flag 2"):
        read(tmp_path / "l.npy", tmp_path / "f.npy")
    for threshold in (0.0, -1.0, math.nan, math.inf, 1e3):
        with pytest.raises(ValueError, match="threshold"):
            select.select(held(np.ones((3, 2))), threshold=threshold)


# What is written ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["select.csv", "select.json", "select.png", "select.svg"])
def test_a_file_of_another_is_not_written_over(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "l.csv").write_text(GOOD)
    out = tmp_path / "out"
    out.mkdir()
    for body in ("mine", "{}", '{"threshold": 1}', "[]", "[" * 5000):
        (out / name).write_text(body)
        status, _, err = command(monkeypatch, capsys, "select", tmp_path / "l.csv", "--out", out)
        assert status == 2 and "not ours" in err
        assert (out / name).read_text() == body and [path.name for path in out.iterdir()] == [name]


def test_what_it_made_itself_it_replaces_beside_other_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "l.csv").write_text(GOOD)
    out = tmp_path / "out"
    for _ in range(2):
        assert command(monkeypatch, capsys, "select", tmp_path / "l.csv", "--out", out)[0] == 1
        (out / "notes.txt").write_text("mine")
    assert (out / "notes.txt").read_text() == "mine"


def test_what_is_read_is_not_written_over(tmp_path, monkeypatch, capsys):
    (tmp_path / "l.csv").write_text(GOOD)
    out = tmp_path / "out"
    command(monkeypatch, capsys, "select", tmp_path / "l.csv", "--out", out)
    (out / "select.csv").write_text(GOOD)
    status, _, err = command(monkeypatch, capsys, "select", out / "select.csv", "--out", out)
    assert status == 2 and "is read" in err and (out / "select.csv").read_text() == GOOD


def test_what_is_refused_leaves_no_folder(tmp_path, monkeypatch, capsys):
    (tmp_path / "l.csv").write_text("sample,epoch,loss\n1,1,x\n")
    out = tmp_path / "out"
    for name in ("l.csv", "nowhere.csv"):
        status, _, err = command(monkeypatch, capsys, "select", tmp_path / name, "--out", out)
        assert (status, err.count("\n"), out.exists()) == (2, 1, False)


def test_what_has_no_end_or_is_read_once_is_refused(tmp_path, monkeypatch, capsys):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for path in ("/dev/zero", pipe, tmp_path):
        with pytest.raises(ValueError, match="is no regular file"):
            read(Path(path))
    np.save(tmp_path / "l.npy", np.ones((3, 4)))
    for beside in ("classes", "flags"):
        with pytest.raises(ValueError, match="is no regular file"):
            read(tmp_path / "l.npy", **{beside: Path("/dev/zero")})


def test_the_suffix_is_known_in_capitals(tmp_path):
    with (tmp_path / "l.NPY").open("wb") as file:
        np.save(file, np.ones((3, 4)))
    assert read(tmp_path / "l.NPY").losses.shape == (3, 4)
