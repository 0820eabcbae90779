"""``~`` and ``$NAME`` in a path of the configuration."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{([^}]*)\})")


def expanded(value: Any) -> Any:
    """Return a path of the configuration with ``~`` and environment variables written out; ``$$`` stands for ``$``.

    What is no text is returned as it is, for whoever reads it to refuse.

    Raises ``ValueError`` where the path names a variable or a user that is not there.
    """
    if not isinstance(value, str | Path):
        return value

    def content(found: re.Match[str]) -> str:
        dollar, *names = found.groups()
        if dollar:
            return dollar
        name = names[0] or names[1] or ""
        if not os.environ.get(name):
            raise ValueError(f"the environment variable {name} is not set (in {str(value)!r}; $$ stands for $)")
        return os.environ[name]

    # first the home: a variable's content is taken as it is
    home = os.path.expanduser(str(value))
    if home.startswith("~"):
        raise ValueError(f"{str(value)!r} begins with ~, and there is no such user; ./~ stands for ~")
    return VARIABLE.sub(content, home)
