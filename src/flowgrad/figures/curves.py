"""How a training went, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def curves(history: pd.DataFrame, best_epoch: int, title: str, path: Path) -> None:
    """Draw the losses of every epoch and mark the one that was kept, as PNG.

    Args:
        history: columns ``epoch`` (from 1), ``train_loss``, ``held_out_loss`` and ``held_out_chance``, a row an epoch.
        best_epoch: number of the kept epoch.
        title: of the picture.
        path: file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    epochs = history["epoch"]
    axes.plot(epochs, history["train_loss"], label="training videos", color="#888888", marker=".")
    axes.plot(epochs, history["held_out_loss"], label="held-out videos", color="#c0392b", marker=".")
    axes.plot(epochs, history["held_out_chance"], label="chance, held-out videos", color="#c0392b", linestyle="--")
    axes.axvline(best_epoch, color="#c0392b", linestyle=":", label=f"kept: epoch {best_epoch}")
    axes.set(title=title, xlabel="epoch", ylabel="contrastive loss")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, format="png", dpi=120)
