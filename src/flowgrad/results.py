"""Reading a finished results folder from Python: ``flowgrad.open_results("results")``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.models.registry import MODELS
from flowgrad.plan import Plan, read_shard
from flowgrad.protocols import BUILT_IN
from flowgrad.spelling import did_you_mean

if TYPE_CHECKING:
    import pandas as pd


class Results:
    """A results folder; made by :func:`open_results`."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def clips(self) -> pd.DataFrame:
        """Return ``clips.csv``: one row a clip with status and reason."""
        return self._table("clips.csv")

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Return ``metrics/summary.csv``: one row a model and protocol."""
        return self._table("metrics/summary.csv")

    @cached_property
    def frames(self) -> pd.DataFrame:
        """Return ``metrics/frames.csv``: one row a model, protocol and scored frame."""
        return self._table("metrics/frames.csv")

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
        spec = MODELS.get(model)
        if spec is not None and not spec.makes_maps:
            where = "; its boxes are in results/detections, drawn in results/pictures" if spec.kind == "boxes" else ""
            raise InputError(f"{model} makes no maps{where}")
        self._check_name("model", model, {path.name for path in self.folder.glob("heatmaps/*/*")}, MODELS)
        self._check_name("protocol", protocol, {path.name for path in self.folder.glob("heatmaps/*")}, BUILT_IN)
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

    def source_sha256(self, clip: str, model: str, protocol: str = "paper") -> str:
        """Return the SHA-256 of the video that a clip's maps were made from."""
        path = self.folder / "heatmaps" / protocol / model / f"{self._shard(clip)}.h5"
        with artifacts.open_artifact(path, "heatmaps") as reader:
            return str(reader.attributes(clip)["source_sha256"])

    def rendered_video(self, clip: str) -> Path | None:
        """Return the video of a clip that the run rendered itself; None for all others, whose place is not kept."""
        shard = read_shard(Plan(self.folder).shard_file(self._shard(clip)))
        planned = next(known for known in shard if known.name == clip)
        return self.folder / "streets/labelled" / planned.video if planned.rendered else None

    def _table(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        if not path.is_file():
            raise InputError(f"{path}: is not there; the run did not end, or the dataset has no annotations to score")
        return artifacts.read_table(path, {"video": "str"} if name != "metrics/summary.csv" else None)

    def _check_name(self, what: str, name: str, made: set[str], known: Iterable[str]) -> None:
        """Raise ``InputError`` for a name that nothing here has and nobody knows."""
        if name not in made and name not in known:
            here = f"these results have {', '.join(sorted(made)) or 'none yet'}"
            raise InputError(f"there is no {what} {name!r}{did_you_mean(name, made) or f'; {here}'}")

    def _shard(self, clip: str) -> str:
        if clip not in self._shard_of:
            near = difflib.get_close_matches(clip, self._shard_of, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"for example {next(iter(self._shard_of), 'none')!r}"
            raise InputError(f"{self.folder}: no clip {clip!r}; {hint}")
        return self._shard_of[clip]

    def _read(
        self, clip: str, folder: Path, kind: str, dataset: str, what: str
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        path = self.folder / folder / f"{self._shard(clip)}.h5"
        if not path.is_file():
            made = sorted(f"{found.parent.name} {found.name}" for found in self.folder.glob("heatmaps/*/*"))
            raise InputError(f"{path}: there are no {what} in these results; there are {', '.join(made) or 'none yet'}")
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
        raise InputError(f"{path.absolute()}: is no results folder (plan/clips.csv is missing)")
    return Results(path)
