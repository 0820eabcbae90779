"""The command line beside Snakemake: ``flowgrad check``, ``table``, ``show``, ``synth``, ``shuffle-sound`` ..."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgrad.errors import InputError

SHIPPED = Path(__file__).parents[2] / "config.yaml"
"""The clone's own configuration file, which the workflow reads first."""


SYNTH_OPTIONS = {
    "seed": "seed",
    "seconds": "seconds",
    "width": "width",
    "height": "height",
    "fps": "frames_per_second",
}
"""Options of ``flowgrad synth`` and the settings that they set."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0 well, 1 something is wrong, 2 wrong usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as error:
        print(f"flowgrad {options.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flowgrad", description="Visual sound source localization in street video.")
    commands = parser.add_subparsers(dest="command", required=True)

    check = commands.add_parser("check", help="list what is wrong with dataset, weights and configuration")
    check.add_argument(
        "--configfile", "-c", type=Path, action="append", default=[], help="laid over the clone's config.yaml"
    )
    check.add_argument("--directory", "-d", type=Path, default=Path(), help="the working folder, as for snakemake")
    check.set_defaults(run=_check)

    table = commands.add_parser("table", help="print the table of a results folder")
    table.add_argument("results", type=Path, nargs="?", default=Path("results"))
    table.set_defaults(run=_table)

    folder = commands.add_parser("folder", help="print the working folder that make table gives a dataset")
    folder.add_argument("dataset", type=Path)
    folder.add_argument("--format", default="urbansas", help="of the dataset; default: %(default)s")
    folder.add_argument("--runs", type=Path, default=Path("runs"), help="where it lies; default: %(default)s")
    folder.set_defaults(run=_folder)

    show = commands.add_parser("show", help="write a picture: a map over its frame")
    show.add_argument("clip", help="the clip's name, as in results/clips.csv")
    show.add_argument("--model", default="flow", help="default: %(default)s")
    show.add_argument("--protocol", default="paper", help="default: %(default)s")
    show.add_argument("--time", type=float, help="seconds; default: where the map stands out most")
    show.add_argument("--results", type=Path, default=Path("results"))
    show.add_argument(
        "--video", type=Path, help="the clip's video file; not needed for streets that the run rendered itself"
    )
    show.add_argument("--output", "-o", type=Path, help="PNG file; default: CLIP_MODEL_TIME.png")
    show.set_defaults(run=_show)

    shuffle = commands.add_parser("shuffle-sound", help="write a control dataset: each clip with the sound of another")
    shuffle.add_argument("dataset", type=Path, help="an Urbansas folder")
    shuffle.add_argument("out", type=Path, help="the folder to write, absent or empty")
    shuffle.add_argument("--seed", type=int, default=0, help="of the order; default: %(default)s")
    shuffle.set_defaults(run=_shuffle_sound)
    synth = commands.add_parser("synth", help="write a data set of synthetic streets (docs/streets.md)")
    synth.add_argument(
        "output", type=Path, help="the folder, absent or empty: labelled/ and unlabelled/ are written in it"
    )
    synth.add_argument("--labelled", type=int, default=8, help="clips with annotations; default: %(default)s")
    synth.add_argument("--unlabelled", type=int, default=0, help="clips without; default: %(default)s")
    for name, field in SYNTH_OPTIONS.items():
        synth.add_argument(f"--{name}", dest=field, metavar="VALUE", help=f"the setting {field}")
    synth.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of docs/streets.md")
    synth.add_argument("--cores", type=int, default=1, help="clips rendered at once; default: %(default)s")
    synth.add_argument("--preview", type=Path, metavar="PNG", help="write a contact sheet of the clips instead")
    synth.set_defaults(run=_synth)

    schema = commands.add_parser("schema", help="print the JSON schema of the configuration")
    schema.set_defaults(run=_schema)
    return parser


def _check(options: argparse.Namespace) -> int:
    from flowgrad.check import check_raw

    raw = _read_configuration([SHIPPED, *options.configfile] if SHIPPED.is_file() else options.configfile)
    if not options.directory.is_dir():
        raise InputError(f"--directory: {options.directory} is not a folder")
    os.chdir(options.directory)
    findings = check_raw(raw, download="promise")
    for note in findings.notes:
        print(f"note: {note}")
    if findings.problems:
        print(findings.report(), file=sys.stderr)
        return 1
    print(f"ready: {', '.join(findings.models)}")
    return 0


def _read_configuration(files: list[Path]) -> dict[str, Any]:
    """Return the configuration as the workflow reads it: later files overlay earlier ones, key by key."""
    import yaml

    from flowgrad.config import overlay

    merged: dict[str, Any] = {}
    for path in files:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as YAML: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: expected keys and values")
        merged = overlay(merged, content)
    return merged


def _table(options: argparse.Namespace) -> int:
    from flowgrad.report import closing_lines

    lines = closing_lines(options.results)
    if not lines:
        raise InputError(f"{options.results}: holds no tables; run the workflow first")
    print(*lines, sep="\n")
    return 0


def _folder(options: argparse.Namespace) -> int:
    from flowgrad.config import parse
    from flowgrad.work_folder import work_folder

    print(work_folder(parse({"dataset": {"format": options.format, "root": str(options.dataset)}}), options.runs))
    return 0


def _show(options: argparse.Namespace) -> int:
    import numpy as np
    from PIL import Image

    from flowgrad import media
    from flowgrad.errors import MediaError
    from flowgrad.figures.overlay import captioned, overlay
    from flowgrad.plan import file_sha256
    from flowgrad.protocols import FRAMES_PER_SECOND
    from flowgrad.results import open_results

    results = open_results(options.results)
    maps, times = results.heatmaps(options.clip, options.model, options.protocol)
    if options.time is None:
        row = int(np.argmax(maps.max(axis=(1, 2)) - maps.mean(axis=(1, 2))))
    else:
        row = int(np.argmin(np.abs(times - options.time)))
        if abs(times[row] - options.time) > 1 / FRAMES_PER_SECOND:
            raise InputError(f"--time: the maps of {options.clip} lie between {times[0]:.3f} s and {times[-1]:.3f} s")
    video = options.video or results.rendered_video(options.clip)
    if video is None:
        raise InputError(f"--video: name the video file of {options.clip}; results do not keep where it lies")
    if not video.is_file():
        raise InputError(f"--video: {video} not found")
    if file_sha256(video) != results.source_sha256(options.clip, options.model, options.protocol):
        raise InputError(f"--video: {video} is not the file that {options.clip} was made from")
    wanted = round(float(times[row]) * FRAMES_PER_SECOND)
    try:
        frames = media.pictures(media.inspect(video))
        picture = next(picture for picture in frames if picture.number == wanted)
    except MediaError as error:
        raise InputError(f"{video}: {error}") from error
    name = f"{options.clip}  {options.model}  {options.protocol}  {times[row]:.3f} s"
    output = options.output or Path(f"{options.clip}_{options.model}_{times[row]:.3f}.png")
    Image.fromarray(captioned(overlay(picture.rgb(), maps[row]), name)).save(output)
    print(output)
    return 0


def _shuffle_sound(options: argparse.Namespace) -> int:
    from flowgrad.datasets.controls import shuffle_sound

    if options.seed < 0:
        raise InputError(f"--seed: expected 0 or more, got {options.seed}")
    done = shuffle_sound(options.dataset, options.out, options.seed)
    for name, donor in done.donors.items():
        print(f"{name} sounds like {donor}")
    print(f"{options.out}: {len(done.donors)} clips with another's sound, {len(done.mute)} without sound as before")
    return 0


def _synth(options: argparse.Namespace) -> int:
    from flowgrad.artifacts import check_absent_or_empty
    from flowgrad.synthetic.dataset import clip_names, write_dataset
    from flowgrad.synthetic.preview import write_preview
    from flowgrad.synthetic.settings import street_settings

    given = {field: getattr(options, field) for field in SYNTH_OPTIONS.values() if getattr(options, field) is not None}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair}: expected NAME=VALUE")
        given[name] = value
    for name in ("labelled", "unlabelled", "cores"):
        if getattr(options, name) < (1 if name == "cores" else 0):
            raise InputError(f"--{name}: {getattr(options, name)} is too small")
    settings = street_settings(given)
    if options.preview:
        names = clip_names("labelled", options.labelled) + clip_names("unlabelled", options.unlabelled)
        if not names:
            raise InputError("--preview: there are no clips; ask for some with --labelled")
        write_preview(options.preview, settings, names)
        print(options.preview)
        return 0
    if not options.labelled + options.unlabelled:
        raise InputError("--labelled, --unlabelled: there is nothing to render; ask for a clip or more")
    check_absent_or_empty(options.output)
    write_dataset(options.output, settings, options.labelled, options.unlabelled, options.cores, done=print)
    print(f"{options.labelled + options.unlabelled} clips of {settings.seconds:g} s in {options.output}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from flowgrad.config import json_schema

    print(json_schema(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
