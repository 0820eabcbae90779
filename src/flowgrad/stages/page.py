"""Stage ``page``: the small files that the page on a run loads where somebody looks, a folder a clip; then the page.

The pictures come from the videos themselves, as those of sheets do: the frames artifact is released before.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flowgrad import artifacts
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import MediaError
from flowgrad.evaluation.base import ThresholdRule
from flowgrad.figures.moving import APART_S, HOLD_S
from flowgrad.figures.overlay import OPACITY
from flowgrad.models.rows import Row
from flowgrad.page import data, strips
from flowgrad.page.film import write_film
from flowgrad.page.writing import page, write_value
from flowgrad.provenance import code_digest
from flowgrad.schemas.boxes import DETECTIONS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.plan import PLACES
from flowgrad.schemas.scores import SCORES
from flowgrad.schemas.status import STATUS
from flowgrad.shard import PlannedClip, read_shard

if TYPE_CHECKING:
    from flowgrad.protocols import Protocol

log = logging.getLogger(__name__)

CIOU = "ciou"
"""The metric whose curve is drawn."""
OWN = "-own"
NOT_YET = "the run did not come to it yet: run it again, then this page"


@dataclass(frozen=True)
class _Sources:
    """What is known of a shard; tables by (clip, ...)."""

    rows: Sequence[Row]
    protocols: Mapping[str, Protocol]
    thresholds: Mapping[tuple[str, str], ThresholdRule]
    maps: Mapping[tuple[str, str], artifacts.ArtifactReader]
    detections: Mapping[tuple[str, str], pd.DataFrame]
    scores: Mapping[tuple[str, str, str], pd.DataFrame]
    annotations: Mapping[str, Annotations]


def run(
    *,
    shard_in: Path,
    root: Path,
    status_in: Path,
    rows: Sequence[Row],
    protocols: Mapping[str, Protocol],
    thresholds: Mapping[tuple[str, str], ThresholdRule],
    maps_in: Mapping[tuple[str, str], Path],
    detections_in: Mapping[str, Path],
    annotations_in: Path | None,
    scores_in: Path | None,
    out: Path,
    present: Collection[str] | None = None,
) -> None:
    """Write the films, maps and values of a shard's clips.

    Args:
        shard_in: the shard's file.
        root: the dataset's folder.
        status_in: what became of each clip (stage ``decode``).
        rows: the rows of the table.
        protocols: the protocols, by name.
        thresholds: the threshold rule of every row that makes maps, by (model, protocol).
        maps_in: heatmap artifacts by (model, protocol); a row that is absent is said to have none yet.
        detections_in: detection tables by protocol.
        annotations_in: the annotations of the shard's clips, None for a dataset without.
        scores_in: what stage ``score`` wrote, None for a dataset without annotations.
        out: JSON, what the list of clips says of each; the folder of its name beside it gets a folder a clip.
        present: the clips of the shard that are in the dataset still; None for all.
    """
    remove(own_part(out))
    folder = out.with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    statuses = {row.video: row for row in artifacts.read_table(status_in, STATUS).itertuples(index=False)}
    with ExitStack() as stack:
        sources = _Sources(
            rows,
            protocols,
            thresholds,
            {key: stack.enter_context(artifacts.open_artifact(path, HEATMAPS)) for key, path in maps_in.items()},
            {
                (name, clip): some
                for name, path in detections_in.items()
                for clip, some in artifacts.read_table(path, DETECTIONS).groupby("video")
            },
            _scores(scores_in),
            read_annotations(annotations_in) if annotations_in else {},
        )
        listed = [
            _clip(clip, root, statuses[clip.name], sources, folder)
            for clip in read_shard(shard_in)
            if clip.name in statuses and (present is None or clip.name in present)
        ]
    read = [shard_in, status_in, *maps_in.values(), *detections_in.values(), annotations_in, scores_in]
    made = state(out, rows, [path for path in read if path is not None], present)
    artifacts.write_json(out, made | {"root": str(root) if root.is_dir() else "", "clips": listed})
    log.info("%d clips", len(listed))


def own_part(part: Path) -> Path:
    """Return where ``flowgrad page`` writes a part: under the rule's name the engine would take it for the rule's."""
    return part.with_name(f"{part.stem.removesuffix(OWN)}{OWN}.json")


def remove(part: Path) -> None:
    """Remove what :func:`run` wrote for a shard, where it did."""
    part.unlink(missing_ok=True)
    shutil.rmtree(part.with_suffix(""), ignore_errors=True)


def state(part: Path, rows: Sequence[Row], read: Iterable[Path], present: Collection[str] | None) -> dict[str, Any]:
    """Return what a part is made by and from: the code, the rows, the clips, and the time of each file that is there.

    Args:
        part: where it is written.
        rows: the rows of the table.
        read: the files that it is made from.
        present: the clips of the shard that are in the dataset still; None for all.
    """
    results = part.absolute().parents[1]
    return {
        "code": code_digest(__name__),
        "rows": sorted(f"{row.protocol}/{row.name}" for row in rows),
        "read": {
            path.absolute().relative_to(results).as_posix(): path.stat().st_mtime_ns for path in read if path.is_file()
        },
        "present": None if present is None else sorted(present),
    }


def is_fresh(part: Path, made: Mapping[str, Any], root: Path) -> bool:
    """Return whether a part is what :func:`run` would write now, its films included.

    Args:
        part: what the rule wrote, or ``flowgrad page`` (:func:`own_part`).
        made: what it would be made by and from (:func:`state`).
        root: the dataset's folder; films that are there stay good where it went.
    """
    if not part.is_file():
        return False
    found = artifacts.read_json(part)
    ours = part != own_part(part) or not root.is_dir() or found.get("root") == str(root)
    return ours and all(found.get(name) == value for name, value in made.items())


def _scores(path: Path | None) -> dict[tuple[str, str, str], pd.DataFrame]:
    if path is None:
        return {}
    table = artifacts.read_table(path, SCORES)
    return dict(list(table[table["metric"] == CIOU].groupby(["video", "protocol", "model"])))


def _clip(clip: PlannedClip, root: Path, status: Any, sources: _Sources, folder: Path) -> dict[str, Any]:
    """Write the files of a clip, and return what the list says of it."""
    # a name may hold anything, and be of any length
    home = f"{folder.name}/{hashlib.sha256(clip.name.encode()).hexdigest()[:12]}"
    reason = str(status.reason) if pd.notna(status.reason) else ""
    listed: dict[str, Any] = {"name": clip.name, "status": status.status, "reason": reason}
    if not status.frames:
        return listed
    size = int(status.width), int(status.height)
    value: dict[str, Any] = {"size": size, "frames": status.frames, "film": "", "silent": "", "loudness": None}
    if clip.still:
        value["anchor"] = float(status.anchor_s)
    try:
        with artifacts.replacing(folder.parent / home / "film.mp4") as temporary:
            film = write_film(clip, root, temporary)
        value |= {"frames": film.frames, "silent": film.silent, "loudness": film.loudness}
    except MediaError as error:
        # what cannot be seen is not heard either
        value["film"] = str(error)
    known = sources.annotations.get(clip.name)
    if known is not None:
        # an event without an end lasts as long as the clip, and no number in JSON is endless
        length = value["frames"] / FRAMES_PER_SECOND
        value["events"] = [
            [event.start, min(event.end, length), event.label] for event in known.events if event.start < length
        ]
        value["masked"] = bool(known.mask)
    value["rows"] = {
        f"{row.protocol}/{row.name}": _row(row, clip, status, sources, folder.parent / home) for row in sources.rows
    }
    value["boxes"] = {
        name: data.detections(sources.detections[name, clip.name])
        for name in sources.protocols
        if (name, clip.name) in sources.detections
    }
    if known is not None:
        value["truth"] = {name: data.truth(known, rules, size) for name, rules in sources.protocols.items()}
        listed["slices"] = {name: data.kinds(known, rules, size) for name, rules in sources.protocols.items()}
    write_value(folder.parent / home / "clip.js", value)
    means = {name: data.mean(row["scores"]) for name, row in value["rows"].items()}
    return listed | {"home": home, "means": {name: value for name, value in means.items() if value is not None}}


def _row(row: Row, clip: PlannedClip, status: Any, sources: _Sources, folder: Path) -> dict[str, Any]:
    """Write the maps of a row in a clip, and return what is said of them."""
    found = sources.scores.get((clip.name, row.protocol, row.name))
    value: dict[str, Any] = {"scores": data.scores(found) if found is not None else []}
    size = int(status.width), int(status.height)
    if row.model.gives == "boxes":
        return value if row.model.boxes else value | {"own": row.model.own_boxes(*size)}
    reader = sources.maps.get((row.name, row.protocol))
    if reader is None or clip.name not in reader or not reader.length(clip.name):
        return value | {"absent": NOT_YET if reader is None else data.why_no_map(row, status)}
    rules = sources.protocols[row.protocol]
    counted = data.counted(sources.thresholds[row.name, row.protocol], rules, sources.annotations.get(clip.name), size)
    made = strips.track(reader, clip.name, counted, rules.threshold.normalise_maps)
    for number, strip in enumerate(made.strips):
        write_value(folder / f"{row.protocol}.{row.name}.{number}.js", strip)
    return value | {"at": made.at, "level": made.level, "strength": made.strength}


def run_index(
    *,
    plan_in: Path,
    parts: Sequence[Path],
    clips_in: Path | None,
    rows: Sequence[Row],
    protocols: Mapping[str, Protocol],
    notes: Sequence[str] = (),
    out: Path,
) -> None:
    """Write the page.

    Args:
        plan_in: the present clips, with the reason of those that are in no shard; others are left out.
        parts: what :func:`run` wrote, a file a shard.
        clips_in: ``clips.csv``, whose status and reason say most; None while there is none.
        rows: the rows of the table.
        protocols: the protocols, by name.
        notes: what else is to be said at the top of the page.
        out: HTML.
    """
    made = {clip["name"]: clip for path in parts for clip in artifacts.read_json(path)["clips"]}
    plan = artifacts.read_table(plan_in, PLACES)
    said: dict[str, tuple[str, str]] = {}
    if clips_in is not None:
        table = artifacts.read_table(clips_in, {"video": "str", "status": "str", "reason": "str"}).fillna("")
        said = {row.video: (row.status, row.reason) for row in table.itertuples(index=False)}
    names = [f"{row.protocol}/{row.name}" for row in rows]
    clips = []
    for planned in plan.itertuples(index=False):
        unplanned = ("failed", planned.reason) if pd.notna(planned.reason) else ("pending", NOT_YET)
        clip = made.get(planned.video)
        status, reason = said.get(planned.video, (clip["status"], clip["reason"]) if clip else unplanned)
        entry: dict[str, Any] = {"name": planned.video, "status": status, "reason": reason}
        if clip is not None and "home" in clip:
            entry |= {"home": clip["home"], "slices": clip.get("slices", {})}
            entry["means"] = [clip["means"].get(name) for name in names]
        clips.append(entry)
    index = {
        "rows": [data.row_value(row) for row in rows],
        "protocols": list(protocols),
        "clips": sorted(clips, key=lambda clip: clip["name"]),
        "notes": list(notes),
        "fps": FRAMES_PER_SECOND,
        "apart": round(APART_S * FRAMES_PER_SECOND),
        # as figures.moving holds a map: a quarter of a second, to the nearest frame
        "hold": int(np.floor(HOLD_S * FRAMES_PER_SECOND + 0.5)),
        "colours": strips.palette(),
        "opacity": OPACITY,
        "strip": {"tile": strips.TILE, "across": strips.ACROSS, "length": strips.LENGTH},
    }
    artifacts.write_text(out, page(index))
