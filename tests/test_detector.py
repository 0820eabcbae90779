"""The ultralytics adapter: right boxes, off the network, wrong weights named."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from conftest import served

from flowgrad.errors import InputError

OFFLINE = """
import sys
calls = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        calls.append((event, arguments))
sys.addaudithook(watch)
import torch
torch.set_num_threads(2)
import numpy as np
from pathlib import Path
from flowgrad import media
from flowgrad.detection.yolo import Yolo
detector = Yolo(Path(sys.argv[1]))
assert torch.get_num_threads() == 2, torch.get_num_threads()
pictures = list(media.pictures(media.inspect(Path(sys.argv[2]))))[:2]
found = detector.detect([picture.rgb() for picture in pictures])
assert len(found) == 2 and "car" in found[0].labels, found
height, width = pictures[0].rgb().shape[:2]
assert (found[0].boxes >= 0).all() and (found[0].boxes[:, 2] <= width).all() and (found[0].boxes[:, 3] <= height).all()
assert detector.detect([]) == []
assert detector.detect([np.zeros((90, 160, 3), np.uint8)])[0].boxes.shape == (0, 4)
sys.exit(f"network: {calls}" if calls else 0)
"""


def test_it_finds_cars_and_opens_no_socket(reference, tmp_path):
    """Audited in a process of its own: no name is looked up, no connection is made, no thread setting is changed."""
    video = reference / "videos/dashcam_720p_silent/test_video.mp4"
    command = [sys.executable, "-c", OFFLINE, reference / "weights/yolov8n.pt", video]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir()), "nothing is written into the working folder"


def test_a_download_is_verified(tmp_path, monkeypatch):
    """The real download code on a local address: a wrong file is not kept, the right one is."""
    import hashlib

    from flowgrad import weights

    monkeypatch.setenv("FLOWGRAD_WEIGHTS", str(tmp_path / "weights"))
    right = hashlib.sha256(b"weights").hexdigest()
    with served(tmp_path, b"weights") as address:
        monkeypatch.setitem(weights.DOWNLOADS, "tiny.pt", (address, "0" * 64))
        with pytest.raises(InputError, match=f"not the known file.*expected sha256:0000.*{right}"):
            weights.fetch("tiny.pt")
        assert not (tmp_path / "weights").exists()
        monkeypatch.setitem(weights.DOWNLOADS, "tiny.pt", (address, right))
        assert weights.fetch("tiny.pt") == tmp_path / "weights/tiny.pt"
        assert weights.find("tiny.pt") == tmp_path / "weights/tiny.pt"
        (tmp_path / "weights/tiny.pt").unlink()
        monkeypatch.setitem(weights.DOWNLOADS, "tiny.pt", (f"{address}.gone", right))
        with pytest.raises(InputError, match="the download failed: 404"):
            weights.fetch("tiny.pt")
    with pytest.raises(InputError, match="the download failed"):
        weights.fetch("tiny.pt")
    assert not list((tmp_path / "weights").iterdir())


def test_the_trainer_does_not_ask_the_network_for_a_font(monkeypatch, tmp_path):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    from flowgrad.training.detector import _place_font

    _place_font()
    from ultralytics.utils import checks, downloads

    monkeypatch.setattr(downloads, "is_url", lambda *_, **__: pytest.fail("asked the network"))
    assert checks.check_font("Arial.ttf") is not None


def test_the_shipped_detector_knows_streets_it_has_not_seen(tmp_path):
    """The demo's small detector finds what is plainly seen, and its file says nothing of a machine."""
    import torch

    from flowgrad import media, weights
    from flowgrad.detection.yolo import Yolo
    from flowgrad.synthetic.annotate import vehicle_boxes
    from flowgrad.synthetic.dataset import write_dataset
    from flowgrad.synthetic.scene import make_scene
    from flowgrad.synthetic.settings import StreetSettings

    path = weights.find("streets-detector.pt")
    assert path is not None
    assert path.stat().st_size < 1 << 20
    assert not re.search(rb"(?<!\w)/\w{3,}/\w{3,}", path.read_bytes()), "a folder of the machine that made it"
    settings = StreetSettings(seed=77, seconds=4, frames_per_second=8, traffic=6, night=0)
    write_dataset(tmp_path, settings, 0, 3, 1)
    torch.set_num_threads(1)
    detector = Yolo(path, image_size=320)
    found = wanted = 0
    for video in sorted((tmp_path / "unlabelled").rglob("*.mp4")):
        scene = make_scene(settings, video.stem)
        for picture in media.pictures(media.inspect(video)):
            boxes = [box for box in vehicle_boxes(scene, picture.number / 8) if box.visible > 0.8 and box.w > 40]
            boxes = [box for box in boxes if box.label != "bicycle"]
            (detections,) = detector.detect([picture.rgb()])
            for box in boxes:
                wanted += 1
                found += any(
                    _overlap((box.x, box.y, box.x + box.w, box.y + box.h), other) > 0.5 for other in detections.boxes
                )
    assert wanted > 30
    assert found / wanted > 0.6


def _overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
