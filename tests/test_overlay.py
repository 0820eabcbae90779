"""``flowgrad overlay``: what comes out keeps the pictures' times, the sound and all that the maps do not mark."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import ffmpeg_program, make_clip, settings, sound_of

import flowgrad
from flowgrad import artifacts, media
from flowgrad.cli import main
from flowgrad.constants import MAP_SIZE
from flowgrad.evaluation.thresholds import FIXED
from flowgrad.figures.moving import MapTrack, Panel, canvas, write_film
from flowgrad.figures.overlay import overlay
from flowgrad.media.film import film
from flowgrad.protocols import PAPER
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.stages import overlays

TICK = 1 / 90_000
IN_STEP_S = 0.03


def half(maps: np.ndarray) -> np.ndarray:
    return maps >= 0.5


def without_boxes(picture: np.ndarray, seconds: float) -> np.ndarray:
    return picture


def times(path: Path) -> list[Fraction]:
    return [shown.at for shown in film(media.inspect(path))]


def end(path: Path) -> float:
    return max(float(shown.at + shown.length) for shown in film(media.inspect(path)))


def write_maps(path: Path, maps: np.ndarray, clip: str = "c", seconds: np.ndarray | None = None) -> Path:
    """An artifact with the maps of a clip, (T, S, S), 8 a second."""
    numbers = np.arange(len(maps), dtype=np.int32)
    with artifacts.create(path, HEATMAPS, fps=8) as output:
        at = numbers / 8 if seconds is None else seconds
        output.clip(clip).append(frame=numbers, time_s=at, maps=maps.astype(np.float16))
    return path


def drawn(video: Path, folder: Path, maps: np.ndarray | None = None, panels: int = 1) -> Path:
    """A video with given maps over it, or with none."""
    out = folder / "drawn.mp4"
    file = write_maps(folder / "maps.h5", np.zeros((1, MAP_SIZE, MAP_SIZE)) if maps is None else maps)
    with artifacts.open_artifact(file, HEATMAPS) as reader:
        rows = [Panel(f"row {number}", MapTrack(reader, "c"), half) for number in range(panels)]
        write_film(media.inspect(video), rows, without_boxes, out, lambda _: None)
    return out


def stamped_clip(path: Path, at: list[Fraction], size: tuple[int, int] = (160, 96)) -> Path:
    """A clip whose pictures come at given times."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.time_base = Fraction(1, 90_000)
        for number, time in enumerate(at):
            picture = np.full((size[1], size[0], 3), 40 + 5 * (number % 30), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


# the pictures' times


@pytest.mark.parametrize("fps", [24, 25])
def test_every_picture_keeps_its_time(tmp_path, fps):
    video = make_clip(tmp_path / "a.mp4", seconds=2, fps=fps)
    out = drawn(video, tmp_path)
    assert len(times(out)) == 2 * fps
    np.testing.assert_allclose(np.array(times(out), float), np.array(times(video), float), atol=TICK)
    assert abs(end(out) - end(video)) < 1 / fps


STAMPS = {
    "ntsc": [Fraction(1001 * number, 30_000) for number in range(45)],
    "variable": [Fraction(number, 30) + Fraction(number % 3, 100) for number in range(45)],
    "standing": [Fraction(0), Fraction(1, 30), Fraction(2), Fraction(61, 30), Fraction(5, 2)],
}


@pytest.mark.parametrize("name", STAMPS)
def test_odd_rates_keep_count_and_time_stamps(tmp_path, name):
    video = stamped_clip(tmp_path / "a.mp4", STAMPS[name])
    assert len(times(video)) == len(STAMPS[name])
    out = drawn(video, tmp_path)
    np.testing.assert_allclose(np.array(times(out), float), np.array(times(video), float), atol=TICK)
    assert abs(end(out) - end(video)) < 1 / 24


def test_one_picture(tmp_path):
    out = drawn(make_clip(tmp_path / "a.mp4", seconds=0.05, fps=24, sound=False), tmp_path)
    assert len(times(out)) == 1


# the pictures


def test_where_the_map_is_zero_the_picture_is_the_source(tmp_path):
    """Left of a map that marks the right half there is only what the codec loses; in it the picture is another."""
    video = make_clip(tmp_path / "a.mp4", seconds=1)
    maps = np.zeros((8, MAP_SIZE, MAP_SIZE))
    maps[:, :, MAP_SIZE // 2 :] = 1
    out = drawn(video, tmp_path, maps)
    source, result = (
        np.stack([shown.rgb() for shown in film(media.inspect(path))]).astype(int) for path in (video, out)
    )
    left, right = np.abs(source - result)[:, :, :74], np.abs(source - result)[:, :, 86:]
    # chroma is kept at half the size, and the clip's ground is coloured noise
    assert left.mean() < 4
    assert right.mean() > 30
    assert abs((source - result)[:, :, :74].mean()) < 1, "no colour is shifted"


def test_where_the_map_is_zero_nothing_is_drawn():
    picture = np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)
    found = np.zeros((MAP_SIZE, MAP_SIZE))
    found[:, MAP_SIZE // 2 :] = np.linspace(0, 1, MAP_SIZE // 2)
    laid = overlay(picture, found)
    assert np.array_equal(laid[:, :79], picture[:, :79])
    assert np.array_equal(overlay(picture, np.zeros((MAP_SIZE, MAP_SIZE))), picture)
    assert (laid[:, 90:] != picture[:, 90:]).mean() > 0.9


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_the_colour_matrix_of_the_source_is_kept(tmp_path, matrix):
    import subprocess

    video = tmp_path / "a.mp4"
    command = [ffmpeg_program(), "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=128x96:d=1:r=8"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-colorspace", matrix, "-crf", "10", video], check=True)
    out = drawn(video, tmp_path)
    first, second = (next(film(media.inspect(path))).frame for path in (video, out))
    assert first.colorspace == second.colorspace
    for plane in (0, 1, 2):
        one, two = (np.frombuffer(bytes(frame.planes[plane]), np.uint8).astype(int) for frame in (first, second))
        assert np.abs(one - two).mean() < 3


def test_several_rows_stand_side_by_side(tmp_path):
    video = make_clip(tmp_path / "a.mp4", seconds=0.5, sound=False)
    (width, height) = next(media.pictures(media.inspect(drawn(video, tmp_path, panels=3)))).size
    assert width == 3 * 160
    assert height > 96


def test_odd_sizes_become_even(tmp_path):
    import subprocess

    video = tmp_path / "a.mkv"
    command = [ffmpeg_program(), "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=101x75:d=0.5"]
    subprocess.run([*command, "-c:v", "ffv1", video], check=True)
    assert next(media.pictures(media.inspect(drawn(video, tmp_path)))).size == (102, 76)


def test_a_turned_video_stands_upright(tmp_path):
    import subprocess

    level, video = make_clip(tmp_path / "level.mp4", seconds=0.5, sound=False), tmp_path / "a.mp4"
    command = [ffmpeg_program(), "-loglevel", "error", "-display_rotation", "90", "-i", level]
    subprocess.run([*command, "-c", "copy", video], check=True)
    first, second = (next(media.pictures(media.inspect(path))) for path in (video, drawn(video, tmp_path)))
    assert first.size == second.size == (96, 160)
    assert np.abs(first.rgb().astype(int) - second.rgb()).mean() < 4


# the sound


def lag(one: np.ndarray, two: np.ndarray, rate: int = 16000) -> float:
    """By how much the second is later than the first, seconds."""
    length = 1 << (len(one) + len(two)).bit_length()
    product = np.fft.irfft(np.fft.rfft(two, length) * np.conj(np.fft.rfft(one, length)))
    at = int(np.argmax(product))
    return (at if at < length // 2 else at - length) / rate


def noisy_clip(path: Path, late: float = 0.0, channels: int = 2, rate: int = 44100) -> Path:
    """A clip with noise that comes in bursts, ``late`` s after the pictures."""
    import subprocess
    import wave

    samples = (
        np.random.default_rng(1).normal(0, 0.2, (2 * rate, channels)) * (np.arange(2 * rate) % rate < 9000)[:, None]
    )
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    silent = make_clip(path.with_name("silent.mp4"), seconds=2.5, sound=False)
    command = [ffmpeg_program(), "-loglevel", "error", "-i", silent, "-itsoffset", str(late)]
    command += ["-i", path.with_suffix(".wav"), "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", path]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize(("late", "channels", "rate"), [(0, 2, 44100), (0.4, 1, 48000), (0, 6, 48000), (0, 2, 96000)])
def test_the_sound_stays_in_step(tmp_path, late, channels, rate):
    video = noisy_clip(tmp_path / "a.mp4", late, channels, rate)
    out = drawn(video, tmp_path)
    one, two = sound_of(video), sound_of(out)
    assert abs(lag(one, two)) <= IN_STEP_S
    assert abs(len(one) - len(two)) / 16000 < 0.1
    assert np.corrcoef(one[: len(two)], two[: len(one)])[0, 1] > 0.9 or channels > 2


def test_a_real_clip_keeps_sound_length_and_what_is_not_marked(tmp_path, mini):
    video = mini / "clips/lyon1029_40200.mp4"
    maps = np.zeros((80, MAP_SIZE, MAP_SIZE))
    maps[:, :, MAP_SIZE // 2 :] = 1
    out = drawn(video, tmp_path, maps)
    assert abs(lag(sound_of(video), sound_of(out))) <= IN_STEP_S
    assert len(times(out)) == len(times(video)) == 240
    assert abs(end(out) - end(video)) < 1 / 24
    for one, two in islice(zip(film(media.inspect(video)), film(media.inspect(out)), strict=True), 0, None, 40):
        source, result = one.rgb()[:225, :195].astype(int), two.rgb()[:225, :195]
        assert np.abs(source - result).mean() < 4
        assert np.percentile(np.abs(source - result), 99) < 25


def draw_clips(folder: Path, *clips: dict, maps: Path) -> list[str]:
    """Draw the videos of some clips of a shard with a run's stage, into ``folder/drawn``; return their names."""
    known = [{"video": f"{clip['name']}.mp4", "video_sha256": ""} | clip for clip in clips]
    (folder / "shard.json").write_text(json.dumps({"version": 1, "clips": known}))
    overlays.run(
        shard_in=folder / "shard.json",
        root=folder,
        clips=[clip["name"] for clip in clips],
        rules=PAPER.threshold,
        thresholds={"flow": FIXED},
        maps_in={"flow": maps},
        detections_in=None,
        out=folder / "drawn/00001.written",
    )
    return (folder / "drawn/00001.written").read_text().splitlines()


def test_a_clip_is_heard_in_its_own_sound_file(finished, tmp_path, capsys):
    """As the run heard it, whatever the video sounds like; a sound file that went away leaves a silent video."""
    noisy_clip(tmp_path / "a.mp4")
    make_clip(tmp_path / "c.mp4", seconds=2)
    heard = sound_of(tmp_path / "a.wav")
    maps = write_maps(tmp_path / "m.h5", np.random.default_rng(0).random((8, 4, 4)))
    for sound in ("a.wav", "gone.wav"):
        assert draw_clips(tmp_path, {"name": "c", "sound": sound}, maps=maps) == ["c.mp4"]
        out = tmp_path / "drawn/c.mp4"
        if sound == "gone.wav":
            assert media.inspect(out).sound is None
        else:
            assert abs(lag(heard, sound_of(out))) <= IN_STEP_S
            assert np.corrcoef(heard, sound_of(out)[: len(heard)])[0, 1] > 0.7

    shutil.copytree(finished / "results", tmp_path / "results")
    shard = next(one for one in (tmp_path / "results/plan/shards").glob("*.json") if '"apple"' in one.read_text())
    for sound in ("a.wav", "gone.wav"):
        known = json.loads(shard.read_text())
        next(clip for clip in known["clips"] if clip["name"] == "apple")["sound"] = str(tmp_path / sound)
        shard.write_text(json.dumps(known))
        out = tmp_path / "apple.mp4"
        assert main(["overlay", "apple", "--results", str(tmp_path / "results"), "-o", str(out)]) == 0
        if sound == "gone.wav":
            assert "gone.wav: file not found" in capsys.readouterr().err
            assert media.inspect(out).sound is None
        else:
            assert np.corrcoef(heard, sound_of(out)[: len(heard)])[0, 1] > 0.7


# maps in time


def test_maps_are_linear_between_frames_and_read_in_blocks(tmp_path):
    maps = np.arange(200)[:, None, None] * np.ones((1, 4, 4)) / 256
    with artifacts.open_artifact(write_maps(tmp_path / "m.h5", maps), HEATMAPS) as reader:
        track = MapTrack(reader, "c")
        for seconds in (0, 0.1, 7.93, 8.0, 24.8):
            assert track.at(seconds).max() == pytest.approx(seconds * 8 / 256, abs=1e-4)
        assert track.at(24.875 + 0.25).max() == pytest.approx(199 / 256), "the last one stands for a while"
        assert track.at(24.875 + 1) is None


def test_maps_of_an_empty_street_fade(tmp_path):
    """A map that hardly differs from place to place is noise, though its own scale makes it look like another."""
    slope = np.linspace(0, 1, MAP_SIZE) * np.ones((MAP_SIZE, 1))
    picture = np.full((96, 160, 3), 100, np.uint8)
    with artifacts.open_artifact(write_maps(tmp_path / "m.h5", np.stack([slope, slope / 50])), HEATMAPS) as reader:
        panel = Panel("a", MapTrack(reader, "c"), half)
        strong, faint = (np.abs(panel.drawn(picture, at).astype(int) - picture).mean() for at in (0, 0.125))
    assert strong > 25
    assert faint < strong / 20


def test_nothing_is_made_up_in_a_hole(tmp_path):
    maps = np.stack([np.full((4, 4), value) for value in (0.25, 0.5, 1.0)])
    file = write_maps(tmp_path / "m.h5", maps, seconds=np.array([0, 0.5, 5]))
    with artifacts.open_artifact(file, HEATMAPS) as reader:
        track = MapTrack(reader, "c")
        assert track.at(0.25).max() == pytest.approx(0.375)
        assert track.at(2.5) is None
        assert track.at(0.7).max() == 0.5


# the command


def test_from_a_video_to_a_video(tmp_path, capsys):
    """Spaces, quotes and other alphabets in the name; what moves is marked, and nothing else is left in the folder."""
    video = make_clip(tmp_path / "a 'street' \"ñ\" 通り.mp4", seconds=2)
    before = os.getcwd()
    assert main(["overlay", str(video)]) == 0
    assert os.getcwd() == before
    out = tmp_path / "a 'street' \"ñ\" 通り.overlay.mp4"
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "motion: the best row that needs no weights" in printed.err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([video.name, out.name])
    assert len(times(out)) == len(times(video))
    assert abs(lag(sound_of(video), sound_of(out))) <= IN_STEP_S
    source, result = (
        next(p for p in film(media.inspect(path)) if p.at == 1).rgb().astype(int) for path in (video, out)
    )
    changed = np.abs(source - result).mean(axis=2)
    left = (5 + 3 * 24) % 130
    assert changed[30:60, left : left + 30].mean() > 5 * changed[70:, :60].mean()


def test_a_relative_name_and_a_silent_clip(tmp_path, monkeypatch, capsys):
    make_clip(tmp_path / "a.mp4", seconds=0.5, sound=False)
    monkeypatch.chdir(tmp_path)
    assert main(["overlay", "a.mp4", "-o", "b.mp4", "--models", "flow", "motion"]) == 0
    assert "the video has no sound, so the overlay has none" in capsys.readouterr().err
    assert media.inspect(Path("b.mp4")).sound is None
    assert next(media.pictures(media.inspect(Path("b.mp4")))).size[0] == 320


def test_one_frame_has_no_map_and_says_so(tmp_path, capsys):
    make_clip(tmp_path / "a.mp4", seconds=0.04, fps=24, sound=False)
    assert main(["overlay", str(tmp_path / "a.mp4")]) == 0
    assert "motion has no map of this video: it is one frame long" in capsys.readouterr().err
    assert len(times(tmp_path / "a.overlay.mp4")) == 1


def test_what_is_no_video_is_one_sentence(tmp_path, capsys):
    text, sound = tmp_path / "a.mp4", tmp_path / "b.wav"
    text.write_text("no video")
    noisy_clip(tmp_path / "b.mp4")
    for path, words in (
        (text, "unreadable"),
        (sound, "no video track"),
        (tmp_path, "is a folder"),
        (tmp_path / "gone.mp4", "is not there"),
    ):
        capsys.readouterr()
        assert main(["overlay", str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
        assert str(path) in line
    assert not list(tmp_path.glob("*.overlay.mp4"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--models", "moton"], "did you mean motion?"),
        (["--models", "yolo-topline"], "yolo-topline makes boxes"),
        (["--models", "rcgrad"], "rcgrad, weights rcgrad: rc_grad.pt not found"),
        (["--checkpoints", "rcgrad"], "expected NAME=FILE"),
        (["--checkpoints", "rcgrat=x.pt"], "did you mean rcgrad?"),
        (["--protocol", "mine"], "'mine' is not one of paper, released, robust"),
        (["-o", "x.avi"], "end its name in .mp4"),
        (["-o", "a.mp4"], "is the video itself"),
        (["--results", "gone"], "is not a folder"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, monkeypatch, capsys, more, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWGRAD_WEIGHTS", raising=False)
    make_clip(tmp_path / "a.mp4", seconds=0.5)
    assert main(["overlay", "a.mp4", *more]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_clip_of_a_run_is_named(finished, tmp_path, monkeypatch, capsys):
    """Its video is found, all rows are drawn with the detector's boxes, and nothing is computed."""
    monkeypatch.chdir(tmp_path)
    results = str(finished / "results")
    before = {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*")}
    assert main(["overlay", "apple", "--results", results, "--protocol", "paper"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == "apple.overlay.mp4"
    assert "motion is drawn; --models names others" in printed.err
    assert main(["overlay", "apple", "--results", results, "--models", "all", "-o", "all.mp4"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in (finished / "results").rglob("*")}
    assert next(media.pictures(media.inspect(Path("all.mp4")))).size[0] == 2 * 160
    assert len(times(Path("all.mp4"))) == len(times(finished / "data/clips/apple.mp4"))
    for given, words in (
        (["aple"], "did you mean 'apple'?"),
        (["apple", "--models", "rcgrad"], "there are no paper rcgrad maps in the last run"),
        (["apple", "-o", str(finished / "data/clips/apple.mp4")], "is the video itself"),
        (["apple", "--protocol", "released"], "has no maps of protocol released; it has paper, robust"),
    ):
        assert main(["overlay", *given, "--results", results]) == 2
        assert words in capsys.readouterr().err


def test_a_map_is_found_by_its_frame(finished, tmp_path):
    """Not by its time, which of a still is that in its sound."""
    import h5py

    shutil.copytree(finished / "results", tmp_path / "results")
    for file in (tmp_path / "results/heatmaps/paper/motion").glob("*.h5"):
        with h5py.File(file, "r+") as held:
            for clip in held.values():
                clip["time_s"][:] += 1.3
    before, after = (
        np.asarray(flowgrad.open_results(folder / "results").show("apple", 1.0, ["motion"]))
        for folder in (finished, tmp_path)
    )
    assert np.array_equal(before, after)


def test_a_run_of_boxes_alone_is_shown(finished, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "results")
    noted = tmp_path / "results/plan/rows.json"
    rows = json.loads(noted.read_text()) | {"models": ["yolo-topline", "centre-box"], "maps": []}
    noted.write_text(json.dumps(rows))
    results = flowgrad.open_results(tmp_path / "results")
    boxes = np.asarray(results.show("apple", 1.0))
    assert boxes.shape == np.asarray(results.show("apple", 1.0, ["yolo-topline", "centre-box"])).shape
    out = tmp_path / "a.mp4"
    given = ["overlay", "apple", "--results", str(tmp_path / "results"), "-o", str(out)]
    assert main(given) == 0
    assert len(times(out)) == len(times(finished / "data/clips/apple.mp4"))


def test_a_video_of_which_nothing_is_left_to_draw_goes(tmp_path):
    make_clip(tmp_path / "c.mp4", seconds=0.5)
    maps = write_maps(tmp_path / "m.h5", np.random.default_rng(0).random((4, 4, 4)))
    assert draw_clips(tmp_path, {"name": "c"}, maps=maps) == ["c.mp4"]
    (tmp_path / "c.mp4").write_bytes(b"no video")
    assert draw_clips(tmp_path, {"name": "c"}, maps=maps) == []
    assert not (tmp_path / "drawn/c.mp4").exists()


def test_a_long_name_is_cut(tmp_path):
    make_clip(tmp_path / "c.mp4", seconds=0.5)
    name = "straße" * 33
    maps = write_maps(tmp_path / "m.h5", np.random.default_rng(0).random((4, 4, 4)), clip=name)
    (made,) = draw_clips(tmp_path, {"name": name, "video": "c.mp4"}, maps=maps)
    assert made.startswith("straße")
    assert len(times(tmp_path / "drawn" / made)) == 12


def test_a_half_done_run_says_what_is_missing(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished / "results", tmp_path / "results")
    berry = ["overlay", "berry", "--results", "results", "--protocol", "paper"]
    Path("results/heatmaps/paper/motion/00002.h5").unlink()
    Path("results/detections/paper/00002.csv").unlink()
    assert main(berry) == 0
    said = capsys.readouterr().err
    assert "not there yet, the run did not end: motion" in said
    assert "no boxes:" in said
    assert "flow is drawn" in said
    assert main([*berry, "--models", "motion"]) == 2
    assert "the run did not come to motion of 'berry': run again" in capsys.readouterr().err
    Path("results/heatmaps/paper/flow/00002.h5").unlink()
    assert main(berry) == 2
    assert "has no maps of 'berry' yet (flow, motion): run again" in capsys.readouterr().err


def test_more_than_three_rows_are_laid_out_in_lines():
    picture = np.full((90, 160, 3), 50, np.uint8)
    shapes = {}
    for count in (1, 2, 3, 4, 5, 9):
        shown = canvas(picture, 0.0, [Panel(f"row {number}", None, half) for number in range(count)], without_boxes)
        shapes[count] = (shown.shape[1] // 160, shown.shape[0] // 90)
    assert shapes == {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2), 5: (3, 2), 9: (3, 3)}


def test_the_overlays_of_a_run(workflow, tmp_path):
    """As many as asked for, of the first clips by name; a clip that went bad has none; asked again, nothing is done."""
    root = tmp_path / "videos"
    root.mkdir()
    for number, name in enumerate("abc"):
        make_clip(root / f"{name}.mp4", seconds=1, seed=number)
    (root / "b.mp4").write_bytes(b"no video")
    config = settings(root, dataset={"format": "videos", "root": str(root)}, models=["flow", "motion"])
    config |= {"protocols": ["paper"], "frames": "all", "clips_per_job": 3}
    done = workflow(config, "overlays")
    assert done.status == 2
    assert "overlays: the configuration asks for none; set overlays: 4, or all" in done.output
    done = workflow(config | {"overlays": 2}, "overlays")
    assert done.status == 0, done.output
    folder = done.folder / "results/overlays/paper"
    assert sorted(path.name for path in folder.iterdir()) == ["00001.written", "a.mp4"]
    assert next(media.pictures(media.inspect(folder / "a.mp4"))).size[0] == 320
    assert abs(lag(sound_of(root / "a.mp4"), sound_of(folder / "a.mp4"))) <= IN_STEP_S
    assert workflow(config | {"overlays": 2}, "overlays").nothing_to_do
    done = workflow(config | {"overlays": "all"}, "overlays")
    assert done.jobs == {"overlay": 1, "overlays": 1}, done.output
    assert sorted(path.name for path in folder.iterdir()) == ["00001.written", "a.mp4", "c.mp4"]


def test_from_results_nothing_is_computed(tmp_path, workflow, capsys):
    """The maps of a run are drawn; the file may have another name by now, another file is refused."""
    root = tmp_path / "videos"
    root.mkdir()
    make_clip(root / "a.mp4", seconds=1)
    config = settings(
        root, dataset={"format": "videos", "root": str(root)}, models=["flow", "yolo-topline"], protocols=["robust"]
    )
    config["detector"] = {"weights": "streets-detector.pt"}
    done = workflow(config | {"frames": "all"}, "all")
    assert done.status == 0, done.output
    results = done.folder / "results"
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    (root / "a.mp4").rename(tmp_path / "other.mp4")
    assert main(["overlay", str(tmp_path / "other.mp4"), "--results", str(results)]) == 0
    assert "flow is drawn" in capsys.readouterr().err
    assert len(times(tmp_path / "other.overlay.mp4")) == 24
    assert before == {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    both = ["--models", "flow", "yolo-topline", "-o", str(tmp_path / "two.mp4")]
    assert main(["overlay", str(tmp_path / "other.mp4"), *both, "--results", str(results)]) == 0
    assert next(media.pictures(media.inspect(tmp_path / "two.mp4"))).size[0] == 320
    make_clip(tmp_path / "b.mp4", seconds=1, seed=3)
    for more, words in (
        (["b.mp4"], "no clip was made from"),
        (["other.mp4", "--models", "motion"], "there are no robust motion maps in the last run"),
        (["other.mp4", "--protocol", "paper"], "has no maps of protocol paper; it has robust"),
    ):
        assert main(["overlay", str(tmp_path / more[0]), *more[1:], "--results", str(results)]) == 2
        assert words in capsys.readouterr().err
