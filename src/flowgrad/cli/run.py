"""``flowgrad run``."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flowgrad import paths
from flowgrad.cli.check import SETTINGS
from flowgrad.cli.values import path
from flowgrad.errors import InputError

HELP = "run the pipeline on a folder of videos, or on what a file of settings says"
EXAMPLE = "flowgrad run /data/urbansas --cores 8"
PASSES_ON = True
"""What follows the first option is Snakemake's."""
RUNS = Path("runs")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument(
        "what",
        type=path,
        metavar="FOLDER",
        help="an Urbansas folder, any folder of videos (results in runs/NAME/results), or settings such as my.yaml"
        " (results in results/)",
    )
    parser.add_argument("targets", nargs="*", default=[], metavar="TARGET", help="what to make; default: all")
    parser.epilog = "Options of Snakemake follow, such as --cores 8, -n, --configfile my.yaml or --profile."


def run(options: argparse.Namespace) -> int:
    """Run the workflow; return Snakemake's exit status."""
    what: Path = options.what
    for target in options.targets:
        if Path(target).is_dir() or Path(target).suffix.lower() in SETTINGS:
            more = f"flowgrad run {what} --configfile {target}" if Path(target).is_file() else "one folder a run"
            raise InputError(f"{target!r} is no target; name {more}")
    if what.is_dir():
        return _folder(what, options)
    if what.is_file() and what.suffix.lower() in SETTINGS:
        return _settings(what, options)
    if what.is_file():
        raise InputError(
            f"{what.absolute()} is neither a folder nor a file of settings ({', '.join(SETTINGS)}); name the folder"
            f" that it lies in: flowgrad run {what.parent}"
        )
    raise InputError(f"{what.absolute()} is not there{_near(what)}")


def _near(what: Path) -> str:
    """Return the name beside a path that was probably meant, and where there is none what to name."""
    parent = what.absolute().parent
    names = [entry.name for entry in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(what.name, names, n=1)
    return f"; did you mean {what.with_name(near[0])}?" if near else "; name a folder of videos, or settings (.yaml)"


def _settings(file: Path, options: argparse.Namespace) -> int:
    from flowgrad.cli.engine import engine_options, settings_of, start

    given = engine_options(options.passed_on, options.targets)
    given.configfile = [file, *given.configfile]
    # what is no YAML is one sentence, before the engine reads it
    settings_of(given)
    results = Path(given.directory or ".") / paths.RESULTS
    print(f"{file}: results in {results}", flush=True)
    return start(given)


def _folder(folder: Path, options: argparse.Namespace) -> int:
    from flowgrad.cli.engine import engine_options, set_config, settings_of, start
    from flowgrad.config import parse
    from flowgrad.work_folder import work_folder

    given = engine_options(options.passed_on, options.targets)
    settings = settings_of(given)
    ours = _of_folder(folder.resolve(), settings)
    set_config(given, ours)
    config = parse({**settings, **ours})
    problems = config.open_dataset().problems()
    if problems:
        raise InputError("; ".join(problems))
    if given.directory is None:
        given.directory = work_folder(config, RUNS)
    # once for all runs that are started here, not once for each of their folders
    os.environ["FLOWGRAD_WEIGHTS"] = os.path.abspath(os.environ.get("FLOWGRAD_WEIGHTS") or "weights")
    place = f"results in {Path(given.directory) / paths.RESULTS}"
    print(f"{folder.resolve()}: {place}", flush=True)
    status = start(given)
    print(place)
    return status


def _of_folder(root: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a folder stands for; of its format and of the models, what is set is kept.

    Rows whose weights are absent are left out, and named.
    """
    known = settings.get("dataset")
    known = {key: value for key, value in known.items() if value is not None} if isinstance(known, Mapping) else {}
    form = "urbansas" if (root / "annotations").is_dir() else "videos"
    return {"models": settings.get("models", "available"), "dataset": {"format": form, **known, "root": str(root)}}
