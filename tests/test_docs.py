"""What the documents promise is executed."""

import json
import re
import shlex
import textwrap
from pathlib import Path

import pytest

from verify.packs.han2025 import PACK
from verify.sweep import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SAID = {"first-verdict": ["SUPPORTED", "SUPPORTED", "REFUTED"], "your-claim": ["SUPPORTED", "REFUTED"]}
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
BLOCKS = [
    pytest.param(textwrap.dedent(block), id=f"{path.name}-{k}")
    for path in PAGES
    for k, block in enumerate(re.findall(r"^ *```python\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.S | re.M))
]


def cells(notebook, kind):
    held = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in held if cell["cell_type"] == kind]


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


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run(notebook, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    held = {}
    for cell in cells(notebook, "code"):
        exec(compile(cell, notebook.name, "exec"), held)
    outcome = held["outcome"]
    assert outcome.to_frame()["verdict"].to_list() == SAID[notebook.stem]
    # What the reference says of the columns of `runs`.
    parameters = {*PACK.columns, *PACK.paper.reading().at({}, 0.1)}
    assert [name for name in outcome.runs if name not in {*COLUMNS, *parameters, *PACK.observables}] == []
    assert set(COLUMNS) <= set(outcome.runs)


def test_there_is_a_notebook():
    assert NOTEBOOKS


def test_local_links_lead_somewhere():
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    for path, text in (pages | {path: "\n".join(cells(path, "markdown")) for path in NOTEBOOKS}).items():
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_command_shown_exists():
    from verify.__main__ import cli

    for path in PAGES:
        for name in re.findall(
            r"(?:python -m verify|(?:^|[`$] ?)(?:python -m )?thetacheck) ([a-z]\w*)",
            path.read_text(encoding="utf-8"),
            re.M,
        ):
            assert name in cli.commands, f"{path.name}: {name}"


SHOWN = re.compile(r"^```console\n\$ (?:python -m verify|thetacheck) ([^\n]*)\n(.*?)^```", re.S | re.M)
CONSOLE = [
    pytest.param(*block, id=f"{path.name}-{k}")
    for path in PAGES
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


def test_nothing_is_installed_from_an_index_that_does_not_have_it():
    """It is not published: that name may be anybody's there."""
    told = re.compile(r"pip3? install[^\n]*['\" ]thetacheck\b")
    assert told.search("pip install 'thetacheck[images]'")
    sources = [
        path for package in ("theory", "numerics", "verify", "thetacheck") for path in (ROOT / package).rglob("*.py")
    ]
    for path in [*PAGES, *NOTEBOOKS, ROOT / "CHANGELOG.md", *sources]:
        assert not told.search(path.read_text(encoding="utf-8")), path
