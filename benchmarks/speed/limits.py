"""What one core of this machine can do at most: multiply-adds, bytes of memory, ffmpeg's decoding. Measured."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

SHAPES = ((64, 56), (128, 28), (256, 14), (512, 14))
"""Channels and places of the 3x3 convolutions of a dense ResNet-18, stage by stage."""
BATCH = 16
SIDE = 1536
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor time of a call: on one core its wall time, were the machine quiet."""
    return min(timed(call) for _ in range(repeats))


def timed(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def multiply_adds(precision: str) -> float:
    """Return the most multiply-adds a second, of convolutions of ResNet-18 and a large matrix product by oneDNN."""
    if precision == "int8":
        return _int8()
    dtype = DTYPES[precision]
    with torch.inference_mode():
        return max([_matmul(dtype), *(_convolution(dtype, *shape) for shape in SHAPES)])


def _convolution(dtype: torch.dtype, channels: int, places: int) -> float:
    layer = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False)
    x = torch.randn(BATCH, channels, places, places)
    weight, x = (part.to(dtype).contiguous(memory_format=torch.channels_last) for part in (layer.weight, x))
    F.conv2d(x, weight, padding=1)
    return BATCH * places**2 * channels**2 * 9 / seconds(lambda: F.conv2d(x, weight, padding=1))


def _matmul(dtype: torch.dtype) -> float:
    one, other = torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)
    one @ other
    return float(SIDE**3 / seconds(lambda: one @ other))


def _int8() -> float:
    one, other = (torch.randint(-8, 8, (SIDE, SIDE), dtype=torch.int8) for _ in range(2))
    torch._int_mm(one, other)
    return float(SIDE**3 / seconds(lambda: torch._int_mm(one, other)))


def memory() -> float:
    """Return bytes a second read and written by a copy that fits no cache."""
    source = np.ones(1 << 28, np.uint8)
    target = np.empty_like(source)
    np.copyto(target, source)
    return 2 * source.nbytes / seconds(lambda: np.copyto(target, source))


def ffmpeg(path: Path) -> float:
    """Return the processor seconds that ffmpeg takes to decode pictures and sound to nothing, with one thread."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-i", str(path)]
    # each picture as it comes: the output's clock drops and doubles none
    return children(lambda: subprocess.run([*command, "-fps_mode", "passthrough", "-f", "null", "-"], check=True))


def children(call: Callable[[], object]) -> float:
    """Return the processor seconds of the processes that a call starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def counted(call: Callable[[], object]) -> int:
    """Return the multiply-adds of the convolutions and linear layers that a call runs."""
    total = 0

    def add(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(module, (torch.nn.Conv1d, torch.nn.Conv2d)):
            total += output.numel() * module.weight[0].numel()
        elif isinstance(module, torch.nn.Linear):
            total += output.numel() * module.in_features

    handle = torch.nn.modules.module.register_module_forward_hook(add)
    try:
        call()
    finally:
        handle.remove()
    return total


def found(precisions: Iterable[str]) -> dict[str, float]:
    """Return the peak of each precision, 0 where it is not known.

    Without VNNI instructions torch's product of 8-bit integers is a plain loop, and says nothing of the machine.
    """
    peaks = {precision: multiply_adds(precision) for precision in precisions}
    if "int8" in peaks and peaks["int8"] < (peaks.get("float32") or multiply_adds("float32")):
        peaks["int8"] = 0
    return peaks
