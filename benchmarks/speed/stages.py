"""Milliseconds a frame of each stage on one core: what people use, ours, and the machine's limit, in one run."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import cv2
import limits
import naive
import numpy as np
import ours
import torch

import flowgrad
from flowgrad.datasets.registry import open_dataset
from flowgrad.decoding import Recipe, decode
from flowgrad.flow.registry import ESTIMATORS
from flowgrad.flow.storage import stored
from flowgrad.models.registry import get_model
from flowgrad.models.runtime import has_bfloat16
from flowgrad.plan import Plan
from flowgrad.protocols import get_protocol

LARGE = 1280, 720
NAIVE_FRAMES = 8
"""Of which the naive way is timed each time: it takes every frame alone."""
NO_DEMO = {"dataset": {"format": "videos", "root": "."}, "device": "cpu"}
"""Without a dataset the settings would be those of the demo."""
HEAD = (
    f"{'stage':40s} {'naive ms':>9s} {'ours ms':>8s} {'ratio':>6s} {'M multiply-adds':>16s} {'G a second':>11s}"
    f" {'of peak':>8s}"
)


def measure(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    videos = sorted(options.videos.glob("*.mp4")) if options.videos.is_dir() else [options.videos]
    print(f"one core ({options.core}), {len(videos)} clips, {options.frames} frames a model, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "decode" in options.only:
            decoding(videos, folder, options.repeats)
        clip = flowgrad.read_clip(videos[0])
        frames = np.asarray(clip.frames[: options.frames])
        if "flow" in options.only:
            flow(frames, options.repeats)
        if "detect" in options.only and options.weights:
            detection(frames, options.weights, options.repeats)
        if "models" in options.only:
            models(frames, folder, options)


def compared(one: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the median processor seconds of two calls, made in turn, each warm."""
    one()
    other()
    pairs = [(limits.timed(one), limits.timed(other)) for _ in range(repeats)]
    return median(first for first, _ in pairs), median(second for _, second in pairs)


def line(stage: str, theirs: float, mine: float, work: float = 0, peak: float = 0) -> None:
    """Print a stage: seconds a frame of both, multiply-adds a frame, and the most of them a second."""
    text = f"{stage:40s} {theirs * 1e3:9.1f} {mine * 1e3:8.1f} {theirs / mine:6.2f}"
    if work:
        text += f" {work / 1e6:16.0f} {work / mine / 1e9:11.0f}"
    if peak:
        text += f" {work / mine / peak:8.0%}"
    print(text, flush=True)


def decoding(videos: list[Path], folder: Path, repeats: int) -> None:
    print("\ndecode and sampling, against ffmpeg decoding to nothing with one thread")
    print(f"{'clips':40s} {'ffmpeg ms':>9s} {'ours ms':>8s} {'ratio':>6s}")
    sets = {"as they are": videos, f"{LARGE[0]}x{LARGE[1]}": [scaled(video, folder) for video in videos]}
    for what, some in sets.items():
        root = folder / what.replace(" ", "-")
        root.mkdir()
        for video in some:
            (root / video.name).symlink_to(video.resolve())
        plan = Plan(root / "results")
        (shard,) = plan.update(open_dataset("videos", root), len(some))
        shard_file, out = plan.shard_file(shard), folder / "frames.h5"
        for views, more in {"": (), ", and what networks see": ((224, "exact"), (224, "jpeg"))}.items():
            recipe = Recipe(shard_file, root, (16_000, 22_050), views=more)
            count = sum(status.frames for status in decode(recipe, out))
            theirs, mine = [], []
            for _ in range(repeats):
                theirs.append(sum(limits.ffmpeg(video) for video in some))
                mine.append(limits.timed(lambda recipe=recipe, out=out: decode(recipe, out)))
            line(f"{what}{views}", median(theirs) / count, median(mine) / count)
            print(f"    {out.stat().st_size / count / 1e3:.0f} KB a frame", flush=True)


def scaled(video: Path, folder: Path) -> Path:
    """Write a video anew at 1280x720."""
    import subprocess

    import imageio_ffmpeg

    out = folder / "large" / video.name
    out.parent.mkdir(exist_ok=True)
    size = f"scale={LARGE[0]}:{LARGE[1]}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(video), "-vf", size, "-c:a", "copy"]
    subprocess.run([*command, "-c:v", "libx264", "-preset", "veryfast", str(out)], check=True)
    return out


def flow(frames: np.ndarray, repeats: int) -> None:
    print("\noptical flow (Farneback), and what is kept of it, against OpenCV's function alone")
    print(HEAD)
    estimator = ESTIMATORS["farneback"].loaded(None)
    for large in (False, True):
        some = frames[: NAIVE_FRAMES + 1]
        if large:
            some = np.stack([cv2.resize(frame, LARGE, interpolation=cv2.INTER_CUBIC) for frame in some])

        def theirs(some: np.ndarray = some) -> None:
            for one, two in pairwise(some):
                naive.farneback(one, two)

        def mine(some: np.ndarray = some) -> None:
            known = estimator.prepared(some[0])
            for frame in some[1:]:
                following = estimator.prepared(frame)
                estimator.flow(known, following)
                known = following

        one, other = compared(theirs, mine, repeats)
        line(f"flow {some.shape[2]}x{some.shape[1]}", one / NAIVE_FRAMES, other / NAIVE_FRAMES)
        vectors = estimator.flow(*map(estimator.prepared, some[:2]))
        for kind in ("magnitude", "signed"):
            took = limits.seconds(lambda kind=kind, vectors=vectors: stored(vectors, kind))
            print(f"    kept as {kind}: {took * 1e3:.1f} ms", flush=True)


def detection(frames: np.ndarray, weights: Path, repeats: int) -> None:
    from ultralytics import YOLO

    from flowgrad.config import parse
    from flowgrad.stages.detect import FRAMES_AT_ONCE
    from flowgrad.workflow import work

    print("\ndetection at 640 px, against ultralytics predict, a frame a call")
    print(HEAD)
    theirs = YOLO(weights)
    # as a job has it
    run: Any = SimpleNamespace(config=parse(NO_DEMO), findings=SimpleNamespace(detector=weights))
    mine = work.detector(run, threads=1)
    some = [np.ascontiguousarray(frame) for frame in frames[:FRAMES_AT_ONCE]]
    bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in some]

    def one_by_one() -> None:
        for frame in bgr:
            theirs.predict(frame, imgsz=640, conf=0.25, verbose=False)

    one_by_one()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    one, other = compared(one_by_one, lambda: mine.detect(some), repeats)
    work = limits.counted(lambda: theirs.predict(bgr[0], imgsz=640, conf=0.25, verbose=False))
    line("detection", one / len(some), other / len(some), work, limits.multiply_adds("float32"))


def inputs(name: str, protocol: str, frames: np.ndarray) -> dict[str, Any]:
    """Return random windows of sound and flow as a model needs them, by the names of its call."""
    needs, rng = get_model(name).needs(get_protocol(protocol)), np.random.default_rng(1)
    assert needs.audio is not None
    length = round(needs.audio.seconds * needs.audio.sample_rate)
    given: dict[str, Any] = {
        "frames": frames,
        "audio": rng.normal(0, 0.1, (len(frames), length)).astype(np.float32),
        "sample_rate": needs.audio.sample_rate,
    }
    if needs.flow is not None:
        shape = (2, 224, 224) if needs.flow.form.startswith("signed") else (224, 224)
        given["flow"] = rng.random((len(frames), *shape)).astype(np.float32)
    return given


def models(frames: np.ndarray, folder: Path, options: argparse.Namespace) -> None:
    known = options.precision or ["float32", *(["bfloat16"] if has_bfloat16() else [])]
    peaks = limits.found(known)
    said = [f"{name} {peak / 1e9:.0f} G" if peak else f"{name} not known" for name, peak in peaks.items()]
    print("\nthe machine: " + ", ".join(said), end="")
    print(f" multiply-adds a second, memory {limits.memory() / 1e9:.1f} GB a second")
    print("\nheatmaps (protocol paper, sound included), against one frame a call in torch, one thread")
    print(HEAD)
    references: dict[str, Any] = {
        "rcgrad": naive.GradCam(3),
        "flowgrad-ic": naive.GradCam(4),
        "flowgrad-en": naive.GradCam(3, 1),
        "hear-the-flow": naive.HearTheFlow(),
        "visual-context": naive.VisualContext(),
        "coarse-to-fine": naive.CoarseToFine(),
    }
    totals: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for name, reference in references.items():
        given, checkpoint = inputs(name, "paper", frames), ours.random_checkpoint(folder, name)
        motion = given.get("flow")

        def one_by_one(reference: Any = reference, given: dict[str, Any] = given, motion: Any = motion) -> None:
            for number in range(NAIVE_FRAMES):
                more = () if motion is None else (motion[number],)
                reference(given["frames"][number], given["audio"][number], *more)

        work = limits.counted(one_by_one) // NAIVE_FRAMES
        for engine in options.engine:
            for precision in known:
                model = ours.loaded(name, checkpoint, "paper", precision, engine)
                one, other = compared(one_by_one, lambda model=model, given=given: model(**given), options.repeats)
                one, other = one / NAIVE_FRAMES, other / len(frames)
                label = f"{name}, {precision}, {engine}"
                line(label, one, other, work, peaks[precision])
                group = "three of FlowGrad" if name in ours.FLOWGRAD else "three other families"
                key = f"{group}, {precision}, {engine}"
                totals.setdefault((key, precision), []).append((one, other, work))
    for (key, precision), rows in totals.items():
        one, other, work = (sum(row[place] for row in rows) for place in range(3))
        line(key, one, other, work, peaks[precision])
