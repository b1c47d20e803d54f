"""Set-up of all tests. It must run before the first import of ``numerics``."""

import os
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

# The arrays of the tests are small: threads would mostly wait for each other, above all beside other processes
# (measured: 10 times slower on a busy machine).
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import figure_faults
import shapes

shapes.install()
figure_faults.install()

# Seeds are explicit everywhere, so examples are derived from the test itself and nothing is kept between runs.
settings.register_profile(
    "tests", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("many", settings.get_profile("tests"), max_examples=1000)  # --hypothesis-profile many
settings.load_profile("tests")


@pytest.fixture
def cuda() -> str:
    """The CUDA device, for tests marked ``gpu``."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    return "cuda"


@pytest.fixture
def here(monkeypatch, capsys) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command line in this process, as its arguments: that saves the seconds in which another one starts."""

    def done(*arguments: str) -> subprocess.CompletedProcess[str]:
        from verify.__main__ import main

        monkeypatch.setattr("sys.argv", ["verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code, said.out, said.err)

    return done
