"""Frames by timestamp and sound from t = 0, on real odd files and on generated ones."""

from __future__ import annotations

import gc
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
from conftest import ffmpeg_program, make_clip, sound_of

from flowgrad import artifacts, frames, media
from flowgrad.errors import MediaError
from flowgrad.resizing import resized

TEN_BIT = ("10bit", "hdr")


def odd_files(reference: Path) -> list[Path]:
    suffixes = {".mp4", ".webm", ".mkv", ".avi"}
    return sorted(path for path in (reference / "videos").rglob("*") if path.suffix in suffixes)


def decode(path: Path) -> tuple[list[media.Picture], media.DecodeReport]:
    report = media.DecodeReport()
    return list(media.pictures(media.inspect(path), report)), report


def test_every_odd_file_gives_the_frames_of_ffmpeg(reference):
    """An independent decoder, told to round up, shows the same pictures (8-bit files to the last level)."""
    files = odd_files(reference)
    assert len(files) > 20
    for path in files:
        pictures, report = decode(path)
        height, width = pictures[0].rgb().shape[:2]
        command = [ffmpeg_program(), "-v", "error", "-i", path, "-map", "0:v:0"]
        command += ["-vf", "fps=8:round=up:start_time=0", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        raw = subprocess.run(command, capture_output=True, check=True).stdout
        other = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
        assert len(pictures) == len(other) == report.frames, path.name
        # ten bits and odd chroma are brought to eight by different filters; the picture is the same one
        tolerance = 4.0 if any(mark in path.name for mark in TEN_BIT) or "mpeg2" in path.name else 0.0
        for picture, reference_picture in zip(pictures, other, strict=True):
            difference = np.abs(picture.rgb().astype(int) - reference_picture).mean()
            assert difference <= tolerance, (path.name, picture.number, difference)


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 60, 5])
def test_the_picture_on_display(tmp_path, fps):
    """Frame k is the source picture with the largest timestamp <= k/8."""
    import av

    path = tmp_path / "clip.mkv"
    count = int(3 * fps)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for number in range(count):
            image = np.full((32, 32, 3), number % 250, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    with av.open(str(path)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    pictures, report = decode(path)
    assert [picture.number for picture in pictures] == list(range(report.frames))
    assert abs(report.frames - float(8 * count / fps)) < 1.01
    for picture in pictures:
        shown = max(time for time in times if time <= Fraction(picture.number, 8))
        assert picture.source_time == float(shown)


def test_variable_rate(tmp_path):
    """20, 10, 30 pictures a second in one file: a slow stretch repeats pictures, a fast one skips them."""
    import av

    path = tmp_path / "variable.mkv"
    times = [*range(0, 1000, 50), *range(1000, 2000, 100), *range(2000, 3000, 33)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 3 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    pictures, _ = decode(path)
    for picture in pictures:
        assert picture.source_time == max(time for time in times if time <= 125 * picture.number) / 1000


def test_rotation_is_applied(reference):
    """A phone video that is stored sideways stands upright, and its stored copy too."""
    path = reference / "videos/codecs_torchcodec/nasa_13013_rotated.mp4"
    pictures, _ = decode(path)
    assert pictures[0].orientation.transpose
    assert pictures[0].rgb().shape == (480, 270, 3)


def test_stored_frames_are_the_decoded_ones(reference, tmp_path):
    """The frames artifact is lossless, and any frame is read without the ones before it."""
    names = ("nasa_13013_rotated.mp4", "bt2020_10bit.mp4", "testsrc2_odd_height_and_width_444.mp4", "h265_video.mp4")
    sources = {Path(name).stem: reference / "videos/codecs_torchcodec" / name for name in names}
    direct: dict[str, list[np.ndarray]] = {}
    with artifacts.create(tmp_path / "frames.h5", frames.KIND) as output:
        for name, path in sources.items():
            encoder = frames.FrameEncoder(output.clip(name))
            for picture in media.pictures(media.inspect(path)):
                encoder.add(picture)
                direct.setdefault(name, []).append(picture.rgb())
            encoder.close()
    with artifacts.open_artifact(tmp_path / "frames.h5", frames.KIND) as artifact:
        for name, expected in direct.items():
            reader = frames.FrameReader(artifact, name)
            assert reader.frames.tolist() == list(range(len(expected)))
            for number in reversed(range(len(expected))):
                np.testing.assert_array_equal(reader.rgb(number), expected[number], err_msg=f"{name} {number}")


@pytest.mark.parametrize("name", ["nasa_13013_rotated.mp4", "bt2020_10bit.mp4", "h265_video.mp4"])
def test_what_networks_see_is_kept_as_they_would_make_it(reference, tmp_path, name):
    """At three sizes, two of one storage; a picture that stays on display, here the first, is kept once."""
    views: list[frames.View] = [(224, "exact"), (64, "jpeg"), (33, "jpeg")]
    with artifacts.create(tmp_path / "frames.h5", frames.KIND) as output:
        for clip, kept in (("with", views), ("without", [])):
            encoder, shown = frames.FrameEncoder(output.clip(clip), kept), None
            for picture in media.pictures(media.inspect(reference / "videos/codecs_torchcodec" / name)):
                shown = shown or picture.frame
                encoder.add(replace(picture, frame=shown if picture.number < 3 else picture.frame))
            encoder.close()
    with artifacts.open_artifact(tmp_path / "frames.h5", frames.KIND) as artifact:
        kept, made = (frames.FrameReader(artifact, clip) for clip in ("with", "without"))
        assert len(kept.frames) > 4
        for size, storage in views:
            assert artifact.length("with", f"seen_{size}_{storage}_end") == len(kept.frames) - 2
            assert not artifact.has("without", f"seen_{size}_{storage}")
            for number in (*kept.frames, *kept.frames[::-2]):
                expected = resized(frames.stored(kept.rgb(number), storage), size)
                np.testing.assert_array_equal(kept.seen(number, size, storage), expected)
                np.testing.assert_array_equal(made.seen(number, size, storage), expected)


def test_views_of_one_storage_share_its_jpeg(monkeypatch):
    asked, store = [], frames.stored
    monkeypatch.setattr(frames, "stored", lambda rgb, storage: asked.append(storage) or store(rgb, storage))
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    found = frames.seen(picture, [(32, "jpeg"), (16, "jpeg"), (16, "exact")])
    assert sorted(asked) == ["exact", "jpeg"]
    for (size, storage), one in found.items():
        np.testing.assert_array_equal(one, resized(store(picture, storage), size))


@pytest.mark.parametrize("name", ["packets", "packet_start", "packet_end", "seen_64_jpeg", "seen_64_jpeg_end"])
def test_damage_of_stored_frames_is_named(tmp_path, name):
    """A byte that flips in a picture, in what networks see of it, or in where either lies."""
    path = tmp_path / "frames.h5"
    clip = make_clip(tmp_path / "clip.mp4", seconds=1, fps=8, sound=False)
    with artifacts.create(path, frames.KIND) as output:
        encoder = frames.FrameEncoder(output.clip("clip"), [(64, "jpeg")])
        for picture in media.pictures(media.inspect(clip)):
            encoder.add(picture)
        encoder.close()
    with h5py.File(path) as file:
        place = file[f"clip/{name}"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 20] ^= 1
    path.write_bytes(content)
    with artifacts.open_artifact(path, frames.KIND) as artifact:

        def read() -> None:
            reader = frames.FrameReader(artifact, "clip")
            reader.rgb(0)
            reader.seen(0, 64, "jpeg")

        with pytest.raises(artifacts.ArtifactError, match=rf"frames\.h5: clip/{name} is damaged .*delete the file"):
            read()


def test_no_picture_outlives_its_turn(tmp_path):
    """Without waiting for Python to look for rings of objects: those of a clip are as large as the clip."""
    path = make_clip(tmp_path / "clip.mp4", seconds=3, fps=8, sound=False)
    before = {id(one) for one in gc.get_objects() if isinstance(one, av.VideoFrame)}
    gc.disable()
    try:
        for picture in media.pictures(media.inspect(path)):
            assert not picture.orientation
        assert picture.number == 23
        left = [one for one in gc.get_objects() if isinstance(one, av.VideoFrame) and id(one) not in before]
    finally:
        gc.enable()
    assert len(left) < 5


@pytest.mark.parametrize("rate", [16000, 22050])
def test_sound_is_mono_at_the_rate_and_in_time(tmp_path, rate):
    path = make_clip(tmp_path / "clip.mp4", seconds=2.0, seed=1)
    sound = sound_of(path, rate)
    assert sound.dtype == np.float32
    assert abs(len(sound) - 2 * rate) < 0.06 * rate
    spectrum = np.abs(np.fft.rfft(sound[: 2 * rate]))
    assert np.fft.rfftfreq(2 * rate, 1 / rate)[spectrum.argmax()] == pytest.approx(260, abs=1)
    assert np.abs(sound[rate // 2 : rate]).max() == pytest.approx(0.3, abs=0.03), "the mean of equal channels is each"


def test_late_sound_is_padded(tmp_path):
    """Sound that starts at 0.5 s is silence before: sample n stays at n / rate."""
    path = make_clip(tmp_path / "clip.mp4", seconds=2.0)
    late = tmp_path / "late.mkv"
    command = [ffmpeg_program(), "-v", "error", "-i", path, "-itsoffset", "0.5", "-i", path]
    subprocess.run([*command, "-map", "0:v", "-map", "1:a", "-c", "copy", late], check=True)
    sound = sound_of(late)
    assert np.abs(sound[:7000]).max() < 1e-3
    assert np.abs(sound[9000:16000]).max() > 0.2


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty file"), (b"this is no video\n" * 100, "unreadable"), (None, "not found")],
)
def test_what_is_no_video_is_named(tmp_path, content, words):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=words):
        decode(path)


def test_a_sound_file_has_no_pictures(tmp_path):
    path = tmp_path / "sound.wav"
    clip = make_clip(tmp_path / "clip.mp4")
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", clip, "-vn", path], check=True)
    with pytest.raises(MediaError, match="no video track"):
        decode(path)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_cut_recording_keeps_what_is_there(tmp_path, share):
    """A file whose index is at its start, cut off: the frames before the cut are used and the fault is named."""
    path = make_clip(tmp_path / "clip.mp4", seconds=4.0)
    whole = tmp_path / "whole.mp4"
    command = [ffmpeg_program(), "-v", "error", "-i", path, "-c", "copy", "-movflags", "+faststart", whole]
    subprocess.run(command, check=True)
    content = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(content[: int(len(content) * share)])
    pictures, report = decode(cut)
    assert 0 < len(pictures) < 32
    assert any("truncated" in fault for fault in report.faults)


def test_longer_sound_is_no_truncation(tmp_path):
    """A Matroska file whose sound outlasts its pictures is whole."""
    silent = make_clip(tmp_path / "silent.mp4", seconds=2.0, sound=False)
    sounding = make_clip(tmp_path / "sounding.mp4", seconds=5.0)
    both = tmp_path / "both.mkv"
    command = [ffmpeg_program(), "-v", "error", "-i", silent, "-i", sounding, "-map", "0:v", "-map", "1:a"]
    subprocess.run([*command, "-c", "copy", both], check=True)
    pictures, report = decode(both)
    assert len(pictures) == 16
    assert report.faults == []


def test_damaged_sound_is_named(tmp_path):
    """Noise in the place of sound packets: what can be decoded is used, and the fault is told."""
    path = make_clip(tmp_path / "clip.mp4", seconds=4.0)
    sound = tmp_path / "sound.aac"
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", path, "-vn", "-c", "copy", sound], check=True)
    content = bytearray(sound.read_bytes())
    rng = np.random.default_rng(1)
    for start in range(4000, len(content) - 400, 3000):
        content[start : start + 300] = rng.integers(0, 256, 300, np.uint8).tobytes()
    sound.write_bytes(bytes(content))
    report = media.SoundReport()
    samples = sum(blocks[16000].size for blocks in media.sound(media.inspect(sound), [16000], report))
    assert samples > 16000
    assert "the sound is damaged" in report.faults[0]


def test_flipped_bytes_never_crash(tmp_path):
    """A hundred random faults over ten files: each ends in frames or in one clear error."""
    rng = np.random.default_rng(7)
    content = make_clip(tmp_path / "clip.mp4", seconds=1.0).read_bytes()
    for number in range(10):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 10):
            damaged[position] ^= 1 << int(rng.integers(8))
        path = tmp_path / f"damaged{number}.mp4"
        path.write_bytes(bytes(damaged))
        try:
            pictures, report = decode(path)
        except MediaError as error:
            assert str(error)
        else:
            assert report.frames == len(pictures)


def test_memory_does_not_grow_with_length(tmp_path):
    """A recording eight times as long needs no more memory to decode and store."""
    script = """
import resource, sys
from pathlib import Path
from flowgrad import artifacts, frames, media
with artifacts.create(Path(sys.argv[2]), frames.KIND) as output:
    encoder = frames.FrameEncoder(output.clip("clip"))
    for picture in media.pictures(media.inspect(Path(sys.argv[1]))):
        encoder.add(picture)
    encoder.close()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    import sys

    peaks = []
    for seconds in (10, 80):
        path = make_clip(tmp_path / f"{seconds}.mp4", seconds=seconds, fps=8, size=(640, 360), sound=False)
        command = [sys.executable, "-c", script, path, tmp_path / f"{seconds}.h5"]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < 1.15 * peaks[0], peaks


LAYOUTS = [(1, "pcm_s16le", "mov"), (5, "libvorbis", "mkv"), (6, "aac", "mp4"), (8, "aac", "mp4")]
LAYOUTS += [(8, "libopus", "mkv"), (8, "pcm_s16le", "mov"), (16, "pcm_f32le", "mkv"), (24, "wavpack", "mkv")]
LAYOUTS += [(64, "pcm_s16le", "mkv")]


@pytest.mark.parametrize(("channels", "codec", "suffix"), LAYOUTS)
def test_sound_of_any_layout_becomes_mono(tmp_path, channels, codec, suffix):
    """The mean of all channels, of which every second is silent."""
    path = tmp_path / f"many.{suffix}"
    expressions = "|".join(f"0.5*sin(2*PI*440*t)*{int(number % 2 == 0)}" for number in range(channels))
    command = [ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", f"aevalsrc='{expressions}':s=48000:d=1"]
    subprocess.run([*command, "-c:a", codec, path], check=True)
    sound = sound_of(path)
    assert len(sound) == pytest.approx(16000, abs=1200)
    expected = 0.5 * -(-channels // 2) / channels
    assert np.abs(sound[4000:12000]).max() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("turn", ["hflip", "vflip"])
def test_a_mirror_is_applied(tmp_path, turn):
    """Left to right, and up and down: neither is taken for a half turn."""
    plain, marked = make_clip(tmp_path / "plain.mp4", seconds=0.5, sound=False), tmp_path / "marked.mp4"
    command = [ffmpeg_program(), "-v", "error", f"-display_{turn}", "-i", plain, "-c", "copy", marked]
    subprocess.run(command, check=True)
    stored, shown = decode(plain)[0][0].rgb(), decode(marked)[0][0].rgb()
    np.testing.assert_array_equal(shown, stored[:, ::-1] if turn == "hflip" else stored[::-1])


def test_slow_pictures_come_out_whole(tmp_path):
    """A picture every three seconds, stored out of order: all are there, each at its time."""
    path = tmp_path / "slow.mp4"
    command = [ffmpeg_program(), "-v", "error", "-f", "lavfi", "-i", "testsrc=s=96x64:r=1/3:d=90", "-f", "lavfi"]
    command += ["-i", "sine=d=90", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", path]
    subprocess.run(command, check=True)
    pictures, report = decode(path)
    assert report.sources == 30
    assert sorted({picture.source_time for picture in pictures}) == [3.0 * number for number in range(30)]
    assert media.inspect(path).notes == ()


def test_a_size_that_changes_becomes_the_first(tmp_path):
    """Two recordings of different size, joined: all frames have one size, and it is told."""
    parts = [make_clip(tmp_path / f"{n}.ts", seconds=2.0, size=(160 + 32 * n, 96), seed=n) for n in range(2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    pictures, report = decode(joined)
    assert {picture.rgb().shape for picture in pictures} == {(96, 160, 3)}
    assert len(pictures) == pytest.approx(32, abs=2)
    assert any("size of the pictures changes" in note for note in report.notes)


def test_damage_right_after_the_first_picture_is_no_late_start(tmp_path):
    """The packet behind the first picture is noise: a fault, and not a capture that begins between key frames."""
    import av

    path = make_clip(tmp_path / "clip.mp4", seconds=1.0, sound=False)
    with av.open(str(path)) as container:
        second = [packet for packet in container.demux(video=0) if packet.size][1]
        start, size = second.pos, second.size
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    _, report = decode(path)
    assert report.lost_before == 0
    assert report.damaged_packets + report.damaged_pictures > 0
    assert report.faults


def lossless(path: Path, shown: list[int], fps: int = 8) -> Path:
    """Pictures that are whole in one packet each, at these places of a clip's beat."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for number in shown:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 3 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def test_packets_that_cannot_be_decoded_are_counted_and_their_hole_is_named(tmp_path):
    """Six of forty pictures are zeros in the file: the one before stands for them, and both facts are told."""
    import av

    path = lossless(tmp_path / "clip.mkv", list(range(40)))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = path.read_bytes()
    for packet in packets[16:22]:
        assert content.count(packet) == 1
        content = content.replace(packet, bytes(len(packet)))
    path.write_bytes(content)
    pictures, report = decode(path)
    assert report.faults == [
        "pictures missing between 1.88 s and 2.75 s",
        "damaged packets were left out: 6",
    ]
    assert [picture.source_time for picture in pictures[14:24]] == [1.75, *[1.875] * 7, 2.75, 2.875]
    assert (report.frames, report.sources, report.lost_before, report.damaged_packets) == (40, 34, 0, 6)


def test_a_long_picture_in_a_whole_file_is_no_fault(tmp_path):
    pictures, report = decode(lossless(tmp_path / "clip.mkv", [*range(8), *range(24, 32)]))
    assert report.faults == []
    assert [picture.source_time for picture in pictures[6:25]] == [0.75, *[0.875] * 17, 3.0]


def test_a_hole_in_the_sound_is_silence_of_its_length(tmp_path):
    """Sound from 0 to 1 s and from 2 to 3 s of the container's clock: sample n stays at n / rate."""
    import av

    path = tmp_path / "hole.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for start in (*range(0, 16000, 1600), *range(32000, 48000, 1600)):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 8192, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            for packet in stream.encode(frame):
                container.mux(packet)
    report = media.SoundReport()
    sound = np.concatenate([blocks[16000] for blocks in media.sound(media.inspect(path), [16000], report)])
    assert len(sound) == 48000
    assert set(sound[:16000]) == set(sound[32000:]) == {0.25}
    assert not sound[16000:32000].any()
    assert (report.seconds, report.peak) == (3.0, 0.25)


def test_sound_that_is_no_number_becomes_silence(tmp_path):
    """Floating-point sound can hold anything: no NaN reaches a model, what is infinite is as loud as can be."""
    import av

    samples = np.full((1, 16000), 0.5, np.float32)
    samples[0, 100], samples[0, 200], samples[0, 300] = np.nan, np.inf, -np.inf
    path = tmp_path / "odd.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    sound = sound_of(path)
    assert sound[[99, 100, 200, 300, 301]].tolist() == [0.5, 0.0, 1.0, -1.0, 0.5]


def test_digital_silence_is_told(tmp_path):
    report = media.SoundReport()
    path = make_clip(tmp_path / "clip.mp4", seconds=1.0, loudness=0)
    list(media.sound(media.inspect(path), [16000], report))
    assert report.peak == 0
    assert report.notes == ["the sound is digital silence"]
