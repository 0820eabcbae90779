"""Reading a finished results folder from Python: ``flowgrad.open_results("results")``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.plan import Plan

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """A results folder; made by :func:`open_results`."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def clips(self) -> pd.DataFrame:
        """Return ``clips.csv``: one row a clip with status and reason."""
        return artifacts.read_table(self.folder / "clips.csv", {"video": "str"})

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Return ``metrics/summary.csv``: one row a model and protocol."""
        return artifacts.read_table(self.folder / "metrics/summary.csv")

    @cached_property
    def frames(self) -> pd.DataFrame:
        """Return ``metrics/frames.csv``: one row a model, protocol and scored frame."""
        return artifacts.read_table(self.folder / "metrics/frames.csv", {"video": "str"})

    @cached_property
    def _shard_of(self) -> dict[str, str]:
        return Plan(self.folder).present()

    def heatmaps(
        self, clip: str, model: str, protocol: str = "paper"
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return the localization maps of a clip.

        Args:
            clip: the clip's name, as in ``clips.csv``.
            model: ``flow``, ``rcgrad``, ...
            protocol: ``paper``, ``released``, or one of your own.

        Returns:
            maps (T, 224, 224) float32 and times (T,) float64 in seconds.

        Raises:
            InputError: there is no such clip, or it has no such maps; the message says why.
        """
        return self._read(clip, Path("heatmaps") / protocol / model, "heatmaps", "maps", f"{protocol} {model} maps")

    def flow(self, clip: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return the flow magnitude of a clip, (T, 224, 224) float32 in native pixels per 1/8 s, and times (T,) in s.

        Raises ``InputError`` where there is none.
        """
        return self._read(clip, Path("flow"), "flow", "magnitude", "flow")

    def detections(self, clip: str, protocol: str = "paper") -> pd.DataFrame:
        """Return the detected vehicles of a clip: boxes in source pixels, label, confidence, moving (1 or 0)."""
        path = self.folder / "detections" / protocol / f"{self._shard(clip)}.csv"
        table = artifacts.read_table(path, {"video": "str"})
        return table[table["video"] == clip].reset_index(drop=True)

    def _shard(self, clip: str) -> str:
        if clip not in self._shard_of:
            raise InputError(f"{self.folder}: no clip {clip!r}; clips.csv lists {len(self._shard_of)} that were used")
        return self._shard_of[clip]

    def _read(
        self, clip: str, folder: Path, kind: str, dataset: str, what: str
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        path = self.folder / folder / f"{self._shard(clip)}.h5"
        if not path.is_file():
            raise InputError(f"{path}: there are no {what} in these results")
        with artifacts.open_artifact(path, kind) as reader:
            if clip not in reader:
                raise InputError(f"{path}: clip {clip!r} has no {what}; results/clips.csv says what is wrong with it")
            maps = reader.read(clip, dataset).astype(np.float32)
            return maps, reader.read(clip, "time_s").astype(np.float64)


def open_results(folder: str | Path = "results") -> Results:
    """Open a results folder for reading.

    Raises ``InputError`` where it is no results folder.
    """
    path = Path(folder)
    if not Plan(path).clips_file.is_file():
        raise InputError(f"{path}: is no results folder (plan/clips.csv is missing)")
    return Results(path)
