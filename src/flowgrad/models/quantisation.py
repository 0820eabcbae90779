"""An OpenVINO model in 8-bit integers: the weights of its convolutions and what these take in, rounded.

Weights are symmetric, with a scale for every output channel; an input has one range for all channels, that of the
examples. OpenVINO finds the roundings in the graph and computes in integers between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

INPUTS = 4
"""Convolutions of so few channels are the first ones, and stay as they are."""
Examples = Sequence[Sequence[npt.NDArray[Any]]]
"""The inputs of a model, several times."""


def quantise(core: Any, model: Any, examples: Examples, hints: Mapping[str, Any]) -> None:
    """Round the convolutions of a model in place, by the ranges that its examples have there.

    ``core`` is OpenVINO's compiler, ``hints`` what it is told.
    """
    from openvino import opset13 as ops

    found = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    # a picture and its flow differ in range, and the first layers are a twentieth of the work
    convolutions = [node for node in found if node.input_value(1).get_shape()[1] > INPUTS]
    # several can take in the same
    sources = {_name(node): node.input_value(0) for node in convolutions}
    ranges = _ranges(core, model, list(sources.values()), examples, hints)
    rounded = {
        name: ops.fake_quantize(source, low, high, low, high, 256)
        for (name, source), (low, high) in zip(sources.items(), ranges, strict=True)
    }
    for node in convolutions:
        name = _name(node)
        node.input(0).replace_source_output(rounded[name].output(0))
        weights = node.input_value(1)
        values = weights.get_node().get_data().astype(np.float32)
        largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True).clip(np.finfo(np.float32).tiny)
        node.input(1).replace_source_output(
            ops.fake_quantize(ops.constant(values), -largest, largest, -largest, largest, 255).output(0)
        )


def _name(convolution: Any) -> tuple[str, int]:
    source = convolution.input_value(0)
    return source.get_node().get_friendly_name(), source.get_index()


def _ranges(
    core: Any, model: Any, sources: list[Any], examples: Examples, hints: Mapping[str, Any]
) -> list[tuple[np.float32, np.float32]]:
    """Return the least number, 0 at most, and the largest, above 0, that come out of each source."""
    from openvino import Model
    from openvino import opset13 as ops

    watched = Model([ops.result(source) for source in sources], model.get_parameters(), "watched")
    compiled = core.compile_model(watched, "CPU", hints)
    ranges = np.full((len(sources), 2), (0, 1e-6), np.float32)
    for inputs in examples:
        found = compiled(list(inputs))
        for place, of_source in enumerate(ranges):
            of_source[:] = min(of_source[0], found[place].min()), max(of_source[1], found[place].max())
    return [(low, high) for low, high in ranges]
