"""The command prove."""

from contextlib import nullcontext
from pathlib import Path

import click

from verify import options as kinds
from verify.cli.common import cli, cores, paper, paper_option


@cli.command(short_help="Prove statements about the limit for all parameters of a region.")
@click.argument("statement", nargs=-1)
@click.option(
    "--region", multiple=True, metavar="RANGES", help="another region: 'lead=2.5:10 tau=0.1 active=0.4:0.8 step=0.05'"
)
@click.option("--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="write the certificates")
@click.option(
    "--check", type=click.Path(path_type=Path), default=None, metavar="FILE", help="go over certificates again instead"
)
@click.option("--jobs", type=kinds.JOBS, default=None, help="processes [default: one per core]")
@paper_option
def prove(statement: tuple[str, ...], region: tuple[str, ...], out: Path | None, check: Path | None,
          jobs: int | None) -> int:  # fmt: skip
    """Prove each STATEMENT about the limit of training, or all that are known, for every parameter of a region at once.

    STATEMENT is a name (`list --limit`), or inequalities of one's own between quantities of the limit, joined by `and`,
    with the time: `at s = 0.4`, or `for s from 0.4 to 0.5`. The answer is proved, with boxes that cover the region;
    disproved, with a point; or undecided, with where. Proofs and points are checked again in another arithmetic
    (docs/proofs.md).

    \b
    Examples:
      thetacheck prove
      thetacheck prove limit.stage1 --out stage1.json
      thetacheck prove --check stage1.json
      thetacheck prove "gamma > rho_noisy at s = 0.4" --region "lead=2.6:12 tau=0.05:0.25"
      thetacheck prove "margin_noisy < 0 for s from 0.1 to 0.5" --region "kappa=5:20 active=0.4:0.8 step=0.05"

    \b
    Exit status: 0 all are proved or argued (or all certificates stand), 1 one is disproved or undecided
    (or does not stand), 2 unusable arguments.
    """
    from theory.limit import Verdict
    from verify import processes, proved, report

    held = paper()
    limit = proved.of_paper(held)
    if check is not None:
        if statement or region or out is not None:
            raise ValueError("--check goes over a file as it is: give no statement, --region or --out with it")
        file = proved.read(check)
        return 0 if report.rechecked(list(proved.recheck(file, limit))) else 1
    asked = proved.asked(limit, statement, " ".join(region))
    if out is not None:
        proved.refuse_foreign(out)
    workers = min(jobs or cores(), len(asked))
    with processes.Processes(workers) if workers > 1 else nullcontext() as pool:
        found = report.write_proofs(proved.prove_all(limit, asked, held.name, pool))
    if out is not None:
        proved.write(found, held.name, out)
    return 0 if all(o.verdict in (Verdict.PROVED, Verdict.ARGUED) for o in found) else 1
