"""Detectors of every family that ultralytics has, with weights drawn at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import yaml

from flowgrad.detection.library import import_ultralytics


def random_detector(network: str, target: Path, seen: npt.NDArray[np.uint8] | None = None) -> Path:
    """Write weights of a network of the library that finds the four vehicles, by the name of its settings.

    ``seen``: (N, H, W, 3) pictures that BatchNorm takes its statistics of; without, all places look much the same.
    """
    import_ultralytics()
    import ultralytics
    from ultralytics.nn import tasks

    (path,) = Path(ultralytics.__file__).parent.glob(f"cfg/models/*/{network}.yaml")
    settings = yaml.safe_load(path.read_text()) | {"nc": 4, "scale": "n"}
    torch.manual_seed(0)
    make = tasks.RTDETRDetectionModel if "rtdetr" in network else tasks.DetectionModel
    model = make(settings, verbose=False)
    for parameter in model.model[-1].parameters():
        if parameter.ndim == 1:
            parameter.data += 3 * torch.randn_like(parameter)
    if seen is not None:
        _take_statistics(model, torch.from_numpy(seen).permute(0, 3, 1, 2) / 255)
    model.names, model.task = dict(enumerate(["car", "motorcycle", "bus", "truck"])), "detect"
    torch.save({"model": model.half(), "train_args": {}}, target)
    return target


def _take_statistics(model: torch.nn.Module, pictures: torch.Tensor) -> None:
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
            layer.reset_running_stats()
    with torch.no_grad():
        model.train()(torch.nn.functional.interpolate(pictures, (192, 320)))
    model.eval()
