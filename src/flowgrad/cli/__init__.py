"""The command line: ``flowgrad run``, ``demo``, ``check``, ``table``, ``show``, ``synth``, ``shuffle-sound`` ...

A module a command: ``HELP`` and ``EXAMPLE``, ``arguments`` says what may be given, ``run`` does it. Of a module with
``PASSES_ON``, what follows its first option comes as ``passed_on``. A module imports what is heavy where it is used, so
that ``--help`` and a mistyped argument cost nothing.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from flowgrad import __version__
from flowgrad.cli import (
    check,
    demo,
    export,
    folder,
    overlay,
    page,
    run,
    schema,
    show,
    shuffle_sound,
    synth,
    table,
    weights,
)
from flowgrad.errors import InputError
from flowgrad.spelling import did_you_mean

COMMANDS: dict[str, Any] = {
    "run": run,
    "demo": demo,
    "check": check,
    "weights": weights,
    "table": table,
    "folder": folder,
    "show": show,
    "overlay": overlay,
    "page": page,
    "export": export,
    "shuffle-sound": shuffle_sound,
    "synth": synth,
    "schema": schema,
}
WELL, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses. ``FAILED`` is also that of a check that found something to mend."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    0: well. 1: ``check`` found problems, or the machine failed (a full disk, say). 2: what was asked cannot be done as
    it was asked; one sentence on the standard error says why, and what to type instead.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path need not be text
    command = next((word for word in given if not word.startswith("-")), None)
    speaker = f"flowgrad {command}" if command in COMMANDS else "flowgrad"
    try:
        options = _options(given, command)
        status = int(COMMANDS[options.command].run(options))
        sys.stdout.flush()
    except InputError as error:
        return _say(f"{speaker}: {error}", MISTAKE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return FAILED
    except OSError as error:
        return _say(f"{speaker}: {str(error.filename or 'the system')[:200]}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return _say(f"{speaker}: stopped", INTERRUPTED)
    return status


def _say(sentence: str, status: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence."""

    example = "flowgrad --help"

    def error(self, message: str) -> NoReturn:
        more = "" if message.endswith("?") else f"; for example: {self.example}"
        raise InputError(message.removeprefix("argument ") + more)


def _options(given: list[str], command: str | None) -> argparse.Namespace:
    parser = _Parser(prog="flowgrad", description="Visual sound source localization in street video.")
    parser.add_argument("--version", action="version", version=f"flowgrad {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    parsers = {}
    for name, module in COMMANDS.items():
        parsers[name] = commands.add_parser(name, help=module.HELP, description=f"{module.HELP}: {module.EXAMPLE}")
        parsers[name].example = module.EXAMPLE
        module.arguments(parsers[name])
    if command is not None and command not in COMMANDS:
        meant = did_you_mean(command, COMMANDS) or f"; there are {', '.join(COMMANDS)}"
        raise InputError(f"there is no command {command!r}{meant}")
    own, passed_on = _divided(given, command)
    options, rest = parser.parse_known_args(own, argparse.Namespace(passed_on=passed_on))
    if rest and rest[0].startswith("-"):
        known = re.findall(r"--[\w-]+", parsers[options.command].format_help() if options.command else "--version")
        parsers.get(options.command, parser).error(f"unknown option {rest[0]}{did_you_mean(rest[0], known)}")
    if rest:
        parsers[options.command].error(f"{rest[0]!r} is one argument too many")
    if options.command is None:
        raise InputError(f"name a command: {', '.join(COMMANDS)}; flowgrad --help says what they do")
    return options


def _divided(given: list[str], command: str | None) -> tuple[list[str], list[str]]:
    """Return the words for flowgrad, and those that a command passes on: from its first option, but for help."""
    if command is None or not getattr(COMMANDS[command], "PASSES_ON", False):
        return given, []
    first = given.index(command) + 1
    for place in range(first, len(given)):
        if given[place].startswith("-") and given[place] not in ("-h", "--help"):
            return given[:place], given[place:]
    return given, []
