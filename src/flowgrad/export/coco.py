"""Boxes of a results folder in the form of COCO: images, categories and annotations, as other tools read them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgrad import artifacts, media
from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.datasets.base import Annotations
from flowgrad.datasets.labels import CLASSES, canonical
from flowgrad.datasets.stored import read_annotations
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import scored_boxes
from flowgrad.evaluation.scaling import normalise
from flowgrad.evaluation.truth import scored_frames, scored_items
from flowgrad.export.boxes import regions
from flowgrad.file_names import stem_of
from flowgrad.plan import Plan
from flowgrad.protocols import BUILT_IN, Protocol
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.status import STATUS

if TYPE_CHECKING:
    from flowgrad.results import Results

DETECTIONS, TRUTH = "detections", "truth"
SOURCE = "sound source"
"""The category of what no class is known of."""
BLOCK = 64
"""Maps that are read at once."""

Found = dict[str, Any]
"""What is known of a box besides its image: ``bbox`` (left, top, width, height in pixels), ``category``, ``score``."""
ByFrame = Mapping[int, list[Found]]


@dataclass(frozen=True)
class _Clip:
    name: str
    shard: str
    frames: int
    size: tuple[int, int]
    first: int
    """The number of its frames' images, before that of its frame 0."""
    anchor_s: float

    def time_s(self, frame: int) -> float:
        """Return the time of a frame in its sound, s."""
        return frame / FRAMES_PER_SECOND if np.isnan(self.anchor_s) else self.anchor_s


def coco(results: Results, boxes: str, protocol: str = "paper", scored: bool = False) -> dict[str, Any]:
    """Return boxes of a run in the form of COCO.

    The number of an image is the same whatever the boxes are, as long as the clips are. Its ``file_name`` is that
    under which :func:`write_images` writes it.

    Args:
        results: the run.
        boxes: ``detections``; ``truth``, the annotated boxes that count; or a row, of whose maps the boxes go around
            what counts as predicted.
        protocol: the protocol whose rules count.
        scored: only the frames that the protocol scores; with ``truth`` always.

    Raises:
        InputError: the run lacks what is asked for, or the protocol is one of one's own, whose rules no results keep.
    """
    clips = list(_clips(results))
    truth = {name: known for shard in {clip.shard for clip in clips} for name, known in _known(results, shard).items()}
    if boxes == TRUTH or scored:
        _require_truth(results, truth)
    if boxes != DETECTIONS or scored:
        _require_built_in(protocol)
    found_in = _reader(results, boxes, protocol, truth)
    labels = [SOURCE] if boxes not in (DETECTIONS, TRUTH) else list(CLASSES)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for clip in clips:
        by_frame = found_in(clip)
        frames: Iterable[int] = sorted(by_frame)
        if boxes == DETECTIONS:
            frames = range(clip.frames)
        if scored:
            known = truth.get(clip.name, Annotations())
            kept = set(scored_frames(known, BUILT_IN[protocol].ground_truth, clip.size))
            frames = [frame for frame in frames if frame in kept]
        for frame in frames:
            number = clip.first + frame
            images.append(_image(clip, frame))
            for one in by_frame.get(frame, ()):
                label = one.pop("category")
                if label not in labels:
                    labels.append(label)
                area = one["bbox"][2] * one["bbox"][3]
                numbers = {"id": len(annotations) + 1, "image_id": number, "category_id": labels.index(label) + 1}
                annotations.append(numbers | one | {"area": round(area, 3), "iscrowd": 0, "segmentation": []})
    categories = [{"id": at, "name": label, "supercategory": "sound source"} for at, label in enumerate(labels, 1)]
    info = {"description": f"flowgrad: {boxes} under protocol {protocol}", "boxes": boxes, "protocol": protocol}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def write_images(results: Results, made: Mapping[str, Any], folder: Path) -> int:
    """Write the images that :func:`coco` names into a folder, as JPEG; return how many.

    Raises ``InputError`` where a video is not where the run found it, or cannot be read.
    """
    from PIL import Image

    wanted: dict[str, dict[int, str]] = {}
    for image in made["images"]:
        wanted.setdefault(image["video"], {})[image["frame"]] = image["file_name"]
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for clip, names in wanted.items():
        video = results.video(clip)
        for number, picture in _pictures(video, results.is_still(clip)):
            if number in names:
                with artifacts.replacing(folder / names[number]) as temporary:
                    Image.fromarray(picture.rgb()).save(temporary, format="JPEG", quality=92)
                written += 1
            if number >= max(names):
                break
    return written


def _pictures(video: Path, still: bool) -> Iterator[tuple[int, media.Picture]]:
    from flowgrad.errors import MediaError

    try:
        for picture in [media.still(video)] if still else media.pictures(media.inspect(video)):
            yield picture.number, picture
    except MediaError as error:
        raise InputError(f"{video}: {error}; put back the video that the run read") from error


def _image(clip: _Clip, frame: int) -> dict[str, Any]:
    return {
        "id": clip.first + frame,
        "file_name": f"{stem_of(clip.name)}_{frame:06d}.jpg",
        "width": clip.size[0],
        "height": clip.size[1],
        "video": clip.name,
        "frame": frame,
        "time_s": clip.time_s(frame),
    }


# the clips and what is true of them


def _clips(results: Results) -> Iterator[_Clip]:
    present = Plan(results.folder).present()
    status: dict[str, Any] = {}
    for shard in sorted(set(present.values())):
        path = results.folder / "status" / f"{shard}.csv"
        if not path.is_file():
            raise InputError(f"{path}: is not there yet; the run did not come to {shard}: run again")
        status |= {row.video: row for row in artifacts.read_table(path, STATUS).itertuples(index=False)}
    first = 1
    for name in sorted(present):
        row = status.get(name)
        if row is not None and row.frames:
            size = int(row.width), int(row.height)
            yield _Clip(name, present[name], int(row.frames), size, first, float(row.anchor_s))
            first += int(row.frames)


def _known(results: Results, shard: str) -> dict[str, Annotations]:
    path = Plan(results.folder).annotation_file(shard)
    return read_annotations(path) if path.is_file() else {}


def _require_truth(results: Results, truth: Mapping[str, Annotations]) -> None:
    if not truth:
        raise InputError(f"{results.folder.absolute()}: the dataset has no annotations, so no frame of it is scored")


def _require_built_in(protocol: str) -> None:
    if protocol not in BUILT_IN:
        known = ", ".join(BUILT_IN)
        raise InputError(f"protocol {protocol!r}: results keep no rules of a protocol of your own; name one of {known}")


# boxes by frame


def _reader(
    results: Results, boxes: str, protocol: str, truth: Mapping[str, Annotations]
) -> Callable[[_Clip], ByFrame]:
    if boxes == DETECTIONS:
        return lambda clip: _detected(results, clip, protocol)
    if boxes == TRUTH:
        return lambda clip: _true(truth.get(clip.name, Annotations()), BUILT_IN[protocol], clip)
    return lambda clip: _marked(results, clip, boxes, protocol)


def _detected(results: Results, clip: _Clip, protocol: str) -> ByFrame:
    found: dict[int, list[Found]] = {}
    for row in results.detections(clip.name, protocol).itertuples(index=False):
        box = (row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1)
        more = {"score": float(row.confidence), "moving": bool(row.moving)}
        found.setdefault(int(row.frame), []).append(_found(box, canonical(row.label), clip.size) | more)
    return found


def _true(known: Annotations, rules: Protocol, clip: _Clip) -> ByFrame:
    if known.of_still:
        label = known.label or SOURCE
        items = scored_items(known, rules.ground_truth, clip.size).items()
        return {number: [_found(box, label, clip.size) for box in boxes] for number, boxes in items}
    scored = scored_boxes(known, **dict(rules.ground_truth), size=clip.size).items()
    return {
        number: [_found(box.xywh, box.label, clip.size) for box in boxes]
        for number, boxes in scored
        if number < clip.frames
    }


def _marked(results: Results, clip: _Clip, model: str, protocol: str) -> ByFrame:
    from flowgrad.evaluation.registry import threshold_rule
    from flowgrad.models.registry import get_model

    path = results.heatmap_file(clip.name, model, protocol)
    rules = BUILT_IN[protocol].threshold
    rule = threshold_rule(rules, get_model(model).threshold)
    found: dict[int, list[Found]] = {}
    if not path.is_file():
        raise InputError(f"{path}: is not there yet; the run did not come to {clip.name!r}: run again")
    with artifacts.open_artifact(path, HEATMAPS) as reader:
        for start in range(0, reader.length(clip.name) if clip.name in reader else 0, BLOCK):
            rows = slice(start, start + BLOCK)
            maps = reader.read(clip.name, "maps", rows).astype(np.float32)
            masks = rule.apply(normalise(maps) if rules.normalise_maps else maps, rules.map_threshold, None)
            for number, one, mask in zip(reader.read(clip.name, "frame", rows), maps, masks, strict=True):
                found[int(number)] = [
                    _found(box, SOURCE, clip.size) | {"score": round(score, 6)}
                    for *box, score in regions(mask, one, clip.size)
                ]
    return found


def _found(box: Iterable[float], label: str, size: tuple[int, int]) -> Found:
    """Return a box, cut at the edges of its frame."""
    x, y, w, h = box
    left, right = (float(np.clip(edge, 0, size[0])) for edge in (x, x + w))
    top, bottom = (float(np.clip(edge, 0, size[1])) for edge in (y, y + h))
    return {"category": label, "bbox": [round(value, 3) for value in (left, top, right - left, bottom - top)]}
