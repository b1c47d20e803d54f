"""What the site makes itself: formulas without a script, and the lists of the reference, from what the code knows."""

import json
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import thetacheck
import verify
from theory import papers, symbols
from theory.formulas import mathml, parses
from verify.cli import cli
from verify.pack import load
from verify.report import vocabulary
from verify.sweep import COLUMNS

logger = logging.getLogger(__name__)
WIDTH = 88  # of help texts, so that they fit a page
HOMES = sorted({getattr(getattr(thetacheck, name), "__module__", "numerics") for name in thetacheck.__all__})

# Lists ---------------------------------------------------------------------------------------------------------------


def columns() -> Iterator[tuple[str, ...]]:
    """Every column of `runs` that is no observable: of a paper's own model where another is not named."""
    yield "column", "what it is"
    for name, says in COLUMNS.items():
        yield f"`{name}`", says
    first, told = load(papers.DEFAULT), set()
    for pack in (first, *map(load, papers.built_in())):
        for name in (*pack.columns, *pack.paper.reading().at({}, 0.1)):
            if name not in told:
                told.add(name)
                held, of = symbols.parameter(name), "" if pack is first else f" (of `{pack.paper.name}`)"
                yield f"`{name}`", f"${held.latex}$, {held.meaning}{of}"


def schema(name: str) -> Iterator[tuple[str, ...]]:
    """Every field that a JSON schema names, with the path to it."""
    yield "field", "what it holds", "meaning"
    whole = json.loads((Path(verify.__file__).parent / name).read_text(encoding="utf-8"))

    def walk(path: str, held: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        held = whole["$defs"][held["$ref"].rpartition("/")[2]] | held if "$ref" in held else held
        if path:
            kind, says = held.get("type", ""), held.get("description", "")
            values = ", ".join(f"`{json.dumps(value)}`" for value in held.get("enum", ()))
            yield f"`{path}`", values or (kind if isinstance(kind, str) else " or ".join(kind)), says
        for field, inner in held.get("properties", {}).items():
            yield from walk(f"{path}.{field}" if path else field, inner)
        if isinstance(inner := held.get("items"), dict) and ("properties" in inner or "$ref" in inner):
            yield from walk(f"{path}[]", inner)

    yield from walk("", whole)


def commands() -> Iterator[str]:
    """What each command says of itself, as its `--help` prints it."""
    with click.Context(cli, info_name="thetacheck", terminal_width=WIDTH) as group:
        yield f"## `thetacheck`\n\n```text\n{cli.get_help(group)}\n```"
        for name in cli.list_commands(group):
            with click.Context(cli.commands[name], info_name=name, parent=group, terminal_width=WIDTH) as context:
                yield f"## `{name}`\n\n```text\n{cli.commands[name].get_help(context)}\n```"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    first, *rest = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (first, ["---"] * len(first), *rest))


# What `{listed}` may name, as Markdown.
LISTS = {
    "commands": lambda: "\n\n".join(commands()),
    "vocabulary": vocabulary,
    "columns": lambda: _table(columns()),
    "report": lambda: _table(schema("report.schema.json")),
}


class Listed(SphinxDirective):
    """The list that is named."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(LISTS[self.arguments[0]](), allow_section_headings=True)


# Formulas ------------------------------------------------------------------------------------------------------------


def _formula(display: str) -> Any:
    def visit(writer: Any, node: nodes.Node) -> None:
        latex = node.astext()
        if not parses(latex):
            logger.warning("a formula that cannot be shown: %s", latex, location=node)
        shown = str(mathml(latex)).replace('display="inline"', f'display="{display}"', 1)
        writer.body.append(f'<div class="formula">{shown}</div>' if display == "block" else shown)
        raise nodes.SkipNode

    return visit, None


# Docstrings ----------------------------------------------------------------------------------------------------------


def _once(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """What ``thetacheck`` names is documented there and nowhere else."""
    here = app.env.docname == "reference/thetacheck"
    return True if not here and any(value is getattr(thetacheck, public) for public in thetacheck.__all__) else None


def _plain(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Bars are absolute values, not substitutions; what stands before a colon is part of the sentence, not a type."""
    if what in ("attribute", "property") and lines and lines[-1].startswith(":type: "):
        lines[:] = [f"{lines[-1].removeprefix(':type: ')}: {lines[0]}", *lines[1:-1]]
    for k, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        lines[k] = "".join(part if i % 2 else part.replace("|", r"\|") for i, part in enumerate(parts))


def _at_home(app: Any, env: Any, node: nodes.Element, content: nodes.Element) -> nodes.Element | None:
    """A docstring on the page of ``thetacheck`` names what is beside it in the module that it comes from."""
    if node.get("py:module") != "thetacheck":
        return None
    found = (
        env.domains[node["refdomain"]].resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], f"{home}.{node['reftarget']}", node, content
        )
        for home in HOMES
    )
    return next((link for link in found if link is not None), None)


def _exists(app: Any, domain: Any, node: nodes.Element) -> bool | None:
    """What a docstring names need not have an entry here, but it must exist. Annotations are Python's to check."""
    if not isinstance(node[0], nodes.literal):
        return True
    module, held, target = node.get("py:module"), node.get("py:class"), node["reftarget"]
    places = [(module, held, target), (module, target), (target,), *((home, target) for home in HOMES)]
    return True if any(_found(".".join(part for part in place if part)) for place in places) else None


def _found(name: str) -> bool:
    within, _, last = name.rpartition(".")
    try:
        place = pkgutil.resolve_name(within)
    except (ImportError, AttributeError, ValueError):
        return False
    if last in getattr(place, "__dataclass_fields__", ()) or hasattr(place, last):
        return True
    return any(module.name == last for module in pkgutil.iter_modules(getattr(place, "__path__", ())))


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("listed", Listed)
    app.add_html_math_renderer("mathml", _formula("inline"), _formula("block"))
    app.connect("autodoc-skip-member", _once)
    app.connect("autodoc-process-docstring", _plain, priority=600)  # after napoleon
    app.connect("missing-reference", _at_home)
    app.connect("warn-missing-reference", _exists)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
