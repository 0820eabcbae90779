"""Does a file look like a video, whatever its name? By its first bytes, which costs one short read."""

from __future__ import annotations

from pathlib import Path

HEAD = 1024
"""Bytes that are read: enough for five packets of a transport stream."""

STARTS = (
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),  # ASF, Windows Media
    bytes.fromhex("b7d800203749da11a64e0007e95ead8d"),  # WTV
    bytes.fromhex("060e2b34020501010d0102"),  # MXF
    bytes.fromhex("000001ba"),  # MPEG program stream
    bytes.fromhex("000001b3"),  # MPEG-1 and MPEG-2 pictures
    bytes.fromhex("000001b0"),  # MPEG-4 pictures
    bytes.fromhex("0000000167"),  # H.264
    bytes.fromhex("0000000109"),  # H.264, with marks between pictures
    bytes.fromhex("000000014001"),  # HEVC
    bytes.fromhex("1f07003f"),  # DV, 525 lines
    bytes.fromhex("1f0700bf"),  # DV, 625 lines
    b"FLV\x01",
    b".RMF\x00",
    b"YUV4MPEG2 ",
    b"DKIF\x00\x00",
    b"nut/multimedia container",
)
EBML = bytes.fromhex("1a45dfa3")
BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
NOT_VIDEO = (b"M4A ", b"M4B ", b"F4A ", b"heic", b"heix", b"heif", b"mif1", b"msf1", b"avif", b"avis", b"crx ")
"""Brands of the MP4 family that are sound or stills."""

PACKETS = ((188, 0), (192, 4))
"""Length of a transport packet, and where in it its mark stands: .ts, .m2ts."""


def is_video(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a container of video that is told by them."""
    if head.startswith(STARTS):
        return True
    if head[4:8] in BOXES:
        return head[8:12] not in NOT_VIDEO
    if head.startswith(EBML):
        return b"webm" in head[:64] or b"matroska" in head[:64]
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    if head.startswith(b"OggS"):
        return b"\x80theora" in head[:64]
    return any(len(head) >= 5 * length and head[at : 5 * length : length] == b"G" * 5 for length, at in PACKETS)


def looks_like_video(path: Path) -> bool:
    """Return whether a regular file begins as a video does; False for one that cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait for its other end
            return False
        with path.open("rb") as file:
            return is_video(file.read(HEAD))
    except OSError:
        return False
