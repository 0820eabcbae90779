"""The maps of one video, without a configuration: the stages of the workflow, one after the other, in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flowgrad import artifacts, paths
from flowgrad.datasets.suffixes import VIDEO_SUFFIXES, suffix
from flowgrad.errors import MediaError
from flowgrad.flow.forms import KINDS
from flowgrad.schemas.status import STATUS
from flowgrad.stages import background, decode, flow, heatmaps
from flowgrad.workflow import depends, files, work
from flowgrad.workflow.run import Run, begin_run

CLIP = "video"
"""What the one clip is called, whatever the file's name is."""
THREADS = 2


def maps_of(
    video: Path,
    models: Sequence[str],
    protocol: str,
    checkpoints: Mapping[str, Path],
    folder: Path,
    say: Callable[[str], None],
) -> dict[str, Path]:
    """Compute the maps of a video in an empty folder; return the file of each row's, by its name.

    The working folder is that folder meanwhile, so all paths are to be absolute.

    Args:
        video: the file; a link to it is made.
        models: rows that give maps.
        protocol: a built-in protocol.
        checkpoints: weights by key, absolute paths.
        folder: an empty folder.
        say: is told each step in words.

    Raises:
        InputError: a row cannot be run, or no picture of the file can be decoded.
    """
    link = CLIP + (suffix(video.name) if suffix(video.name) in VIDEO_SUFFIXES else ".mp4")
    (folder / "dataset").mkdir(parents=True)
    (folder / "dataset" / link).symlink_to(video)
    raw = {
        "dataset": {"format": "videos", "root": str(folder / "dataset")},
        "models": list(models),
        "protocols": [protocol],
        "checkpoints": {key: str(path) for key, path in checkpoints.items()},
        "pictures": 0,
    }
    with contextlib.chdir(folder):
        run = begin_run(raw)
        (shard,) = run.shards
        _compute(run, shard, say)
    return {row.name: folder / paths.heatmaps(row.protocol, row.name, shard) for row in run.map_rows}


def _compute(run: Run, shard: str, say: Callable[[str], None]) -> None:
    say("decoding")
    status = Path(paths.status(shard))
    decode.run(cache=work.cache(run), shard=shard, recipe=work.recipe(run, shard, run.map_rows), status_out=status)
    (row,) = artifacts.read_table(status, STATUS).itertuples(index=False)
    if not row.frames:
        raise MediaError(str(row.reason))
    with work.frames(run, shard, run.map_rows) as frames:
        for kind in (kind for kind in KINDS if kind in run.flow_kinds):
            say("optical flow")
            flow.run(
                shard_in=run.plan.shard_file(shard),
                frames_in=frames,
                root=run.config.open_dataset().root,
                kind=kind,
                name=run.config.flow.estimator,
                estimator=work.estimator(run, THREADS),
                out=Path(paths.flow(run.config.flow.estimator, kind, shard)),
                threads=THREADS,
            )
        if run.compares:
            say("background")
            background.run(
                frames_in=frames,
                flow_in=Path(paths.flow(run.config.flow.estimator, "signed", shard)),
                out=Path(paths.background(run.config.flow.estimator, shard)),
                threads=THREADS,
            )
        for one in run.map_rows:
            say(f"maps of {one.name}")
            inputs = files.heatmaps(run, one, shard)
            known = {what: Path(file) for what, file in inputs.items()}
            heatmaps.run(
                **work.model(run, one, depends.heatmaps(run, one)),
                frames_in=frames if "frames" in known else None,
                flow_in=known.get("flow"),
                background_in=known.get("background"),
                maps_in=known.get("maps"),
                out=Path(paths.heatmaps(one.protocol, one.name, shard)),
                threads=THREADS,
            )
