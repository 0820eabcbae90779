"""Which figures a table has, and which row is best at each: what the terminal and the report's tables mark."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from flowgrad.evaluation.consensus_iou import CIOU
from flowgrad.evaluation.intervals import names

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 3
"""As figures are printed; rows that print alike are equally good."""
HIGHER = frozenset(
    {
        *CIOU.columns,
        "success_at_0_1",
        "pointing_game",
        "average_precision",
        "max_f1",
        "localization_accuracy",
        "highlighted_negatives_auc",
        "iiou",
        "iauc",
    }
)
"""The figures of which a higher one is better. Of all others, those of plugins included, no row is called best."""


def figures_of(summary: pd.DataFrame) -> list[str]:
    """Return the figures of a summary, those of the paper's table first."""
    found = [name for name in summary if name in CIOU.columns or {*names(name)} <= {*summary}]
    return sorted(found, key=lambda name: CIOU.columns.index(name) if name in CIOU.columns else len(CIOU.columns))


def spoken(figure: str) -> str:
    """Return what people call a figure.

    >>> spoken("success_at_0_5"), spoken("mean_ciou"), spoken("auc"), spoken("pointing_game")
    ('success at 0.5', 'mean cIoU', 'AUC', 'pointing game')
    """
    words = re.sub(r"_(\d)_(\d)", r" \1.\2", figure).replace("_", " ")
    return re.sub(r"\bauc\b", "AUC", words).replace("ciou", "cIoU")


def best(rows: pd.DataFrame, figures: Sequence[str], controls: Collection[str]) -> set[tuple[str, str]]:
    """Return model and figure where a model is best, among at least two rows that are no control.

    Args:
        rows: of one protocol, with ``model`` and the figures.
        figures: which of them.
        controls: the rows that are chance.
    """
    able = rows[~rows["model"].isin(controls)]
    found = set()
    for name in figures:
        values = able[name].dropna().astype(float).round(DIGITS)
        if name in HIGHER and len(values) > 1:
            found |= {(str(able["model"][place]), name) for place in values.index[values == values.max()]}
    return found
