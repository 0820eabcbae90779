"""The frames artifact: the 8 fps pictures of a shard's clips, lossless, and their sound.

Pictures are kept as MagicYUV packets, each a picture of its own: exactly the decoded pixels at native size, in the
source's own colour sampling (8-bit YUV; anything else, and what had to be rotated, as RGB). Any frame is read without
the ones before it. Frames that show one picture of the source share its packet. Beside them lies what networks see of
each picture, at the few sizes that they ask for: made once for all of them, and packed as the pictures are. Sound is
mono float32, one dataset a sample rate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from flowgrad.artifacts import CHUNK_FRAMES, ArtifactError, ArtifactReader, ClipWriter
from flowgrad.constants import FRAMES_PER_SECOND, FrameStorage
from flowgrad.media import Picture
from flowgrad.resizing import resized

KIND = "frames"
JPEG_QUALITY = 95
"""OpenCV's default, with which the released code writes its frames."""
STORED_AS_IS = ("yuv420p", "yuv422p", "yuv444p")
CODEC, AS_RGB = "magicyuv", "gbrp"
"""Written five times as fast as FFV1 and read seven times as fast, for a quarter to a half more bytes."""
CHUNK_BYTES, SEEN_CHUNK_BYTES = 1 << 18, 1 << 16
"""About a large picture, and about what a network sees of one: who asks for a picture reads little else."""

View = tuple[int, FrameStorage]
"""How a network sees frames: at which size, after which storage."""


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


def seen_name(size: int, storage: FrameStorage) -> str:
    """Return the name of a clip's pictures as networks see them, packed."""
    return f"seen_{size}_{storage}"


def ends_name(size: int, storage: FrameStorage) -> str:
    """Return the name of where their packets end, bytes."""
    return f"{seen_name(size, storage)}_end"


def seen(rgb: npt.NDArray[np.uint8], views: Collection[View]) -> dict[View, npt.NDArray[np.uint8]]:
    """Return an (H, W, 3) uint8 RGB frame as networks see it, (size, size, 3) each: after its storage, stretched."""
    kept = {storage: stored(rgb, storage) for storage in {storage for _, storage in views}}
    return {(size, storage): resized(kept[storage], size) for size, storage in views}


class FrameEncoder:
    """Packs pictures into a clip's group, one packet a frame.

    ``views``: how networks see them; that is packed, too.
    """

    def __init__(self, clip: ClipWriter, views: Collection[View] = ()):
        self._clip = clip
        self._views = {view: _Packer(clip, seen_name(*view), SEEN_CHUNK_BYTES) for view in views}
        self._packer = _Packer(clip, "packets", CHUNK_BYTES)
        self._decoder: _Decoder | None = None
        self._form = ("", 0, 0)
        self._shown: Any = None
        self._rows: list[tuple[int, int, int]] = []

    def add(self, picture: Picture) -> None:
        """Append one picture."""
        if picture.frame is not self._shown:
            # however long a picture is on display, it is stored once
            self._pack(picture)
        self._rows.append((picture.number, *self._packer.span))
        if len(self._rows) == CHUNK_FRAMES:
            self._flush()

    def close(self) -> None:
        """Write what is still held back."""
        if self._rows:
            self._flush()

    def _pack(self, picture: Picture) -> None:
        source = picture.frame
        if not picture.orientation and source.format.name in STORED_AS_IS:
            frame = source.reformat(format=source.format.name)
        else:
            frame = _as_rgb(picture.rgb())
        if self._decoder is None:
            self._decoder = self._start(frame, source)
        form, width, height = self._form
        if (frame.format.name, frame.width, frame.height) != self._form:
            frame = frame.reformat(width=width, height=height).reformat(format=form)
        packet = self._packer.add(frame)
        if self._views:
            # from the packet, so that it is what a reader would make
            rgb = self._decoder.rgb(packet)
            assert rgb is not None, picture.number
            for view, made in seen(rgb, self._views).items():
                self._views[view].add(_as_rgb(made))
        self._shown = source

    def _flush(self) -> None:
        numbers, starts, ends = zip(*self._rows, strict=True)
        self._clip.append(
            frame=np.array(numbers, np.int32),
            packet_start=np.array(starts, np.int64),
            packet_end=np.array(ends, np.int64),
        )
        self._rows = []
        self._packer.flush()
        for view, packer in self._views.items():
            new = packer.flush()
            if new:
                self._clip.extend(ends_name(*view), np.array(new, np.int64))

    def _start(self, frame: Any, source: Any) -> _Decoder:
        self._form = frame.format.name, frame.width, frame.height
        color = int(source.colorspace), int(source.color_range)
        self._clip.attributes(
            codec=CODEC,
            pixel_format=frame.format.name,
            width=frame.width,
            height=frame.height,
            color_space=color[0],
            color_range=color[1],
        )
        return _Decoder(color)


def _as_rgb(rgb: npt.NDArray[np.uint8]) -> Any:
    import av

    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=AS_RGB)


class _Packer:
    """Packs pictures of one size and form into a dataset of a clip.

    Attributes:
        span: where the latest packet begins and ends, bytes.
    """

    def __init__(self, clip: ClipWriter, name: str, chunk: int):
        self._clip, self._name, self._chunk = clip, name, chunk
        self._context: Any = None
        self._packets: list[bytes] = []
        self._ends: list[int] = []
        self.span = (0, 0)

    def add(self, frame: Any) -> bytes:
        """Return the packet of a picture, which is written with the others that are held."""
        if self._context is None:
            self._context = _started(frame)
        frame.pts, frame.time_base = None, self._context.time_base
        (packet,) = self._context.encode(frame)
        data = bytes(packet)
        self.span = self.span[1], self.span[1] + len(data)
        self._packets.append(data)
        self._ends.append(self.span[1])
        return data

    def flush(self) -> list[int]:
        """Write the packets that are held; return where they end."""
        ends = self._ends
        if self._packets:
            data = np.frombuffer(b"".join(self._packets), np.uint8)
            self._clip.extend(self._name, data, chunk=self._chunk, compress=False)
        self._packets, self._ends = [], []
        return ends


def _started(frame: Any) -> Any:
    """Return an encoder of pictures like this one."""
    import av

    context: Any = av.CodecContext.create(CODEC, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base = Fraction(1, FRAMES_PER_SECOND)
    context.options = {"pred": "gradient"}
    context.thread_count = 1
    context.open()
    return context


class _Decoder:
    """Turns packets into pictures; a packet itself says of which size and form it is.

    Args:
        color: space and range of those that are not RGB, as FFmpeg numbers them.
    """

    def __init__(self, color: tuple[int, int]):
        import av

        self._context: Any = av.CodecContext.create(CODEC, "r")
        self._context.thread_count = 1
        self._color = color

    def rgb(self, packet: bytes) -> npt.NDArray[np.uint8] | None:
        """Return the picture of a packet, (H, W, 3) uint8 RGB; None where it gives none."""
        import av

        decoded = self._context.decode(av.Packet(packet))
        if len(decoded) != 1:
            return None
        frame = decoded[0]
        if frame.format.name != AS_RGB:
            frame.colorspace, frame.color_range = self._color
        return np.asarray(frame.to_ndarray(format="rgb24", interpolation="BICUBIC"))


class FrameReader:
    """Reads frames of one clip by their number."""

    def __init__(self, artifact: ArtifactReader, clip: str):
        self._artifact, self._clip = artifact, clip
        attributes = artifact.attributes(clip)
        self.width, self.height = int(attributes["width"]), int(attributes["height"])
        self.frames: npt.NDArray[np.int32] = artifact.read(clip, "frame")
        self._starts = artifact.read(clip, "packet_start")
        self._ends = artifact.read(clip, "packet_end")
        self._picture = np.unique(self._starts, return_inverse=True)[1]
        self._latest: tuple[int, npt.NDArray[np.uint8]] | None = None
        self._seen_ends: dict[View, npt.NDArray[np.int64]] = {}
        self._row = {int(number): row for row, number in enumerate(self.frames)}
        self._decoder = _Decoder((int(attributes["color_space"]), int(attributes["color_range"])))

    def __contains__(self, number: int) -> bool:
        return int(number) in self._row

    def same(self, number: int, other: int) -> bool:
        """Return whether two frames show one picture of the source."""
        return bool(self._starts[self._row[int(number)]] == self._starts[self._row[int(other)]])

    def rgb(self, number: int) -> npt.NDArray[np.uint8]:
        """Return frame ``number``, upright, (H, W, 3) uint8 RGB at native size; not to be written to."""
        row = self._row[int(number)]
        start = int(self._starts[row])
        if self._latest is not None and self._latest[0] == start:
            return self._latest[1]
        found = self._unpacked("packets", start, int(self._ends[row]), number)
        self._latest = start, found
        return found

    def seen(self, number: int, size: int, storage: FrameStorage) -> npt.NDArray[np.uint8]:
        """Return frame ``number`` as a network sees it, (size, size, 3) uint8 RGB: kept, or made here."""
        view, name = (size, storage), seen_name(size, storage)
        if view not in self._seen_ends:
            if not self._artifact.has(self._clip, name):
                return seen(self.rgb(number), [view])[view]
            self._seen_ends[view] = self._artifact.read(self._clip, ends_name(size, storage))
        picture, ends = int(self._picture[self._row[int(number)]]), self._seen_ends[view]
        return self._unpacked(name, int(ends[picture - 1]) if picture else 0, int(ends[picture]), number)

    def _unpacked(self, name: str, start: int, end: int, number: int) -> npt.NDArray[np.uint8]:
        data = self._artifact.read(self._clip, name, slice(start, end))
        found = self._decoder.rgb(data.tobytes())
        if found is None:
            raise ArtifactError(f"{self._artifact.path}: frame {number} of {self._clip!r} cannot be decoded")
        return found
