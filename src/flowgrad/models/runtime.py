"""Which device, engine and precision networks get, where ``auto`` leaves it to the machine. Imports no torch by itself.

OpenVINO computes on a processor alone, and it alone computes in 8-bit integers.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Literal

from flowgrad.errors import InputError
from flowgrad.models.arithmetic import Engine, Precision, Runtime
from flowgrad.models.device import resolve_device

AnyEngine = Engine | Literal["auto"]
AnyPrecision = Precision | Literal["auto"]
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What a processor that computes in bfloat16 calls it, x86 and ARM."""
CPUINFO = Path("/proc/cpuinfo")


def resolve(device: str = "auto", precision: AnyPrecision = "float32", engine: AnyEngine = "auto") -> Runtime:
    """Return where and how networks compute on this machine.

    Args:
        device: ``auto`` (what torch sees; the processor for what computes there alone), ``cpu``, ``cuda`` or a torch
            device string.
        precision: ``auto``: bfloat16 where the hardware computes in it, else float32.
        engine: ``auto``: OpenVINO on a processor where it is installed, else torch, also for what OpenVINO cannot take.

    Raises:
        InputError: what is asked for cannot be had; the sentence says what to do.
    """
    device = "cpu" if device == "auto" and processor_alone(precision, engine) else resolve_device(device)
    if precision == "auto":
        precision = resolve_precision(precision, device)
    problem = misfit(device, precision, engine) or lack(precision, engine)
    if problem:
        raise InputError(problem)
    if engine != "auto":
        return Runtime(device, precision, engine)
    # torch rounds to bfloat16 on any processor; OpenVINO computes in float32 where there is none
    fits = device == "cpu" and has_openvino() and (precision != "bfloat16" or has_bfloat16())
    return Runtime(device, precision, "openvino", fallback=True) if fits else Runtime(device, precision)


def processor_alone(precision: AnyPrecision, engine: AnyEngine) -> bool:
    """Return whether networks compute on a processor also where there is a GPU."""
    return engine == "openvino" or precision == "int8"


def misfit(device: str, precision: AnyPrecision, engine: AnyEngine) -> str | None:
    """Return why a device, a precision and an engine go together on no machine, one sentence; None where they do."""
    on_gpu = device.startswith("cuda")
    if engine == "openvino" and on_gpu:
        return f"engine: openvino computes on a processor alone; use 'auto' or 'torch' with device: {device}"
    if precision == "int8" and on_gpu:
        return f"precision: int8 is computed on a processor alone; use 'bfloat16' or 'float32' with device: {device}"
    if precision == "int8" and engine == "torch":
        return "precision: int8 is computed by OpenVINO alone, and engine is torch; use engine: auto, or 'float32'"
    return None


def lack(precision: AnyPrecision, engine: AnyEngine) -> str | None:
    """Return what this machine lacks for a precision and an engine, one sentence; None where it lacks nothing."""
    if engine == "openvino" and not has_openvino():
        return "engine: openvino is asked for, but it is not installed; pip install openvino, or use 'auto' or 'torch'"
    if precision == "int8" and not has_openvino():
        return "precision: int8 needs OpenVINO, which is not installed; pip install openvino, or use 'float32'"
    if precision == "bfloat16" and engine == "openvino" and not has_bfloat16():
        return (
            "precision: this processor does not compute in bfloat16, so engine: openvino cannot; use engine: auto, or"
            " precision: float32"
        )
    return None


def resolve_precision(precision: AnyPrecision, device: str) -> Precision:
    """Return the precision for ``auto`` on a device (``cpu``, ``cuda``) of this machine, or the one that is given."""
    if precision != "auto":
        return precision
    if device == "cpu":
        return "bfloat16" if has_bfloat16() else "float32"
    import torch

    able = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if able else "float32"


def has_openvino() -> bool:
    """Return whether OpenVINO is installed."""
    return importlib.util.find_spec("openvino") is not None


@cache
def has_bfloat16() -> bool:
    """Return whether this machine's processor computes in bfloat16, as far as its system says so (Linux)."""
    if not CPUINFO.is_file():
        return False
    flags = {line.partition(":")[2] for line in CPUINFO.read_text().splitlines() if line.startswith(("flags", "Feat"))}
    return any(not BFLOAT16.isdisjoint(some.split()) for some in flags)
