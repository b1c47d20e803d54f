"""What finished jobs leave: it comes back as it was, is whole or not there, and opens without us."""

import io
import os
import string
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from verify import store
from verify.store import Record, Store

ROOT = Path(__file__).resolve().parent.parent
MARK = store.fingerprint({"n": 1})


def runs(count: int = 2, **columns) -> pd.DataFrame:
    return pd.DataFrame({"seed": np.arange(count) + 2**47, **columns})


def record(**columns) -> Record:
    return Record(
        runs=runs(2, **columns),
        times=np.array([0, 1, 5]),
        series={"loss": np.arange(6, dtype=np.float32).reshape(2, 3) / 7},
        about={"group": "g", "setting": 3},
    )


def there_and_back(held: Record) -> Record:
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder)).save("a-000", MARK, held)
        return Store(Path(folder)).load("a-000", MARK)


def bits(values: np.ndarray) -> tuple:
    return str(values.dtype), values.shape, np.ascontiguousarray(values).tobytes()


def assert_same(one: Record, two: Record) -> None:
    """To the last bit, the sign of zeros and what a NaN carries included."""
    assert list(one.runs) == list(two.runs) and len(one.runs) == len(two.runs)
    for name in one.runs:
        before, after = one.runs[name], two.runs[name]
        assert before.dtype == after.dtype, name
        if isinstance(before.dtype, np.dtype):
            assert bits(before.to_numpy()) == bits(after.to_numpy()), name
        else:
            assert before.equals(after), name
    assert (one.times is None) == (two.times is None)
    assert one.times is None or bits(one.times) == bits(two.times)
    assert list(one.series) == list(two.series)
    for name in one.series:
        assert bits(one.series[name]) == bits(two.series[name]), name


KINDS = ["?", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"]
NAMES = st.text(string.ascii_letters + string.digits + " :_.-+é", min_size=1, max_size=8)


@st.composite
def records(draw) -> Record:
    count = draw(st.integers(0, 5))
    text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    columns = {}
    for name in draw(st.lists(NAMES.filter(lambda name: name != "seed"), unique=True, max_size=5)):
        if draw(st.booleans()):
            columns[name] = pd.Series(draw(st.lists(text, min_size=count, max_size=count)), dtype=store.TEXT)
        else:
            columns[name] = draw(npst.arrays(draw(st.sampled_from(KINDS)), count))
    seeds = draw(npst.arrays(np.int64, count, elements=st.integers(0, store.EXACT)))
    table = pd.DataFrame({"seed": seeds, **columns})
    if not count or draw(st.booleans()):
        return Record(runs=table)
    times = draw(npst.arrays(np.int64, draw(st.integers(1, 4)), elements=st.integers(0, 2**31 - 1)))
    names = st.text(string.ascii_lowercase + "_", min_size=1, max_size=6)
    names = draw(st.lists(names.filter(lambda name: name not in ("seed", "iteration")), unique=True, max_size=3))
    shape = (count, times.size)
    series = {name: draw(npst.arrays(draw(st.sampled_from(["f4", "f8"])), shape)) for name in names}
    return Record(runs=table, times=times, series=series)


@settings(max_examples=100)
@given(records())
@example(Record(runs=runs(1, x=[-0.0], y=[np.nan], z=np.array([0x7FF8DEADBEEF0001], "u8").view("f8"))))
@example(Record(runs=runs(3), times=np.array([0]), series={}))
def test_what_is_saved_comes_back_to_the_last_bit(held):
    assert_same(held, there_and_back(held))


@given(npst.arrays(np.float64, 3), st.integers(0, 2))
def test_a_bit_that_changed_would_be_found(values, at):
    """Planted: the comparison above tells records apart that differ in one bit."""
    other = values.copy()
    other.view(np.uint64)[at] ^= 1
    with pytest.raises(AssertionError):
        assert_same(Record(runs=pd.DataFrame({"x": values})), Record(runs=pd.DataFrame({"x": other})))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"runs": runs(2, x=[1, None, 2][:2]).astype(object)}, "'seed' holds object"),
        ({"runs": runs(2, x=pd.to_datetime(["2020", "2021"]))}, "'x' holds datetime"),
        ({"runs": pd.DataFrame(index=range(2))}, "has columns"),
        ({"runs": pd.DataFrame([[1, 2], [3, 4]], columns=["seed", "seed"])}, "name of its own"),
        ({"runs": runs(2).assign(seed=2**60)}, "seed beyond"),
        ({"times": np.array([0, 1, 2**40])}, "fit 32 bits"),
        ({"times": np.array([0.0, 1.0, 2.5])}, "whole iterations"),
        ({"series": {"x": np.zeros((2, 4), np.float32)}}, "'x' are not floats"),
        ({"series": {"x": np.zeros((2, 3), np.int64)}}, "'x' are not floats"),
        ({"series": {"seed": np.zeros((2, 3), np.float32)}}, "name is taken"),
    ],
)
def test_what_would_not_come_back_is_refused_before_anything_is_written(tmp_path, changed, says):
    given_ = vars(record()) | changed
    with pytest.raises(ValueError, match=says):
        Store(tmp_path).save("a-000", MARK, Record(**given_))
    assert list(tmp_path.iterdir()) == []


# Whole or not there ------------------------------------------------------------------------------------------------


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_job_is_finished_when_its_table_is_there(tmp_path):
    held = Store(tmp_path)
    assert "a-000" not in held
    held.save("a-000", MARK, record())
    assert "a-000" in held and "a-001" not in held
    assert files(tmp_path) == ["curves/a-000.nc", f"runs/{store.COLUMNS}", "runs/a-000.parquet"]
    cleared = [path for pattern in store.finished("*-*") for path in tmp_path.glob(pattern)]
    assert files(tmp_path) == sorted(path.relative_to(tmp_path).as_posix() for path in cleared)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("again", [False, True], ids=["anew", "over an older one"])
def test_whatever_moment_ends_a_process_nothing_looks_finished_that_is_not(tmp_path, monkeypatch, again):
    """Every write and every move is the last in turn; half a file is written where a write is cut short."""
    write, replace = Path.write_bytes, os.replace
    ended = 0
    for last in range(20):
        folder = tmp_path / str(last)
        folder.mkdir()
        if again:
            Store(folder).save("b-000", MARK, record(y=[1.0, 2.0]))
        left = last

        def step(cut, done, *given_):
            nonlocal left
            left -= 1
            if left < 0:
                cut()
                raise Killed
            return done(*given_)

        monkeypatch.setattr(
            Path, "write_bytes", lambda path, body: step(lambda: write(path, body[: len(body) // 2]), write, path, body)
        )
        monkeypatch.setattr(os, "replace", lambda a, b: step(lambda: None, replace, a, b))
        try:
            Store(folder).save("a-000", MARK, record())
            finished = True
        except Killed:
            finished = False
            ended += 1
        monkeypatch.undo()
        assert ("a-000" in Store(folder)) == finished
        if not finished:
            Store(folder).save("a-000", MARK, record())
        assert_same(record(), Store(folder).load("a-000", MARK))
        assert len(pd.read_parquet(folder / "runs")) == (4 if again else 2)
        if finished:
            break
    assert ended == 6  # three files, written and moved each


@pytest.mark.parametrize("name", ["runs/a-000.parquet", "curves/a-000.nc"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "longer", "flipped"])
def test_a_damaged_file_is_one_line_with_the_way_out(tmp_path, name, damage):
    held = Store(tmp_path)
    held.save("a-000", MARK, record(x=np.linspace(0, 1, 2)))
    path = tmp_path / name
    body = path.read_bytes()
    flipped = body[:60] + bytes([body[60] ^ 4]) + body[61:]
    changed = {"empty": b"", "cut": body[:-9], "longer": body + b"x", "flipped": flipped}
    if damage == "gone":
        if name.startswith("runs"):
            return  # not finished, then
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(ValueError, match=r"^[^\n]*a-000.parquet is damaged[^\n]*delete it to have it redone$"):
        held.load("a-000", MARK)
    (tmp_path / "runs/a-000.parquet").unlink()  # the way out
    held.save("a-000", MARK, record())
    assert_same(record(), held.load("a-000", MARK))


def test_every_flipped_bit_of_the_numbers_is_found(tmp_path):
    """Pages of a table have sums, its heading and the curves a digest: what is loaded is what was saved, or refused."""
    held, saved = Store(tmp_path), record(x=[0.1, 0.2], name=["a", "b"])
    held.save("a-000", MARK, saved)
    rng = np.random.default_rng(0)
    for path in (tmp_path / "curves/a-000.nc", held.path("a-000")):
        body = path.read_bytes()
        refused = 0
        for at in rng.integers(0, len(body), 100):
            path.write_bytes(body[:at] + bytes([body[at] ^ (1 << int(rng.integers(8)))]) + body[at + 1 :])
            try:
                assert_same(saved, held.load("a-000", MARK))
            except ValueError:
                refused += 1
        assert refused >= 30
        path.write_bytes(body)


def test_what_another_job_left_is_refused(tmp_path):
    held = Store(tmp_path)
    held.save("a-000", MARK, record())
    with pytest.raises(ValueError, match=r"^[^\n]*belongs to another run[^\n]*$"):
        held.load("a-000", store.fingerprint({"n": 2}))


def test_curves_of_another_job_are_refused(tmp_path):
    held = Store(tmp_path)
    for k in range(2):
        held.save(f"a-00{k}", MARK, Record(runs=runs(2), times=np.array([0, k + 1])))
    os.replace(tmp_path / "curves/a-001.nc", tmp_path / "curves/a-000.nc")
    with pytest.raises(ValueError, match="is damaged"):
        held.load("a-000", MARK)


DETERMINING = st.dictionaries(
    st.sampled_from("abc"), st.floats(allow_nan=False) | st.integers(-3, 3) | st.text(max_size=2)
)


@settings(max_examples=50)
@given(a=DETERMINING, b=DETERMINING)
def test_a_fingerprint_tells_jobs_apart_and_nothing_else(a, b):
    assert store.fingerprint(a) == store.fingerprint(dict(reversed(a.items())))
    assert (store.fingerprint(a) == store.fingerprint(b)) == (repr(sorted(a.items())) == repr(sorted(b.items())))


# Without us --------------------------------------------------------------------------------------------------------


def test_tables_of_all_jobs_open_at_once(tmp_path):
    """Groups have columns of their own; whichever is finished first, none is lost, and numbers stay numbers."""
    held = Store(tmp_path)
    held.save("b-000", MARK, Record(runs=runs(2, group="b", steps=[1, 2], met=[True, False])))
    other = Store(tmp_path)  # a second one on the same folder, which does not know what the first wrote meanwhile
    other.save("a-000", MARK, Record(runs=runs(1, group="a", steps=[0.5], late=[np.nan])))
    held.save("c-000", MARK, Record(runs=runs(1, group="c", met=[0.25], more=[7])))
    found = pd.read_parquet(tmp_path / "runs").set_index("group")
    assert list(found.index) == ["a", "b", "b", "c"]
    assert set(found) == {"seed", "steps", "met", "late", "more"}
    assert found["seed"].dtype == np.int64 and found["seed"].max() == 2**47 + 1
    assert found["steps"].tolist()[:3] == [0.5, 1, 2] and found["met"].tolist()[1:] == [1, 0, 0.25]
    with pytest.raises(ValueError, match=r"'steps' holds text in some"):
        held.save("d-000", MARK, Record(runs=runs(1, steps=["x"])))
    assert "d-000" not in held


@pytest.mark.parametrize("body", [None, b"damaged"])
def test_the_list_of_columns_is_made_again_from_what_there_is(tmp_path, body):
    Store(tmp_path).save("b-000", MARK, Record(runs=runs(2, x=[1.0, 2.0])))
    path = tmp_path / "runs" / store.COLUMNS
    path.unlink() if body is None else path.write_bytes(body)
    (tmp_path / "runs" / "c-000.parquet").write_bytes(b"damaged")
    Store(tmp_path).save("a-000", MARK, Record(runs=runs(2, y=[1.0, 2.0])))
    (tmp_path / "runs" / "c-000.parquet").unlink()
    assert set(pd.read_parquet(tmp_path / "runs")) == {"seed", "x", "y"}


def test_a_table_carries_the_fingerprint_of_its_job(tmp_path):
    from pyarrow import parquet

    Store(tmp_path).save("a-000", MARK, record())
    held = parquet.read_metadata(tmp_path / "runs/a-000.parquet").metadata
    assert held[store.FINGERPRINT].decode() == MARK
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "runs/a-000.parquet"), record().runs)


def test_curves_open_with_their_labels(tmp_path):
    Store(tmp_path).save("a-000", MARK, record())
    with xarray.open_dataset(tmp_path / "curves/a-000.nc") as held:
        assert dict(held.sizes) == {"run": 2, "iteration": 3}
        assert list(held.data_vars) == ["loss"] and held["loss"].dims == ("run", "iteration")
        assert held["seed"].dims == ("run",) and held["seed"].values.tolist() == [2**47, 2**47 + 1]
        assert held["iteration"].values.tolist() == [0, 1, 5]
        assert bits(held["loss"].sel(iteration=5).values) == bits(record().series["loss"][:, 2])
        assert held.attrs["group"] == "g" and held.attrs["setting"] == 3 and held.attrs["fingerprint"] == MARK


# Trainings ---------------------------------------------------------------------------------------------------------


def test_a_state_comes_back_or_is_refused(tmp_path):
    import torch

    path = tmp_path / "x.pt"
    assert store.load_state(path, MARK) is None
    store.save_state(path, MARK, {"done": True, "weights": {3: torch.arange(3.0)}})
    held = store.load_state(path, MARK)
    assert held.keys() == {"done", "weights"} and torch.equal(held["weights"][3], torch.arange(3.0))
    with pytest.raises(ValueError, match="belongs to another run"):
        store.load_state(path, "other")
    plain = io.BytesIO()
    torch.save([1, 2], plain)
    for body in (b"", path.read_bytes()[:100], plain.getvalue()):
        path.write_bytes(body)
        with pytest.raises(ValueError, match=r"^[^\n]*is damaged[^\n]*$"):
            store.load_state(path, MARK)


def test_what_runs_nothing_does_not_wait_for_the_formats():
    code = "import sys, verify.store; print([m for m in ('pyarrow.parquet', 'scipy.io', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
