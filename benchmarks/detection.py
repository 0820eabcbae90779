"""How fast is the detector beside `ultralytics predict` frame by frame, and are its boxes the same?

python benchmarks/detection.py CLIPS --weights yolov8n.pt [--frames 80] [--core 0] [--bfloat16]

CLIPS is a folder of videos, looked at 8 times a second. Both sides have one thread on one core, and take turns clip by
clip. Times are of the processor, so other work on the core does not count. The weights are loaded by ultralytics
itself, which runs what they say: give published ones. With --bfloat16 ours computes scores and features so, which no
configuration does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

Frames = Sequence[npt.NDArray[np.uint8]]
AT_ONCE = 16
SETTINGS = {"imgsz": 640, "conf": 0.25, "iou": 0.7, "device": "cpu", "verbose": False}


def timed(detect: Callable[[Frames], list], frames: Frames, at_once: int) -> tuple[float, list]:
    """Return milliseconds of the processor a frame, and what was found."""
    begun = time.process_time()
    found = [one for start in range(0, len(frames), at_once) for one in detect(frames[start : start + at_once])]
    return (time.process_time() - begun) / len(frames) * 1e3, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=80, help="so many of each clip, from its beginning")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})

    import cv2
    import torch

    from flowgrad import media
    from flowgrad.detection import CLASSES, Detections, moving
    from flowgrad.detection.library import import_ultralytics
    from flowgrad.detection.sparse import SparseYolo
    from flowgrad.detection.yolo import Yolo
    from flowgrad.models.base import Runtime
    from flowgrad.protocols import BUILT_IN

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    ours = Yolo(options.weights, runtime=Runtime(engine="openvino"))
    if options.bfloat16:
        ours._find = SparseYolo(ours._network, ours._search, Runtime(precision="bfloat16", engine="openvino"))
    theirs = import_ultralytics().YOLO(str(options.weights), task="detect")
    torch.set_num_threads(1)
    vehicles = [number for number, name in theirs.names.items() if name in CLASSES]

    def predict(frames: Frames) -> list[Detections]:
        found = []
        for frame in frames:
            boxes = theirs.predict(frame, classes=vehicles, **SETTINGS)[0].boxes
            labels = tuple(theirs.names[int(number)] for number in boxes.cls)
            found.append(Detections(boxes.xyxy.numpy().astype(float), labels, boxes.conf.numpy().astype(float)))
        return found

    rows: list[tuple[float, float]] = []
    shifts: list[float] = []
    others = count = decisions = 0
    changed = dict.fromkeys(("paper", "released"), 0)
    for clip in sorted(options.clips.glob("*.mp4")):
        frames = [picture.rgb() for picture in media.pictures(media.inspect(clip))][: options.frames]
        bgr = [np.ascontiguousarray(frame[..., ::-1]) for frame in frames]  # as OpenCV reads them
        predict(bgr[:1])
        ours.detect(frames[:1])
        before, expected = timed(predict, bgr, 1)
        after, found = timed(ours.detect, frames, AT_ONCE)
        rows.append((before, after))
        count += len(frames)
        same = [one.labels == other.labels for one, other in zip(expected, found, strict=True)]
        others += same.count(False)
        for one, other, alike in zip(expected, found, same, strict=True):
            if alike and one.labels:
                shifts += np.abs(one.boxes - other.boxes).max(axis=1).tolist()
        for protocol in changed:
            rule = BUILT_IN[protocol].stationary
            settings = (rule.stationary_iou, rule.stationary_gap, rule.stationary_drop)
            one, other = (
                moving({at: seen.boxes for at, seen in enumerate(side)}, *settings) for side in (expected, found)
            )
            for at, alike in enumerate(same):
                if alike:
                    decisions += len(one[at]) if protocol == "paper" else 0
                    changed[protocol] += int((one[at] != other[at]).sum())
        print(f"{clip.name}: {before:.1f} ms a frame, ours {after:.1f}, {before / after:.2f} times as fast", flush=True)
    print(f"median: {median(a for a, _ in rows):.1f} ms a frame, ours {median(b for _, b in rows):.1f}")
    print(f"median of the clips: {median(a / b for a, b in rows):.2f} times as fast")
    print(f"{count} frames, {others} of them with other labels or another number of boxes")
    print(
        f"{len(shifts)} boxes in the others, shifted by up to {max(shifts, default=0):.5f} px;"
        f" {sum(shift > 1 for shift in shifts)} by more than 1 px"
    )
    for protocol, number in changed.items():
        print(f"stationary filter, {protocol}: {number} of {decisions} decisions changed")


if __name__ == "__main__":
    main()
