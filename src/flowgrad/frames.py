"""The frames artifact: the 8 fps pictures of a shard's clips, lossless, and their sound.

Pictures are kept as FFV1 packets, each a picture of its own: exactly the decoded pixels at native size, in the
source's own colour sampling (8-bit YUV; anything else, and what had to be rotated, as RGB), with a checksum in every
packet. Any frame is read without the ones before it. Frames that show one picture of the source share its packet.
Sound is mono float32, one dataset a sample rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.artifacts import CHUNK_FRAMES, ArtifactError, ArtifactReader, ClipWriter
from flowgrad.constants import FRAMES_PER_SECOND, FrameStorage
from flowgrad.media import Picture

KIND = "frames"
JPEG_QUALITY = 95
"""OpenCV's default, with which the released code writes its frames."""
STORED_AS_IS = ("yuv420p", "yuv422p", "yuv444p")


def stored(rgb: npt.NDArray[np.uint8], storage: FrameStorage) -> npt.NDArray[np.uint8]:
    """Return an (H, W, 3) uint8 RGB frame after the storage that a protocol names: exact, or 8-bit JPEG."""
    if storage == "exact":
        return rgb
    import cv2

    _, encoded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return np.ascontiguousarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1])  # type: ignore[index]


def audio_name(sample_rate: int) -> str:
    """Return the name of a clip's audio at a rate."""
    return f"sound_{sample_rate}"


def times(artifact: ArtifactReader, clip: str, numbers: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the times of frames in their sound, s: number / 8, or where a still stands in it."""
    anchor = artifact.attributes(clip).get("anchor_s")
    if anchor is not None:
        return np.full(len(numbers), float(anchor))
    return np.asarray(numbers, np.float64) / FRAMES_PER_SECOND


class FrameEncoder:
    """Packs pictures into a clip's group, one FFV1 packet a frame."""

    def __init__(self, clip: ClipWriter):
        self._clip = clip
        self._context: Any = None
        self._shown: Any = None
        self._span = (0, 0)
        self._packets: list[npt.NDArray[np.uint8]] = []
        self._rows: list[tuple[int, int, int]] = []

    def add(self, picture: Picture) -> None:
        """Append one picture."""
        import av

        source = picture.frame
        if source is self._shown:
            # however long a picture is on display, it is stored once
            self._rows.append((picture.number, *self._span))
            self._flush_full()
            return
        if not picture.orientation and source.format.name in STORED_AS_IS:
            frame = source.reformat(format=source.format.name)
        else:
            frame = av.VideoFrame.from_ndarray(picture.rgb(), format="rgb24").reformat(format="bgr0")
        if self._context is None:
            self._start(frame, source)
        if (frame.width, frame.height) != (self._context.width, self._context.height):
            frame = frame.reformat(width=self._context.width, height=self._context.height)
        if frame.format.name != self._context.pix_fmt:
            frame = frame.reformat(format=self._context.pix_fmt)
        frame.pts = picture.number
        frame.time_base = self._context.time_base
        (packet,) = self._context.encode(frame)
        data = np.frombuffer(bytes(packet), np.uint8)
        self._shown, self._span = source, (self._span[1], self._span[1] + data.size)
        self._packets.append(data)
        self._rows.append((picture.number, *self._span))
        self._flush_full()

    def close(self) -> None:
        """Write what is still held back."""
        if self._rows:
            self._flush()

    def _flush_full(self) -> None:
        if len(self._rows) == CHUNK_FRAMES:
            self._flush()

    def _flush(self) -> None:
        numbers, starts, ends = zip(*self._rows, strict=True)
        if self._packets:
            self._clip.extend("packets", np.concatenate(self._packets), chunk=1 << 18, compress=False)
        self._clip.append(
            frame=np.array(numbers, np.int32),
            packet_start=np.array(starts, np.int64),
            packet_end=np.array(ends, np.int64),
        )
        self._packets, self._rows = [], []

    def _start(self, frame: Any, source: Any) -> None:
        import av

        context = av.CodecContext.create("ffv1", "w")
        context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
        context.time_base = Fraction(1, 8)
        context.options = {"level": "3", "g": "1", "slicecrc": "1"}
        context.thread_count = 1
        context.open()
        self._context = context
        self._clip.attributes(
            codec="ffv1",
            pixel_format=frame.format.name,
            width=frame.width,
            height=frame.height,
            codec_header=np.frombuffer(context.extradata or b"", np.uint8),
            color_space=int(source.colorspace),
            color_range=int(source.color_range),
        )


class FrameReader:
    """Reads frames of one clip by their number."""

    def __init__(self, artifact: ArtifactReader, clip: str):
        import av

        self._artifact, self._clip = artifact, clip
        attributes = artifact.attributes(clip)
        self.width, self.height = int(attributes["width"]), int(attributes["height"])
        self.frames: npt.NDArray[np.int32] = artifact.read(clip, "frame")
        self._starts = artifact.read(clip, "packet_start")
        self._ends = artifact.read(clip, "packet_end")
        self._latest: tuple[int, npt.NDArray[np.uint8]] | None = None
        self._row = {int(number): row for row, number in enumerate(self.frames)}
        self._color = int(attributes["color_space"]), int(attributes["color_range"])
        context = av.CodecContext.create("ffv1", "r")
        context.width, context.height = self.width, self.height
        context.pix_fmt = str(attributes["pixel_format"])
        context.extradata = attributes["codec_header"].tobytes()
        context.thread_count = 1
        self._context = context

    def __contains__(self, number: int) -> bool:
        return int(number) in self._row

    def same(self, number: int, other: int) -> bool:
        """Return whether two frames show one picture of the source."""
        return bool(self._starts[self._row[int(number)]] == self._starts[self._row[int(other)]])

    def rgb(self, number: int) -> npt.NDArray[np.uint8]:
        """Return frame ``number``, upright, (H, W, 3) uint8 RGB at native size; not to be written to."""
        import av

        row = self._row[int(number)]
        start = int(self._starts[row])
        if self._latest is not None and self._latest[0] == start:
            return self._latest[1]
        data = self._artifact.read(self._clip, "packets", slice(start, int(self._ends[row])))
        decoded = self._context.decode(av.Packet(data.tobytes()))
        if len(decoded) != 1:
            raise ArtifactError(f"{self._artifact.path}: frame {number} of {self._clip!r} cannot be decoded")
        frame = decoded[0]
        if self._context.pix_fmt != "bgr0":
            frame.colorspace, frame.color_range = self._color
        self._latest = start, np.asarray(frame.to_ndarray(format="rgb24", interpolation="BICUBIC"))
        return self._latest[1]
