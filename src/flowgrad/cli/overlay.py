"""``flowgrad overlay``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.cli.values import check_folder, path, writing
from flowgrad.errors import InputError, MediaError

if TYPE_CHECKING:
    from flowgrad.figures.moving import Panel
    from flowgrad.media import Recording

HELP = "write a video: where its sound comes from, over the moving picture (docs/overlay.md)"
EXAMPLE = "flowgrad overlay street.mp4"
BEST = {
    "rcgrad-motion": "it listens, and marks only what moves; RCGrad's weights are there",
    "motion": "the best row that needs no weights",
}
"""What is drawn where no row is named, the better one first."""
SUFFIX = ".mp4"
PROTOCOL = "robust"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("video", type=path, metavar="VIDEO", help="the video file; with --results a clip's name, too")
    parser.add_argument("--output", "-o", type=path, metavar="OUT.mp4", help="default: VIDEO.overlay.mp4, beside it")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="ROW",
        help="rows, side by side; default: the best one; all: every row that has maps (with --results)",
    )
    parser.add_argument("--results", type=path, help="draw what this results folder has; nothing is computed")
    parser.add_argument("--protocol", help=f"default: {PROTOCOL}; with --results, the run's first that has maps")
    parser.add_argument(
        "--checkpoints",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="weights; default: by their published names in the weights folder",
    )


def run(options: argparse.Namespace) -> int:
    """Write the video and print where."""
    output = _output(options)
    if options.results is not None:
        check_folder(options.results, f"a results folder: {EXAMPLE} --results results")
        _from_results(options, output)
    else:
        _from_the_video(options, output)
    print(output)
    return 0


def _output(options: argparse.Namespace) -> Path:
    video: Path = options.video
    output: Path | None = options.output
    if output is None:
        stem = video.name if options.results is not None and not video.is_file() else video.stem
        return video.with_name(f"{stem}.overlay{SUFFIX}")
    if output.is_dir():
        raise InputError(f"{output.absolute()} is a folder; name a file in it, such as {output / 'overlay.mp4'}")
    if output.suffix.lower() != SUFFIX:
        raise InputError(f"{output}: the video is an MP4 file; end its name in {SUFFIX}: {output.with_suffix(SUFFIX)}")
    if output.exists() and video.exists() and output.samefile(video):
        raise InputError(f"{output}: is the video itself; name another file")
    return output


def _from_the_video(options: argparse.Namespace, output: Path) -> None:
    """Compute maps in a temporary folder, and draw them."""
    from flowgrad import media
    from flowgrad.figures.panels import without_boxes
    from flowgrad.views import write_panels

    video: Path = options.video
    if not video.is_file():
        what = "a folder" if video.is_dir() else "not there"
        raise InputError(f"{video.absolute()} is {what}; name a video file, or a run's clip with --results")
    try:
        recording = media.inspect(video)
        if recording.pictures is None:
            raise MediaError("no video track")
        with ExitStack() as stack:
            panels = _computed(options, recording, stack)
            progress = _Progress("drawing")
            with writing(output):
                write_panels(recording, panels, without_boxes, output, _say, progress)
            progress.done()
    except MediaError as error:
        raise InputError(f"{video.absolute()}: {error}; name a video file") from error


def _computed(options: argparse.Namespace, recording: Recording, stack: ExitStack) -> list[Panel]:
    """Compute maps in a temporary folder, which lasts as long as ``stack``."""
    from flowgrad.artifacts import open_artifact
    from flowgrad.figures.panels import map_panel
    from flowgrad.models.registry import get_model
    from flowgrad.protocols import BUILT_IN, get_protocol
    from flowgrad.schemas.heatmaps import HEATMAPS
    from flowgrad.views import rule_of
    from flowgrad.workflow.one_video import CLIP, maps_of

    protocol = options.protocol or PROTOCOL
    if protocol not in BUILT_IN:
        raise InputError(f"--protocol: {protocol!r} is not one of {', '.join(BUILT_IN)}")
    known = _named_checkpoints(options.checkpoints)
    models = options.models
    if models is None:
        hears = recording.sound is not None
        models = ["rcgrad-motion" if hears and not _absent("rcgrad-motion", known) else "motion"]
        _say(f"{models[0]}: {BEST[models[0]]}; --models names others")
    for name in models:
        model = get_model(name)
        if model.gives != "maps" or not model.has(get_protocol(protocol)):
            what = "makes boxes" if model.gives != "maps" else f"knows no protocol {protocol}"
            raise InputError(f"--models: {name} {what}; name a row of maps, such as motion, or results with --results")
        absent = _absent(name, known)
        if absent:
            raise InputError(absent)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flowgrad-overlay-")))
    made = maps_of(options.video.absolute(), models, protocol, _files(models, known), folder, _say_step)
    panels = []
    for name in models:
        reader = stack.enter_context(open_artifact(made[name], HEATMAPS))
        panels.append(map_panel(reader, CLIP, name, *rule_of(name, protocol)))
    return panels


def _from_results(options: argparse.Namespace, output: Path) -> None:
    """Draw what a run has of a clip, by its name or its file."""
    from flowgrad.results import open_results
    from flowgrad.views import first_protocol, write_overlay

    results, video = open_results(options.results), options.video
    clip = results.clip_of(video) if video.is_file() else str(video)
    if not video.is_file():
        video = results.video(clip)
    protocol = options.protocol or first_protocol(results) or PROTOCOL
    progress = _Progress("drawing")
    try:
        with writing(output):
            drawn = write_overlay(results, clip, video, output, options.models, protocol, _say, progress)
    except MediaError as error:
        raise InputError(f"{video.absolute()}: {error}; put back the video that the run read") from error
    progress.done()
    if options.models is None:
        _say(f"{drawn[0]} is drawn; --models names others, and --models all draws each row that has maps")


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
            return weights.absent(f"{model}, weights {wanted.key}", file, wanted.source_of(file))
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

    def __init__(self, what: str, now: Callable[[], float] = time.monotonic):
        self._what, self._now = what, now
        self._start, self._said = now(), float("-inf")

    def __call__(self, share: float) -> None:
        now = self._now()
        if not sys.stderr.isatty() or now - self._said < 0.5:
            return
        self._said = now
        share = min(1.0, share)
        left = f", {(now - self._start) * (1 - share) / share:.0f} s left" if share > 0 else ""
        print(f"\r\033[K{self._what} {share:4.0%}{left}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
