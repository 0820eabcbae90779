"""The network of a weights file, made of what the file was read as: nothing is unpickled here."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from flowgrad.detection.weights_file import Layer, Parameter, Storage, Tensor, WeightsFile
from flowgrad.errors import first_line
from flowgrad.torch_archive import MALFORMED, TorchArchive


def build_network(weights: WeightsFile) -> nn.Module:
    """Return the network of an open weights file, in the numbers of the file, on the CPU.

    Import ultralytics before (:func:`flowgrad.detection.library.import_ultralytics`).
    Raises ``InputError`` naming the file where the parts do not fit together.
    """
    try:
        return _Builder(weights.archive).layer(weights.network)
    except (*MALFORMED, ImportError) as error:
        weights.archive.fail(f"no detector can be made of it ({first_line(error)})", error)


class _Builder:
    """Makes every record once, however often it stands in the file."""

    def __init__(self, archive: TorchArchive):
        if archive.has("byteorder") and archive.entry("byteorder") != b"little":
            raise ValueError("its numbers are of a machine of another byte order")
        self._archive = archive
        self._layers: dict[int, nn.Module] = {}
        self._parameters: dict[int, nn.Parameter] = {}
        self._storages: dict[Storage, torch.Tensor] = {}

    def layer(self, record: Layer) -> nn.Module:
        if id(record) not in self._layers:
            made = _class_of(record)
            layer: Any = made.__new__(made)
            self._layers[id(record)] = layer
            inner = {name: None if below is None else self.layer(below) for name, below in record.layers.items()}
            layer.__setstate__(self._value(record.state) | {"_modules": inner})
        return self._layers[id(record)]

    def _value(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value)
        if isinstance(value, Parameter):
            if id(value) not in self._parameters:
                self._parameters[id(value)] = nn.Parameter(self._tensor(value.data), value.learns)
            return self._parameters[id(value)]
        if isinstance(value, dict):
            return type(value)((key, self._value(inner)) for key, inner in value.items())
        if isinstance(value, list | tuple | set):
            return type(value)(map(self._value, value))
        return value

    def _tensor(self, record: Tensor) -> torch.Tensor:
        storage = record.storage
        if storage not in self._storages:
            content = bytearray(self._archive.entry(f"data/{storage.key}"))
            dtype = getattr(torch, storage.dtype)
            # copied to where torch would have put it
            self._storages[storage] = (
                torch.frombuffer(content, dtype=dtype).clone() if content else torch.empty(0, dtype=dtype)
            )
        return self._storages[storage].as_strided(record.size, record.stride, record.offset)


def _class_of(record: Layer) -> type[nn.Module]:
    """Return the class of a layer.

    Raises ``TypeError`` where the name is none: the reader goes by the source of the library, this by the library.
    """
    found = getattr(importlib.import_module(record.module), record.name, None)
    if not isinstance(found, type) or not issubclass(found, nn.Module):
        raise TypeError(f"{record.module}.{record.name} is no layer")
    return found
