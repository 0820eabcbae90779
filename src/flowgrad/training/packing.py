"""A trained checkpoint as a small file: what its module needs, half the digits, deflated."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from flowgrad import artifacts
from flowgrad.models.checkpoints import load_state
from flowgrad.models.layout import CheckpointLayout

LARGEST = 4 << 20
"""Bytes of a file that comes with flowgrad, at most."""


def pack(source: Path, layout: CheckpointLayout, out: Path) -> int:
    """Write a checkpoint without what no module needs, its convolutions in float16, and return the bytes of the file.

    BatchNorm keeps float32: its variances span more than float16 holds, and they are few. The ordinary loader reads the
    file, and computes in float32 as ever.
    """
    state = {
        key: value.half() if value.ndim == 4 else value.clone() for key, value in load_state(source, layout).items()
    }
    with artifacts.replacing(out) as temporary:
        stored = temporary.with_name(f"{temporary.name}.stored")
        try:
            torch.save({"state_dict": state}, stored)
            with (
                zipfile.ZipFile(stored) as archive,
                zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as deflated,
            ):
                for entry in archive.infolist():
                    # one date: the same tensors give the same file
                    deflated.writestr(
                        zipfile.ZipInfo(entry.filename.replace(_folder(entry.filename), "checkpoint", 1)),
                        archive.read(entry),
                        compress_type=zipfile.ZIP_DEFLATED,
                        compresslevel=9,
                    )
        finally:
            stored.unlink(missing_ok=True)
    return out.stat().st_size


def _folder(entry: str) -> str:
    return entry.split("/")[0]
