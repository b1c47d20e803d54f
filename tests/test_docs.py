"""What the documents promise is executed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{k}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M))
]

# Commands with what they print; "..." stands for lines left out.
COMMANDS = [
    pytest.param(command, shown, id=f"{path.name}-{k}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for k, (command, shown) in enumerate(
        re.findall(r"^```console\n\$ (.*?)\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M)
    )
]


@pytest.mark.parametrize(("command", "shown"), COMMANDS)
def test_commands_print_what_is_shown(command, shown):
    python, *arguments = shlex.split(command)
    assert python == "python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    at = 0
    for part in shown.split("...\n"):
        lines = [line.rstrip() for line in part.splitlines()]
        found = next((k for k in range(at, len(printed)) if printed[k : k + len(lines)] == lines), None)
        assert found is not None, f"not printed in this order:\n{part}\nbut:\n{done.stdout}"
        at = found + len(lines)


def test_the_tutorial_shows_the_file():
    tutorial = (ROOT / "docs" / "add-a-claim.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```python\n(.*?)^```", tutorial, re.S | re.M)
    file = (ROOT / "docs" / "examples" / "weaker_dimension.py").read_text(encoding="utf-8")
    for part in block.split("\n\n")[2:4]:  # the condition and what stays of the paper's
        assert part in file


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block):
    exec(compile(block, "<documentation>", "exec"), {})


def test_there_are_blocks_to_run():
    assert len(BLOCKS) >= 2


def test_local_links_lead_somewhere():
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_command_shown_exists():
    from verify.__main__ import cli

    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r"python -m verify (\w+)", path.read_text(encoding="utf-8")):
            assert name in cli.commands, f"{path.name}: verify {name}"
