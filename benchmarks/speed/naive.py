"""What people write today with the public libraries, one frame a call: no code of flowgrad.

python benchmarks/speed/naive.py CLIP.mp4 ... --annotations video_annotations.csv --weights yolov8n.pt

It makes the seven rows of the table under both protocols, and scores them. Networks have random weights.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import Tensor, nn

EVERY = 8
"""Frames a second."""
MEAN, DEVIATION = (0.481, 0.458, 0.408), (0.269, 0.261, 0.276)


class Resnet(nn.Module):
    """A ResNet-18 without its head; dense: the last stage keeps its stride."""

    def __init__(self, channels: int, dense: bool):
        super().__init__()
        network = torchvision.models.resnet18(weights=None)
        network.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        if dense:
            network.layer4[0].conv1.stride = network.layer4[0].downsample[0].stride = (1, 1)
        self.layers = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found


def picture(frame: np.ndarray, size: int = 224) -> Tensor:
    """An (H, W, 3) uint8 RGB frame as (1, 3, size, size)."""
    image = np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255
    return torch.from_numpy(((image - MEAN) / DEVIATION).astype(np.float32).transpose(2, 0, 1)[None])


def spectrogram(window: np.ndarray) -> Tensor:
    """Samples (S,) as (1, 1, 257, 1 + S // 353)."""
    spectrum = torch.stft(torch.from_numpy(window), 512, 353, window=torch.hann_window(512), return_complex=True)
    power = torch.log(spectrum.abs() ** 2 + 1e-7)
    return ((power - power.mean()) / power.std())[None, None]


def minmax(cam: np.ndarray) -> np.ndarray:
    return (cam - cam.min()) / (np.ptp(cam) + 1e-7)


class GradCam:
    """Grad-CAM of the sound's embedding by a backward pass through each of the encoders; maps are multiplied."""

    def __init__(self, *channels: int):
        self.encoders = [Resnet(count, dense=True).eval() for count in channels]
        self.audio = Resnet(1, dense=False).eval()

    def __call__(self, frame: np.ndarray, window: np.ndarray, motion: np.ndarray | None = None) -> np.ndarray:
        embedding = self.audio(spectrogram(window)).mean(dim=(2, 3)).detach()
        inputs = self.inputs(frame, motion)
        found = np.ones((224, 224), np.float32)
        for encoder, x in zip(self.encoders, inputs, strict=True):
            activations = encoder(x)
            activations.retain_grad()
            (activations.mean(dim=(2, 3)) * embedding).sum().backward()
            weights = activations.grad.mean(dim=(2, 3), keepdim=True)
            cam = F.relu((weights * activations).sum(dim=1, keepdim=True))
            cam = F.interpolate(cam, (224, 224), mode="bilinear", align_corners=False)[0, 0].detach().numpy()
            found *= minmax(cam)
            encoder.zero_grad()
        found = minmax(found)
        found[found < np.median(found)] = 0
        return found

    def inputs(self, frame: np.ndarray, motion: np.ndarray | None) -> list[Tensor]:
        image = picture(frame)
        if motion is None:
            return [image]
        flow = torch.from_numpy((motion + 5) / 200)[None, None].float()
        return [torch.cat((image, flow), 1)] if len(self.encoders) == 1 else [image, flow]


class HearTheFlow:
    """Three ResNet-18, attention of the flow to the frame, cosine with the sound; as its test script, forward."""

    def __init__(self) -> None:
        self.frame, self.audio, self.flow = (Resnet(count, dense=False).eval() for count in (3, 1, 2))
        self.query, self.key, self.value = nn.Conv2d(512, 64, 1), nn.Conv2d(512, 64, 1), nn.Conv2d(512, 512, 1)

    def __call__(self, frame: np.ndarray, window: np.ndarray, motion: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            seen = self.frame(picture(frame))
            moved = self.flow(torch.from_numpy(np.asarray(motion, np.float32) / 255)[None])
            heard = F.adaptive_max_pool2d(self.audio(lvs_spectrogram(window, 22050)), 1)
            query, key, value = (layer(x).flatten(2) for layer, x in self.pairs(seen, moved))
            attention = torch.softmax(query.transpose(1, 2) @ key / 8, dim=-1)
            seen = seen + (attention @ value.transpose(1, 2)).transpose(1, 2).reshape(seen.shape)
            cosine = F.cosine_similarity(seen, heard.expand_as(seen), dim=1)[0].numpy()
        return minmax(cv2.resize(cosine, (224, 224), interpolation=cv2.INTER_CUBIC))

    def pairs(self, seen: Tensor, moved: Tensor) -> list[tuple[nn.Module, Tensor]]:
        return [(self.query, seen), (self.key, moved), (self.value, seen)]


def lvs_spectrogram(window: np.ndarray, rate: int) -> Tensor:
    from scipy.signal import spectrogram as of_scipy

    *_, density = of_scipy(window, rate, nperseg=512, noverlap=274)
    return torch.from_numpy((np.log(density + 1e-7) / 12).astype(np.float32))[None, None]


class VisualContext:
    """Two ResNet-18 with dense last stages, a cosine at every place, the nodes' heatmaps."""

    def __init__(self) -> None:
        self.frame, self.audio = Resnet(3, dense=True).eval(), Resnet(1, dense=True).eval()
        self.nodes = nn.Conv2d(512, 16, 1, bias=False)

    def __call__(self, frame: np.ndarray, window: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            seen = self.frame(picture(frame))
            heard = F.adaptive_max_pool2d(self.audio(lvs_spectrogram(window, 24000)), 1)
            self.nodes(seen)
            cosine = F.cosine_similarity(seen, heard.expand_as(seen), dim=1)[None]
            large = F.interpolate(cosine, (224, 224), mode="bilinear", align_corners=False)
        return np.asarray(large[0, 0].numpy())


class CoarseToFine:
    """Two dense ResNet-18 on 256x256 and a log-mel spectrogram of 64 bands, classes, projections."""

    def __init__(self) -> None:
        self.frame, self.audio = Resnet(3, dense=True).eval(), Resnet(1, dense=True).eval()
        self.classes = nn.Conv2d(512, 7, 1, bias=False)
        self.seen, self.heard = (
            nn.Sequential(nn.Conv1d(512, 1024, 1), nn.ReLU(), nn.Conv1d(1024, 128, 1)) for _ in range(2)
        )
        self.bands = torch.rand(64, 442)

    def __call__(self, frame: np.ndarray, window: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            sound = torch.from_numpy(window)
            spectrum = torch.stft(sound, 882, 441, window=torch.hann_window(882), return_complex=True)
            mel = torch.log(self.bands @ spectrum.abs() ** 2 + 1e-10).T[None, None]
            heard = self.audio(mel.contiguous())
            active = F.relu(self.classes(heard)).flatten(2)
            weights = active / (active.sum(2, keepdim=True) + 1e-10)
            classes = F.normalize(self.heard(torch.einsum("nfp,nkp->nfk", heard.flatten(2), weights)), dim=1)
            places = F.normalize(self.seen(self.frame(picture(frame, 256)).flatten(2)), dim=1)
            probabilities = torch.sigmoid(self.classes(heard).mean((2, 3)))
            cosines = F.relu(torch.einsum("nek,nep->nkp", classes, places)).reshape(1, -1, 16, 16)
            large = F.interpolate(cosines, (224, 224), mode="bilinear", align_corners=False)[0]
        return np.asarray((large * probabilities[0, :, None, None]).sum(0).numpy())


def farneback(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The flow (H, W, 2) between two RGB frames by OpenCV's function."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    return np.asarray(cv2.calcOpticalFlowFarneback(*grey, None, 0.5, 3, 15, 3, 5, 1.2, 0))


# the whole run


def read(path: Path) -> list[np.ndarray]:
    """The frames of a video, 8 a second, RGB."""
    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS)
    frames: list[np.ndarray] = []
    number = 0
    while True:
        there, frame = video.read()
        if not there:
            return frames
        if number >= len(frames) * rate / EVERY:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        number += 1


def sound(path: Path, rate: int) -> np.ndarray:
    """The sound of a video, mono float32."""
    import subprocess

    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(rate)]
    return np.frombuffer(subprocess.run([*command, "-f", "f32le", "-"], capture_output=True, check=True).stdout, "f4")


def window(samples: np.ndarray, rate: int, seconds: float, number: int) -> np.ndarray:
    length = round(seconds * rate)
    start = int((number / EVERY + seconds / 2) * rate)
    padded = np.pad(samples, (length, length))
    return padded[start : start + length].copy()


def jpeg(frame: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", frame)[1], cv2.IMREAD_COLOR))


def boxes_mask(boxes: list[tuple[float, float, float, float]], width: int, height: int) -> np.ndarray:
    mask = np.zeros((224, 224), bool)
    for left, top, right, bottom in boxes:
        rows = slice(int(top / height * 224), max(int(bottom / height * 224), 0))
        mask[rows, int(left / width * 224) : int(right / width * 224)] = True
    return mask


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    mask = found > np.sort(found.ravel())[found.size // 2]
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def annotations(path: Path) -> dict[str, dict[int, list[tuple[float, float, float, float]]]]:
    """Boxes by clip and frame."""
    found: dict[str, dict[int, list[tuple[float, float, float, float]]]] = defaultdict(lambda: defaultdict(list))
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            left, top = float(row["x"]), float(row["y"])
            box = (left, top, left + float(row["w"]), top + float(row["h"]))
            found[row["filename"]][round(float(row["time"]) * EVERY)].append(box)
    return found


def run(clips: list[Path], truth: dict, weights: Path) -> dict[tuple[str, str], list[float]]:
    """Make all rows under both protocols and score them."""
    from ultralytics import YOLO

    rows: dict[str, Callable[..., np.ndarray]] = {
        "rcgrad": GradCam(3),
        "flowgrad-ic": GradCam(4),
        "flowgrad-en": GradCam(3, 1),
    }
    detector = YOLO(weights)
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for path in clips:
        frames = read(path)
        height, width = frames[0].shape[:2]
        motions = [np.linalg.norm(farneback(*pair), axis=2) for pair in pairwise(frames)]
        for protocol, rate, seconds in (("paper", 16000, 5.0), ("released", 22050, 1.0)):
            samples = sound(path, rate)
            shown = frames if protocol == "paper" else [jpeg(frame) for frame in frames]
            for number, (one, magnitude) in enumerate(zip(shown[:-1], motions, strict=True)):
                motion = cv2.resize(magnitude, (224, 224))
                heard = window(samples, rate, seconds, number)
                maps = {
                    name: model(one, heard, *([] if name == "rcgrad" else [motion])) for name, model in rows.items()
                }
                maps |= {"flow": motion, "flowgrad-h": minmax(motion) * maps["rcgrad"]}
                found = detector.predict(np.ascontiguousarray(one[..., ::-1]), imgsz=640, conf=0.25, verbose=False)
                seen = boxes_mask(found[0].boxes.xyxy.tolist(), width, height)
                maps |= {"yolo-baseline": seen.astype(np.float32), "yolo-topline": seen.astype(np.float32)}
                boxes = truth.get(path.stem, {}).get(number, [])
                if boxes:
                    mask = boxes_mask(boxes, width, height)
                    for name, found_map in maps.items():
                        scores[name, protocol].append(iou(found_map, mask))
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    for (name, protocol), values in run(options.clips, annotations(options.annotations), options.weights).items():
        print(f"{name:14s} {protocol:9s} {np.mean(values):.3f} {np.mean(np.array(values) > 0.5):.3f}")


if __name__ == "__main__":
    main()
