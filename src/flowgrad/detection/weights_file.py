"""What an ultralytics weights file holds, read without torch and without running anything that it holds.

Such a file is a pickle of the network itself, and a pickle can call whatever it names. Even a list of the network's own
classes would not do: ``DetectionModel`` called with settings evaluates a text among them. So nothing is called here.
The pickle is read into records (:class:`Layer`, :class:`Parameter`, :class:`Tensor`) that say which class, which
attributes and which bytes; the check before a run stops there. A job makes the network of the same records
(:mod:`flowgrad.detection.network`): no file is unpickled by torch or by ultralytics at any time.

What may stand in a file, and nothing else:

- layers: classes that the installed torch and ultralytics define in ``nn.modules``, made empty and given attributes;
- one network, the outermost layer, of a class in ``NETWORKS``;
- tensors, numbers, texts, and lists, tuples, sets and dictionaries of these;
- what training leaves behind (``LEFT_BY_TRAINING``), which is read over and never made.

A layer stands nowhere but among the layers of a layer: a file cannot put one where torch looks for a hook or where
Python looks for a method.
"""

from __future__ import annotations

import contextlib
import importlib.util
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

from flowgrad.errors import InputError, first_line
from flowgrad.torch_archive import MALFORMED, Opaque, TorchArchive, Unpickler, opaque, open_archive

SUFFIX = ".pt"
LAYERS = re.compile(r"(torch|ultralytics)\.nn\.modules(?:\.([a-z]\w*))?", re.ASCII)
"""Modules whose classes are layers; ultralytics before 8.0.44 had them all in one."""
TASKS = "ultralytics.nn.tasks"
NETWORKS = ("DetectionModel", "RTDETRDetectionModel")
"""Classes of ``TASKS`` that find boxes."""
OTHER_NETWORKS = {
    "OBBModel": "oriented boxes (obb)",
    "ClassificationModel": "classification",
    "SegmentationModel": "segmentation",
    "SemanticSegmentationModel": "segmentation",
    "PoseModel": "poses",
    "DepthModel": "depth",
    "WorldModel": "classes that are told in words",
    "YOLOEModel": "classes that are told in words",
    "YOLOESegModel": "classes that are told in words",
}
"""Classes of ``TASKS`` that do something else, and what."""
LEFT_BY_TRAINING = re.compile(
    r"ultralytics(\.yolo)?\.utils\.(IterableSimpleNamespace|loss\.\w+Loss|tal\.\w+Assigner)"
    r"|numpy\.(dtype|_?core\.multiarray\.scalar)|_codecs\.encode|torch\.device"
    r"|pathlib(\._local)?\.(Posix|Windows)Path",
    re.ASCII,
)
RENAMED = {
    (TASKS, "YOLOv10DetectionModel"): (TASKS, "DetectionModel"),
    ("ultralytics.nn.modules.block", "Silence"): ("torch.nn.modules.linear", "Identity"),
}
"""Classes of published weights that ultralytics has under another name since."""
STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""How torch's pickles name the types of numbers, and how torch does."""


class _Sealed:
    """Of what a pickle makes and cannot change afterwards."""

    def __setstate__(self, _: Any) -> None:
        raise pickle.UnpicklingError(f"a {type(self).__name__} is changed")


@dataclass(frozen=True)
class Storage(_Sealed):
    """Bytes of the archive.

    Attributes:
        key: their name in it.
        dtype: type of the numbers, as torch names it.
        length: how many numbers.
    """

    key: str
    dtype: str
    length: int


@dataclass(frozen=True)
class Tensor(_Sealed):
    """A view of a storage: offset and stride count numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Parameter(_Sealed):
    """A tensor that a layer learns; shared where one record stands in two places."""

    data: Tensor
    learns: bool


class _NeverCalled(type):
    """Of classes whose instances a pickle may only make empty."""

    module: str
    name: str

    def __call__(cls, *_: Any) -> Any:
        raise pickle.UnpicklingError(f"{cls.module}.{cls.name} is called, and a file may only describe it")


class Layer(metaclass=_NeverCalled):
    """A layer: its class, its attributes and the layers in it. A subclass stands for every class that a file names.

    Attributes:
        module: where the class is defined.
        name: of the class.
        state: the attributes, in plain values, :class:`Tensor` and :class:`Parameter`.
        layers: the layers in it by name.
    """

    module: ClassVar[str]
    name: ClassVar[str]
    state: dict[str, Any]
    layers: dict[str, Layer | None]

    def __new__(cls) -> Self:
        """Return the layer as it is before it is given anything."""
        layer = super().__new__(cls)
        layer.state, layer.layers = {}, {}
        return layer

    def __setstate__(self, state: dict[str, Any]) -> None:
        # copies: what the pickle does to its dictionaries afterwards changes nothing
        attributes = dict(state)
        layers = dict(attributes.pop("_modules", {}))
        for name, layer in layers.items():
            inner = layer is None or (isinstance(layer, Layer) and layer.module != TASKS)
            if not inner or not isinstance(name, str):
                raise pickle.UnpicklingError(
                    f"a {type(layer).__name__} stands for a layer of {self.module}.{self.name}"
                )
        if not all(isinstance(key, str) for key in attributes):
            raise pickle.UnpicklingError(f"{self.module}.{self.name} has an attribute without a name")
        self.layers = layers
        self.state = {key: _plain(value) for key, value in attributes.items()}


def _plain(value: Any) -> Any:
    """Return a copy of an attribute; None for what is read over."""
    if value is None or isinstance(value, bool | int | float | str | bytes | Tensor | Parameter):
        return value
    if isinstance(value, Opaque):
        return None
    if isinstance(value, dict):
        return type(value)((_plain(key), _plain(inner)) for key, inner in value.items())
    if isinstance(value, list | tuple | set):
        return type(value)(map(_plain, value))
    raise pickle.UnpicklingError(f"a {type(value).__name__} stands where a layer has plain attributes")


@dataclass(frozen=True)
class _Maker(_Sealed):
    """Stands for a function of the pickle."""

    make: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    numbers = [offset, *size, *stride]
    if not isinstance(storage, Storage) or not all(type(number) is int and number >= 0 for number in numbers):
        raise pickle.UnpicklingError("a tensor is not made of a storage and sizes")
    return Tensor(storage, offset, tuple(size), tuple(stride))


def _parameter(data: Any, learns: Any = True, *_: Any) -> Parameter:
    if not isinstance(data, Tensor):
        raise pickle.UnpicklingError("a parameter is no tensor")
    return Parameter(data, bool(learns))


_MAKERS = {
    "torch._utils._rebuild_tensor_v2": _Maker(_tensor),
    "torch._utils._rebuild_parameter": _Maker(_parameter),
    "torch.Size": _Maker(tuple),
    "collections.OrderedDict": _Maker(OrderedDict),
    "__builtin__.set": _Maker(set),
    "builtins.set": _Maker(set),
}


@cache
def _defined(package: str, module: str | None) -> frozenset[str] | None:
    """Return the public classes that a package defines in ``nn.modules``, from its source: nothing is imported.

    None where it is not installed: nothing can be made of its classes there.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0], "nn/modules")
    files = folder.glob(f"{module or '*'}.py")
    return frozenset(
        name for file in files for name in re.findall(r"^class ([A-Za-z]\w*)", file.read_text("utf-8"), re.M)
    )


class _RecordUnpickler(Unpickler):
    def known(self, module: str, name: str) -> Any:
        module, name = RENAMED.get((module, name), (module, name))
        full = f"{module}.{name}"
        if full in _MAKERS:
            return _MAKERS[full]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if LEFT_BY_TRAINING.fullmatch(full):
            return opaque(full)
        if self._is_layer(module, name) or (module == TASKS and name in NETWORKS):
            return type(name, (Layer,), {"module": module, "name": name})
        return None

    @staticmethod
    def _is_layer(module: str, name: str) -> bool:
        place = LAYERS.fullmatch(module)
        if place is None or not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
            return False
        defined = _defined(*place.groups())
        return defined is None or name in defined

    def persistent_load(self, described: Any) -> Storage:
        kind, dtype, key, _, length = described
        if kind != "storage" or dtype not in STORAGES.values() or not isinstance(key, str) or type(length) is not int:
            raise pickle.UnpicklingError("a storage is none")
        return Storage(key, dtype, length)


@dataclass(frozen=True)
class WeightsFile:
    """An ultralytics weights file, open for reading (:func:`open_weights`).

    Attributes:
        archive: where the bytes of the tensors are.
        content: everything else in the file, by its key.
        network: the network.
        names: what it calls its classes, by their number.
    """

    archive: TorchArchive
    content: Mapping[str, Any]
    network: Layer
    names: Mapping[int, str]


@contextlib.contextmanager
def open_weights(path: Path) -> Iterator[WeightsFile]:
    """Open an ultralytics weights file.

    Raises ``InputError`` naming the file where it holds no box detector, or anything that has no place in one.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(
            f"{path}: ultralytics' weights end in {SUFFIX}; rename the file if it is such a copy, or give the {SUFFIX}"
            " that it was exported from"
        )
    with open_archive(path) as archive:
        content, network = _read(archive)
        yield WeightsFile(archive, content, network, _names(archive, network))


def _read(archive: TorchArchive) -> tuple[Mapping[str, Any], Layer]:
    unpickler = _RecordUnpickler(archive.pickled)
    content = error = None
    try:
        content = unpickler.read()
    except MALFORMED as caught:
        error = caught
    network = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    task = network.name.removeprefix(f"{TASKS}.") if isinstance(network, Opaque) else ""
    if task in OTHER_NETWORKS:
        archive.fail(
            f"is no box detector but a model for {OTHER_NETWORKS[task]} ({TASKS}.{task}); give weights that were"
            " trained for the task detect, such as yolov8n.pt"
        )
    if unpickler.foreign:
        archive.fail(_of_foreign(sorted(unpickler.foreign)))
    if error is not None:
        archive.fail(
            f"cannot be read as a detector of ultralytics ({first_line(error)}); get the weights from where they are"
            " published",
            error,
        )
    if not isinstance(content, dict) or not isinstance(network, Layer) or network.module != TASKS:
        archive.fail("holds no ultralytics detector; give weights such as yolov8n.pt")
    return content, network


def _of_foreign(names: list[str]) -> str:
    """Return what to say of names that have no place in a weights file."""
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    if all(LAYERS.fullmatch(name.rpartition(".")[0]) for name in names):
        return (
            f"holds {listed}, which the installed ultralytics and torch do not define; update ultralytics, or take"
            " weights that it knows"
        )
    return (
        f"holds {listed}, which no detector of ultralytics is made of and which could run commands when it is loaded;"
        " get the weights from where they are published, or save them without it"
    )


def _names(archive: TorchArchive, network: Layer) -> dict[int, str]:
    names = network.state.get("names")
    names = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(names, dict) or not names or not all(type(number) is int for number in names):
        archive.fail("says no names of its classes; save it anew with ultralytics")
    return {number: str(name) for number, name in names.items()}
