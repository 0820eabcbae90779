"""What each stage costs: milliseconds a frame on one core, and ratios measured in one run (docs/speed.md).

python benchmarks/stages.py [VIDEO] [--weights yolov8n.pt]

Without a video a clip of noise and a moving square is made. Networks get random weights: the time is the same.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from flowgrad import artifacts, frames, media
from flowgrad.flow.farneback import Farneback
from flowgrad.flow.forms import KINDS
from flowgrad.flow.storage import stored
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.checkpoint_file import check_layout
from flowgrad.models.inputs import fitted_audio, resized
from flowgrad.models.rcgrad import presets
from flowgrad.models.rcgrad.cam import clean, localization_map
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.rcgrad.layout import layout_of
from flowgrad.models.rcgrad.model import FlowGradEN, FlowGradIC, RCGrad
from flowgrad.stages import detect

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))


@contextmanager
def timed(name: str, count: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{name:44s} {(time.perf_counter() - start) / count * 1e3:8.1f} ms a frame", flush=True)


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def random_checkpoint(folder: Path, method: str) -> Path:
    path = folder / f"{method}.pt"
    torch.save(build_encoders(method).state_dict(), path)
    check_layout(path, layout_of(method))
    return path


def gradient_map(model: RCGrad, pictures: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """Grad-CAM by back-propagation, a frame at a time, as the reference does it."""
    maps = []
    for picture, sound in zip(pictures, embedding, strict=True):
        activations = model._encoders["image_encoder"](picture[None])
        activations.retain_grad()
        activations.mean(dim=(2, 3)).backward(sound[None])
        assert activations.grad is not None
        weights = activations.grad.mean(dim=(2, 3), keepdim=True)
        cam = torch.relu((weights * activations).sum(dim=1))[0].detach()
        cam = torch.nn.functional.interpolate(cam[None, None], (224, 224), mode="bilinear")[0]
        maps.append(cam)
    return torch.cat(maps)


def networks(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (count, 225, 400, 3), np.uint8)
    motion = rng.random((count, 224, 224)).astype(np.float32)
    for kind in (RCGrad, FlowGradIC, FlowGradEN):
        path = random_checkpoint(folder, kind.name)
        known = presets.RCGRAD if kind is RCGrad else presets.FLOWGRAD
        for name, settings in known.items():
            run_network(kind, path, name, settings, pictures, motion)
    model = RCGrad(folder / "rcgrad.pt", presets.RCGRAD["paper"], Runtime())
    inputs = torch.randn(count, 3, 224, 224).contiguous(memory_format=torch.channels_last)
    embedding = torch.rand(count, 512)
    for parameter in model._encoders.parameters():
        parameter.requires_grad_(True)
    by_gradient = seconds(lambda: gradient_map(model, inputs, embedding))

    def closed_form() -> None:
        with torch.inference_mode():
            for start in range(0, count, 16):
                rows = slice(start, start + 16)
                clean(localization_map(model._encoders["image_encoder"](inputs[rows]), embedding[rows]))

    print(f"closed-form Grad-CAM, batches of 16: {by_gradient / seconds(closed_form):.1f} times as fast as by gradient")


def run_network(
    kind: type[RCGrad], path: Path, name: str, settings: presets.RCGrad, pictures: np.ndarray, motion: np.ndarray
) -> None:
    rate, at_once = settings.sample_rate, 16
    sound = np.random.default_rng(1).normal(0, 0.1, (len(pictures), rate * 5)).astype(np.float32)
    for precision in ("float32", "bfloat16"):
        model = kind(path, settings, Runtime(precision=precision))

        def localize(some: slice, model: RCGrad = model) -> None:
            frames = np.stack([resized(frame) for frame in pictures[some]])
            model(Batch(frames, fitted_audio(sound[some], rate, rate, settings.audio_seconds), motion[some]))

        localize(slice(at_once))
        with timed(f"{kind.name}, {name}, {precision}", len(pictures)):
            for start in range(0, len(pictures), at_once):
                localize(slice(start, start + at_once))


def start_up() -> None:
    for name, code in (
        ("a job without torch", "import flowgrad.stages.score, flowgrad.workflow.run"),
        ("a network job", "import flowgrad.models.rcgrad.model, flowgrad.stages.heatmaps, flowgrad.workflow.run"),
    ):
        took = seconds(lambda code=code: subprocess.run([sys.executable, "-c", code], check=True))
        print(f"start-up of {name}: {took:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--weights", type=Path, help="time the detector too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = options.video
        if video is None:
            from conftest import make_clip

            video = make_clip(folder / "made.mp4", seconds=10, size=(400, 224))
        count = sum(1 for _ in media.pictures(media.inspect(video)))
        with timed("decode and store", count), artifacts.create(folder / "frames.h5", frames.KIND) as output:
            group = output.clip("clip", source_sha256="")
            recording = media.inspect(video)
            encoder = frames.FrameEncoder(group)
            for picture in media.pictures(recording):
                encoder.add(picture)
            encoder.close()
            if recording.sound:
                for blocks in media.sound(recording, (16000, 22050)):
                    for rate, block in blocks.items():
                        group.extend(f"sound_{rate}", block, chunk=1 << 14)
        print(f"frames artifact: {(folder / 'frames.h5').stat().st_size / count / 1e3:.0f} KB a frame")
        estimator = Farneback()
        with artifacts.open_artifact(folder / "frames.h5") as source:
            reader = frames.FrameReader(source, "clip")
            prepared = [estimator.prepared(reader.rgb(number)) for number in range(count)]
        with timed("flow (Farneback)", count):
            motion = [estimator.flow(one, two) for one, two in itertools.pairwise(prepared)]
        for kind in KINDS:
            with timed(f"flow, kept as {kind}", count):
                for vectors in motion:
                    stored(vectors, kind)
        if options.weights:
            from flowgrad.detection.yolo import Yolo

            detector = Yolo(options.weights)
            detector.detect([np.zeros((360, 640, 3), np.uint8)])
            with timed("detect (YOLO)", count):
                detect.run(frames_in=folder / "frames.h5", out=folder / "b.csv", detector=detector, storage="exact")
        networks(folder, 32)
    start_up()


if __name__ == "__main__":
    main()
