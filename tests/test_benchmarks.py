"""Benchmarks run: what they measure is not looked at here."""

import json
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_the_table_of_ratios(monkeypatch):
    import run

    monkeypatch.setattr(run, "SHARES", run.SHARES[:1])
    for figure in (run.against_autograd, run.against_plain_map, *(run.against_product(*s) for s in run.SHARES)):
        found = figure(3)
        assert 0 < found.least <= found.ratio <= found.largest


def test_makespans():
    import cluster

    assert [cluster.costs.makespan([3, 1, 1, 1], w) for w in (1, 2, 3, 512)] == [6, 3, 3, 3]
    held = cluster.large(16)
    assert all(value > 0 for value in held.values())


def test_what_is_asked_of_a_gpu_runs_on_a_cpu(tmp_path):
    import gpu

    out = tmp_path / "gpu.json"
    done = CliRunner().invoke(gpu.main, ["--device", "cpu", "--small", "--only", "engine", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "failed" not in json.loads(out.read_text())["sections"]["engine"]
