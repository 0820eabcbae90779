"""Opening media files and reading their packets with PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flowgrad.errors import MediaError

DEFAULT, COVER = 0x0001, 0x0400 | 0x1000
"""FFmpeg's dispositions of a stream: the one to be taken; a cover picture or a chapter's still, which is no film."""
MOST_PIXELS = 1 << 26
"""A picture may have so many (8192 x 8192): a larger one is a damaged header, and would take all memory."""
FAILURES = 16
"""After so many failures to read, one after the other, a file is at its end."""


def open_media(path: Path) -> Any:
    """Open a media file with PyAV.

    Raises ``MediaError`` with a reason for a file that is absent, empty, or no readable media.
    """
    import av

    if not path.is_file():
        raise MediaError("file not found")
    if path.stat().st_size == 0:
        raise MediaError("empty file (0 bytes)")
    try:
        return av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"unreadable: {ffmpeg_words(error)}") from error


def ffmpeg_words(error: Exception) -> str:
    """Return what an error says, without the name of a file."""
    return str(getattr(error, "strerror", "") or error)


def films(container: Any) -> list[Any]:
    """Return the video streams that are films, the one to be taken first: the default one, else the first.

    A cover picture is none.
    """
    return _by_default(stream for stream in container.streams.video if not stream.disposition.value & COVER)


def voices(container: Any) -> list[Any]:
    """Return the audio streams, the one to be taken first: the default one, else the first."""
    return _by_default(container.streams.audio)


def _by_default(streams: Iterable[Any]) -> list[Any]:
    decodable = [stream for stream in streams if stream.codec_context is not None]
    return sorted(decodable, key=lambda stream: (not stream.disposition.value & DEFAULT, stream.index))


def prepare(stream: Any, threads: str) -> None:
    """Set how a stream is decoded, before its first packet: FFmpeg's ``threads`` (AUTO, NONE), and in bounds."""
    stream.thread_type = threads
    if stream.type == "video":
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}


def packets(container: Any, streams: Sequence[Any], faults: list[str]) -> Iterator[Any]:
    """Yield the packets of some streams as they lie in the file; what cannot be read is left out and counted.

    The empty packets with which a container ends, or repeats a picture, are left out.
    """
    import av

    failures, together = 0, 0
    words = ""
    while together < FAILURES:
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    together = 0
                    yield packet
            break
        except (av.error.FFmpegError, ValueError) as error:
            failures, together, words = failures + 1, together + 1, ffmpeg_words(error)
    if together == FAILURES:
        faults.append(f"reading stopped: {words}")
    elif failures:
        faults.append(f"reading failed in {failures} places: {words}")
