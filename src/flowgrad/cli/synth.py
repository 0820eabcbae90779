"""``flowgrad synth``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowgrad.cli.values import check_picture, path, whole_number, writing
from flowgrad.errors import InputError

if TYPE_CHECKING:
    from flowgrad.synthetic.settings import StreetSettings

HELP = "write a data set of synthetic streets (docs/streets.md)"
EXAMPLE = "flowgrad synth OUT --labelled 8 --unlabelled 100 --set night=1"
SETTINGS = {
    "seed": "seed",
    "seconds": "seconds",
    "width": "width",
    "height": "height",
    "fps": "frames_per_second",
}
"""Options, and the settings that they set."""
MOST_CLIPS = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    clips = whole_number(0, MOST_CLIPS)
    parser.add_argument(
        "output",
        type=path,
        metavar="OUT",
        help="the folder, absent or empty: labelled/ and unlabelled/ are written in it",
    )
    parser.add_argument("--labelled", type=clips, default=8, help="clips with annotations; default: %(default)s")
    parser.add_argument("--unlabelled", type=clips, default=0, help="clips without; default: %(default)s")
    for name, field in SETTINGS.items():
        parser.add_argument(f"--{name}", dest=field, metavar="VALUE", help=f"the setting {field}")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of docs/streets.md")
    parser.add_argument(
        "--cores", type=whole_number(1, 1024), default=1, help="clips rendered at once; default: %(default)s"
    )
    parser.add_argument("--preview", type=path, metavar="PNG", help="write a contact sheet of the clips instead")


def run(options: argparse.Namespace) -> int:
    """Write the data set, or the contact sheet, and print every file."""
    settings = street_settings(_given(options))
    count = options.labelled + options.unlabelled
    if not count:
        raise InputError("there is nothing to render; ask for a clip or more with --labelled or --unlabelled")
    if options.preview:
        check_picture(options.preview)

    from flowgrad.artifacts import check_absent_or_empty
    from flowgrad.synthetic.dataset import clip_names, write_dataset
    from flowgrad.synthetic.preview import write_preview

    if options.preview:
        with writing(options.preview):
            names = clip_names("labelled", options.labelled) + clip_names("unlabelled", options.unlabelled)
            write_preview(options.preview, settings, names)
        print(options.preview)
        return 0
    with writing(options.output):
        check_absent_or_empty(options.output)
        write_dataset(options.output, settings, options.labelled, options.unlabelled, options.cores, done=print)
    print(f"{count} clips of {settings.seconds:g} s in {options.output}")
    return 0


def _given(options: argparse.Namespace) -> dict[str, str]:
    given = {field: getattr(options, field) for field in SETTINGS.values() if getattr(options, field) is not None}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--set {pair}: expected NAME=VALUE, such as --set night=1")
        given[name] = value
    return given


def street_settings(given: Mapping[str, Any]) -> StreetSettings:
    """Return the settings with some values given, as text or as numbers.

    Raises ``InputError`` naming every setting that is unknown or whose value cannot be used.
    """
    from pydantic import ValidationError

    from flowgrad.config.faults import faults
    from flowgrad.synthetic.settings import StreetSettings

    values = dict(given)
    if str(values.get("frames_per_second", "")).isdigit():
        values["frames_per_second"] = int(values["frames_per_second"])
    try:
        return StreetSettings.model_validate(values)
    except ValidationError as error:
        raise InputError("; ".join(fault.words for fault in faults(StreetSettings, error))) from None
