"""The command select."""

from pathlib import Path

import click

from verify import options as kinds
from verify.cli.common import cli, command_line


@cli.command(name="select", short_help="Stop epoch and clean samples from your own losses.")
@click.argument("losses", type=click.Path(path_type=Path))
@click.option(
    "--threshold", type=kinds.LOSS, default=None, help="up to which a loss is fitted [default: log K, K classes]"
)
@click.option("--classes", type=click.Path(path_type=Path), default=None, help="labels trained on, for a .npy: .npy")
@click.option("--flags", type=click.Path(path_type=Path), default=None, help="true flips, 0 or 1, for a .npy: .npy")
@click.option(
    "--missing",
    type=click.Choice(["drop", "last"]),
    default=None,
    help="sample without a loss at an epoch: drop it, or carry its last loss on [default: refuse]",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("select"), show_default=True, help="folder")
def select_(
    losses: Path, threshold: float | None, classes: Path | None, flags: Path | None, missing: str | None, out: Path
) -> int:
    """Propose when to stop and which samples are clean, from LOSSES per sample and epoch (docs/select.md).

    LOSSES is a CSV or Parquet table with the columns sample, epoch and loss, or with a row per sample and a column per
    epoch, and optionally class (the label trained on) and flipped; or a .npy of shape (epochs, samples).

    \b
    Examples:
      thetacheck select losses.csv
      thetacheck select losses.npy --classes labels.npy --missing last

    \b
    Exit status: 0 an epoch is proposed, 1 no stop epoch can be told, 2 unusable arguments or losses.
    """
    from verify import report
    from verify import select as selection
    from verify.losses import read

    written = {(out / name).resolve() for name in selection.FOLDER.files}
    for path in (losses, classes, flags):
        if path is not None and path.resolve() in written:
            raise ValueError(f"{path}: is read, and would be written over; choose another --out")
    held = selection.select(read(losses, flags, classes, missing), threshold)  # what is refused leaves no folder behind
    with selection.FOLDER.open(out, {}):
        report.write_selection(held, out, command_line())
    return 0 if held.stop is not None else 1
