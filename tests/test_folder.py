"""Folders of ours: what is a user's is never touched, questions share a folder, and one command writes at a time."""

import errno
import json
import math
import os
import re
import shutil
import signal
import string
import subprocess
import sys
import time
from dataclasses import asdict, fields, replace
from fnmatch import fnmatch
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import reading as readings
from theory.papers.han2025 import Reading
from verify import calibrate, falsify, folder, maps, pack, processes, selftest, study
from verify.falsify import hunting, trials
from verify.folder import Folder
from verify.packs.han2025 import PACK
from verify.reproduce import image_runs

ROOT = Path(__file__).resolve().parent.parent
KINDS = [m.FOLDER for m in (study, selftest, calibrate, maps, falsify, image_runs)]
MAP = maps.Map(
    x=maps.Axis(name="kappa", low=1, high=8, count=3),
    y=maps.Axis(name="tau", low=0.05, high=0.3, count=2),
    at=(("n", "12"), ("m", "6"), ("d", "5000")),
    show=("stage1.signal-leads",),
)
READING = maps.identity(MAP)["reading"]
ASKED = {
    "study": {"paper": "han2025", "profile": "quick", "seed": 0, "reading": READING, "code": "x", "file": None},
    "self-test": {"paper": "han2025", "profile": "quick", "seed": 0, "reading": READING, "code": "x", "file": None},
    "calibration": {"claims": ["stage1.time"], "profile": "quick", "seed": 0, "reading": READING, "code": "x"},
    "map": maps.identity(MAP),
    "search": {},
    "figures": {},
}


def tree(where: Path) -> dict[str, bytes]:
    return {p.relative_to(where).as_posix(): p.read_bytes() for p in sorted(where.rglob("*")) if p.is_file()}


def opened(kind: Folder, where: Path, resume: bool = False) -> Path:
    with kind.open(where, ASKED[kind.what], resume) as work:
        return work


def refused(kind: Folder, where: Path, resume: bool = False) -> str:
    """The one line of a refusal that leaves all as it was."""
    before = tree(where)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as problem:
        opened(kind, where, resume)
    assert tree(where) == before
    assert str(where) in str(problem.value)
    return str(problem.value)


# What is a user's ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.what)
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_without_our_manifest_is_not_ours(kind, resume, tmp_path):
    (tmp_path / "study.json").write_text('{"profile": "quick"}')
    (tmp_path / "index.html").write_text("mine")
    for name in (kind.work or "x", "figures"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a-001.npz").write_text("mine")
    assert ("not ours" in refused(kind, tmp_path, resume)) or resume
    with pytest.raises(ValueError, match="not ours"):
        kind.save({"index.html": "ours"}, tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"


def a_name(pattern: str) -> str:
    return pattern.replace("[1-4]", "2").replace("[0-9]", "0").replace("*", "x")


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.what)
def test_a_file_of_the_users_in_a_folder_of_ours_is_in_the_way_only_where_we_would_write(kind, tmp_path):
    other = next(k for k in KINDS if k is not kind)
    opened(other, tmp_path)
    (tmp_path / "thesis.tex").write_text("mine")
    opened(kind, tmp_path / "empty")
    for pattern in kind.files:
        path = tmp_path / a_name(pattern)
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        assert path.name in refused(kind, tmp_path)
        with pytest.raises(ValueError, match=r"no .* wrote"):
            kind.save({a_name(pattern): "ours"}, tmp_path)
        path.unlink()
    if kind.work:  # what lies there before the first question is not ours, whatever it is called
        (tmp_path / kind.work).mkdir()
        for name in map(a_name, kind.finished):
            path = tmp_path / kind.work / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("mine")
            assert name.split("/")[0] in refused(kind, tmp_path)
            path.unlink()
            path.parent.rmdir() if "/" in name else None
    opened(kind, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_fresh_start_clears_what_is_finished_and_a_report_only_its_own_figures(tmp_path):
    batches = opened(study.FOLDER, tmp_path)
    for name in ("runs", "curves"):
        (batches / name).mkdir()
    kept = ("curves/group-001.nc", "runs/!columns.parquet", "runs/group-001.parquet")
    partial = ("curves/group-001.partial", "runs/!columns.partial", "runs/group-001.partial")
    for name in (*kept, *partial, "notes.txt", "runs/mine.parquet"):
        (batches / name).write_text("x")
    study.FOLDER.save({"index.html": "1", "figures/a.svg": "1", "figures/b.svg": "1"}, tmp_path)
    (tmp_path / ".thetacheck-new-killed").mkdir()
    opened(study.FOLDER, tmp_path, resume=True)
    assert sorted(tree(batches)) == sorted((*kept, "notes.txt", "runs/mine.parquet"))
    assert not (tmp_path / ".thetacheck-new-killed").exists()
    (tmp_path / "figures" / "mine.txt").write_text("mine")
    study.FOLDER.save({"index.html": "2", "figures/b.svg": "2"}, tmp_path)
    held = tree(tmp_path)
    assert {k: v for k, v in held.items() if k.startswith("figures/")} == {
        "figures/b.svg": b"2", "figures/mine.txt": b"mine"
    }  # fmt: skip
    opened(study.FOLDER, tmp_path)
    assert sorted(tree(batches)) == ["notes.txt", "runs/mine.parquet"]


@pytest.mark.parametrize("kind", [k for k in KINDS if k.work], ids=lambda k: k.what)
@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_an_older_version_is_one_line(kind, resume, tmp_path):
    (opened(kind, tmp_path) / "group-001.npz").write_text("x")
    assert "group-001.npz of an older version" in refused(kind, tmp_path, resume)


def test_what_says_that_something_is_finished_is_cleared_first(tmp_path, monkeypatch):
    batches = opened(study.FOLDER, tmp_path)
    for name in ("runs/group-001.parquet", "curves/group-001.nc"):
        (batches / name).parent.mkdir()
        (batches / name).write_text("x")

    def killed(path, **_):
        raise KeyboardInterrupt

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda p, **k: killed(p) if p.suffix == ".nc" else unlink(p, **k))
    with pytest.raises(KeyboardInterrupt):
        opened(study.FOLDER, tmp_path)
    monkeypatch.undo()
    assert sorted(tree(batches)) == ["curves/group-001.nc"]


def ended(where, how, resume=False):
    with study.FOLDER.open(where, ASKED["study"], resume) as work:
        how(work)


def test_a_mistake_that_shows_during_the_work_leaves_nothing_of_it(tmp_path):
    where = tmp_path / "note" / "report"

    def wrong(work):
        (work / "runs").mkdir(exist_ok=True)
        (work / "runs" / "group-000.parquet").write_text("x")
        raise processes.Mistaken("n.py, line 1")

    with pytest.raises(processes.Mistaken, match=r"^n\.py, line 1$"):
        ended(where, wrong)
    assert not where.exists()
    opened(study.FOLDER, where)
    study.FOLDER.save({"report.md": "whole"}, where)
    with pytest.raises(processes.Mistaken):  # what was finished before is not this one's to forget
        ended(where, wrong, resume=True)
    assert (where / "batches" / "runs" / "group-000.parquet").exists()
    with pytest.raises(processes.Mistaken):
        ended(where, wrong)
    assert set(tree(where)) == {"report.md", "thetacheck.json", folder.LOCK}
    assert not (where / "batches").exists()
    assert "holds no study to resume" in refused(study.FOLDER, where, resume=True)


def test_a_folder_that_goes_or_fills_up_meanwhile_is_one_line(tmp_path):
    where = tmp_path / "report"

    def deletes(work):
        shutil.rmtree(where)
        (work / "x").write_text("x")

    def fills(work):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work / "x"))

    def misses(work):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "elsewhere")

    said = re.escape(str(where))
    with pytest.raises(OSError, match=f"^{said}: was deleted or moved while it was written to; start again$"):
        ended(where, deletes)
    with pytest.raises(OSError, match=f"^cannot write the report to {said}: No space left on device; choose another"):
        ended(where, fills)
    with pytest.raises(FileNotFoundError, match="elsewhere"):  # which is not of this folder
        ended(where, misses)


def test_no_two_kinds_of_work_share_a_name():
    for one, other in permutations(KINDS, 2):
        assert one.what != other.what
        assert not one.work or one.work != other.work
        for name in map(a_name, one.files):
            assert not any(fnmatch(name, pattern) for pattern in other.files), (name, other.what)


# Hypothesis: whatever kinds do in whatever order, each finds its own files as it left them, and the user's too.
@settings(max_examples=15)
@given(steps=st.lists(st.tuples(st.sampled_from(KINDS), st.booleans(), st.integers(1, 3)), max_size=8))
def test_none_touches_anothers_files(steps, tmp_path_factory):
    where = tmp_path_factory.mktemp("shared") / "report"
    opened(study.FOLDER, where)
    (where / "notes.txt").write_text("mine")
    expected: dict[str, dict[str, bytes]] = {"": {"notes.txt": b"mine"}}
    for k, (kind, fresh, count) in enumerate(steps):
        mine = expected.setdefault(kind.what, {})
        if fresh:
            opened(kind, where)
            if kind.work:
                mine = {n: v for n, v in mine.items() if not n.startswith(f"{kind.work}/")}
        body = {
            name.replace("x", "x" * j): f"{kind.what} {k}"
            for name in map(a_name, kind.files)
            for j in range(1, count + 1)
        }
        kind.save(body, where)
        kept = {n: v for n, v in mine.items() if "/" not in n or n.startswith(f"{kind.work}/")}
        expected[kind.what] = kept | {n: v.encode() for n, v in body.items()}
        if kind.work:
            opened(kind, where, resume=True) if fresh else None
            (where / kind.work).mkdir(exist_ok=True)
    held = {n: v for n, v in tree(where).items() if not n.startswith(".") and n != folder.MANIFEST}
    assert held == {n: v for own in expected.values() for n, v in own.items()}


# Manifests that are JSON but not ours ----------------------------------------------------------------------------

VALID = {"thetacheck": 1, "work": {name: {"asked": asked, "wrote": ["a.md"]} for name, asked in ASKED.items()}}


@pytest.mark.parametrize(
    "text",
    [
        "{}", "[]", "5", '"x"', "null", '{"profile": 5}', '{"thetacheck": 2, "work": {}}', '{"thetacheck": 1}', "", "{",
        "[" * 100_000, '{"a":' * 100_000, "1" * 5000, "NaN", '{"thetacheck": 1, "work": 5}', "\ufeff{}",
        '{"thetacheck": 1, "work": {"study": {"wrote": [], "asked": {"profile": "huge"}}}}',
        '{"thetacheck": 1, "work": {"study": {"wrote": ["../thesis.tex"]}}}',
        '{"thetacheck": 1, "work": {"study": {"wrote": ["/etc/passwd"]}}}',
        '{"thetacheck": 1, "work": {"select": {"wrote": ["a/../../x"]}}}',
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS[:4], ids=lambda k: k.what)
def test_a_manifest_that_is_not_ours_is_one_line(kind, text, tmp_path):
    (tmp_path / folder.MANIFEST).write_text(text, encoding="utf-8")
    for resume in (False, True):
        assert folder.MANIFEST in refused(kind, tmp_path, resume)


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_manifest_that_is_no_file_is_one_line(tmp_path):
    os.mkfifo(tmp_path / folder.MANIFEST)
    with pytest.raises(ValueError, match="no file"):
        opened(study.FOLDER, tmp_path)
    (tmp_path / folder.MANIFEST).unlink()
    (tmp_path / folder.MANIFEST).symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="no file"):
        opened(study.FOLDER, tmp_path)


def places(held, path=()):
    yield path
    items = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def changed(held, path, value):
    if not path:
        return value
    copy = dict(held) if isinstance(held, dict) else list(held)
    copy[path[0]] = changed(held[path[0]], path[1:], value)
    return copy


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(string.printable, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(string.ascii_letters, max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=60)
@given(path=st.sampled_from(list(places(VALID))), value=ANYTHING)
def test_a_manifest_changed_anywhere_is_ours_or_one_line(path, value, tmp_path_factory):
    where = tmp_path_factory.mktemp("changed")
    try:
        text = json.dumps(changed(VALID, path, value))
    except ValueError:  # more digits than Python writes
        return
    (where / folder.MANIFEST).write_text(text)
    reads = [kind.read for kind in KINDS] + [
        lambda w: maps.held(w, PACK),
        lambda w: Reading(**study.FOLDER.read(w)["reading"]),
    ]
    for read in reads:
        try:
            read(where)
        except ValueError as problem:
            said = str(problem)
        else:
            said = ""
        assert "\n" not in said


def test_the_schema_knows_every_field_of_a_reading_and_of_a_map():
    held = json.loads((folder.SCHEMAS / "folder.schema.json").read_text())["$defs"]
    assert set(held["reading"]["required"]) == {f.name for f in fields(readings.Reading)} <= set(READING)
    assert set(held["map"]["required"]) == set(ASKED["map"])


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"rows": 5}', '{"reading": {}, "finished": true, "rows": [{}]}', "[" * 100_000, "x"]
)
def test_a_calibration_that_is_not_ours_is_not_shown(text, tmp_path):
    from verify.report import calibrated

    reading = Reading(C=READING["C"])
    row = '{"claim": "a", "value": "2", "failing": "1", "bound": "x", "leans": "y"}'
    ours = f'{{"reading": {json.dumps(asdict(reading))}, "finished": true, "rows": [{row}]}}'
    (tmp_path / "calibration.json").write_text(ours)
    assert calibrated(tmp_path, reading) == []  # nothing says that a calibration wrote it
    (tmp_path / "calibration.json").unlink()
    calibrate.FOLDER.save({"calibration.json": ours}, tmp_path)
    assert [r["claim"] for r in calibrated(tmp_path, reading)] == ["a"]
    calibrate.FOLDER.save({"calibration.json": text}, tmp_path)
    assert calibrated(tmp_path, reading) == []


# One folder, all questions -----------------------------------------------------------------------------------------


def references(where: Path) -> list[Path]:
    """What the pages of a folder point to, in it."""
    found = []
    for page in [*where.glob("*.html"), *where.glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)["']""", text) if page.suffix == ".html" else []
        named += re.findall(r"\]\(([^)#]+)\)", text) if page.suffix == ".md" else []
        found += [page.parent / name for name in named if not re.match(r"data:|https?:", name)]
    return found


def test_all_questions_in_one_folder_leave_every_page_whole(tmp_path, monkeypatch, capsys):
    import test_calibrate
    from test_falsify import CLAIM, made_up
    from test_maps import COMMAND

    from verify.__main__ import main
    from verify.reproduce import synthetic

    hunt = hunting.hunt
    monkeypatch.setattr(trials, "execute", made_up(lambda _: 0.6))
    monkeypatch.setattr(
        hunting, "hunt", lambda *a, **k: hunt(*a, **k | {"budget": math.inf, "batches": 2, "brief": True})
    )
    monkeypatch.setattr(synthetic, "VARIANTS", synthetic.VARIANTS[:1])
    cells, collect = [*test_calibrate.ladder(6), *test_calibrate.faces(1)], calibrate.collect
    runs = test_calibrate.made_up(cells, lambda here, k, _: 0.6 if here.labels.get("C", 9) < 2 and k < 3 else 0.0)
    monkeypatch.setattr(calibrate, "plan", lambda *_, **__: test_calibrate.planned(cells, test_calibrate.FEW))
    monkeypatch.setattr(calibrate, "collect", lambda planned, *_: collect(planned, runs))
    monkeypatch.setattr(selftest, "theorems", lambda: ())
    trial = selftest.Trial(
        kind="planted", claim="x", detail="", right=study.Status.REFUTED, status=study.Status.REFUTED, measured=""
    )
    monkeypatch.setattr(selftest, "planted_statements", lambda pack: ())
    tried = replace(PACK, tried=("recursion.exact",))
    load = pack.load
    monkeypatch.setattr(pack, "load", lambda name: tried if name == "han2025" else load(name))
    monkeypatch.setattr(selftest, "examine", lambda outcome, more: selftest.SelfTest(outcome=outcome, trials=(trial,)))
    commands = [
        ["run", "recursion.exact", "--profile", "quick"],
        ["falsify", CLAIM.name, "--no-replay"],
        COMMAND[:-3],
        ["calibrate", CLAIM.name, "--profile", "quick"],
        ["selftest", "--profile", "quick"],
        ["figures", "1", "--seeds", "2"],
        ["run", "recursion.exact", "--profile", "quick"],
    ]
    out = tmp_path / "report"
    held: dict[str, bytes] = {}
    for command in commands:
        monkeypatch.setattr("sys.argv", ["verify", *command, "--jobs", "1", "--quiet", "--out", str(out)])
        with pytest.raises(SystemExit) as done:
            main()
        assert done.value.code in (0, 1, 3), (command, capsys.readouterr().err)
        now = tree(out)
        again = command == commands[-1]
        lost = {n for n in held if now.get(n) != held[n] and n != folder.MANIFEST}
        assert not lost or (again and all(n.split("/")[0] in ("index.html", "report.json", "report.md", "batches")
                                          for n in lost)), (command, lost)  # fmt: skip
        held = now
    pages = {p.name for p in out.glob("*.html")}
    assert pages == {"index.html", "falsify.html", "map.html", "calibration.html", "figures.html"}
    pointed = references(out)
    assert len(pointed) > 8
    assert [p for p in pointed if not p.exists()] == []


# The lock ----------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from verify.folder import Folder
with Folder(what="other", files=()).open(Path(sys.argv[1]), {}):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "report")],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_one_command_writes_to_a_folder_at_a_time_and_a_crash_lets_go_of_it(holder, tmp_path):
    where = tmp_path / "report"
    said = refused(study.FOLDER, where)
    assert str(holder.pid) in said and "another command" in said
    os.kill(holder.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    holder.wait()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            opened(study.FOLDER, where)
            break
        except ValueError:
            time.sleep(0.05)
    assert opened(study.FOLDER, where).is_dir()


def test_the_lock_is_held_to_the_end_of_a_command_and_no_longer(tmp_path):
    with study.FOLDER.open(tmp_path, ASKED["study"]):
        assert str(os.getpid()) in (tmp_path / folder.HOLDER).read_text()
        with pytest.raises(ValueError, match=rf"another command \(process {os.getpid()}\)"):
            opened(maps.FOLDER, tmp_path)
    opened(maps.FOLDER, tmp_path)
    with pytest.raises(KeyError), study.FOLDER.open(tmp_path, ASKED["study"]):
        raise KeyError
    opened(study.FOLDER, tmp_path)
