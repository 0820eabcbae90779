"""Snakemake with flowgrad's workflow, from any folder: what ``flowgrad run`` and ``flowgrad demo`` start.

It runs in this process, as ``snakemake`` itself would: the terminal, signals and the exit status are its own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowgrad import paths
from flowgrad.cli.check import read_settings
from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean
from flowgrad.workflow.home import workflow_home

OTHER_THINGS = (
    *("dryrun", "verbose", "debug_dag", "report", "unlock", "summary", "detailed_summary", "dag", "rulegraph"),
    *("filegraph", "d3dag", "lint", "list_rules", "list_target_rules", "cleanup_metadata", "delete_all_output"),
)
"""Options of Snakemake that ask for more than how far a run is, or for something else than a run."""


def engine_options(words: Sequence[str], targets: Sequence[str] = ()) -> argparse.Namespace:
    """Return what Snakemake makes of options, its profiles included, for flowgrad's Snakefile.

    Raises ``InputError``, one sentence, where Snakemake would print all that it knows.
    """
    from snakemake import cli
    from snakemake.exceptions import CliException
    from snakemake.settings.enums import Quietness

    said = io.StringIO()
    options: argparse.Namespace
    try:
        with contextlib.redirect_stderr(said):
            _, options = cli.parse_args(["--snakefile", str(workflow_home() / "Snakefile"), *_with_profile(words)])
    except SystemExit as end:
        if not end.code:
            raise
        usage, _, complaint = said.getvalue().strip().rpartition("error: ")
        wrong = re.match(r"unrecognized arguments: (-\S+)", complaint)
        known = re.findall(r"--[\w-]+", usage)
        raise InputError(f"snakemake: {complaint}{did_you_mean(wrong[1], known) if wrong else ''}") from None
    except CliException as error:
        raise InputError(f"snakemake: {error}") from error
    check_work_folder(options.directory)
    options.targets = [*targets, *options.targets]
    if options.report:
        # where the command was given, not in the run's own folder
        options.report = Path(options.report).absolute()
    if not options.logger and not shows_other_things(options) and options.quiet == {Quietness.RULES}:
        options.logger = ["flowgrad"]
    if options.executor in (None, "local") and options.cores is None and options.jobs is None:
        options.cores = cli.parse_cores("all")
    return options


def shows_other_things(options: argparse.Namespace) -> bool:
    """Return whether Snakemake is asked for more than how far a run is, or for something else than a run."""
    return any(getattr(options, name, None) for name in OTHER_THINGS)


def _with_profile(words: Sequence[str]) -> list[str]:
    """Return options in which ``--workflow-profile profiles/slurm`` is that of the workflow, from any folder.

    Raises ``InputError`` where there is no such folder; Snakemake would run without it.
    """
    found = list(words)
    for place, word in enumerate(found):
        option, equals, value = word.partition("=")
        if option != "--workflow-profile" or not (equals or place + 1 < len(found)):
            continue
        given = value if equals else found[place + 1]
        here, ours = Path(given), workflow_home() / given
        if given != "none" and not here.is_dir():
            if not ours.is_dir():
                raise InputError(f"--workflow-profile: {here.absolute()} is no folder; name one, or profiles/slurm")
            found[place if equals else place + 1] = f"{option}={ours}" if equals else str(ours)
    return found


def check_work_folder(folder: str | Path | None) -> None:
    """Raise ``InputError`` where something is there that is no folder; what is absent, the engine makes."""
    if folder is not None and Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"{Path(folder).absolute()} is not a folder; name another to work in")


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the configuration that Snakemake would read: config.yaml, ``--configfile`` over it, then ``--config``.

    Raises ``InputError`` for a file that cannot be read, or an entry that is no ``key=value``.
    """
    from snakemake.cli import parse_config

    from flowgrad.config import overlay

    settings = read_settings([workflow_home() / "config.yaml", *options.configfile])
    try:
        return overlay(settings, parse_config(options.config))
    except ValueError as error:
        raise InputError(f"--config: {error} Put another option, or --, before a target") from error


def set_config(options: argparse.Namespace, settings: Mapping[str, Any]) -> None:
    """Add settings to the options; they lie over all others."""
    entries = [
        f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in settings.items()
    ]
    options.config = [*(options.config or []), *entries]


def start(options: argparse.Namespace) -> int:
    """Run Snakemake and return its exit status; where nothing was to be done, print the table that is there."""
    from snakemake.cli import args_to_api
    from snakemake.common import NOTHING_TO_BE_DONE_MSG
    from snakemake.logging import logger

    from flowgrad.report import closing_lines

    results = Path(options.directory or ".").absolute() / paths.RESULTS
    heard = _Heard(NOTHING_TO_BE_DONE_MSG)
    logger.addFilter(heard)
    well = args_to_api(options, None)
    if heard.heard and (results / "clips.csv").is_file():
        print(*closing_lines(results), sep="\n")
    return 0 if well else 1


class _Heard(logging.Filter):
    """Hears whether something was said, and lets everything pass."""

    def __init__(self, words: str):
        super().__init__()
        self.heard, self._words = False, words

    def filter(self, record: logging.LogRecord) -> bool:
        self.heard |= record.msg == self._words
        return True
