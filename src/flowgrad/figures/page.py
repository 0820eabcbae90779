"""Tables as one page of HTML that loads nothing: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 1.5em auto; padding: 0 1em;
  max-width: 80em; }
h1 { font-size: 1.3em; } h2 { font-size: 1.1em; margin: 1.6em 0 0.3em; }
p { max-width: 50em; margin: 0.3em 0 0.8em; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3em 0.8em; text-align: right; vertical-align: top; white-space: nowrap; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
.words td { white-space: normal; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; }
th { border-bottom: 2px solid #1a1a1a; font-weight: 600; }
td { border-bottom: 1px solid #e4e4e4; }
tr.apart td { border-top: 2px solid #1a1a1a; } tr.control td { color: #555; }
small { display: block; color: #666; }
"""


@dataclass(frozen=True)
class Figure:
    """A cell: what it says, smaller below it a second line, and whether it is the best of its column."""

    text: str
    below: str = ""
    best: bool = False

    def html(self) -> str:
        """Return the cell."""
        said = escape(self.text)
        said = f"<b>{said}</b>" if self.best else said
        return f"<td>{said}{f'<small>{escape(self.below)}</small>' if self.below else ''}</td>"


@dataclass(frozen=True)
class Table:
    """A table: its heading, a paragraph, the names of the columns, the rows, and below a rule those that are controls.

    Attributes:
        words: whether cells are sentences, which are broken and not aligned to the right.
    """

    heading: str
    text: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Figure]]
    controls: Sequence[Sequence[Figure]] = ()
    words: bool = False

    def html(self) -> str:
        """Return the section."""
        lines = [f"<h2>{escape(self.heading)}</h2>", *([f"<p>{escape(self.text)}</p>"] if self.text else [])]
        if not (self.rows or self.controls):
            return "\n".join(lines)
        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        lines += [f'<div class="wide"><table{" class=words" if self.words else ""}><tr>{head}</tr>']
        lines += [f"<tr>{''.join(cell.html() for cell in row)}</tr>" for row in self.rows]
        for place, row in enumerate(self.controls):
            kind = "control apart" if place == 0 else "control"
            lines.append(f'<tr class="{kind}">{"".join(cell.html() for cell in row)}</tr>')
        return "\n".join([*lines, "</table></div>"])


def page(title: str, tables: Sequence[Table]) -> str:
    """Return a whole HTML file."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *(table.html() for table in tables),
            "</body></html>\n",
        ]
    )
