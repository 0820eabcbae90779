"""Which files of a folder are used, which are left out, and that the latter is said."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from av import open as av_open
from av.codec import codecs_available
from av.format import ContainerFormat, formats_available
from conftest import make_clip
from test_annotations import lay_out
from test_generated import moving_square

from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.datasets.folder import LOOKS_A_KIND
from flowgrad.datasets.registry import open_dataset
from flowgrad.datasets.signatures import HEAD, is_video
from flowgrad.datasets.suffixes import SOUND_SUFFIXES, VIDEO_SUFFIXES

SOME_VIDEO = b"\x1a\x45\xdf\xa3\xa3\x42\x86\x81\x01\x42\xf7\x81\x01\x42\x82\x88matroska"


def names(root: Path) -> list[str]:
    return [clip.name for clip in open_dataset("videos", root).clips()]


def problem_of(root: Path, form: str = "videos") -> str:
    (problem,) = open_dataset(form, root).problems()
    return problem


# names


NAMES = """A.MTS b.m2ts c.vob d.OGV e.mxf f.asf g.m2v h.mpe i.m1v j.divx k.f4v l.3g2 m.dv n.rm o.rmvb p.wtv q.y4m
r.h264 s.DVR-MS t.mts u.M2T v.Mp4"""


def test_videos_by_name(tmp_path):
    for name in NAMES.split():
        (tmp_path / name).touch()
    assert names(tmp_path) == sorted(Path(name).stem for name in NAMES.split())


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.m3u8", "a.mpd", "a.wav", "a.M4A", "a.mka", "a.txt", "a", "mp4"])
def test_what_is_no_video_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"GIF89a")
    assert problem_of(tmp_path) == (
        f"dataset.root: {tmp_path} holds no video by name (docs/data.md lists the suffixes)"
    )


def test_every_suffix_is_one_that_ffmpeg_knows_or_known_to_be_another_name():
    """A typing error in the lists would leave files out; what FFmpeg does not declare is listed here, with reason."""
    known = set()
    for name in formats_available:
        for mode in "rw":
            try:
                known |= {f".{extension}" for extension in ContainerFormat(name, mode).extensions}
            except ValueError:  # PyAV: there is no such muxer
                continue
    others = {".qt", ".3gpp", ".ogm", ".divx", ".rmvb", ".mpe", ".m2p", ".mpv", ".dvr-ms"}
    assert VIDEO_SUFFIXES - known == others
    other_sound = {".wave", ".snd", ".alac", ".weba"}
    assert SOUND_SUFFIXES - known == other_sound
    assert not VIDEO_SUFFIXES & SOUND_SUFFIXES


def test_every_suffix_is_documented():
    text = Path(__file__).parents[1].joinpath("docs/data.md").read_text()
    for suffix in VIDEO_SUFFIXES | SOUND_SUFFIXES:
        assert f"`{suffix}`" in text, suffix


# content


def video(path: Path, form: str, codec: str, size=(160, 96), rate=25, pixels="yuv420p", **options: str) -> bytes:
    with av_open(str(path), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        for number in range(10):
            grey = np.full((size[1], size[0], 3), 20 * number, np.uint8)
            container.mux(stream.encode(VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()[:HEAD]


PAL, NTSC = {"size": (720, 576)}, {"size": (720, 480), "pixels": "yuv411p", "rate": Fraction(30000, 1001)}


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("mp4", "mpeg4", {}),
        ("mov", "mpeg4", {}),
        ("3gp", "mpeg4", {}),
        ("matroska", "mpeg4", {}),
        ("webm", "libvpx", {}),
        ("avi", "mpeg4", {}),
        ("asf", "msmpeg4", {}),
        ("flv", "flv", {}),
        ("mpegts", "mpeg2video", {}),
        ("mpegts", "mpeg2video", {"mpegts_m2ts_mode": "1"}),
        ("mpeg", "mpeg1video", {}),
        ("vob", "mpeg2video", {}),
        ("mpeg2video", "mpeg2video", {}),
        ("m4v", "mpeg4", {}),
        ("h264", "libx264", {}),
        ("mxf", "mpeg2video", PAL),
        ("dv", "dvvideo", PAL),
        ("dv", "dvvideo", NTSC),
        ("rm", "rv20", {}),
        ("wtv", "mpeg2video", {}),
        ("ivf", "libvpx", {}),
        ("nut", "mpeg4", {}),
    ],
)
def test_a_video_is_told_by_its_content(tmp_path, form, codec, options):
    if codec not in codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    assert is_video(video(tmp_path / "x", form, codec, **options))


@pytest.mark.parametrize(
    ("form", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("mp3", "libmp3lame"),
        ("flac", "flac"),
        ("ipod", "aac"),
        ("ogg", "libopus"),
        ("adts", "aac"),
    ],
)
def test_sound_is_no_video(tmp_path, form, codec):
    path = tmp_path / "x"
    with av_open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=48000, layout="stereo")
        frame = AudioFrame.from_ndarray(np.zeros((1, 2 * 48000), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert not is_video(path.read_bytes()[:HEAD])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"RIFF\x24\0\0\0WEBPVP8 ",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x1cftypavif",
        b"\0\0\0\x1cftypM4A ",
        b"\xff\xd8\xff\xe0",
        b"PK\x03\x04",
        b"Good morning. " * 80,
        b"OggS\0\x02" + b"\0" * 22 + b"\x01\x1eOpusHead",
    ],
)
def test_what_does_not_look_like_a_video(head):
    assert not is_video(head)


def test_videos_under_other_names_are_counted_and_named(tmp_path):
    make_clip(tmp_path / "good.mp4", seconds=0.5)
    content = (tmp_path / "good.mp4").read_bytes()
    for name in ("a.bin", "b", "sub/c.mp4.part", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    findings = check(parse({"dataset": {"format": "videos", "root": str(tmp_path)}, "models": ["flow"]}))
    assert findings.problems == []
    assert findings.notes == [
        "3 files look like videos and are left out by their names: a.bin, b, sub/c.mp4.part; rename them with the"
        " suffix of a video, such as .mp4"
    ]
    (tmp_path / "good.mp4").rename(tmp_path / "good")
    assert "holds no video by name; 4 files look like videos and are left out by their names" in problem_of(tmp_path)


def test_three_videos_are_found_among_thousands_of_other_files(tmp_path, monkeypatch):
    """And few of those are opened."""
    (tmp_path / "a.mp4").touch()
    for number in range(3000):
        (tmp_path / f"still.{number:06d}").touch()
        (tmp_path / f"{number}.jpg").touch()
    for name in ("x.bin", "y.bin", "z"):
        (tmp_path / name).write_bytes(SOME_VIDEO)
    opened = []
    before = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: opened.append(path) or before(path, mode))
    (note,) = open_dataset("videos", tmp_path).notes()
    assert note.startswith("3 files look like videos and are left out by their names: x.bin, y.bin, z;")
    assert len(opened) <= 2 * LOOKS_A_KIND + 3
    for number in range(150):
        (tmp_path / f"{number}.dat").write_bytes(SOME_VIDEO)
    (note,) = open_dataset("videos", tmp_path).notes()
    assert note.startswith(f"at least {LOOKS_A_KIND + 3} files look like videos")
    assert ": 0.dat, 1.dat, 10.dat, ...;" in note


# the folder itself


@pytest.mark.parametrize("form", ["videos", "urbansas"])
def test_a_folder_that_cannot_be_used_is_one_sentence_with_its_whole_path(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("empty").mkdir()
    assert problem_of(Path("gone"), form).startswith(
        f"dataset.root: {tmp_path}/gone is not a folder: nothing is there;"
    )
    assert problem_of(Path("file"), form).startswith(
        f"dataset.root: {tmp_path}/file is not a folder but a file; set it"
    )
    assert problem_of(Path("empty"), form).startswith(f"dataset.root: {tmp_path}/empty is empty; set it to the folder")


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder whose part ``locked`` cannot be looked into, by whoever runs the tests: root becomes somebody else."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "locked").mkdir()
        (folder / "locked/b.mp4").touch()
        folder.chmod(0o755)
        (folder / "locked").chmod(0)
        if user == 0:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(user)
            (folder / "locked").chmod(0o700)


def test_a_folder_without_permission(locked):
    assert problem_of(locked / "locked").startswith(f"dataset.root: {locked}/locked cannot be read: Permission denied;")
    assert "what it holds is left out: " + f"{locked}/locked: Permission denied" in problem_of(locked)


def test_a_run_says_what_is_left_out_and_does_not_depend_on_how_its_folder_is_written(workflow, tmp_path):
    root = moving_square(tmp_path / "data", "apple")
    (root / "clips/apple.mp4").rename(root / "clips/apple.MP4")
    (root / "clips/berry.part").write_bytes((root / "clips/apple.MP4").read_bytes())
    config = {"models": ["flow"], "protocols": ["paper"], "pictures": 0}
    run = workflow(config | {"dataset": {"root": str(root)}})
    assert run.status == 0, run.output
    assert "note: 1 file looks like a video and is left out by its name: clips/berry.part;" in run.output
    assert "note: protocol paper scores 5 frames of 1 clip\n" in run.output
    assert "1 clips: 1 ok" in run.output
    places = {"DATA": str(root), "HOME": str(tmp_path)}
    for path in ("$DATA", "~/data", "../data"):
        assert workflow(config | {"dataset": {"root": path}}, environment=places).nothing_to_do, path


# sound of its own


@pytest.mark.parametrize("name", ["a.wav", "a.WAV", "a.flac", "a.Mp3", "a.m4a", "a.ogg", "a.opus", "a.webm"])
def test_sound_beside_the_videos_in_any_form(tmp_path, name):
    root = lay_out(tmp_path / "d")
    (root / "audio").mkdir()
    (root / "audio" / name).touch()
    (clip,) = open_dataset("urbansas", root).clips()
    assert (clip.video, clip.sound) == ("clips/a.mp4", f"audio/{name}")


def test_two_sounds_of_one_clip_and_those_of_none(tmp_path):
    root = lay_out(tmp_path / "d")
    (root / "audio/folder.wav").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "c.FLAC", "notes.txt", ".a.mp3"):
        (root / "audio" / name).touch()
    dataset = open_dataset("urbansas", root)
    assert dataset.problems() == []
    assert "2 sound files belong to no clip and are not used: audio/b.wav, audio/c.FLAC" in dataset.notes()
    (root / "audio/a.MP3").touch()
    assert problem_of(root, "urbansas") == (
        f"{root}: 'a' has 2 sound files (audio/a.MP3 and audio/a.wav); keep one of them"
    )
