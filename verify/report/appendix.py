"""A report as a paper's appendix: tables of verdicts, every figure as PDF with what it shows as CSV, and references."""

import re
from collections.abc import Iterable

import pandas as pd

from verify.draw import Picture
from verify.drawn import table
from verify.report.citing import bibtex, papers_of
from verify.report.common import csv
from verify.report.latex import PACKAGES, name, sentence, verdict_tables
from verify.study import Outcome

_DOCUMENT = r"""%% Compiles by itself: pdflatex appendix. In a paper, from the folder above:
%%   \newcommand{\thetacheck}{latex/}  \input{latex/verdicts}  \input{latex/figures}
%% with \usepackage{%s}.
\documentclass{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage{%s}
\begin{document}
\section*{Verdicts}
%s, as found by \texttt{thetacheck}~\nocite{*} with %s.

\input{verdicts}
\section*{Figures}
\input{figures}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def of_study(outcome: Outcome, pictures: Iterable[Picture], title: str, command: str) -> dict[str, str | bytes]:
    """The files of ``latex/``, by name below the report's folder.

    Args:
        outcome: of the study.
        pictures: its figures, in order.
        title: of the paper.
        command: that led to it.
    """
    packages = ",".join(PACKAGES)
    told = rf"\texttt{{{sentence(command)}}}"
    return {
        "latex/verdicts.tex": verdict_tables(outcome),
        "latex/references.bib": bibtex(papers_of(outcome)),
        "latex/appendix.tex": _DOCUMENT % (packages, packages, sentence(title), told),
        **of_figures(pictures, "latex", outcome.runs),
    }


def of_figures(pictures: Iterable[Picture], folder: str, runs: pd.DataFrame | None = None) -> dict[str, str | bytes]:
    """Every figure as PDF, what it shows as CSV, and all of them with their captions as LaTeX, in one folder.

    Args:
        pictures: in order.
        folder: in which they lie.
        runs: of the study; where a point is one of them, its CSV says which.
    """
    body: dict[str, str | bytes] = {}
    floats = [
        r"% Needs \usepackage{graphicx,amsmath,amssymb}. Where the files lie elsewhere than the document, say before:",
        r"% \newcommand{\thetacheck}{report/latex/}",
        r"\providecommand{\thetacheck}{}",
    ]
    for number, picture in enumerate(pictures):
        if number and number % 12 == 0:
            floats.append(r"\clearpage % LaTeX holds back no more than some figures")
        file = re.sub(r"[^A-Za-z0-9]+", "-", picture.name).strip("-")  # LaTeX takes what follows a first dot for a kind
        body[f"{folder}/{file}.pdf"] = picture.pdf()
        body[f"{folder}/{file}.csv"] = csv(table(picture.figure, runs), float_format="%.6g")
        floats.append(
            "\n".join([
                r"\begin{figure}[!htbp]\centering",
                rf"\includegraphics[width=\linewidth]{{\thetacheck {file}.pdf}}",
                rf"\caption{{{name(picture.name)}. {sentence(picture.caption)}}}\label{{fig:{file}}}",
                r"\end{figure}",
            ])
        )  # fmt: skip
    return body | {f"{folder}/figures.tex": "\n".join(floats) + "\n"}
