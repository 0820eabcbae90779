"""Finding weights: by path, else by name in the weights folder, else those that come with flowgrad, else (known files
only) downloaded once; or trained.

The weights folder is ``$FLOWGRAD_WEIGHTS``, or ``weights/`` in the working folder. A download happens before any job
and never inside one; it is kept only if its SHA-256 is the one known here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowgrad import paths
from flowgrad.errors import InputError, first_line
from flowgrad.spelling import did_you_mean

TIMEOUT_S = 20
SHIPPED = Path(__file__).with_name("shipped")
"""Weights that come with flowgrad; beside each the settings that made it."""
TRAINED_DETECTOR = Path(paths.TRAINED_DETECTOR)
DOWNLOADS = {
    "yolov8n.pt": (
        "https://github.com/ultralytics/assets/releases/download/v8.3.0/yolov8n.pt",
        "f59b3d833e2ff32e194b5bb8e08d211dc7c5bdf144b90d2c8412c47ccfc83b36",
    ),
}
"""Files that can be verified: name -> address, SHA-256."""
IMAGENET = "resnet18-f37072fd.pth"
"""What trainings start from: ResNet-18 as torchvision publishes it."""
LICENCES = {"yolov8n.pt": "AGPL-3.0", IMAGENET: "BSD-3-Clause"}
"""Their licences, as far as they are stated."""
TRAINED_ON = {
    "yolov8n.pt": "COCO",
    "raft_small_C_T_V2-01064c6d.pth": "FlyingChairs, FlyingThings3D",
    IMAGENET: "ImageNet",
}
"""The data sets that they learnt from, as far as these are stated."""


def trained_checkpoint(method: str) -> Path:
    """Return where training puts the checkpoint of a method."""
    return Path(paths.checkpoint(method))


def weights_folder() -> Path:
    """Return the folder in which weights are looked for by name."""
    return Path(os.environ.get("FLOWGRAD_WEIGHTS") or "weights")


def find(name_or_path: str | Path) -> Path | None:
    """Return the weights file: by path, by name in the weights folder, else among the shipped; None if nowhere."""
    path = Path(name_or_path)
    for candidate in (path, weights_folder() / path, SHIPPED / path):
        if candidate.is_file():
            return candidate
    return None


def shipped_networks(names: Iterable[str]) -> dict[str, str]:
    """Return the files of the networks that come with flowgrad, by the names of those asked for that do."""
    files = {name: f"streets-{name}.pt" for name in names}
    return {name: file for name, file in files.items() if (SHIPPED / file).is_file()}


def absent(
    key: str, name_or_path: str | Path, source: str = "", words: Sequence[str] = (), published: bool = True
) -> str:
    """Return the sentence that says a file is absent, where it was looked for and where to get it.

    ``words`` are what could stand in place of a path; the others are those of :func:`to_be_had`.
    """
    tried, folder = Path(name_or_path).absolute(), weights_folder().absolute()
    where = f"{key}: {name_or_path} not found: it is neither {tried} nor in {folder}"
    where += " (FLOWGRAD_WEIGHTS names another folder)"
    meant, how = did_you_mean(str(name_or_path), words), to_be_had(name_or_path, source, published)
    return where + (meant or (f"; {how}" if how else ""))


def to_be_had(name_or_path: str | Path, source: str = "", published: bool = True) -> str:
    """Return where a file can be got; empty where that is not known.

    ``source`` is where it is published, or what makes it where it is not.
    """
    name = Path(name_or_path).name
    if name in DOWNLOADS:
        return f"get it from {DOWNLOADS[name][0]}"
    if not published:
        return f"it is not published; {source}".removesuffix("; ")
    return f"it is published as {source}" if source else ""


def fetch(name: str) -> Path:
    """Download a known file into the weights folder and verify it.

    Raises ``InputError`` where it cannot be had or its checksum is wrong.
    """
    import pooch

    address, expected = DOWNLOADS[name]
    folder = weights_folder().absolute()
    absent = not folder.exists()
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S)
    pooch.get_logger().setLevel("WARNING")
    try:
        # under another name until it is whole and its digest is right
        pooch.retrieve(address, f"sha256:{expected}", fname=name, path=folder, downloader=downloader)
    except ValueError as error:
        raise InputError(f"the download is not the known file, and was not kept: {first_line(error)}") from error
    except OSError as error:  # what requests raises is one, too
        raise InputError(f"the download failed: {first_line(error)}") from error
    finally:
        # a download that failed leaves no trace
        if absent and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return weights_folder() / name


def fetch_all(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Download known files; return a sentence for each that came, and for each that did not the reason, by name."""
    notes, failures = [], {}
    for name in names:
        try:
            notes.append(f"downloaded {fetch(name)} and verified its SHA-256")
        except InputError as error:
            failures[name] = str(error)
    return notes, failures
