"""Which files are videos, which are sound and which are stills, by the suffix of their name, in any case.

Those of videos and sound are the extensions of the demuxers and muxers of FFmpeg 8 (``ContainerFormat.extensions`` of
PyAV), and the usual names that FFmpeg knows a container under without declaring them. Left out of the videos, for the
reason that stands there:

- stills, animated ones too (``.gif``, ``.apng``, ``.webp``, ``.avif``): pictures of a page, not recordings;
- pictures without a header (``.yuv``, ``.rgb``, ``.v210``): nothing says how large they are;
- playlists and manifests (``.m3u8``, ``.mpd``, ``.ism``): they name other files, which would be read twice;
- cut scenes of games and drawn animation (``.roq``, ``.bik``, ``.usm``, ``.swf``, ...): no recordings;
- names that mostly mean something else (``.dat``, ``.dif``, ``.drc``, ``.psp``, ``.str``, ``.ser``, ...): a video so
  called is found by its content (:mod:`flowgrad.datasets.signatures`) and named.
"""

from __future__ import annotations

import os

VIDEO_SUFFIXES = frozenset({
    # MP4 and QuickTime
    ".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".3gpp", ".f4v", ".ismv", ".mj2",
    # Matroska, AVI, Windows, Flash, Ogg, Real
    ".mkv", ".mk3d", ".webm", ".avi", ".divx", ".wmv", ".asf", ".dvr-ms", ".wtv", ".flv", ".kux", ".amv",
    ".ogv", ".ogm", ".rm", ".rmvb", ".ivr",
    # MPEG program and transport streams
    ".mpg", ".mpeg", ".mpe", ".vob", ".dvd", ".m2p", ".ts", ".m2ts", ".mts", ".m2t", ".ty",
    # studio, camera and surveillance
    ".mxf", ".gxf", ".dv", ".nut", ".dav", ".ifv", ".mxg", ".viv",
    # one stream without a container, or hardly one
    ".m1v", ".m2v", ".mpv", ".mjpeg", ".mjpg", ".h261", ".h263", ".h264", ".h26l", ".264", ".avc", ".h265",
    ".265", ".hevc", ".h266", ".266", ".vvc",
    ".vc1", ".rcv", ".ivf", ".obu", ".apv", ".evc", ".avs2", ".avs3", ".cavs", ".vc2", ".dnxhd", ".dnxhr",
    ".y4m",
})  # fmt: skip

SOUND_SUFFIXES = frozenset({
    ".wav", ".wave", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".flac", ".alac", ".ape", ".wv",
    ".tta", ".tak", ".shn",
    ".mp3", ".mp2", ".mpa", ".m2a", ".m4a", ".m4b", ".aac", ".adts", ".ac3", ".eac3", ".ec3", ".dts", ".thd",
    ".mlp", ".ogg", ".oga", ".opus", ".spx", ".wma", ".mka", ".weba",
    ".ra", ".amr", ".gsm", ".voc", ".mpc",
})  # fmt: skip

MEDIA_SUFFIXES = VIDEO_SUFFIXES | SOUND_SUFFIXES

STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
"""Pictures of the datasets that consist of stills with sound."""


def suffix(name: str) -> str:
    """Return the suffix of a file's name in lower case, with its dot."""
    return os.path.splitext(name)[1].lower()


def without_suffix(name: str) -> str:
    """Return a file's name without the suffix of a video or of sound; any other name as it is.

    >>> without_suffix("a.MP4"), without_suffix("street.2")
    ('a', 'street.2')
    """
    return os.path.splitext(name)[0] if suffix(name) in MEDIA_SUFFIXES else name
