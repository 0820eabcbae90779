"""Small sets in the layouts of the datasets: a function a format, ``write_FORMAT(root, seed) -> None``.

Each set has two or three clips with pictures or videos and sounds that were made here, so that it can be run. The dash
in a format's name is an underscore.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

RATE = 16000
THREE = ((40, 40, 120, 120), (80, 40, 160, 120), (80, 80, 200, 200))
"""Boxes of three annotators, in the frame of 256 pixels."""


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (64, 48)) -> None:
    """Write a picture: noise with a bright square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    image = np.random.default_rng(seed).integers(0, 120, (height, width, 3), np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2] = (60, 200, 230)
    assert cv2.imwrite(str(path), image)


def sound(path: Path, seed: int = 0, seconds: float = 1.0) -> None:
    """Write a sound: a tone of its own for every seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    samples = (9000 * np.sin(2 * np.pi * (220 + 40 * (seed % 20)) * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def xml(path: Path, boxes: Iterable[tuple[float, ...]] = THREE) -> None:
    """Write an annotation of Flickr-SoundNet: an element an annotator, whose box begins with a child passed over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = ("xmin", "ymin", "xmax", "ymax")
    text = "".join(
        f"<annotator><bbox><label>{number}</label>"
        + "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, box, strict=True))
        + "</bbox></annotator>"
        for number, box in enumerate(boxes)
    )
    path.write_text(f"<annotations><id>{path.stem}</id>{text}</annotations>")


def write_flickr_soundnet(root: Path, seed: int = 0) -> None:
    """Three clips in Data/, with flickr_test and its list of negatives."""
    names = ["10000130166", "10007936344", "10437048305"]
    for number, name in enumerate(names):
        xml(root / f"Annotations/{name}.xml")
        picture(root / f"Data/{number}/{name}.jpg", seed + number)
        sound(root / f"Data/{number}/{name}.wav", seed + number)
    (root / "flickr_test.csv").write_text("\n".join(names) + "\n")
    pairs = [f"{names[at]},{names[at - 1]},non-sounding" for at in range(3)]
    (root / "flickr_test_plus_silent.csv").write_text("\n".join(["video,audio,label", *pairs]) + "\n")


VGGSS = {"zpWuikVorYg_000032": "elk bugling", "gEvCUcZ6w88_000030": "playing cello"}


def write_vggss(root: Path, seed: int = 0) -> None:
    """Two clips in frames/ and audio/, with vggss_test and its list of negatives."""
    root.mkdir(parents=True, exist_ok=True)
    entries = [{"file": name, "class": label, "bbox": [[0.25, 0.25, 0.5, 0.5]]} for name, label in VGGSS.items()]
    (root / "vggss.json").write_text(json.dumps(entries))
    for number, name in enumerate(VGGSS):
        picture(root / f"frames/{name}.jpg", seed + number)
        sound(root / f"audio/{name}.wav", seed + number)
    (root / "vggss_test.csv").write_text("\n".join(VGGSS) + "\n")
    first, second = VGGSS
    pairs = [f"{first},{second},non-sounding", f"{second},{second},non-sounding"]
    (root / "vggss_test_plus_silent.csv").write_text("\n".join(["video,audio,label", *pairs]) + "\n")


def _box_pairs(root: Path, table: str, pairs: dict[str, tuple[str, str, list[float]]], seed: int) -> None:
    """Write a table of SSL-Align with its files: by name the picture, the sound and the box."""
    (root / "metadata").mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (image, audio, box) in enumerate(pairs.values()):
        picture(root / image, seed + number // 2)
        sound(root / audio, seed + number)
        entries.append({"image": f"/mnt/data/{image}", "audio": f"/mnt/data/{audio}", "gt_box": box})
    (root / f"metadata/{table}").write_text(json.dumps(entries))


def write_is3(root: Path, seed: int = 0) -> None:
    """Two pictures with two sources each."""
    boxes = {
        "cat_alarmclock_1828_cat": [85.0, 63.0, 200.0, 186.0],
        "cat_alarmclock_1828_alarmclock": [0.0, 0.0, 61.0, 115.0],
        "lion_chainsaw_756_lion": [5.0, 17.0, 173.0, 195.0],
        "lion_chainsaw_756_chainsaw": [100.0, 100.0, 224.0, 224.0],
    }
    files = {name: (f"visual_frames/{name}.jpg", f"audio_wav/{name}.wav", box) for name, box in boxes.items()}
    _box_pairs(root, "synthetic3240_bbox.json", files, seed)


def write_vpo(root: Path, seed: int = 0) -> None:
    """A picture of VPO-MS with two sources, one with one, one pair without box."""
    boxes = {
        "000000489267_157452": [111.0, 106.0, 126.0, 114.0],
        "000000489267_157453": [10.0, 42.0, 221.0, 141.0],
        "000000041772_159191": [6.0, 52.0, 215.0, 173.0],
        "000000041773_159192": [0.0, 0.0, 0.0, 0.0],
    }
    files = {name: (f"visual_frames/{name}.jpg", f"audio_wav/{name}.wav", box) for name, box in boxes.items()}
    _box_pairs(root, "vpo_ms_bbox.json", files, seed)


def write_pairs(root: Path, seed: int = 0) -> None:
    """Two pictures with sounds beside them, a picture of a video, and boxes."""
    for number, name in enumerate(("dog", "drum")):
        picture(root / f"pictures/{name}.png", seed + number)
        sound(root / f"sounds/{name}.wav", seed + number)
    picture(root / "video_frames/clip1/002.jpg", seed)
    sound(root / "audios/clip1.wav", seed, seconds=3)
    rows = ["dog,0.25,0.25,0.5,0.5,dog", "dog,0.5,0.5,0.75,1,dog", "drum,0,0,1,0.5,drum", "clip1_002,0.1,0.1,0.9,0.9,"]
    (root / "boxes.csv").write_text("\n".join(["name,x1,y1,x2,y2,label", *rows]) + "\n")


def write_ave(root: Path, seed: int = 0) -> None:
    """Two videos of a second, one with two events, and testSet with the first of them."""
    from conftest import make_clip

    (root / "AVE").mkdir(parents=True, exist_ok=True)
    events = [
        "Church bell&RUhOCu3LNXM&good&0&1",
        "Bark&RUhOCu3LNXM&good&0&1",
        "Truck&MH3m4AwEcRY&good&0&1",
    ]
    for number, name in enumerate(("RUhOCu3LNXM", "MH3m4AwEcRY")):
        make_clip(root / f"AVE/{name}.mp4", seconds=1, seed=seed + number)
    (root / "Annotations.txt").write_text("\n".join(events) + "\n")
    (root / "testSet.txt").write_text(events[0] + "\n")


def write_audioset_instruments(root: Path, seed: int = 0) -> None:
    """Three frames of two videos: two with two instruments, one with one; a class of one frame has two boxes."""
    boxes = [(3, 0, (0, 0, 0.5, 0.5)), (3, 1, (0.5, 0.5, 0.5, 0.5)), (3, 1, (0.5, 0, 0.25, 0.25)),
             (4, 1, (0.25, 0.25, 0.5, 0.5)), (12, 0, (0, 0.5, 1, 0.5)), (12, 2, (0, 0, 1, 0.25))]  # fmt: skip
    names = ("Banjo", "Cello", "Drum")
    root.mkdir(parents=True, exist_ok=True)
    content = {
        "categories": [{"id": number, "name": name, "supercategory": name} for number, name in enumerate(names)],
        "images": [{"id": image, "width": 64, "height": 48} for image in (3, 4, 12)],
        "annotations": [
            {"id": number, "image_id": image, "category_id": category, "bbox": list(box)}
            for number, (image, category, box) in enumerate(boxes)
        ],
    }
    (root / "normav.json").write_text(json.dumps(content))
    for image in (3, 4, 12):
        picture(root / f"frames/{image}.jpg", seed + image)
    for video in (0, 1):
        sound(root / f"audio/{video}.wav", seed + video, seconds=10)


def write_music(root: Path, seed: int = 0) -> None:
    """Two frames of a solo and one of a duet, with their lists."""
    solos = [f"9XoXQXCVUQY_000_0000{number}" for number in (0, 7)]
    duet = "HnUOaSfTA6c_000_00000"
    root.mkdir(parents=True, exist_ok=True)
    entries = [{"file": name, "class": "saxophone", "bbox": [0.5, 0.25, 0.25, 0.5]} for name in solos]
    (root / "music_solo.json").write_text(json.dumps(entries))
    both = {"class_src1": "cello", "bbox_src1": [0.125, 0.25, 0.25, 0.5],
            "class_src2": "acoustic_guitar", "bbox_src2": [0.5, 0.5, 0.375, 0.125]}  # fmt: skip
    (root / "music_duet.json").write_text(json.dumps([{"file": duet, **both}]))
    (root / "music_solo_test.csv").write_text("".join(f"{name},saxophone\n" for name in solos))
    (root / "music_duet_test.csv").write_text(f"{duet}\n")
    for number, name in enumerate((*solos, duet)):
        picture(root / f"frames/{name}.jpg", seed + number)
        sound(root / f"audio/{name[:11]}.wav", seed + number, seconds=2)


def write_music_videos(root: Path, seed: int = 0) -> None:
    """Two videos of duets."""
    from conftest import make_clip

    (root / "videos").mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("8DHG_hVSw1o", "ywH4K8mQ-1s")):
        make_clip(root / f"videos/{name}.mp4", seconds=1, seed=seed + number)
    videos = {"flute violin": ["8DHG_hVSw1o"], "saxophone acoustic_guitar": ["ywH4K8mQ-1s"]}
    (root / "MUSIC_duet_videos.json").write_text(json.dumps({"version": 1.0, "videos": videos}))


def write_vggsound_duet(root: Path, seed: int = 0) -> None:
    """One pair of the clips of :func:`write_vggss`."""
    write_vggss(root, seed)
    cells = [cell for name, label in VGGSS.items() for cell in (name, label.replace(" ", "_"))]
    (root / "vggsound_duet_test.csv").write_text(",".join(cells) + "\n")


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "flickr-soundnet": write_flickr_soundnet,
    "vggss": write_vggss,
    "pairs": write_pairs,
    "ave": write_ave,
    "audioset-instruments": write_audioset_instruments,
    "music": write_music,
    "music-videos": write_music_videos,
    "vggsound-duet": write_vggsound_duet,
    "is3": write_is3,
    "vpo": write_vpo,
}
"""The writer of every format that has annotations or pairs of its own."""
