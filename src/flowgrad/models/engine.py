"""How a network computes: through torch, which runs everywhere, or OpenVINO, which is faster on a processor.

OpenVINO folds BatchNorm and ReLU into the convolutions and keeps what is between them in blocks of channels.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from flowgrad.errors import InputError, first_line
from flowgrad.models.arithmetic import Precision, Runtime
from flowgrad.models.quantisation import quantise

log = logging.getLogger(__name__)

Arrays = tuple[npt.NDArray[np.float32], ...]
Compute = Callable[..., Arrays]
"""A network ready to run: arrays (N, ...) in, float32 arrays (N, ...) out."""
KEPT = 4
"""Kinds of inputs, of a type and a shape, that a network is kept compiled for; each holds its weights anew."""
NUMBERS: dict[Precision, set[str]] = {"float32": {"f32"}, "bfloat16": {"bf16"}, "int8": {"u8", "i8"}}
"""What OpenVINO calls the numbers of a precision."""
Prepare = Callable[..., tuple[Tensor, ...]]


def compute(
    network: nn.Module,
    runtime: Runtime,
    prepare: Prepare | None = None,
    examples: Callable[[], Sequence[npt.NDArray[Any]]] | None = None,
    items: int | None = None,
) -> Compute:
    """Return a network as a function on arrays, in evaluation mode.

    Args:
        network: takes tensors (N, ...) and returns a tuple of tensors (N, ...). What it does must not depend on values,
            and N is ``x.shape[0]``: ``len(x)`` is a constant to the tracer.
        runtime: where, in which arithmetic, through which engine.
        prepare: makes the network's inputs of what is given, always through torch in float32: spectrograms.
        examples: gives a few items, for the ranges of numbers that 8-bit integers need; a network without examples
            cannot compute in these.
        items: how many are given every time; None: any number, which takes OpenVINO longer.

    Its results differ between engines by rounding: see docs/speed.md. The threads are those of torch when it is made.
    Where OpenVINO cannot be imported, or cannot take the network or its precision, torch computes, and the log says so,
    if ``runtime.fallback``; else, and in 8-bit integers, the first call raises ``InputError``.
    """
    network = network.eval().requires_grad_(False)
    device = torch.device(runtime.device)

    def given(inputs: Sequence[npt.NDArray[Any]]) -> tuple[Tensor, ...]:
        tensors = tuple(torch.from_numpy(np.require(array, None, ["C", "W"])).to(device) for array in inputs)
        return prepare(*tensors) if prepare is not None else tensors

    shown = None
    if runtime.precision == "int8":
        if examples is None or runtime.engine != "openvino":
            raise ValueError("precision int8: expected examples and engine openvino")
        with torch.inference_mode():
            shown = given(examples())
    made = _OpenVino(network, runtime, shown, items) if runtime.engine == "openvino" else _Torch(network, runtime)

    def run(*inputs: npt.NDArray[Any]) -> Arrays:
        if not len(inputs[0]):  # what is made of one item says of what shape nothing is
            one = run(*(np.zeros((1, *array.shape[1:]), array.dtype) for array in inputs))
            return tuple(part[:0] for part in one)
        with torch.inference_mode():
            return made(*given(inputs))

    return run


class _Torch:
    def __init__(self, network: nn.Module, runtime: Runtime):
        self._runtime = runtime
        self._device = torch.device(runtime.device)
        self._dtype = torch.bfloat16 if runtime.precision == "bfloat16" else None
        # a convolution whose weights have channels last gives its result so, however its input lies
        self._network = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, *inputs: Tensor) -> Arrays:
        self._runtime.used.add("torch")
        with torch.autocast(self._device.type, dtype=self._dtype, enabled=self._dtype is not None):
            found = self._network(*inputs)
        return tuple(np.asarray(part.float().cpu().numpy()) for part in found)


class _OpenVino:
    """Compiled when it is first called, anew for inputs of another kind; the number of items is free, or fixed."""

    def __init__(self, network: nn.Module, runtime: Runtime, examples: tuple[Tensor, ...] | None, items: int | None):
        self._network, self._runtime, self._examples = network, runtime, examples
        self._items = -1 if items is None else items
        self._hints = {
            "INFERENCE_PRECISION_HINT": "bf16" if runtime.precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            # jobs side by side would all be bound to the first core
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: dict[tuple[tuple[torch.dtype, *tuple[int, ...]], ...], Any] = {}
        self._instead: _Torch | None = None

    def __call__(self, *inputs: Tensor) -> Arrays:
        # what is compiled for numbers of one kind reads those of another as if they were
        kinds = tuple((tensor.dtype, *tensor.shape[1:]) for tensor in inputs)
        if self._instead is None and kinds not in self._compiled:
            if len(self._compiled) == KEPT:
                del self._compiled[next(iter(self._compiled))]
            try:
                self._compiled[kinds] = self._compile(inputs)
            except Exception as error:  # noqa: BLE001 - an import, the tracer and OpenVINO fail in many ways
                self._instead = self._torch_instead(error, inputs)
        if self._instead is not None:
            return self._instead(*inputs)
        self._runtime.used.add("openvino")
        found = self._compiled[kinds].infer([tensor.numpy() for tensor in inputs])
        return tuple(np.array(found[place], np.float32) for place in range(len(found)))

    def _torch_instead(self, error: Exception, inputs: tuple[Tensor, ...]) -> _Torch:
        """Return the network through torch; raise ``InputError`` where that will not do."""
        instead, reason = _Torch(self._network, self._runtime), first_line(error)
        # what is wrong with the network or its inputs fails in torch, too, and is raised as it is
        instead(*(tensor[:1] for tensor in inputs))
        if self._runtime.precision == "int8":
            raise InputError(
                f"precision: int8: OpenVINO cannot compute this network here ({reason}); use 'bfloat16' or 'float32'"
            ) from error
        if not self._runtime.fallback:
            raise InputError(
                f"engine: openvino cannot compute this network here ({reason}); use 'auto' or 'torch'"
            ) from error
        log.info("computed through torch, not OpenVINO: %s", reason)
        return instead

    def _compile(self, inputs: tuple[Tensor, ...]) -> Any:
        core, partial_shape = _core()
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that tracing will go one day; the rest are notes of the tracer
            examples = tuple(tensor[:1] for tensor in inputs)
            traced = torch.jit.trace(self._network, examples, check_trace=False)  # type: ignore[no-untyped-call]
            decoder = TorchScriptPythonDecoder(traced, example_input=examples)
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
        if self._examples is not None:
            items = range(len(self._examples[0]))
            shown = [[tensor[item : item + 1].numpy() for tensor in self._examples] for item in items]
            quantise(core, model, shown, self._hints)
        free = zip(model.inputs, inputs, strict=True)
        model.reshape({port: partial_shape([self._items, *tensor.shape[1:]]) for port, tensor in free})
        compiled = core.compile_model(model, "CPU", self._hints)
        computed = computed_in(compiled)
        if computed and computed.isdisjoint(NUMBERS[self._runtime.precision]):
            raise RuntimeError(f"it computes in {', '.join(sorted(computed))}, not in {self._runtime.precision}")
        return compiled.create_infer_request()


def computed_in(compiled: Any) -> set[str]:
    """Return the numbers that the convolutions of a compiled network are really computed in, in OpenVINO's words.

    Those that were asked for are a hint: a processor without them computes in others, and nothing is said.
    """
    every = (node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops())
    return {about["runtimePrecision"].astype(str) for about in every if about["layerType"].astype(str) == "Convolution"}


@cache
def _core() -> tuple[Any, Any]:
    """Return the compiler of OpenVINO, and its class of shapes; import nothing of it before."""
    # importing OpenVINO tells its maker so over the network; it does without the package that it would do that with
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core(), openvino.PartialShape
