"""Reading a results folder from Python: ``flowgrad.open_results("results")``."""

from __future__ import annotations

import csv
import difflib
import json
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.flow.forms import ARTIFACT as FLOW
from flowgrad.flow.forms import kind_of
from flowgrad.last_run import Rows, rows_of
from flowgrad.models.registry import MODELS
from flowgrad.origin import origin_of
from flowgrad.places import places_of
from flowgrad.plan import Plan
from flowgrad.protocols import BUILT_IN
from flowgrad.schemas.differences import DIFFERENCES
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.schemas.listening import LISTENING
from flowgrad.schemas.plan import PLAN
from flowgrad.schemas.slices import SLICES
from flowgrad.schemas.sources import SOURCES
from flowgrad.shard import PlannedClip, file_sha256, read_shard
from flowgrad.spelling import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL import Image

STREETS = "streets/labelled"
"""Where a run keeps the labelled videos that it rendered itself."""


@dataclass(frozen=True)
class ClipParts:
    """What a model tells apart in a clip.

    Attributes:
        names: of the K parts.
        maps: (T, K, h, w) float32, on the grid of the network.
        scores: (T, K) float32: how probably a class is heard, or how well a node fits the sound.
        counted: (T, K) bool: which of them are taken to speak of what is heard.
        times: (T,) float64, s.
    """

    names: tuple[str, ...]
    maps: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    counted: npt.NDArray[np.bool_]
    times: npt.NDArray[np.float64]


class Results:
    """What the last run of a results folder shows; made by :func:`open_results`.

    Files of clips, models and protocols that are no longer in it may lie in the folder; they are not given.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.clips_file = folder / "clips.csv"
        self._summary_file = folder / "metrics/summary.csv"
        self._frames_file = folder / "metrics/frames.csv"
        self._slices_file = folder / "metrics/slices.csv"

    @cached_property
    def clips(self) -> pd.DataFrame:
        """Return ``clips.csv``: one row a clip with status and reason."""
        planned = artifacts.read_table(Plan(self.folder).clips_file, PLAN)["video"]
        table = self._table(self.clips_file)
        return _kept(table, table["video"].isin(planned))

    @property
    def has_table(self) -> bool:
        """Return whether there is a table: the dataset has annotations, and a run has scored it."""
        return self._labelled and self._summary_file.is_file()

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Return ``metrics/summary.csv``: one row a model and protocol.

        Raises ``InputError`` where there is none, or it is no longer true (:attr:`outdated`).
        """
        table = self._scored(self._summary_file)
        if self.outdated:
            raise InputError(self.outdated)
        return table

    @cached_property
    def listening(self) -> pd.DataFrame:
        """Return ``metrics/listening.csv``: models under other sounds; empty where none was asked."""
        return self._optional(self.folder / "metrics/listening.csv", LISTENING)

    @cached_property
    def sources(self) -> pd.DataFrame:
        """Return ``metrics/sources.csv``: models that tell parts apart; empty where none does."""
        return self._optional(self.folder / "metrics/sources.csv", SOURCES)

    @property
    def has_slices(self) -> bool:
        """Return whether there is a table of slices."""
        return self.has_table and self._slices_file.is_file()

    @cached_property
    def slices(self) -> pd.DataFrame:
        """Return ``metrics/slices.csv``: the figures of each row on items of one kind; empty where none were asked.

        Raises ``InputError`` where it is no longer true (:attr:`outdated`).
        """
        if not self.has_slices:
            import pandas as pd

            return pd.DataFrame(columns=list(SLICES))
        if self.outdated:
            raise InputError(self.outdated)
        return self._scored(self._slices_file)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """Return ``metrics/differences.csv``: how each row differs from the reference; empty where none is set."""
        path = self.folder / "metrics/differences.csv"
        if self.has_table and not path.is_file():
            # of a run before there were any
            import pandas as pd

            return pd.DataFrame(columns=list(DIFFERENCES))
        return self._scored(path)

    @property
    def scored_file(self) -> Path:
        """Return ``metrics/frames.csv``; raises ``InputError`` where there is none."""
        if not self._labelled:
            raise InputError(f"{self.folder}: there is no table, for the dataset has no annotations to score")
        if not self._frames_file.is_file():
            raise InputError(f"{self._frames_file}: is not there yet; the run did not end: run again")
        return self._frames_file

    @property
    def shown(self) -> dict[str, set[str]]:
        """Return which values of the columns ``model``, ``protocol`` and ``video`` are the last run's."""
        rows = {"model": set(self._rows.models), "protocol": set(self._rows.protocols)} if self._rows else {}
        return rows | {"video": set(self._shard_of)}

    @cached_property
    def frames(self) -> pd.DataFrame:
        """Return ``metrics/frames.csv``: one row a model, protocol and scored frame."""
        table = self._scored(self._frames_file)
        return _kept(table, table["video"].isin(self._shard_of.keys()))

    @cached_property
    def outdated(self) -> str | None:
        """Return why the summary that is there is not the last run's, None where it is: clips went, or all its rows."""
        if not len(self._scored(self._summary_file)):
            return f"{self._summary_file}: has no row of the last run's models and protocols; run again"
        plan = Plan(self.folder).clips_file
        # frames.csv can have ten million rows; the plan is written only where it changed
        if self._summary_file.stat().st_mtime_ns >= plan.stat().st_mtime_ns or not self._frames_file.is_file():
            return None
        with self._frames_file.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            place = next(rows).index("video")
            gone = sorted({row[place] for row in rows} - self._shard_of.keys())
        if not gone:
            return None
        return f"{self._summary_file}: counts {len(gone)} clips that went since, such as {gone[0]!r}; run again"

    @cached_property
    def _shard_of(self) -> dict[str, str]:
        return Plan(self.folder).present()

    @cached_property
    def _labelled(self) -> bool:
        origin = origin_of(self.folder)
        return origin is None or origin.labelled

    @cached_property
    def _rows(self) -> Rows | None:
        return rows_of(self.folder)

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
        self._check_maps(model, protocol)
        return self._read(clip, Path("heatmaps") / protocol / model, HEATMAPS, "maps", f"{protocol} {model} maps")

    def parts(self, clip: str, model: str, protocol: str = "paper") -> ClipParts:
        """Return the maps of what a model tells apart in a clip: classes of sound, or nodes.

        Raises:
            InputError: there is no such clip, it has no such maps, or the model tells nothing apart.
        """
        path = self.heatmap_file(clip, model, protocol)
        if model in MODELS and not MODELS[model].parts:
            telling = ", ".join(spec.name for spec in MODELS.values() if spec.parts)
            raise InputError(f"{path}: {model} tells no parts apart; models that do: {telling}")
        maps, times = self._read(clip, path.parent.relative_to(self.folder), HEATMAPS, "part_maps", f"{model} parts")
        with artifacts.open_artifact(path, HEATMAPS) as reader:
            return ClipParts(
                tuple(json.loads(reader.attributes(clip)["parts"])),
                maps,
                reader.read(clip, "part_scores").astype(np.float32),
                reader.read(clip, "part_counted").astype(np.bool_),
                times,
            )

    def plot_success(self, protocol: str = "paper", models: Iterable[str] | None = None) -> Figure:
        """Return the success curves of the rows of a protocol, with bands over places, as a matplotlib figure.

        Args:
            protocol: ``paper``, ``released``, or one of your own.
            models: the rows, None for all.

        Raises:
            InputError: there is no such row, or nothing was scored.
        """
        from flowgrad.evaluation.curve import success_curves
        from flowgrad.figures.success import success_figure
        from flowgrad.models.registry import CONTROLS

        frames = self.frames
        self._check_protocol(protocol)
        if "ciou" not in frames:
            raise InputError(f"{self._frames_file}: has no column ciou; add ciou to metrics and run again")
        frames = frames[frames["protocol"] == protocol]
        wanted = None if models is None else list(models)
        here = sorted({*frames["model"]})
        for name in wanted or ():
            if name not in here:
                guess = did_you_mean(name, here) or f"; there are {', '.join(here) or 'none'}"
                raise InputError(f"{self.folder}: there is no {protocol} row {name!r}{guess}")
        if wanted is not None:
            frames = frames[frames["model"].isin(wanted)]
        place_of = places_of(Plan(self.folder).clips_file)
        title = f"Success rate by cIoU threshold, protocol {protocol}"
        return success_figure(success_curves(frames, place_of), CONTROLS, title)

    def _check_maps(self, model: str, protocol: str) -> None:
        """Raise ``InputError`` where the last run has no maps of a model under a protocol."""
        spec = MODELS.get(model)
        if spec is not None and spec.gives != "maps":
            where = "; its boxes are in results/detections, drawn in results/pictures" if spec.boxes else ""
            raise InputError(f"{model} makes no maps{where}")
        self._check_name("model", model, {path.name for path in self.folder.glob("heatmaps/*/*")}, MODELS)
        self._check_name("protocol", protocol, {path.name for path in self.folder.glob("heatmaps/*")}, BUILT_IN)
        if self._rows and (protocol, model) not in self._rows.maps:
            made = ", ".join(f"{rules} {name}" for rules, name in self._rows.maps)
            raise InputError(
                f"{self.folder}: there are no {protocol} {model} maps in the last run; there are {made or 'none'}; name"
                " what you want under models and protocols and run again"
            )

    def heatmap_file(self, clip: str, model: str, protocol: str = "paper") -> Path:
        """Return the file with the maps of a clip, which holds those of its whole shard.

        Raises ``InputError`` where the last run has no such maps, or knows no such clip.
        """
        self._check_maps(model, protocol)
        return self.folder / "heatmaps" / protocol / model / f"{self._shard(clip)}.h5"

    @property
    def rows(self) -> Rows | None:
        """Return what the last run shows; None where an early version did not note it."""
        return self._rows

    def clip_of(self, video: Path) -> str:
        """Return the name of the clip that was made from a file, whatever the file is called now.

        Raises ``InputError`` where there is none.
        """
        digest = file_sha256(video)
        for shard in Plan(self.folder).shards():
            for clip in read_shard(Plan(self.folder).shard_file(shard)):
                if self._shard_of.get(clip.name) == shard and clip.source_sha256(self.folder / STREETS) == digest:
                    return clip.name
        raise InputError(f"{self.folder.absolute()}: no clip was made from {video.absolute()}; name its very video")

    def flow(self, clip: str, form: str = "magnitude") -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Return the optical flow of a clip as the last run's estimator gave it.

        Args:
            clip: the clip's name, as in ``clips.csv``.
            form: ``magnitude``, ``signed``, or what the released code kept (:mod:`flowgrad.flow.forms`).

        Returns:
            (T, 224, 224) float32 in native pixels per 1/8 s, or (T, 2, 224, 224), x then y; and times (T,) in s.

        Raises:
            InputError: there is none, or no such form.
        """
        kind = kind_of(form)
        if self._rows and kind not in self._rows.flow:
            row = "flow" if kind == "magnitude" else "hear-the-flow"
            raise InputError(f"{self.folder}: the last run computed no {kind} flow; add {row} to models and run again")
        estimator = self._rows.estimator if self._rows else "farneback"
        return self._read(clip, Path("flow") / estimator / kind, FLOW, form, "flow")

    def detections(self, clip: str, protocol: str = "paper") -> pd.DataFrame:
        """Return the detected vehicles of a clip: boxes in source pixels, label, confidence, moving (1 or 0).

        Raises ``InputError`` where there are none: no row of the run detects, or it did not come to the clip yet.
        """
        path = self.folder / "detections" / protocol / f"{self._shard(clip)}.csv"
        self._check_protocol(protocol)
        if not (self._rows.detections if self._rows else path.is_file()):
            detecting = " or ".join(spec.name for spec in MODELS.values() if spec.boxes)
            raise InputError(
                f"{self.folder}: no row of the last run detects, so there are no boxes; add {detecting} to models"
                " and run again"
            )
        if not path.is_file():
            raise InputError(f"{path}: is not there yet; the run did not come to {clip!r}: run again")
        table = artifacts.read_table(path, {"video": "str"})
        return _kept(table, table["video"] == clip)

    def _check_protocol(self, protocol: str) -> None:
        """Raise ``InputError`` where the last run had no such protocol."""
        if self._rows and protocol not in self._rows.protocols:
            known = ", ".join(self._rows.protocols)
            raise InputError(
                f"{self.folder}: the last run had no protocol {protocol!r}, but {known}; add it to protocols and run"
                " again"
            )

    def show(self, clip: str, time: float, models: Sequence[str] | None = None, protocol: str = "paper") -> Image.Image:
        """Return what rows make of a moment of a clip, side by side; a notebook shows it.

        The first picture has the true boxes, where the frame is scored. Under the others stands that frame's cIoU.

        Args:
            clip: the clip's name, as in ``clips.csv``.
            time: s; the nearest of the 8 frames a second is shown.
            models: rows; None for all that have maps or boxes.
            protocol: whose maps.

        Returns:
            A PIL image, RGB, a cell of at most 320x320 pixels a row.

        Raises:
            InputError: there is no such clip, row or time, or the video is no longer where the run found it.
        """
        from flowgrad.views import picture

        return picture(self, clip, time, models, protocol)

    def overlay(
        self,
        clip: str,
        models: Sequence[str] | None = None,
        protocol: str = "paper",
        output: str | Path | None = None,
    ) -> Any:
        """Return the video of a clip with what rows make of it; a notebook plays it. Nothing is computed again.

        Args:
            clip: the clip's name, as in ``clips.csv``.
            models: rows, side by side; None for the best one, ``["all"]`` for all that have maps.
            protocol: whose maps.
            output: MP4 file to write; None for one in a temporary folder. The notebook holds the video either way.

        Returns:
            An ``IPython.display.Video``.

        Raises:
            InputError: as :meth:`show`; or IPython, which a notebook runs on, is not installed.
        """
        try:
            from IPython.display import Video
        except ImportError as error:
            raise InputError(
                "results.overlay shows a video in a notebook, which IPython plays; install it (pip install ipython), or"
                " write a file: flowgrad overlay"
            ) from error

        import tempfile

        from flowgrad.errors import MediaError
        from flowgrad.views import write_overlay

        video = self.video(clip)
        with tempfile.TemporaryDirectory(prefix="flowgrad-overlay-") as folder:
            out = Path(folder, "overlay.mp4") if output is None else Path(output)
            try:
                write_overlay(self, clip, video, out, models, protocol, _warn, lambda _: None)
            except MediaError as error:
                raise InputError(f"{video}: {error}; put back the video that the run read") from error
            return Video(data=out.read_bytes(), embed=True, mimetype="video/mp4")  # type: ignore[no-untyped-call]

    def source_sha256(self, clip: str, model: str, protocol: str = "paper") -> str:
        """Return the SHA-256 of the video that a clip's maps were made from."""
        path = self.folder / "heatmaps" / protocol / model / f"{self._shard(clip)}.h5"
        with artifacts.open_artifact(path, HEATMAPS) as reader:
            return str(reader.attributes(clip)["source_sha256"])

    @cached_property
    def arithmetic(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """Return which maps were computed in which precision by which engine: (protocol, model) by (precision, engine).

        Empty where no network ran, or an early version did not note it. A row stands twice where its shards differ.
        """
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for protocol, model in self._rows.maps if self._rows else ():
            for shard in sorted(set(self._shard_of.values())):
                path = self.folder / "heatmaps" / protocol / model / f"{shard}.h5"
                if not path.is_file():
                    continue
                with artifacts.open_artifact(path, HEATMAPS) as reader:
                    noted = reader.attributes()
                if "engine" in noted:
                    rows = found.setdefault((str(noted["precision"]), str(noted["engine"])), [])
                    rows += [(protocol, model)] if (protocol, model) not in rows else []
        return found

    def video(self, clip: str) -> Path:
        """Return the video of a clip, or the picture of a still, where the last run found it.

        Raises ``InputError`` where there is no such clip, nobody noted where it lay, or its file is no longer there.
        """
        planned, origin = self._planned(clip), origin_of(self.folder)
        if planned.rendered:
            video = self.folder / STREETS / planned.video
        elif origin is not None and origin.root is not None:
            video = Path(origin.root) / planned.video
        else:
            raise InputError(f"{self.folder}: nobody noted where the video of {clip!r} lies; name the file itself")
        if not video.is_file():
            raise InputError(f"the video of {clip!r} is no longer at {video.absolute()}; put it back, or name the file")
        return video

    def is_still(self, clip: str) -> bool:
        """Return whether a clip is one picture with its sound."""
        return self._planned(clip).still

    def _planned(self, clip: str) -> PlannedClip:
        shard = read_shard(Plan(self.folder).shard_file(self._shard(clip)))
        return next(known for known in shard if known.name == clip)

    def _optional(self, path: Path, columns: Iterable[str]) -> pd.DataFrame:
        """Return a table of scores; an empty one where the run has none."""
        if not path.is_file():
            import pandas as pd

            return pd.DataFrame(columns=list(columns))
        return self._scored(path)

    def _scored(self, path: Path) -> pd.DataFrame:
        """Return the rows of a table of scores that are of the last run's models and protocols."""
        if not self._labelled:
            raise InputError(f"{self.folder}: there is no table, for the dataset has no annotations to score")
        table = self._table(path)
        if self._rows is None:
            return table
        return _kept(table, table["model"].isin(self._rows.models) & table["protocol"].isin(self._rows.protocols))

    def _table(self, path: Path) -> pd.DataFrame:
        if not path.is_file():
            raise InputError(f"{path}: is not there yet; the run did not end: run again")
        return artifacts.read_table(path, {"video": "str"} if path in (self.clips_file, self._frames_file) else None)

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
            raise InputError(f"{path}: there are no {what} in these results yet; the run did not end: run again")
        with artifacts.open_artifact(path, kind) as reader:
            if clip not in reader:
                raise InputError(f"{path}: clip {clip!r} has no {what}; results/clips.csv says what is wrong with it")
            maps = reader.read(clip, dataset).astype(np.float32)
            return maps, reader.read(clip, "time_s").astype(np.float64)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=4)


def _kept(table: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Return some rows of a table, numbered anew."""
    return table[which].reset_index(drop=True)


def open_results(folder: str | Path = "results") -> Results:
    """Open a results folder for reading.

    Raises ``InputError`` where it is no results folder.
    """
    path = Path(folder)
    if not Plan(path).clips_file.is_file():
        inside = path / "results"
        hint = f"did you mean {inside}?" if inside.is_dir() else "run the workflow first, or name another folder"
        raise InputError(f"{path.absolute()} is no results folder (plan/clips.csv is missing); {hint}")
    return Results(path)
