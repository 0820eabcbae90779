"""``flowgrad show``."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowgrad.cli.values import check_folder, check_picture, path, seconds, writing
from flowgrad.errors import InputError

HELP = "write a picture: a map over its frame"
EXAMPLE = "flowgrad show CLIP --model flow"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("clip", metavar="CLIP", help="the clip's name, as in results/clips.csv")
    parser.add_argument("--model", default="flow", help="default: %(default)s")
    parser.add_argument("--protocol", default="paper", help="default: %(default)s")
    parser.add_argument("--time", type=seconds, help="seconds; default: where the map stands out most")
    parser.add_argument("--results", type=path, default=Path("results"), help="default: %(default)s")
    parser.add_argument("--video", type=path, help="the clip's video file; default: where the run found it")
    parser.add_argument("--output", "-o", type=path, help="PNG or JPEG file; default: CLIP_MODEL_TIME.png")


def run(options: argparse.Namespace) -> int:
    """Write the picture and print where."""
    if options.output is not None:
        check_picture(options.output)
    check_folder(options.results, "a results folder: flowgrad show CLIP --results FOLDER")

    import numpy as np
    from PIL import Image

    from flowgrad import media
    from flowgrad.artifacts import replacing
    from flowgrad.constants import FRAMES_PER_SECOND
    from flowgrad.datasets.suffixes import STILL_SUFFIXES, suffix
    from flowgrad.errors import MediaError
    from flowgrad.figures.overlay import captioned, overlay
    from flowgrad.results import open_results
    from flowgrad.shard import file_sha256

    results = open_results(options.results)
    maps, times = results.heatmaps(options.clip, options.model, options.protocol)
    if options.time is None:
        row = int(np.argmax(maps.max(axis=(1, 2)) - maps.mean(axis=(1, 2))))
    else:
        row = int(np.argmin(np.abs(times - options.time)))
        if abs(times[row] - options.time) > 1 / FRAMES_PER_SECOND:
            raise InputError(f"--time: the maps of {options.clip} lie between {times[0]:.3f} s and {times[-1]:.3f} s")
    video = options.video or results.video(options.clip)
    if not video.is_file():
        raise InputError(f"--video: {video.absolute()} is no file; name the video of {options.clip}")
    if file_sha256(video) != results.source_sha256(options.clip, options.model, options.protocol):
        raise InputError(f"--video: {video.absolute()} is not the file that {options.clip} was made from")
    wanted = round(float(times[row]) * FRAMES_PER_SECOND)
    try:
        if suffix(video.name) in STILL_SUFFIXES:
            picture = media.still(video)
        else:
            frames = media.pictures(media.inspect(video))
            picture = next(picture for picture in frames if picture.number == wanted)
    except MediaError as error:
        raise InputError(f"{video.absolute()}: {error}") from error
    name = f"{options.clip}  {options.model}  {options.protocol}  {times[row]:.3f} s"
    output = options.output or Path(f"{options.clip}_{options.model}_{times[row]:.3f}.png")
    kind = "PNG" if output.suffix.lower() == ".png" else "JPEG"
    with writing(output), replacing(output) as temporary:
        Image.fromarray(captioned(overlay(picture.rgb(), maps[row]), name)).save(temporary, kind)
    print(output)
    return 0
