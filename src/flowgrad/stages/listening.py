"""Stages ``listening`` and ``listening_table``: what models show under another sound; no network runs again."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowgrad import artifacts
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.highlight import HIGHLIGHTED
from flowgrad.evaluation.listening import donors, foreign_sound, listening, mean_sound
from flowgrad.models.base import Apart, Model, Settings
from flowgrad.models.rows import Row
from flowgrad.places import places_of
from flowgrad.protocols import Protocol
from flowgrad.schemas.apart import APART, NEGATIVE_SOUNDS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.listening import ALL_SOUNDS, HEARD, LISTENING, SOUNDS
from flowgrad.schemas.scores import SCORES

log = logging.getLogger(__name__)

AT_ONCE = 64
METRICS = (CIOU, replace(HIGHLIGHTED, negatives=False))
"""Both of the items that have truth."""
Step = Callable[..., None]
"""Stage ``heatmaps`` of a row that starts from other maps, with all that it reads but ``maps_in`` and ``out``."""


@dataclass(frozen=True)
class Shard:
    """The files of a shard: what was seen and heard, what became of each clip, annotations.

    Attributes:
        apart: of the model that is asked.
        status: stage ``decode``.
        annotations: of the shard's clips.
        steps: what makes other maps from those of that model, one after the other; none where its own are scored.
    """

    apart: Path
    status: Path
    annotations: Path
    steps: Sequence[Step] = ()


def run(
    *,
    row: Row,
    start: Model,
    settings: Settings,
    protocol: Protocol,
    threshold: ThresholdRule,
    shards: Sequence[Shard],
    present: Collection[str],
    score: Callable[..., None],
    out: Path,
) -> None:
    """Score the maps of a row under its own sound, the mean of all sounds, and that of another clip.

    And see how much it marks under silence and under noise.

    Args:
        row: whose maps are scored.
        start: the model that is asked: the row's own, or the one whose maps the row starts from in the end.
        settings: the preset of ``start``.
        protocol: how maps are scored.
        threshold: how they become masks.
        shards: all shards.
        present: the clips of the dataset; others that a shard holds take no part.
        score: stage ``score``.
        out: CSV, a row an item that is scored and was kept (every fourth frame).
    """
    home: dict[str, Path] = {}
    for shard in shards:
        with artifacts.open_artifact(shard.apart, APART) as source:
            home |= dict.fromkeys((clip for clip in source.clips() if clip in present), shard.apart)
    sounds = _Sounds(home)
    tables = []
    with tempfile.TemporaryDirectory(prefix="flowgrad-listening-") as folder:
        for shard in shards:
            values = {}
            made = {sound: Path(folder, f"{sound}.h5") for sound in ALL_SOUNDS}
            _make(start, settings, shard.apart, sounds, made)
            for sound, maps in made.items():
                for place, step in enumerate(shard.steps):
                    given, maps = maps, Path(folder, f"{sound}-{place}.h5")
                    step(maps_in=given, out=maps)
                values[sound] = _scored(score, row, protocol, threshold, shard, maps)
            ciou = {sound: values[sound][CIOU.name] for sound in SOUNDS}
            marked = {f"highlighted_{sound}": found[HIGHLIGHTED.name] for sound, found in values.items()}
            tables.append(pd.DataFrame(ciou | marked).reset_index())
    table = pd.concat(tables) if tables else pd.DataFrame(columns=list(HEARD))
    table = table.assign(model=row.name, protocol=row.protocol).dropna(subset=["own", "mean"])
    artifacts.write_table(out, table[list(HEARD)].sort_values(["video", "frame"]), float_format="%.17g")
    log.info("%d items of %d clips", len(table), len(home))


class _Sounds:
    """What stands in for the sound of a clip: read where it is needed, so that memory does not grow with the clips."""

    def __init__(self, home: Mapping[str, Path]):
        self._home, self._donors = home, donors(list(home))

    def __contains__(self, clip: str) -> bool:
        return clip in self._home

    def heard(self, clip: str, sound: str, count: int) -> npt.NDArray[np.float32] | None:
        """Return the embeddings (count, C) that a clip is given; None where there is no other clip."""
        if sound == "own":
            return self._read(clip)
        if sound == "mean":
            return np.broadcast_to(self._mean, (count, len(self._mean)))
        if sound in NEGATIVE_SOUNDS:
            with artifacts.open_artifact(self._home[clip], APART) as source:
                known = source.read(clip, sound)
            return np.broadcast_to(known, (count, len(known)))
        donor = self._donors.get(clip)
        return None if donor is None else foreign_sound(self._read(donor), count)

    @cached_property
    def _mean(self) -> npt.NDArray[np.float32]:
        return mean_sound(self._read(clip) for clip in self._home)

    def _read(self, clip: str) -> npt.NDArray[np.float32]:
        with artifacts.open_artifact(self._home[clip], APART) as source:
            return source.read(clip, "heard")


def _make(model: Model, settings: Settings, apart_in: Path, sounds: _Sounds, out: Mapping[str, Path]) -> None:
    """Make the maps of a shard under each sound; what was seen is read once."""
    with ExitStack() as stack:
        source = stack.enter_context(artifacts.open_artifact(apart_in, APART))
        outputs = {
            sound: stack.enter_context(artifacts.create(path, HEATMAPS, fps=FRAMES_PER_SECOND))
            for sound, path in out.items()
        }
        for clip in filter(sounds.__contains__, source.clips()):
            numbers, times = source.read(clip, "frame"), source.read(clip, "time_s")
            known = {sound: sounds.heard(clip, sound, len(numbers)) for sound in outputs}
            heard = {sound: embeddings for sound, embeddings in known.items() if embeddings is not None}
            groups = {sound: outputs[sound].clip(clip) for sound in heard}
            for start in range(0, len(numbers), AT_ONCE):
                rows = slice(start, start + AT_ONCE)
                seen = source.read(clip, "seen", rows).astype(np.float32)
                for sound, embeddings in heard.items():
                    apart = Apart(seen, np.ascontiguousarray(embeddings[rows], np.float32))
                    maps = model.met(apart, settings).astype(np.float16)
                    groups[sound].append(frame=numbers[rows], time_s=times[rows], maps=maps)


def _scored(
    score: Callable[..., None], row: Row, protocol: Protocol, threshold: ThresholdRule, shard: Shard, maps: Path
) -> pd.DataFrame:
    """Return cIoU and highlighted share of the scored items of a shard that have maps, by clip and frame."""
    scores = maps.with_suffix(".csv")
    key = (row.name, row.protocol)
    score(
        status_in=shard.status,
        annotations_in=shard.annotations,
        rows=[row],
        protocols={row.protocol: protocol},
        thresholds={key: threshold},
        metrics=METRICS,
        maps_in={key: maps},
        detections_in={},
        out=scores,
    )
    table = artifacts.read_table(scores, SCORES).dropna(subset="value")
    of_metric = {metric.name: table[table["metric"] == metric.name] for metric in METRICS}
    return pd.DataFrame({name: rows.set_index(["video", "frame"])["value"] for name, rows in of_metric.items()})


def run_table(*, plan_in: Path, scores_in: Sequence[Path], out: Path) -> None:
    """Write ``metrics/listening.csv``: a row a model and protocol.

    Args:
        plan_in: the clips with their places.
        scores_in: what :func:`run` wrote, a file a row of the table.
        out: CSV.
    """
    place_of = places_of(plan_in)
    rows = []
    for path in scores_in:
        table = artifacts.read_table(path, HEARD)
        if len(table):
            own, mean, foreign = (table[sound].to_numpy() for sound in SOUNDS)
            named = {"model": table["model"].iloc[0], "protocol": table["protocol"].iloc[0]}
            marked = table[[f"highlighted_{sound}" for sound in ALL_SOUNDS]].to_numpy()
            rows.append(named | listening(own, mean, foreign, marked, table["video"].map(place_of).to_numpy(str)))
    made = pd.DataFrame(rows, columns=list(LISTENING))
    artifacts.write_table(out, made.sort_values(["model", "protocol"], kind="stable"))
