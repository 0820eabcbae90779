"""Weights of a detector: what they hold is made, never run; what is wrong with them is said before any job."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from detectors import random_detector

from flowgrad import media
from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.detection.library import import_ultralytics
from flowgrad.detection.yolo import Yolo
from flowgrad.errors import InputError
from flowgrad.models.arithmetic import Runtime
from flowgrad.workflow import depends
from flowgrad.workflow.run import Run


@pytest.fixture
def published(reference) -> Path:
    return reference / "weights/yolov8n.pt"


@pytest.fixture(scope="module")
def frames(reference) -> list[np.ndarray]:
    """A frame of a dash camera, and one of a street corner with cars, trucks and a bus."""
    names = ["videos/dashcam_720p_silent/test_video.mp4", "urbansas_mini/clips/prague1033_43918.mp4"]
    return [next(media.pictures(media.inspect(reference / name))).rgb() for name in names]


def problem(tmp_path: Path, weights: Path, **detector) -> str:
    """What the check says, in words, of a detector; nothing where it is content."""
    (tmp_path / "videos").mkdir(exist_ok=True)
    (tmp_path / "videos/a.mp4").touch()
    settings = {"dataset": {"format": "videos", "root": str(tmp_path / "videos")}, "models": ["yolo-baseline"]}
    settings["detector"] = {"weights": str(weights), **detector}
    return "\n".join(check(parse(settings), tmp_path / "results").problems)


def refused(tmp_path: Path, weights: Path, **detector) -> str:
    """What check and job say alike."""
    with pytest.raises(InputError) as caught:
        Yolo(weights, **detector)
    said = problem(tmp_path, weights, **detector)
    assert said == f"detector.weights: {caught.value}; or leave yolo-baseline out of models"
    return said


def rewritten(source: Path, target: Path, change: Callable[[bytes], bytes]) -> Path:
    """Copy a weights file with another pickle in it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name.endswith("/data.pkl") else content)
    return target


def content_of(weights: Path) -> dict:
    """The published file is one to be trusted: its digest is known."""
    import_ultralytics()
    return torch.load(weights, weights_only=False)


def text(value: str | Path) -> bytes:
    """Operations of a pickle that push a text."""
    content = str(value).encode()
    return b"X" + struct.pack("<I", len(content)) + content


def called(function: bytes, *arguments: bytes) -> bytes:
    """Operations of a pickle that call a function."""
    return function + b"(" + b"".join(arguments) + b"tR"


class Harmful:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def nested(trace: Path) -> bytes:
    """A file of torch within the pickle, and the function of torch that loads it."""
    file = io.BytesIO()
    torch.save(Harmful(trace), file)
    return called(b"ctorch.storage\n_load_from_bytes\n", b"B" + struct.pack("<I", file.tell()) + file.getvalue())


def evaluated(trace: Path) -> bytes:
    """The network's own class, called with settings among which ultralytics evaluates a text."""
    settings = {"activation": f"__import__('os').mkdir({str(trace)!r})", "nc": 1, "head": []}
    settings["backbone"] = [[-1, 1, "nn.Identity", []]]
    return called(b"cultralytics.nn.tasks\nDetectionModel\n", pickle.dumps(settings, 2)[2:-1])


MKDIR, PROTOCOL_4 = b"cposix\nmkdir\n", b"\x80\x04"
PAYLOADS = [
    ("posix.mkdir", lambda trace: called(MKDIR, text(trace))),
    ("posix.mkdir", lambda trace: b"(" + text(trace) + b"iposix\nmkdir\n"),
    ("__builtin__.eval", lambda trace: called(b"c__builtin__\neval\n", text(f"__import__('os').mkdir('{trace}')"))),
    (
        "__builtin__.getattr",
        lambda trace: called(
            called(b"c__builtin__\ngetattr\n", called(b"c__builtin__\n__import__\n", text("os")), text("mkdir")),
            text(trace),
        ),
    ),
    ("functools.partial", lambda trace: called(called(b"cfunctools\npartial\n", MKDIR, text(trace)))),
    ("torch.storage._load_from_bytes", nested),
    # names with dots, which protocol 4 follows: what these modules import has imported os
    (
        "ultralytics.nn.tasks.contextlib.os.mkdir",
        lambda trace: (
            PROTOCOL_4 + called(text("ultralytics.nn.tasks") + text("contextlib.os.mkdir") + b"\x93", text(trace))
        ),
    ),
    (
        "ultralytics.nn.modules.block.torch.os.mkdir",
        lambda trace: (
            PROTOCOL_4 + called(text("ultralytics.nn.modules.block") + text("torch.os.mkdir") + b"\x93", text(trace))
        ),
    ),
    ("ultralytics.nn.tasks.DetectionModel", evaluated),
]
"""A name, and operations of a pickle that make a folder by it."""


@pytest.mark.parametrize(("name", "operations"), PAYLOADS)
def test_a_detector_cannot_run_code(tmp_path, published, monkeypatch, name, operations):
    """The published weights with one more object: the check and the job name it, and neither runs it."""
    import_ultralytics()
    from ultralytics.nn.modules import Conv

    monkeypatch.setattr(Conv, "default_act", Conv.default_act)
    trace = tmp_path / "trace"
    payload = operations(trace)
    pickle.loads(b"\x80\x02" + payload + b".")
    trace.rmdir()  # it does what it is here for
    for variable, value in (("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1"), ("ULTRALYTICS_SAFE_LOAD", "0")):
        monkeypatch.setenv(variable, value)
    path = rewritten(published, tmp_path / "best.pt", lambda old: old[:-1] + text("extra") + payload + b"s.")
    assert name in refused(tmp_path, path)
    assert not trace.exists()


def test_an_object_among_the_attributes_of_a_layer_is_named_too(tmp_path, published):
    content = content_of(published)
    content["model"].model[3].helper = Harmful(tmp_path / "trace")
    torch.save(content, tmp_path / "best.pt")
    assert "best.pt: holds posix.mkdir, which no detector" in refused(tmp_path, tmp_path / "best.pt")
    assert not (tmp_path / "trace").exists()


def test_a_layer_stands_among_layers_only(tmp_path, published):
    """Not where torch looks for hooks, and not where Python looks for a method."""
    content = content_of(published)
    content["model"].model[0]._forward_hooks[0] = torch.nn.Identity()
    torch.save(content, tmp_path / "hook.pt")
    assert "a Identity stands where a layer has plain attributes" in refused(tmp_path, tmp_path / "hook.pt")
    content = content_of(published)
    content["model"].__dict__["fuse"] = torch.nn.Identity()
    torch.save(content, tmp_path / "method.pt")
    assert "a Identity stands where" in refused(tmp_path, tmp_path / "method.pt")
    content = content_of(published)
    content["model"].model[0].act = content["model"]
    torch.save(content, tmp_path / "network.pt")
    assert "a DetectionModel stands for a layer" in refused(tmp_path, tmp_path / "network.pt")


@pytest.mark.parametrize("change", [lambda old: old + b"\x80\x02N.", lambda old: old[:-500], lambda old: b"\x80\x02N."])
def test_a_pickle_that_is_none(tmp_path, published, change):
    assert "best.pt: " in refused(tmp_path, rewritten(published, tmp_path / "best.pt", change))


def test_files_that_are_no_archive_of_one_pickle(tmp_path, published):
    path = tmp_path / "best.pt"
    content = content_of(published)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert "is a bare pickle" in refused(tmp_path, path)
    path.write_bytes(pickle.dumps(Harmful(tmp_path / "trace")))
    assert "is a bare pickle" in refused(tmp_path, path)
    assert not (tmp_path / "trace").exists()
    torch.jit.script(torch.nn.ReLU()).save(path)
    assert "is a TorchScript archive" in refused(tmp_path, path)
    path.write_bytes(b"not weights")
    assert "the download may be cut" in refused(tmp_path, path)
    shutil.copy(published, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("yolov8n/more.pkl", b"")
    assert "one pickle" in refused(tmp_path, path)
    shutil.copy(published, path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("yolov8n/data.pkl", b"")
    assert "no name twice" in refused(tmp_path, path)


def test_a_damaged_tensor_ends_the_job_in_a_sentence(tmp_path, published):
    with zipfile.ZipFile(published) as old, zipfile.ZipFile(tmp_path / "best.pt", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[: 100 if name == "yolov8n/data/0" else None])
    with pytest.raises(InputError, match=r"best\.pt: no detector can be made of it"):
        Yolo(tmp_path / "best.pt")


def test_a_layer_that_the_library_does_not_define_is_named(tmp_path, published):
    newer = rewritten(published, tmp_path / "newer.pt", lambda old: old.replace(b"block\nC2f\n", b"block\nC9f\n"))
    assert "ultralytics.nn.modules.block.C9f, which the installed ultralytics" in refused(tmp_path, newer)
    # a name that the module has, of something that it does not define
    other = rewritten(published, tmp_path / "other.pt", lambda old: old.replace(b"block\nC2f\n", b"block\ntorch\n"))
    assert "ultralytics.nn.modules.block.torch, which" in refused(tmp_path, other)


def test_the_library_loads_nothing_by_itself(published, frames, monkeypatch):
    """Neither torch nor ultralytics is asked to load the file, whatever their defaults are."""
    import_ultralytics()
    from ultralytics.nn import tasks

    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load"))
    monkeypatch.setattr(tasks, "torch_safe_load", lambda *_, **__: pytest.fail("ultralytics' loading"))
    assert "car" in Yolo(published).detect(frames[:1])[0].labels


def old_way(weights: Path, frames: list[np.ndarray], image_size: int) -> list[tuple[bytes, bytes, list[str]]]:
    """What ultralytics finds when it loads the file itself."""
    model = import_ultralytics().YOLO(str(weights), task="detect")
    vehicles = [number for number, name in model.names.items() if name in ("car", "motorcycle", "bus", "truck")]
    found = model.predict(
        [np.ascontiguousarray(frame[..., ::-1]) for frame in frames],
        imgsz=image_size,
        conf=0.05,
        iou=0.7,
        classes=vehicles,
        device="cpu",
        verbose=False,
    )
    boxes = [result.boxes for result in found]
    return [
        (
            one.xyxy.numpy().astype(float).tobytes(),
            one.conf.numpy().astype(float).tobytes(),
            [model.names[int(number)] for number in one.cls],
        )
        for one in boxes
    ]


def new_way(weights: Path, frames: list[np.ndarray], image_size: int, **settings) -> list[tuple[bytes, bytes, list]]:
    through_torch = Yolo(weights, image_size=image_size, confidence=0.05, runtime=Runtime(), **settings)
    found = through_torch.detect(frames)
    return [(one.boxes.tobytes(), one.confidences.tobytes(), list(one.labels)) for one in found]


def test_the_boxes_are_those_of_ultralytics_own_loading(published, frames):
    """To the last bit."""
    torch.set_num_threads(1)
    expected = old_way(published, frames, 640)
    assert all(len(labels) > 5 for _, _, labels in expected)
    assert new_way(published, frames, 640) == expected


@pytest.mark.parametrize("network", ["yolo11", "yolov10n", "yolov8-rtdetr"])
def test_other_networks_of_the_library(tmp_path, frames, network):
    """Attention, a head without suppression and a transformer, with weights drawn at random."""
    random_detector(network, tmp_path / "own.pt")
    expected = old_way(tmp_path / "own.pt", frames[1:], 320)
    assert len(expected[0][2]) > 5
    assert new_way(tmp_path / "own.pt", frames[1:], 320) == expected


@pytest.mark.parametrize(
    "rename",
    [
        # where classes were in other releases of ultralytics
        lambda old: old.replace(b"ultralytics.nn.modules.conv\n", b"ultralytics.nn.modules\n"),
        lambda old: old.replace(
            b"ultralytics.nn.tasks\nDetectionModel", b"ultralytics.nn.tasks\nYOLOv10DetectionModel"
        ),
    ],
)
def test_weights_of_other_releases(tmp_path, published, frames, rename):
    older = rewritten(published, tmp_path / "older.pt", rename)
    assert older.read_bytes() != published.read_bytes()
    assert new_way(older, frames, 320) == new_way(published, frames, 320)


def test_weights_of_a_training_that_was_stopped(tmp_path, published, frames):
    """A trainer's file in the middle: the averaged network with settings and loss, and a figure of numpy."""
    import_ultralytics()
    from ultralytics.utils import IterableSimpleNamespace
    from ultralytics.utils.loss import v8DetectionLoss

    content = content_of(published)
    network = content["model"].float()
    network.args = IterableSimpleNamespace(box=7.5, cls=0.5, dfl=1.5)
    network.criterion = v8DetectionLoss(network)
    content |= {"ema": network.half(), "model": None, "best_fitness": np.float64(0.5), "date": "2024-01-01"}
    torch.save(content, tmp_path / "last.pt")
    assert problem(tmp_path, tmp_path / "last.pt") == ""
    assert new_way(tmp_path / "last.pt", frames, 320) == new_way(published, frames, 320)


def named(published: Path, target: Path, names: dict[int, str]) -> Path:
    content = content_of(published)
    content["model"].names = content["model"].names | names
    torch.save(content, target)
    return target


def test_vehicles_by_their_usual_names(tmp_path, published, frames):
    """Upper case, plurals and motorbikes come out under the standard labels."""
    other = named(published, tmp_path / "best.pt", {2: "Cars", 3: "Motorbikes", 5: "BUS", 7: "Trucks"})
    assert problem(tmp_path, other) == ""
    assert new_way(other, frames, 640) == new_way(published, frames, 640)


def test_vehicles_by_own_names(tmp_path, published, frames):
    other = named(published, tmp_path / "best.pt", {2: "vehicle", 7: "lorry"})
    names = {"car": ["vehicle"], "truck": ["lorry"]}
    assert problem(tmp_path, other, classes=names) == ""
    assert new_way(other, frames, 640, classes=names) == new_way(published, frames, 640)
    # a label without names is not looked for
    trucks = Yolo(other, confidence=0.05, classes=names | {"car": []}).detect(frames)
    assert {label for found in trucks for label in found.labels} == {"bus", "truck"}


def test_a_name_that_the_weights_do_not_know(tmp_path, published):
    said = refused(tmp_path, published, classes={"car": ["car", "vehicle"]})
    assert "yolov8n.pt: has no class 'vehicle' (detector.classes.car); it has 'person', 'bicycle', 'car'" in said
    settings = {"dataset": {"format": "streets"}, "models": ["yolo-baseline"]}
    settings["detector"] = {"weights": "trained", "classes": {"car": ["vehicle"]}}
    (said,) = check(parse(settings), tmp_path / "results", dataset=False).problems
    assert "has no class 'vehicle' (detector.classes.car); it has 'car', 'motorcycle', 'bus', 'truck'" in said


def test_weights_without_vehicles(tmp_path, published):
    names = {2: "cat", 3: "dog", 5: "cow", 7: "carriage"}
    other = named(published, tmp_path / "best.pt", names)
    said = refused(tmp_path, other)
    assert (
        "best.pt: has no class for a car, motorcycle, bus or truck by a usual name; say with detector.classes" in said
    )
    assert "which of these are vehicles: 'person', 'bicycle', 'cat'" in said


def test_a_vehicle_of_two_names_is_found_once(published, frames):
    """What the weights take for a car and a truck is two detections, and one where both are called car."""
    apart = Yolo(published, confidence=0.05).detect(frames)
    together = Yolo(published, confidence=0.05, classes={"car": ["car", "truck", "bus"]}).detect(frames)
    overlapping = [most_overlap(found.boxes) for found in apart]
    assert max(overlapping) > 0.7, "these frames have such a vehicle"
    for one, other in zip(apart, together, strict=True):
        assert set(other.labels) <= {"car", "motorcycle"}
        assert most_overlap(other.boxes) <= 0.7
        assert one.confidences.max() == other.confidences.max()


def most_overlap(boxes: np.ndarray) -> float:
    from flowgrad.detection import pairwise_iou

    overlap = pairwise_iou(boxes, boxes)
    np.fill_diagonal(overlap, 0)
    return float(overlap.max())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("v8/yolov8-obb", "no box detector but a model for oriented boxes (obb) (ultralytics.nn.tasks.OBBModel)"),
        ("v8/yolov8-cls", "no box detector but a model for classification (ultralytics.nn.tasks.ClassificationModel)"),
        ("v8/yolov8-seg", "no box detector but a model for segmentation (ultralytics.nn.tasks.SegmentationModel)"),
        ("v8/yolov8-pose", "no box detector but a model for poses (ultralytics.nn.tasks.PoseModel)"),
    ],
)
def test_models_for_something_else(tmp_path, settings, words):
    ultralytics = import_ultralytics()
    path = Path(ultralytics.__file__).parent / f"cfg/models/{settings}.yaml"
    torch.save({"model": ultralytics.YOLO(str(path)).model.half()}, tmp_path / "best.pt")
    assert words in refused(tmp_path, tmp_path / "best.pt")


def test_another_ending(tmp_path, published):
    shutil.copy(published, tmp_path / "best.pth")
    assert "best.pth: ultralytics' weights end in .pt; rename the file" in refused(tmp_path, tmp_path / "best.pth")


def test_the_command_names_the_payload_without_torch(tmp_path, published):
    trace = tmp_path / "trace"
    payload = called(MKDIR, text(trace))
    path = rewritten(published, tmp_path / "best.pt", lambda old: old[:-1] + text("extra") + payload + b"s.")
    (tmp_path / "videos").mkdir()
    settings = {"dataset": {"format": "videos", "root": "videos"}, "models": ["yolo-topline"]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings | {"detector": {"weights": str(path)}}))
    script = """
import sys
from flowgrad.cli import main
status = main(["check", "-c", "c.yaml"])
heavy = [name for name in ("torch", "cv2", "ultralytics", "pandas") if name in sys.modules]
sys.exit(f"imported {heavy}" if heavy else status)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "best.pt: holds posix.mkdir" in done.stdout + done.stderr
    assert not trace.exists()


def test_names_of_classes_are_part_of_what_detections_depend_on(tmp_path, published, monkeypatch):
    """And the order in which a file lists them is not."""
    monkeypatch.chdir(tmp_path)

    def facts(**detector) -> object:
        (tmp_path / "videos").mkdir(exist_ok=True)
        (tmp_path / "videos/a.mp4").touch()
        settings = {"dataset": {"format": "videos", "root": "videos"}, "models": ["yolo-baseline"]}
        config = parse(settings | {"detector": {"weights": str(published), **detector}})
        return repr(depends.detect(Run(config, check(config))))

    assert facts() == facts(classes={})
    assert facts() != facts(classes={"car": ["car", "truck"]})
    one = facts(classes={"truck": ["bus"], "car": ["truck", "car"]})
    assert one == facts(classes={"car": ["car", "truck"], "truck": ["bus"]})
