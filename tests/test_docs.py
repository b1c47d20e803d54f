"""What the documents promise is executed."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = [
    pytest.param(block, id=f"{path.name}-{k}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.S | re.M))
]


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
        for name in re.findall(r"(?:python -m verify|(?:^|`)thetacheck) (\w+)", path.read_text(encoding="utf-8"), re.M):
            assert name in cli.commands, f"{path.name}: verify {name}"


SHOWN = re.compile(r"^```console\n\$ (?:python -m verify|thetacheck) ([^\n]*)\n(.*?)^```", re.S | re.M)
CONSOLE = [
    pytest.param(*block, id=f"{path.name}-{k}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for k, block in enumerate(SHOWN.findall(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("line", "shown"), CONSOLE)
def test_console_blocks_show_what_is_printed(line, shown, monkeypatch, capsys):
    from verify.__main__ import main

    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.argv", ["verify", *shlex.split(line)])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr().out
    at = 0
    for part in shown.split("...\n"):  # lines left out
        found = printed.find(part, at)
        assert found >= 0, f"not printed, or not in this order:\n{part}\nbut:\n{printed}"
        at = found + len(part)
    if "...\n" not in shown:
        assert printed == shown


def test_there_are_console_blocks():
    assert len(CONSOLE) >= 2
