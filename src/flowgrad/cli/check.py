"""``flowgrad check``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from flowgrad.cli.values import check_folder, path
from flowgrad.errors import InputError
from flowgrad.workflow.home import workflow_home

HELP = "list what is wrong with dataset, weights and configuration, or with a recording"
EXAMPLE = "flowgrad check my.yaml"
SHIPPED = workflow_home() / "config.yaml"
"""The workflow's own configuration file, which it reads first."""
SETTINGS = (".yaml", ".yml", ".json")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument(
        "files",
        type=path,
        nargs="*",
        metavar="FILE",
        help="settings (.yaml) over the clone's config.yaml; or recordings",
    )
    parser.add_argument(
        "--configfile", "-c", type=path, action="append", default=[], metavar="FILE", help="the same, as for snakemake"
    )
    parser.add_argument("--directory", "-d", type=path, default=Path(), help="the working folder, as for snakemake")


def run(options: argparse.Namespace) -> int:
    """Print what is to be mended, and what recordings hold; return 0 where nothing is to be mended, else 1."""
    settings = [file for file in options.files if file.suffix.lower() in SETTINGS]
    others = [file for file in options.files if file not in settings]
    for file in others:
        if not file.is_file():
            found = "is a folder" if file.is_dir() else "does not exist"
            raise InputError(f"{file.absolute()} {found}; name settings or a recording: {EXAMPLE}")
    status = _describe(others) if others else 0
    if settings or options.configfile or not others:
        status = max(status, _check([*options.configfile, *settings], options.directory))
    return status


def _describe(recordings: list[Path]) -> int:
    from flowgrad.media.describe import describe

    status = 0
    for recording in recordings:
        try:
            text, well = describe(recording)
            print(text)
            status = status if well else 1
        except InputError as error:
            print(f"flowgrad check: {recording.absolute()}: {error}", file=sys.stderr)
            status = 1
    return status


def _check(files: list[Path], directory: Path) -> int:
    from flowgrad.check import check_raw

    raw = read_settings([SHIPPED, *files] if SHIPPED.is_file() else files)
    check_folder(directory, "the working folder: flowgrad check --directory FOLDER")
    os.chdir(directory)
    findings = check_raw(raw)
    for note in findings.notes:
        print(f"note: {note}")
    if findings.problems:
        print(findings.report(), file=sys.stderr)
        return 1
    print(f"ready: {', '.join(findings.models)}")
    return 0


def read_settings(files: list[Path]) -> dict[str, Any]:
    """Return the configuration as the workflow reads it: later files overlay earlier ones, key by key.

    Raises ``InputError`` for a file that is absent, no YAML, or holds no keys.
    """
    import yaml

    from flowgrad.config import overlay

    merged: dict[str, Any] = {}
    for file in files:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{file.absolute()} cannot be read: {error.strerror}; name a file of settings") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{file.absolute()} is no text in UTF-8; name a file of settings") from error
        except yaml.MarkedYAMLError as error:
            place = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise InputError(f"{file.absolute()}{place}: is no YAML: {error.problem}") from error
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{file.absolute()} is no YAML: {error}") from error
        if not isinstance(content, dict):
            found = "is empty" if content is None else "holds no keys"
            raise InputError(f"{file.absolute()} {found}; write keys and values, such as `models: available`")
        merged = overlay(merged, content)
    return merged
