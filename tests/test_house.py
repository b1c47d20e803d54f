"""The house: who may import whom, who may print, what is packaged, what is pinned, and what a stray file does."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from theory.papers import built_in

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("theory", "numerics", "verify", "thetacheck")
NUMERIC = {"numpy", "scipy", "torch", "pandas", "matplotlib", "jaxtyping"}


def modules(package):
    found = sorted((ROOT / package).rglob("*.py"))
    assert found
    return found


def imported(source):
    """Top-level names of everything imported anywhere in a module, in functions and by name too."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
            names |= {str(a.value).split(".")[0] for a in node.args if isinstance(a, ast.Constant)}
    return names


def called(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


# Imports -----------------------------------------------------------------------------------------------------------

FORBIDDEN = {
    "theory": {"numerics", "verify"} | NUMERIC,
    "numerics": {"theory", "verify"},
    "verify": {"tests", "thetacheck"},
    "thetacheck": {"tests"},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_witness_and_claim_do_not_know_each_other(package):
    for path in modules(package):
        broken = imported(path.read_text(encoding="utf-8")) & FORBIDDEN[package]
        assert not broken, f"{path.relative_to(ROOT)} imports {broken}"


@pytest.mark.parametrize(
    "source",
    [
        "from theory import n",
        "import theory.symbols as s",
        "def f():\n    from theory.papers.han2025 import claims",
        "if True:\n    import importlib\n    importlib.import_module('theory.papers')",
        "__import__('theory')",
        "try:\n    import theory\nexcept ImportError:\n    pass",
    ],
)
def test_a_hidden_import_would_be_found(source):
    assert "theory" in imported(source)
    assert "theory" not in imported(source.replace("theory", "theories"))


@pytest.mark.parametrize(
    ("package", "absent"),
    [("theory", ("numerics", "verify", "numpy", "torch", "scipy", "pandas")), ("numerics", ("theory", "verify"))],
)
def test_importing_one_does_not_bring_the_other(package, absent):
    """As the interpreter sees it, with all modules of the package."""
    names = [module_name(p) for p in modules(package)]
    code = f"import sys, {', '.join(names)}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


# Layers ------------------------------------------------------------------------------------------------------------


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


HOUSE = {module_name(path): path.read_text(encoding="utf-8") for package in PACKAGES for path in modules(package)}


# Papers ------------------------------------------------------------------------------------------------------------

# What asks a question of one paper alone, rests on its thresholds, or plants its falsehoods.
OF_ONE_PAPER = ("verify.packs", "verify.calibrate", "verify.planted", "verify.reproduce",
                "verify.predicted")  # fmt: skip
PAPERS = tuple(f"theory.papers.{paper}" for paper in built_in())
# Where a list of parameters is a declaration, or says something of these very ones that nothing else could.
LISTS = {
    "theory": "names for users to import",
    "theory.expressions": "the weights of the exact rescaling",
    "verify.design": "small settings for exact identities, each parameter in its own natural scale",
    "verify.conformance": "small settings about the typical one",
    "verify.laws.ends": "the directions in which limits lie",
    "verify.laws.theta": "on which rates are fitted",
    "verify.scaling": "the order in which a path places what bounds each other",
    "verify.userfile": "what a claim's settings take from conditions, and one tiny setting",
}


def of_one_paper(house):
    """Modules that name a paper and are not of one, as the names that they import or give."""
    found = set()
    for name, source in house.items():
        if name.startswith((*PAPERS, *OF_ONE_PAPER)):
            continue
        if any(x.startswith((*PAPERS, *(f"verify.packs.{p}" for p in built_in()))) for x in imported_whole(source)):
            found.add(name)
    return found


def imported_whole(source):
    """Every module that is imported anywhere, by its whole name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def lists_by_hand(house):
    """Modules with a list of four parameters or more that is written out."""
    from theory.papers.han2025 import PAPER

    found = set()
    for name, source in house.items():
        for node in ast.walk(ast.parse(source)):
            held = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
            names = {x.value for x in held if isinstance(x, ast.Constant)} & set(PAPER.parameters)
            if len(names) >= 4 and name not in LISTS:
                found.add(name)
    return {x for x in found if not x.startswith((*PAPERS, *OF_ONE_PAPER))}


def test_what_serves_every_paper_names_none_and_parameters_are_declared_once():
    assert of_one_paper(HOUSE) == set()
    assert lists_by_hand(HOUSE) == set()


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("verify.sweep", "from theory.papers.han2025 import claims", of_one_paper),
        ("verify.judge", "def f():\n    from verify.packs.han2025 import PACK", of_one_paper),
        ("verify.judge", "from verify.packs.kou2023 import limit", of_one_paper),
        ("verify.region", 'PARAMETERS = ("n", "m", "d", "mu")', lists_by_hand),
        ("verify.maps.plane", 'HELD = {"n": 1, "tau_plus": 2, "eta": 3, "mu": 4}', lists_by_hand),
    ],
)
def test_a_paper_welded_in_would_be_found(name, line, fault):
    assert fault({**HOUSE, name: f"{HOUSE[name]}\n\n{line}\n"}) == {name}


def test_every_paper_has_its_pack_and_none_but_these():
    from theory import papers
    from verify.pack import load

    for name in papers.built_in():
        assert load(name).paper is papers.load(name)
    packs = {path.stem for path in (ROOT / "verify" / "packs").iterdir() if not path.name.startswith("_")}
    assert packs == set(papers.built_in())


@cache
def uses(name, source, house):
    """What a module imports of the house, anywhere in it, and which private names of others it reads."""
    used, private, known_as = set(), set(), {}
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names if alias.name in house}
            known_as |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in house}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in house:
                    used.add(whole)
                    known_as[alias.asname or alias.name] = whole
                elif node.module in house:
                    used.add(node.module)
                    private |= {whole} if alias.name.startswith("_") else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in known_as:
            own = node.attr.startswith("_") and not node.attr.startswith("__")
            private |= {f"{known_as[node.value.id]}.{node.attr}"} if own else set()
    return used - {name}, private


def behind(start, house):
    """All that some modules rest on, themselves included."""
    found, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += uses(name, house[name], frozenset(house))[0]
    return found


def circles(house):
    return {name for name in house if name in behind(uses(name, house[name], frozenset(house))[0], house)}


def upward(house):
    """Who imports the reports, or the command line, from below."""
    floors = ("verify.report", "verify.cli", "verify.__main__", "thetacheck")  # each may use those before it

    def floor(name):
        return next((k for k, prefix in enumerate(floors, 1) if name.startswith(prefix)), 0)

    return {
        (name, used)
        for name, source in house.items()
        for used in uses(name, source, frozenset(house))[0]
        if floor(used) > floor(name)
    }


def foreign(house):
    """Private names that other modules read."""
    return {(name, private) for name, source in house.items() for private in uses(name, source, frozenset(house))[1]}


def test_modules_form_layers():
    assert circles(HOUSE) == set()
    assert upward(HOUSE) == set()
    assert foreign(HOUSE) == set()


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("numerics.model", "def f():\n    from numerics.engine import train", circles),
        ("verify.judge", "from verify import study", circles),
        ("verify.judge", "def f():\n    from verify.report import common", upward),
        ("verify.study", "import verify.__main__", upward),
        ("verify.report.common", "from verify.cli import common", upward),
        ("verify.judge", "from verify.fit import _x", foreign),
        ("verify.judge", "fit._x", foreign),
    ],
)
def test_a_breach_of_the_layers_would_be_found(name, line, fault):
    assert fault({**HOUSE, name: f"{HOUSE[name]}\n{line}\n"})


# Inside the calculus of orders each floor rests on those before it; who checks knows nothing of who searches.
ORDERS = (
    {"relations"}, {"scaling", "lattice", "cone", "grammar"}, {"problem", "proof", "typed", "smt"},
    {"counter", "check", "words"}, {"search"}, {"entail"},
)  # fmt: skip
STRANGERS = {
    "check": {"search", "counter", "cone", "words"},
    "scaling": {"lattice", "cone"},
    "smt": {"lattice", "cone", "search"},
    "grammar": {"lattice"},
}


def misplaced(house):
    """Who in `theory.orders` imports the package, its own floor or one above, or rests on a stranger."""
    inside = {name: name.removeprefix("theory.orders.") for name in house if name.startswith("theory.orders.")}
    floors = {name: k for k, floor in enumerate(ORDERS) for name in floor}
    assert set(floors) == set(inside.values())
    found = set()
    for whole, name in inside.items():
        used = uses(whole, house[whole], frozenset(house))[0]
        found |= {(name, inside[u]) for u in used & set(inside) if floors[inside[u]] >= floors[name]}
        found |= {(name, "theory.orders")} if "theory.orders" in used else set()
        rests = {inside[u] for u in behind([whole], house) & set(inside)}
        found |= {(name, stranger) for stranger in STRANGERS.get(name, set()) & rests}
    return found


def particular(house):
    """Symbols of a paper that a module of `theory.orders` names, in an import or as a word of its own."""
    from theory.papers.han2025 import PAPER
    from theory.symbols import ABBREVIATIONS, table

    symbols = {p.name for p in table()} | {*ABBREVIATIONS, *PAPER.parameters}
    found = set()
    for whole in (name for name in house if name.startswith("theory.orders")):
        for node in ast.walk(ast.parse(house[whole])):
            if isinstance(node, ast.ImportFrom) and node.module in ("theory", "theory.symbols"):
                found |= {(whole, alias.name) for alias in node.names} if node.module == "theory" else set()
                found |= {(whole, alias.name) for alias in node.names if alias.name in symbols}
            elif isinstance(node, ast.Constant) and node.value in symbols:
                found.add((whole, node.value))
    return found


def test_who_checks_orders_knows_nothing_of_who_searches():
    assert misplaced(HOUSE) == set()
    assert particular(HOUSE) == set()


@pytest.mark.parametrize(
    ("name", "line", "fault"),
    [
        ("check", "from theory.orders.search import refutation", misplaced),
        ("check", "def f():\n    from theory.orders import cone", misplaced),
        ("problem", "from theory.orders import counter", misplaced),
        ("scaling", "from theory.orders import lattice", misplaced),
        ("relations", "from theory.orders import Scaling", misplaced),
        ("lattice", "from theory.orders.proof import Leaf", circles),
        ("counter", 'QUIET = ("sigma_xi", "mu")', particular),
        ("typed", "from theory.symbols import kappa", particular),
        ("typed", "from theory import n", particular),
    ],
)
def test_a_breach_inside_the_orders_would_be_found(name, line, fault):
    whole = f"theory.orders.{name}"
    assert fault({**HOUSE, whole: f"{HOUSE[whole]}\n{line}\n"})


def test_runs_are_named_after_all_the_code_that_they_rest_on():
    """Whatever decides which settings are run, or what is saved of a run, is in the digest that keeps results apart."""
    from verify.study import OF_RUNS

    found = behind(
        ["verify.sweep", "verify.quantify", "verify.scaling", "verify.judge", "verify.packs.han2025.design"], HOUSE
    )
    rest = {".".join(x.split(".")[:2]) for x in found if x.startswith("verify.")}  # a package as a whole
    assert rest == {f"verify.{name}" for name in OF_RUNS} | {
        "verify.packs",
        "verify.processes",
        "verify.notation",
        "verify.axes",
        "verify.draw",
        "verify.drawn",
    }
    assert not any(x.endswith(".figures") for x in found)


# Laws --------------------------------------------------------------------------------------------------------------

LAW_TYPES = {"Theta", "Within", "AtMost", "AtLeast", "Exactly", "Crossing", "Boundary"}
LAW_NAMES = {"rate", "probability", "bound", "identity", "crossing", "boundary"} | {name.lower() for name in LAW_TYPES}


def tells_laws_apart(source):
    """Where a module asks of which kind a law is: by its type, by the type's name or by what report.json calls it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and called(node) in ("isinstance", "issubclass"):
            asked = {getattr(x, "id", getattr(x, "attr", "")) for x in ast.walk(node.args[1])}
        elif isinstance(node, ast.MatchClass):
            asked = {getattr(node.cls, "id", getattr(node.cls, "attr", ""))}
        elif isinstance(node, ast.Compare):
            sides = [x for side in (node.left, *node.comparators) for x in ast.walk(side)]
            asked = {getattr(x, "id", getattr(x, "attr", "")) for x in sides}
            words = {x.value for x in sides if isinstance(x, ast.Constant) and isinstance(x.value, str)}
            kinds = asked & {"kind", "__name__"} or any(getattr(x, "value", "") == "kind" for x in sides)
            found |= words & (LAW_NAMES | LAW_TYPES) if kinds else set()
        elif isinstance(node, ast.Match):
            cases = [x.value for case in node.cases for x in ast.walk(case.pattern) if isinstance(x, ast.Constant)]
            found |= {x for x in cases if x in LAW_NAMES | LAW_TYPES}
            continue
        elif isinstance(node, ast.Dict):  # looked up by the kind
            keys = {getattr(k, "id", getattr(k, "attr", getattr(k, "value", ""))) for k in node.keys if k is not None}
            laws = keys & (LAW_TYPES | LAW_NAMES) if len(keys & (LAW_TYPES | LAW_NAMES)) > 1 else set()
            found |= laws
            continue
        else:
            continue
        found |= asked & LAW_TYPES
    return found


def test_only_the_entry_of_a_law_knows_its_kind():
    for name, source in HOUSE.items():
        if name.startswith("verify.") and not name.startswith("verify.laws"):
            assert not tells_laws_apart(source), name


@pytest.mark.parametrize(
    "breach",
    [
        "isinstance(law, Theta)",
        "any(isinstance(x, (theory.Within, Exactly)) for x in laws)",
        "type(law) is AtMost",
        "type(law) in (AtMost, AtLeast)",
        "type(law).__name__ == 'Crossing'",
        "draw = {'rate': f, 'bound': g}",
        "words = {Theta: 'rate', Within: 'bound'}",
        "part['kind'] == 'rate'",
        "part.kind == 'identity'",
        "match law:\n    case Within(low, high): pass",
        "match part['kind']:\n    case 'bound' if x: pass",
    ],
)
def test_a_law_told_apart_elsewhere_would_be_found(breach):
    assert tells_laws_apart(breach)
    assert not tells_laws_apart("Within(low=0); stage == 'end'; {'rate': 1}; isinstance(x, Claim)")


def test_no_template_tells_laws_apart():
    known = "|".join(sorted(LAW_NAMES))
    for path in (ROOT / "verify" / "templates").iterdir():
        assert not re.search(rf"kind\s*==\s*[\"'](?:{known})[\"']", path.read_text(encoding="utf-8")), path


# Optional packages -------------------------------------------------------------------------------------------------

# Of the extras, by the name that is imported; a missing one must not keep the rest from being imported.
OPTIONAL = {"scikit-learn": "sklearn", "pillow": "PIL", "shap": "shap", "distributed": "distributed", "dask": "dask",
            "dask-jobqueue": "dask_jobqueue", "xarray": "xarray"}  # fmt: skip


IMPORTED_AS = {"python-flint": "flint", "pyyaml": "yaml"}  # of the others, where the names differ


def outside_functions(source):
    """The source without the bodies of its functions: what runs when a module is imported."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
    return ast.unparse(tree)


def test_what_is_imported_is_declared():
    declared = {IMPORTED_AS.get(name, name) for name in (Requirement(x).name for x in project()["dependencies"])}
    extras = project()["optional-dependencies"]
    extra = {OPTIONAL[Requirement(line).name] for line in (*extras["images"], *extras["cluster"], *extras["xarray"])}
    assert extra == set(OPTIONAL.values())
    for package in PACKAGES:
        for path in modules(package):
            source = path.read_text(encoding="utf-8")
            known = declared | set(sys.stdlib_module_names) | set(PACKAGES)
            assert imported(outside_functions(source)) <= known, path
            assert imported(source) <= known | extra, path


def test_an_optional_package_outside_a_function_would_be_found():
    held = "import torch\nclass A:\n    def f(self):\n        import shap\n"
    assert imported(outside_functions(held)) == {"torch"} and imported(held) == {"torch", "shap"}
    for bare in ("import shap", "if True:\n    import shap", "class A:\n    import shap"):
        assert imported(outside_functions(bare)) == {"shap"}


@pytest.mark.parametrize("absent", ["sklearn", "shap"])
def test_without_the_extra_there_is_one_line_that_says_what_to_install(absent, monkeypatch):
    import torch

    from numerics import attribution, images, vgg

    x = torch.zeros(1, 1, 4, 4)
    use = {
        "sklearn": lambda: images.load("digits"),
        "shap": lambda: attribution.shap_values(vgg.build("tiny", 1, 32, 0), x, x),
    }
    for name in [name for name in sys.modules if name.split(".")[0] == absent]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)  # as if it were not installed
    with pytest.raises(ValueError, match=rf"^{absent}.* is not installed: .*pip install .* '\.\[images\]'$"):
        use[absent]()


def early(source):
    """Calls, when a module is imported, of what lists the symbols declared so far."""
    calls = [node for node in ast.walk(ast.parse(outside_functions(source))) if isinstance(node, ast.Call)]
    return {ast.unparse(c.func) for c in calls} & {"table", "symbols.table", "latex", "notation.latex", "names"}


def test_no_module_lists_the_symbols_before_a_paper_has_declared_its_own():
    assert {name: early(source) for name, source in HOUSE.items() if early(source)} == {}
    assert early("from theory.symbols import table\nKNOWN = {p.name for p in table()}") == {"table"}
    assert early("def f():\n    return table()") == set()


LIGHT = ("list", "list --observables", "list --observables --formulas", "list --series",
         "list --regime", "explain stage1.time",
         "explain regime.cross-talk", "papers",
         "entails --given condition-4.1 n<=d",
         "margins --n 100 --m 20 --d 2000 --mu 10 --sigma-0 1e-3 --eta 0.1")  # fmt: skip


def test_what_runs_nothing_waits_for_nothing():
    """The commands that only look load no torch, whose import takes longer than they do, nor statistics or drawing."""
    code = f"""
import sys
from verify.cli import cli
for line in {LIGHT}:
    cli.main(line.split(), standalone_mode=False)
sys.exit(" ".join({{"torch", "scipy.stats", "scipy.optimize", "matplotlib.figure"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == "\n", done.stderr


# Printing ----------------------------------------------------------------------------------------------------------

# The reports and the figures they ask for are the only voice; the command line may say what is wrong with a command.
MAY_WRITE = {Path("verify/figures.py"), *(p.relative_to(ROOT) for p in (ROOT / "verify/report").glob("*.py"))}
COMMANDS = {p.relative_to(ROOT) for p in (ROOT / "verify/cli").glob("*.py")}
MAY_ECHO = MAY_WRITE | COMMANDS | {Path("verify/__main__.py")}


def speaks(source):
    """Calls that put something on a terminal."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            if text in ("print", "pprint", "pprint.pprint", "sys.stdout.write", "sys.stderr.write", "Console"):
                found.add(text)
            if text in ("click.echo", "click.secho"):
                found.add("echo")
    return found


def test_only_the_report_prints():
    for package in PACKAGES:
        for path in modules(package):
            spoken = speaks(path.read_text(encoding="utf-8"))
            name = path.relative_to(ROOT)
            if name not in MAY_WRITE:
                assert not spoken - {"echo"}, f"{name}: {spoken}"
            if name not in MAY_ECHO:
                assert not spoken, f"{name}: {spoken}"


def test_a_stray_print_would_be_found():
    assert speaks("def f(x):\n    if x:\n        print(x)") == {"print"}
    assert speaks("import sys\nsys.stdout.write('x')") == {"sys.stdout.write"}
    assert speaks("import click\nclick.echo('x', err=True)") == {"echo"}
    assert speaks("fingerprint(x); printer = 1; a.print_exc()") == set()


# Packaging ---------------------------------------------------------------------------------------------------------


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist as `python -m build` makes it from the tree as it stands, and the wheel made from that."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=out, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


@pytest.fixture(scope="module")
def wheel(built):
    [path] = built.glob("*.whl")
    with zipfile.ZipFile(path) as held:
        yield {name: held.read(name) for name in held.namelist()}


def info_of(wheel):
    [info] = {name.split("/")[0] for name in wheel} - set(PACKAGES)
    return info


def test_an_index_would_take_both(built):
    paths = [str(path) for path in built.iterdir()]
    command = [sys.executable, "-m", "twine", "check", "--strict", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(paths) == 2


def version_of(tree):
    command = [sys.executable, "-m", "hatchling", "version"]
    return subprocess.run(command, capture_output=True, text=True, cwd=tree, check=True).stdout.strip()


def test_the_version_is_that_of_the_last_tag(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    assert version_of(tmp_path) == "0.1.dev0"  # neither a clone nor an sdist
    git = ["git", "-c", "user.name=any", "-c", "user.email=any@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    assert re.fullmatch(r"0\.1\.dev\d+\+g[0-9a-f]+(\.d\d+)?", version_of(tmp_path))  # no tag
    subprocess.run(["git", "tag", "v1.2.3"], cwd=tmp_path, check=True)
    assert version_of(tmp_path) == "1.2.3"


def test_an_sdist_keeps_its_version(built, tmp_path):
    [path] = built.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", str(path), "-C", str(tmp_path)], check=True)
    [tree] = tmp_path.iterdir()
    assert tree.name == f"thetacheck-{version_of(tree)}"


def test_the_wheels_top_level_is_our_packages_and_nothing_else(wheel):
    top = {name.split("/")[0] for name in wheel}
    assert set(PACKAGES) < top
    assert re.fullmatch(r"thetacheck-[^-]+\.dist-info", info_of(wheel))


def test_the_wheel_holds_everything_that_the_packages_hold(wheel):
    """Templates and schema too: whatever lies in the three packages, but caches."""
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    from_the_root = {"verify/CITATION.cff"}  # of which `--cite` makes its entries
    assert wanted | from_the_root == {name for name in wheel if name.split("/")[0] in PACKAGES}
    if (ROOT / "verify" / "templates").exists():
        assert any(name.startswith("verify/templates/") for name in wheel)


def test_the_wheel_names_its_command_and_its_needs(wheel):
    info = info_of(wheel)
    assert b"thetacheck = thetacheck.__main__:main" in wheel[f"{info}/entry_points.txt"]
    metadata = wheel[f"{info}/METADATA"].decode()
    for line in project()["dependencies"]:
        assert f"Requires-Dist: {Requirement(line).name}" in metadata


def dependency_lines(text):
    """The lines of pyproject.toml that declare a dependency."""
    return [line for line in text.splitlines() if re.match(r'\s+"[A-Za-z][\w.-]*(\[\w+\])?\s*[<>=~!]', line)]


def test_every_dependency_says_what_it_is_for():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lines = dependency_lines(text)
    declared = [
        *project()["dependencies"],
        *(r for group in project()["optional-dependencies"].values() for r in group),
    ]
    assert len(lines) == len(declared)
    for line in lines:
        assert re.search(r"#\s*\w+.*\w", line), line
    assert not re.search(r"#\s*\w+.*\w", dependency_lines('x = [\n  "left-pad>=1",\n]')[0])


def pins():
    found = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line:
            [specifier] = Requirement(line).specifier
            assert specifier.operator == "==", line
            found[Requirement(line).name.lower()] = specifier.version
    return found


def test_constraints_pin_torch_and_every_declared_dependency():
    pinned = pins()
    assert "torch" in pinned
    for line in [
        *project()["dependencies"],
        *(r for group in project()["optional-dependencies"].values() for r in group),
    ]:
        wanted = Requirement(line)
        assert wanted.name.lower() in pinned, f"{wanted.name} is not pinned in constraints.txt"
        # A pin outside the declared range could not be installed.
        assert wanted.specifier.contains(pinned[wanted.name.lower()]), line
        assert wanted.specifier, f"{wanted.name} has no range"


# Tracked files -----------------------------------------------------------------------------------------------------

# Folders that exist on one machine only: homes, mounts, and the usual places of checkouts.
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|work|mnt|opt|private|data|scratch)/[A-Za-z][\w.-]*|[A-Z]:\\Users\\"
)


def test_no_tracked_file_names_a_place_on_a_machine():
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    names = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
    assert names
    for name in names:
        raw = (ROOT / name).read_bytes()
        if b"\0" in raw:
            continue
        found = MACHINE.search(raw.decode("utf-8"))
        assert not found, f"{name}: {found and found.group()}"


def test_a_path_on_a_machine_would_be_found():
    for folder in ("home/ann", "Users/ann", "root/x", "work/here"):
        assert MACHINE.search(f"see /{folder}/report for more")
    assert MACHINE.search("C:" + r"\Users\ann")
    for innocent in ("theory/paper.py", "https://a.org/home/page", "/tmp/look", "n/m", "./work/x", "a/root/b"):
        assert not MACHINE.search(innocent), innocent


# Stray files -------------------------------------------------------------------------------------------------------


def thetacheck(*arguments, cwd, house=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "verify", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )


def assert_one_plain_error(done, stray):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    [line] = done.stderr.strip().splitlines()
    assert str(stray) in line
    assert "rename" in line


BOOBY_TRAP = "raise SystemExit('the stray file was run')\n"


@pytest.mark.parametrize("name", ["theory.py", "numerics.py", "theory/__init__.py"])
def test_a_stray_file_in_the_working_directory_is_one_plain_error(tmp_path, name):
    stray = tmp_path / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(BOOBY_TRAP)
    for arguments in (["list"], ["--help"]):
        assert_one_plain_error(thetacheck(*arguments, cwd=tmp_path), stray)
    # Without it the same command works.
    stray.unlink()
    assert thetacheck("--help", cwd=tmp_path).returncode == 0


def test_a_stray_file_one_level_below_the_house_is_an_error_too(tmp_path):
    """As in docs/ or tests/ of a checkout."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    assert thetacheck("--help", cwd=tmp_path / "docs", house=tmp_path).returncode == 0
    stray = tmp_path / "docs" / "theory.py"
    stray.write_text(BOOBY_TRAP)
    assert_one_plain_error(thetacheck("list", cwd=tmp_path / "docs", house=tmp_path), stray)
