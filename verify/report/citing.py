"""How to cite this tool and the papers whose statements it checks, as BibTeX: CITATION.cff is the one source."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from verify.report.latex import sentence
from verify.study import Outcome

NAME = "CITATION.cff"
_PACKAGE = Path(__file__).parents[1]


def bibtex(keys: Iterable[str] = ()) -> str:
    """Entries of the tool and of some papers.

    Args:
        keys: of papers, family name and year: ``kou2023``. One that is not known is named in a comment, which BibTeX
            skips.
    """
    held = _held()
    with suppress(PackageNotFoundError):  # run from a checkout
        held = {**held, "version": version("thetacheck")}
    entries = [_entry("software", "thetacheck", held)]
    papers = {_key(paper): paper for paper in held["references"]}
    for key in dict.fromkeys(keys):
        if key in papers:
            kind = "inproceedings" if papers[key]["type"] == "conference-paper" else "misc"
            entries.append(_entry(kind, key, papers[key]))
        else:
            entries.append(f"% no entry is known of {re.sub(r'[^ -~]+', '?', key)}\n")
    return "\n".join(entries)


def papers_of(outcome: Outcome) -> list[str]:
    """The keys of the papers whose statements an outcome is about: its own, and those that claims are taken from."""
    stated = [v.claim.source for v in outcome.verdicts] + [a.theorem.source for a in outcome.answers]
    named = [re.match(r"(\w+) et al\. (\d{4})", source.reference) for source in stated]
    own = outcome.plan.reading.paper
    return list(dict.fromkeys([own, *(f"{found[1]}{found[2]}".lower() for found in named if found)]))


@cache
def _held() -> Mapping[str, Any]:
    """What CITATION.cff says. It lies in the package where that was installed, else at the root of the repository."""
    import yaml  # here alone

    path = next(path for path in (_PACKAGE / NAME, _PACKAGE.parent / NAME) if path.is_file())
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _key(paper: Mapping[str, Any]) -> str:
    return f"{paper['authors'][0]['family-names']}{paper['year']}".lower()


def _entry(kind: str, key: str, held: Mapping[str, Any]) -> str:
    authors = [
        f"{{{sentence(a['name'])}}}" if "name" in a else f"{sentence(a['family-names'])}, {sentence(a['given-names'])}"
        for a in held["authors"]
    ]
    fields = {
        "author": " and ".join(authors),
        "title": f"{{{sentence(held['title'])}}}",
        "booktitle": sentence(held.get("collection-title", "")),
        "year": str(held.get("year", "")) or str(held.get("date-released", ""))[:4],
        "version": sentence(str(held.get("version", ""))),
        "doi": held.get("doi", ""),
        "url": held.get("url", "") or held.get("repository-code", ""),
    }
    if held.get("url", "").startswith("https://arxiv.org/abs/"):
        fields |= {"eprint": held["url"].removeprefix("https://arxiv.org/abs/"), "archiveprefix": "arXiv"}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])
