"""A small detector for rendered streets, trained by ultralytics' own trainer (AGPL-3.0, as the detector itself)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from PIL import Image

from flowgrad.detection.base import CLASSES
from flowgrad.detection.library import import_ultralytics
from flowgrad.detection.network import build_network
from flowgrad.detection.weights_file import open_weights
from flowgrad.errors import InputError

log = logging.getLogger(__name__)

ARCHITECTURE = Path(__file__).with_name("detector.yaml")
IMAGE_SIZE = 320
BATCH = 16
KEPT = ("task", "imgsz")
"""Of the trainer's arguments, what is kept with the weights: the others name folders of the machine."""

Labelled = tuple[int, float, float, float, float]
"""A box: number of its class in ``CLASSES``, then its centre, width and height as shares of the picture."""


class PictureFolder:
    """Pictures and boxes in the files that ultralytics' trainer reads.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._counts = {"train": 0, "val": 0}
        for part in self._counts:
            for kind in ("images", "labels"):
                (folder / kind / part).mkdir(parents=True)

    def add(self, part: str, name: str, rgb: npt.NDArray[np.uint8], boxes: Sequence[Labelled]) -> None:
        """Add an (H, W, 3) uint8 RGB picture to ``train`` or ``val``."""
        Image.fromarray(rgb).save(self.folder / f"images/{part}/{name}.jpg", quality=95)
        lines = [" ".join([str(number), *(f"{value:.6f}" for value in box)]) for number, *box in boxes]
        (self.folder / f"labels/{part}/{name}.txt").write_text("\n".join(lines))
        self._counts[part] += 1

    def description(self) -> Path:
        """Write and return the file that names the folders and classes.

        Raises ``InputError`` where a part is empty.
        """
        empty = [part for part, count in self._counts.items() if not count]
        if empty:
            raise InputError("the detector has too few pictures to learn from; raise streets.unlabelled")
        path = self.folder / "pictures.yaml"
        content = {"path": str(self.folder), "names": dict(enumerate(CLASSES))}
        path.write_text(yaml.safe_dump(content | {part: f"images/{part}" for part in self._counts}))
        return path


def _place_font() -> None:
    """Put a font where ultralytics' trainer looks for one before it downloads it; nothing is written with it."""
    from matplotlib import font_manager
    from ultralytics.utils import USER_CONFIG_DIR

    font = Path(USER_CONFIG_DIR) / "Arial.ttf"
    if not font.exists():
        shutil.copyfile(font_manager.findfont("DejaVu Sans"), font)


def train_detector(
    pictures: PictureFolder, scratch: Path, *, epochs: int, seed: int, device: str, say: Callable[[str], None]
) -> tuple[dict[str, Any], Path]:
    """Train the small detector.

    Args:
        pictures: what it learns from, and what it is judged by.
        scratch: a folder for the trainer's own files.
        epochs: how many; there is no early end.
        seed: of the weights and of what is drawn.
        device: torch device string.
        say: told a line an epoch.

    Returns:
        The content of an ultralytics ``.pt`` file with the weights of the last epoch in float16, and the trainer's
        table of figures.
    """
    ultralytics = import_ultralytics()
    _place_font()
    model = ultralytics.YOLO(str(ARCHITECTURE), task="detect")

    def tell(trainer: Any) -> None:
        # called once more at the end, for the best epoch
        if trainer.epoch < epochs:
            score = trainer.metrics.get("metrics/mAP50(B)", float("nan"))
            say(f"epoch {trainer.epoch + 1} of {epochs}, on other videos mAP at 0.5 {score:.3f}")

    model.add_callback("on_fit_epoch_end", tell)
    model.train(
        data=str(pictures.description()),
        epochs=epochs,
        imgsz=IMAGE_SIZE,
        batch=BATCH,
        device=device,
        workers=0,
        project=str(scratch),
        name="run",
        seed=seed,
        rect=False,
        mosaic=0.5,
        close_mosaic=epochs // 3,
        warmup_epochs=1,
        optimizer="AdamW",
        lr0=2e-3,
        cos_lr=True,
        cache="ram",
        plots=False,
        verbose=False,
        amp=False,
    )
    return _portable(scratch / "run/weights/last.pt"), scratch / "run/results.csv"


def _portable(path: Path) -> dict[str, Any]:
    """Return what a detector needs of the trainer's file: the network, without folders, dates and figures."""
    with open_weights(path) as held:
        network: Any = build_network(held).half()
        network.yaml.pop("yaml_file", None)
        arguments = {key: held.content["train_args"][key] for key in KEPT}
        network.args = arguments
        return {"model": network, "train_args": arguments, "epoch": -1, "license": held.content["license"]}
