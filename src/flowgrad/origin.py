"""What a results folder was made from: one dataset, noted in ``results/plan/dataset.json``, in one layout of files.

A dataset is known by its format and place. One that moved is known by its clips, so that nothing is done again: most
that both have by name must be there, and be the same files. Rendered streets have no place, and are one dataset
whatever their settings. Files of another layout (their names, the columns of their tables) are of no use to this
version.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from flowgrad import artifacts
from flowgrad.config import Config
from flowgrad.datasets.base import Dataset
from flowgrad.datasets.streets import FORMAT as STREETS
from flowgrad.plan import FingerprintCache, Plan, fingerprinted, usable_clips
from flowgrad.shard import read_shard

LAYOUT = 2
"""Of the files in a results folder; 1 had no flow estimator in its paths."""
MOST = 0.75
"""The share of the clips that must be the same, of the smaller of the two datasets: clips may have come, or gone."""
LOOKED_AT = 32
"""Clips whose files are read to tell, at most: a check takes seconds."""


@dataclass(frozen=True)
class Origin:
    """A dataset as a results folder knows it.

    Attributes:
        format: as in the configuration.
        labelled: whether it has annotations, so that there is a table.
        root: its folder without links; None for rendered streets, and where nobody noted it.
        layout: of the files in the folder.
    """

    format: str
    labelled: bool
    root: str | None = None
    layout: int = LAYOUT

    def __str__(self) -> str:
        if self.format == STREETS:
            return "rendered streets (the demo, or format: streets)"
        return f"{self.root or 'other clips'} (format: {self.format})"


def configured(config: Config) -> Origin:
    """Return the dataset of a configuration."""
    dataset = config.dataset
    root = None if dataset.rendered else str(dataset.root.resolve())
    return Origin(dataset.format, dataset.labelled, root)


def origin_of(results: Path) -> Origin | None:
    """Return the dataset of a results folder; None where nobody noted it."""
    path = _file(results)
    return Origin(**{"layout": 1} | artifacts.read_json(path)) if path.is_file() else None


def note_origin(results: Path, config: Config) -> None:
    """Note in a results folder which dataset it belongs to."""
    artifacts.write_json(_file(results), asdict(configured(config)))


def refusal(results: Path, config: Config, dataset: Dataset | None) -> str | None:
    """Return why a results folder cannot take the configured dataset; None where it can. Nothing is written.

    Args:
        results: the folder, which may be absent.
        config: the configuration.
        dataset: its dataset; None where that cannot be used, so that its clips cannot be compared.
    """
    here, before = configured(config), origin_of(results)
    planned = Plan(results).clips_file.is_file()
    if (planned and before is None) or (before is not None and before.layout != LAYOUT):
        if _only_planned(results):
            return None
        return (
            f"results: {results.absolute()} is of an earlier version of flowgrad, which this one cannot go on with;"
            " name another working folder (--directory), or delete or rename that folder"
        )
    if before is None or before == here:
        return None
    if before.format == here.format and (dataset is None or here.format == STREETS or _same_clips(results, dataset)):
        return None
    if _only_planned(results):
        return None
    return (
        f"dataset: {results.absolute()} holds the results of {before}, and not of {here}; name another working folder"
        " (--directory), or delete or rename that folder"
    )


def _file(results: Path) -> Path:
    return Plan(results).folder / "dataset.json"


def _same_clips(results: Path, dataset: Dataset) -> bool:
    """Return whether most clips of the smaller dataset, planned or found, are in the other under the same name."""
    plan = Plan(results)
    home = plan.present()
    found = {clip.name: clip for clip in usable_clips(dataset.clips(), dataset.annotations(), dataset.labelled)}
    common = sorted(home.keys() & found.keys())
    if len(common) < max(1, MOST * min(len(home), len(found))):
        return False
    some = common[:: -(-len(common) // LOOKED_AT)]
    planned = {
        clip.name: clip for shard in {home[name] for name in some} for clip in read_shard(plan.shard_file(shard))
    }
    cache = FingerprintCache(plan.folder / "fingerprints.json")
    same = 0
    for name in some:
        try:
            clip = fingerprinted(dataset.root, found[name], cache)
        except (OSError, UnicodeEncodeError):
            continue
        known = planned[name]
        same += (clip.video_sha256, clip.sound_sha256) == (known.video_sha256, known.sound_sha256)
    return same >= MOST * len(some)


def _only_planned(results: Path) -> bool:
    """Return whether nothing but plans lies in a results folder, and no run is at work there: only ``-n`` was here."""
    if any(results.absolute().parent.glob(".snakemake/locks/*.lock")):
        return False
    files = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    return all(path.parts[0] == "plan" or path.parts[:2] == ("training", "plan") for path in files)
