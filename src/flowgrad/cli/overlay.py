"""``flowgrad overlay``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgrad.cli.values import check_folder, path, writing
from flowgrad.errors import InputError, MediaError

if TYPE_CHECKING:
    from flowgrad.figures.moving import Drawn, Panel
    from flowgrad.media import Recording
    from flowgrad.results import Results

HELP = "write a video: where its sound comes from, over the moving picture (docs/overlay.md)"
EXAMPLE = "flowgrad overlay street.mp4"
BEST = {
    "rcgrad-motion": "it listens, and marks only what moves; RCGrad's weights are there",
    "motion": "the best row that needs no weights",
}
"""What is drawn where no row is named, the better one first."""
SUFFIX = ".mp4"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("video", type=path, metavar="VIDEO", help="the video file")
    parser.add_argument("--output", "-o", type=path, metavar="OUT.mp4", help="default: VIDEO.overlay.mp4, beside it")
    parser.add_argument("--models", nargs="+", metavar="ROW", help="rows, side by side; default: the best that can be")
    parser.add_argument("--results", type=path, help="draw what this results folder has; nothing is computed")
    parser.add_argument("--protocol", default="robust", help="default: %(default)s")
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="weights; default: by their published names in the weights folder",
    )


def run(options: argparse.Namespace) -> int:
    """Write the video and print where."""
    video: Path = options.video
    output = _output(options)
    if options.results is not None:
        check_folder(options.results, f"a results folder: {EXAMPLE} --results results")
    if not video.is_file():
        raise InputError(f"{video.absolute()} is {'a folder' if video.is_dir() else 'not there'}; name a video file")

    from flowgrad import media

    try:
        recording = media.inspect(video)
        if recording.pictures is None:
            raise MediaError("no video track")
        with ExitStack() as stack:
            if options.results is not None:
                panels, boxed = _from_results(options, recording, stack)
            else:
                panels, boxed = _computed(options, recording, stack)
            _write(recording, panels, boxed, output)
    except MediaError as error:
        raise InputError(f"{video.absolute()}: {error}; name a video file") from error
    print(output)
    return 0


def _output(options: argparse.Namespace) -> Path:
    video: Path = options.video
    output: Path | None = options.output
    if output is None:
        return video.with_name(f"{video.stem}.overlay{SUFFIX}")
    if output.is_dir():
        raise InputError(f"{output.absolute()} is a folder; name a file in it, such as {output / 'overlay.mp4'}")
    if output.suffix.lower() != SUFFIX:
        raise InputError(f"{output}: the video is an MP4 file; end its name in {SUFFIX}: {output.with_suffix(SUFFIX)}")
    if output.exists() and video.exists() and output.samefile(video):
        raise InputError(f"{output}: is the video itself; name another file")
    return output


def _write(recording: Recording, panels: Sequence[Panel], boxed: Drawn, output: Path) -> None:
    from flowgrad.artifacts import replacing
    from flowgrad.figures.moving import write_film

    for panel in panels:
        if panel.maps is not None and not len(panel.maps):
            _say(f"{panel.name} has no map of this video: {_why_none(recording)}")
    assert recording.pictures is not None
    progress = _Progress("drawing", recording.pictures.end)
    with writing(output), replacing(output) as temporary:
        sounds = write_film(recording, panels, boxed, temporary, progress)
    progress.done()
    if not sounds:
        _say("the video has no sound, so the overlay has none")


def _why_none(recording: Recording) -> str:
    if recording.pictures is not None and recording.pictures.end <= 1 / 8:
        return "it is one frame long, and what moves takes two"
    return "it needs motion or sound that is not there"


def _computed(options: argparse.Namespace, recording: Recording, stack: ExitStack) -> tuple[list[Panel], Drawn]:
    """Compute maps in a temporary folder, which lasts as long as ``stack``."""
    from flowgrad.models.registry import get_model
    from flowgrad.protocols import BUILT_IN, get_protocol
    from flowgrad.workflow.one_video import CLIP, maps_of

    if options.protocol not in BUILT_IN:
        raise InputError(f"--protocol: {options.protocol!r} is not one of {', '.join(BUILT_IN)}")
    known = _named_checkpoints(options.checkpoints)
    models = options.models
    if models is None:
        hears = recording.sound is not None
        models = ["rcgrad-motion" if hears and not _absent("rcgrad-motion", known) else "motion"]
        _say(f"{models[0]}: {BEST[models[0]]}; --models names others")
    for name in models:
        model = get_model(name)
        if model.gives != "maps" or not model.has(get_protocol(options.protocol)):
            what = "makes boxes" if model.gives != "maps" else f"knows no protocol {options.protocol}"
            raise InputError(f"--models: {name} {what}; name a row of maps, such as motion, or results with --results")
        absent = _absent(name, known)
        if absent:
            raise InputError(absent)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowgrad-overlay-")))
    made = maps_of(options.video.absolute(), models, options.protocol, _files(models, known), folder, _say_step)
    panels = [_panel(stack, made[name], CLIP, name, options.protocol) for name in models]
    return panels, _no_boxes


def _from_results(options: argparse.Namespace, recording: Recording, stack: ExitStack) -> tuple[list[Panel], Drawn]:
    """Find the maps of the video in results."""
    from flowgrad.figures.moving import Panel
    from flowgrad.models.registry import MODELS
    from flowgrad.results import open_results

    results = open_results(options.results)
    clip = results.clip_of(options.video)
    made = [name for protocol, name in results.rows.maps if protocol == options.protocol] if results.rows else []
    models = options.models
    if models is None:
        models = [name for name in (*BEST, *made) if name in made][:1]
        if not models:
            there = sorted({protocol for protocol, _ in results.rows.maps}) if results.rows else []
            raise InputError(
                f"{options.results.absolute()} has no maps of protocol {options.protocol}; it has"
                f" {', '.join(there) or 'none'}: name one with --protocol"
            )
        _say(f"{models[0]}: the first of {', '.join(made)}; --models names others")
    panels = []
    for name in models:
        if name in MODELS and MODELS[name].boxes:
            panels.append(Panel(name, None, _at_half))
        else:
            file = results.heatmap_file(clip, name, options.protocol)
            panels.append(_panel(stack, file, clip, name, options.protocol))
    return panels, _boxes_of(results, clip, options.protocol, recording)


def _panel(stack: ExitStack, file: Path, clip: str, name: str, protocol: str) -> Panel:
    from flowgrad.artifacts import open_artifact
    from flowgrad.evaluation.registry import OWN, THRESHOLDS
    from flowgrad.figures.moving import MapTrack, Panel
    from flowgrad.models.registry import get_model
    from flowgrad.protocols import BUILT_IN
    from flowgrad.schemas.heatmaps import HEATMAPS

    maps = MapTrack(stack.enter_context(open_artifact(file, HEATMAPS)), clip)
    if protocol not in BUILT_IN:
        # results do not keep what a protocol of one's own says
        _say(f"{name}: the outline is drawn at half of each map, whatever protocol {protocol} counts")
        return Panel(name, maps, _at_half)
    rules = BUILT_IN[protocol].threshold
    rule = THRESHOLDS.get_known(get_model(name).threshold if rules.threshold == OWN else rules.threshold)
    return Panel(name, maps, partial(_counted, rule, rules.map_threshold), rules.normalise_maps)


def _counted(rule: Any, threshold: float, maps: Any) -> Any:
    return rule.apply(maps, threshold, None)


def _at_half(maps: Any) -> Any:
    return maps >= 0.5


def _no_boxes(picture: Any, seconds: float) -> Any:
    return picture


def _boxes_of(results: Results, clip: str, protocol: str, recording: Recording) -> Drawn:
    """Return what draws the detections of a clip, those of the 8 fps frame that is on display."""
    if results.rows is None or not results.rows.detections:
        return _no_boxes

    from flowgrad.constants import FRAMES_PER_SECOND
    from flowgrad.figures.boxes import with_boxes
    from flowgrad.media import pictures
    from flowgrad.stages.pictures import BRIGHT, DIM

    table = results.detections(clip, protocol)
    by_frame = {int(number): list(rows.itertuples(index=False)) for number, rows in table.groupby("frame")}
    size = next(pictures(recording)).size

    def drawn(picture: Any, seconds: float) -> Any:
        for moving, colour in ((0, DIM), (1, BRIGHT)):
            rows = [row for row in by_frame.get(int(seconds * FRAMES_PER_SECOND), ()) if row.moving == moving]
            boxes = [(row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1) for row in rows]
            if boxes:
                picture = with_boxes(picture, boxes, size, colour, 1 + moving)
        return picture

    return drawn


# weights


def _named_checkpoints(given: Sequence[str]) -> dict[str, Path]:
    from flowgrad.models.registry import checkpoint_names
    from flowgrad.spelling import did_you_mean

    found = {}
    for pair in given:
        name, equals, file = pair.partition("=")
        if not equals or not file:
            raise InputError(f"--checkpoints {pair}: expected NAME=FILE, such as --checkpoints rcgrad=rc_grad.pt")
        if name not in checkpoint_names():
            meant = did_you_mean(name, checkpoint_names()) or f"; there are {', '.join(checkpoint_names())}"
            raise InputError(f"--checkpoints: there are no weights {name!r}{meant}")
        found[name] = Path(file).expanduser()
    return found


def _absent(model: str, known: dict[str, Path]) -> str | None:
    """Return the sentence that says which weights of a model are absent; None where all are there."""
    from flowgrad import weights
    from flowgrad.models.registry import weights_of

    for wanted in weights_of(model):
        file = known.get(wanted.key, Path(wanted.file))
        if weights.find(file) is None:
            return weights.absent(f"{model}, weights {wanted.key}", file, wanted.source)
    return None


def _files(models: Sequence[str], known: dict[str, Path]) -> dict[str, Path]:
    from flowgrad import weights
    from flowgrad.models.registry import weights_of

    wanted = {one.key: known.get(one.key, Path(one.file)) for model in models for one in weights_of(model)}
    found = {key: weights.find(file) for key, file in wanted.items()}
    return {key: file.absolute() for key, file in found.items() if file is not None}


# what is said on the way


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _say_step(step: str) -> None:
    """Say a step of computing, on one line that is written anew; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)


class _Progress:
    """A line with the time left, written anew twice a second; nothing where nobody watches."""

    def __init__(self, what: str, total: float, now: Callable[[], float] = time.monotonic):
        self._what, self._total, self._now = what, max(total, 1e-3), now
        self._start, self._said = now(), float("-inf")

    def __call__(self, seconds: float) -> None:
        now = self._now()
        if not sys.stderr.isatty() or now - self._said < 0.5:
            return
        self._said = now
        share = min(1.0, seconds / self._total)
        left = f", {(now - self._start) * (1 - share) / share:.0f} s left" if share > 0 else ""
        print(f"\r\033[K{self._what} {share:4.0%}{left}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
