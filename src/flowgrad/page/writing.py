"""Files that a page reads without a server: values as scripts, and the page itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from flowgrad import artifacts

HERE = Path(__file__).parent
PARTS = {"/*STYLE*/": "page.css", "/*SCRIPT*/": "page.js"}


def as_script_text(value: Any) -> str:
    """Return a value as JSON that may stand in a script element: nothing in it ends one.

    >>> as_script_text({"clip": "</script>"})
    '{"clip":"\\\\u003c/script>"}'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def write_value(path: Path, value: Any) -> None:
    """Write a value as a script that hands it to the page: opened as a file, it may load no other kind."""
    artifacts.write_text(path, f"flowgrad({as_script_text(value)})\n")


def page(index: Any) -> str:
    """Return the page, one HTML file with its style, its script and the list of clips in it."""
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for mark, name in PARTS.items():
        text = text.replace(mark, (HERE / name).read_text(encoding="utf-8"))
    return text.replace("/*INDEX*/", as_script_text(index))


def look() -> str:
    """Return a digest of what the page is made of besides values; a run makes it anew where that changes."""
    return hashlib.sha256(page(None).encode()).hexdigest()[:16]
