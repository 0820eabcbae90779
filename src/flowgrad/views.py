"""What a results folder has of a clip, to look at: a picture of one moment, and a video; nothing is computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import InputError, MediaError
from flowgrad.evaluation.registry import threshold_rule
from flowgrad.evaluation.truth import scored_items, truth_mask
from flowgrad.figures.beside import Moment, Sources, cells_of, frame_of, time_of, words
from flowgrad.figures.moving import Drawn, Panel, heard_of, write_film
from flowgrad.figures.overlay import at_half
from flowgrad.figures.panels import detected, map_panel, without_boxes
from flowgrad.models.base import Needs
from flowgrad.models.registry import MODELS
from flowgrad.models.rows import Row
from flowgrad.origin import origin_of
from flowgrad.plan import Plan
from flowgrad.protocols import BUILT_IN
from flowgrad.results import STREETS
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.status import STATUS
from flowgrad.shard import PlannedClip, file_sha256, read_shard

if TYPE_CHECKING:
    from PIL import Image

    from flowgrad.evaluation.base import ThresholdRule
    from flowgrad.protocols import Threshold
    from flowgrad.results import Results

BEST = ("rcgrad-motion", "motion")
"""What is drawn where no row is named, the better one first; then the first row that there is."""
ALL = "all"
Say = Callable[[str], None]


def rows_of_maps(results: Results, protocol: str) -> list[str]:
    """Return the rows whose maps the last run has under a protocol.

    Raises ``InputError`` where there are none.
    """
    made = [name for rules, name in results.rows.maps if rules == protocol] if results.rows else []
    if not made:
        there = sorted({rules for rules, _ in results.rows.maps}) if results.rows else []
        raise InputError(
            f"{results.folder.absolute()} has no maps of protocol {protocol}; it has {', '.join(there) or 'none'}:"
            " name another protocol"
        )
    return made


def _has_maps(results: Results, protocol: str) -> bool:
    return results.rows is not None and any(rules == protocol for rules, _ in results.rows.maps)


def first_protocol(results: Results) -> str | None:
    """Return the first protocol of the last run that has maps, else its first; None where nobody noted them."""
    known = results.rows.protocols if results.rows else []
    return next((name for name in known if _has_maps(results, name)), next(iter(known), None))


def rule_of(name: str, protocol: str) -> tuple[ThresholdRule, Threshold] | tuple[None, None]:
    """Return what counts in the maps of a row; nothing where results do not keep it: of a protocol of one's own."""
    if protocol not in BUILT_IN or name not in MODELS:
        return None, None
    rules = BUILT_IN[protocol].threshold
    return threshold_rule(rules, MODELS[name].threshold), rules


def write_overlay(
    results: Results,
    clip: str,
    video: Path,
    out: Path,
    models: Sequence[str] | None,
    protocol: str,
    say: Say,
    progress: Callable[[float], None],
) -> list[str]:
    """Write the video of a clip with what a run found in it; return the rows that are drawn.

    Args:
        results: the run.
        clip: its name.
        video: its file.
        out: MP4, written whole or not at all.
        models: rows, a panel each; ``["all"]``: all that have maps; None: the best one.
        protocol: whose maps.
        say: is told what a person should know, one sentence each.
        progress: is told which share of the video is drawn.

    Raises:
        InputError: the run lacks what is named, its maps were made from another file, or ``out`` is the video.
        MediaError: the file cannot be read.
    """
    if results.is_still(clip):
        raise InputError(f"{clip} is one picture with its sound; flowgrad show {clip} draws it")
    if out.exists() and out.samefile(video):
        raise InputError(f"{out}: is the video itself; name another file")
    names = _chosen(results, clip, models, protocol, say)
    digest = file_sha256(video)
    recording = media.inspect(video)
    if recording.pictures is None:
        raise MediaError("no video track")
    with ExitStack() as stack:
        panels = []
        for name in names:
            if _gives_boxes(name):
                panels.append(Panel(name, None, at_half))
                continue
            file = results.heatmap_file(clip, name, protocol)
            reader = stack.enter_context(artifacts.open_artifact(file, HEATMAPS))
            if clip in reader and digest != reader.attributes(clip).get("source_sha256"):
                raise InputError(f"{video.absolute()} is not the file that the maps of {clip} were made from")
            rule, rules = rule_of(name, protocol)
            if rule is None:
                say(f"{name}: the outline is drawn at half of each map, whatever protocol {protocol} counts")
            panels.append(map_panel(reader, clip, name, rule, rules))
        boxed = _boxes(results, clip, protocol, recording, say)
        planned = _planned(results, clip)
        heard_in = heard_of(planned, _root(results, planned), recording, say)
        write_panels(recording, panels, boxed, out, say, progress, heard_in)
    return names


def write_panels(
    recording: media.Recording,
    panels: Sequence[Panel],
    boxed: Drawn,
    out: Path,
    say: Say,
    progress: Callable[[float], None],
    heard_in: media.Recording | None = None,
) -> None:
    """Write a recording with panels over it, whole or not at all; say what there is no map or no sound of.

    It is heard in ``heard_in``, None for its own sound.
    """
    for panel in panels:
        if panel.maps is not None and not len(panel.maps):
            say(f"{panel.name} has no map of this video: {_why_none(recording)}")
    end = max(recording.pictures.end, 1e-3) if recording.pictures is not None else 1.0
    with artifacts.replacing(out) as temporary:
        sounds = write_film(recording, panels, boxed, temporary, lambda seconds: progress(seconds / end), heard_in)
    if not sounds:
        what = "the video" if heard_in in (None, recording) else "the clip"
        say(f"{what} has no sound, so the overlay has none")


def _why_none(recording: media.Recording) -> str:
    if recording.pictures is not None and recording.pictures.end <= 1 / FRAMES_PER_SECOND:
        return "it is one frame long, and what moves takes two"
    return "it needs motion or sound that is not there"


def _gives_boxes(name: str) -> bool:
    return name in MODELS and bool(MODELS[name].boxes)


def _chosen(results: Results, clip: str, models: Sequence[str] | None, protocol: str, say: Say) -> list[str]:
    """Return the rows that are drawn; those that nobody named need not be there yet, and it is said which are not."""
    if models is not None and list(models) != [ALL]:
        for name in models:
            if not _gives_boxes(name):
                _maps(results, clip, name, protocol)
        return list(models)
    if results.rows and protocol in results.rows.protocols and not _has_maps(results, protocol):
        detecting = [name for name in results.rows.models if _gives_boxes(name)]
        if detecting:
            # all of them draw the same boxes
            return detecting[:1]
    made = rows_of_maps(results, protocol)
    there = [name for name in made if results.heatmap_file(clip, name, protocol).is_file()]
    missing = [name for name in made if name not in there]
    if not there:
        raise InputError(
            f"{results.folder.absolute()}: the run has no maps of {clip!r} yet ({', '.join(made)}): run again"
        )
    if missing:
        say(f"not there yet, the run did not end: {', '.join(missing)}")
    if models is not None:
        return there
    return [next(name for name in (*BEST, *there) if name in there)]


def _maps(results: Results, clip: str, name: str, protocol: str) -> Path:
    file = results.heatmap_file(clip, name, protocol)
    if not file.is_file():
        raise InputError(f"{file}: is not there yet; the run did not come to {name} of {clip!r}: run again")
    return file


def _boxes(results: Results, clip: str, protocol: str, recording: media.Recording, say: Say) -> Drawn:
    if results.rows is None or not results.rows.detections:
        return without_boxes
    try:
        table = results.detections(clip, protocol)
    except InputError as error:
        say(f"no boxes: {error}")
        return without_boxes
    return detected(table, lambda: next(media.pictures(recording)).size)


def _planned(results: Results, clip: str) -> PlannedClip:
    plan = Plan(results.folder)
    return next(one for one in read_shard(plan.shard_file(plan.present()[clip])) if one.name == clip)


def _root(results: Results, clip: PlannedClip) -> Path:
    """Return the folder that the files of a clip are named from."""
    origin = origin_of(results.folder)
    return results.folder / STREETS if clip.rendered or origin is None or not origin.root else Path(origin.root)


# one moment


def picture(
    results: Results, clip: str, time: float, models: Sequence[str] | None = None, protocol: str = "paper"
) -> Image.Image:
    """Return what rows make of a moment of a clip, side by side, the true boxes first.

    Arguments and errors are those of :meth:`flowgrad.results.Results.show`.
    """
    from PIL import Image

    from flowgrad.figures.sheet import sheet

    names = _shown(results, protocol) if models is None else list(models)
    still = results.is_still(clip)
    planned, status = _planned(results, clip), _status(results, clip)
    moment, labelled = _moment(results, status, 0 if still else _number(status, time), protocol)
    frame = _frame(results, planned, moment.number)
    rows = [_row(name, protocol) for name in names]
    rules = {name: rule for name in names if (rule := rule_of(name, protocol)[0]) is not None}
    with ExitStack() as stack:
        maps = {
            row.name: stack.enter_context(artifacts.open_artifact(_maps(results, clip, row.name, protocol), HEATMAPS))
            for row in rows
            if row.model.gives == "maps"
        }
        found = results.detections(clip, protocol) if any(row.model.boxes for row in rows) else None
        cells = cells_of(moment, frame, rows, Sources(maps, found), BUILT_IN.get(protocol), rules)
    title = f"{protocol}: true boxes" if labelled else "frame"
    return Image.fromarray(sheet([title, *names], [cells]))


def _row(name: str, protocol: str) -> Row:
    """Return a row to be shown; of a plugin that is not installed its maps are."""
    return Row(MODELS.get(name) or replace(MODELS["flow"], name=name), protocol, Needs())


def _shown(results: Results, protocol: str) -> list[str]:
    """Return the rows of the table that have something to show under a protocol."""
    if results.rows is None or protocol not in results.rows.protocols:
        return rows_of_maps(results, protocol)
    boxes = [name for name in results.rows.models if name in MODELS and MODELS[name].gives == "boxes"]
    drawn = [name for name in boxes if results.rows.detections or not _gives_boxes(name)]
    made = [] if drawn and not _has_maps(results, protocol) else rows_of_maps(results, protocol)
    return [name for name in results.rows.models if name in made or name in drawn]


def _status(results: Results, clip: str) -> Any:
    """Return the row of a clip in the status of its shard."""
    path = results.folder / "status" / f"{Plan(results.folder).present()[clip]}.csv"
    if not path.is_file():
        raise InputError(f"{path}: is not there yet; the run did not come to {clip!r}: run again")
    table = artifacts.read_table(path, STATUS)
    return next(table[table["video"] == clip].itertuples(index=False))


def _number(status: Any, time: float) -> int:
    """Return the 8 fps frame of a video that is nearest to a time."""
    number, last = round(time * FRAMES_PER_SECOND), status.frames - 1
    if status.frames and not 0 <= number <= last:
        raise InputError(f"time: {status.video} has frames from 0 to {last / FRAMES_PER_SECOND:.3f} s, got {time:g}")
    return number


def _frame(results: Results, clip: PlannedClip, number: int) -> npt.NDArray[np.uint8]:
    video = results.video(clip.name)
    try:
        return frame_of(_root(results, clip), clip, number)
    except MediaError as error:
        raise InputError(f"{video}: {error}; put back the video that the run read") from error


def _moment(results: Results, status: Any, number: int, protocol: str) -> tuple[Moment, bool]:
    """Return a frame with the true boxes on it, if it is scored; and whether anything says which count."""
    moment = Moment(
        status.video, number, time_of(status, number), scores=_scores(results, status.video, protocol, number)
    )
    plan, rules = Plan(results.folder), BUILT_IN.get(protocol)
    path = plan.annotation_file(plan.present()[status.video])
    known = read_annotations(path).get(status.video) if path.is_file() else None
    if known is None or rules is None:
        return moment, False
    size = int(status.width), int(status.height)
    truth = scored_items(known, rules.ground_truth, size).get(number)
    if truth is None:
        return moment, True
    return replace(moment, truth=truth, mask=truth_mask(known, truth, size, rules.boxes.box_raster)), True


def _scores(results: Results, clip: str, protocol: str, number: int) -> dict[str, str]:
    if not results.has_table or "ciou" not in results.frames:
        return {}
    table = results.frames
    table = table[(table["video"] == clip) & (table["frame"] == number) & (table["protocol"] == protocol)]
    return {row.model: words(row.ciou, row.status) for row in table.itertuples(index=False)}
