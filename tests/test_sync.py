"""The click lies where the flash lies: random offsets, gaps, rates and joins, in seven containers.

Every picture carries its own number as brightness, so that its time is known whichever of them are shown.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import ffmpeg_program, sound_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowgrad import media

RATE = 44100
LEVELS = 50
"""Pictures count from 0 to 49 and again, four steps of brightness apart."""
TOLERANCE_S = 0.03
FAST = (24, 25, 30, Fraction(30000, 1001), 50)
SLOW = (12, 15, Fraction(24000, 1001))


@dataclass(frozen=True)
class Container:
    """How a kind of file is written; ``program`` encodes anew what PyAV cannot, from Matroska."""

    suffix: str
    muxer: str
    video: str
    audio: str
    slow: bool = True
    sound_moves: bool = True
    join: str = "copy"
    program: tuple[str, ...] = ()


CONTAINERS = (
    Container("mp4", "mp4", "libx264", "aac"),
    Container("mkv", "matroska", "libx264", "aac"),
    Container("ts", "mpegts", "libx264", "aac", join="bytes"),
    Container("mpg", "vob", "mpeg2video", "mp2", slow=False, join="bytes"),
    # its sound has no time stamps: it can neither start late nor have holes
    Container("avi", "avi", "mpeg4", "mp2", sound_moves=False),
    Container("flv", "flv", "libx264", "aac"),
    # chained Ogg films are nothing that FFmpeg reads
    Container(
        "ogv", "matroska", "ffv1", "flac", join="", program=("-c:v", "libtheora", "-q:v", "8", "-c:a", "libvorbis")
    ),
)


@dataclass(frozen=True)
class Plan:
    """What is recorded: the click's time, how much later the sound starts than the pictures (or earlier), two gaps."""

    fps: int | Fraction
    seconds: float
    click: float
    late: float
    picture_gap: tuple[float, float]
    sound_gap: tuple[float, float]
    b_frames: int


@st.composite
def plans(draw: st.DrawFn, container: Container) -> Plan:
    seconds = draw(st.floats(3.0, 5.0))
    click = draw(st.floats(2.6, seconds - 0.3))
    late = draw(st.one_of(st.just(0.0), st.floats(-1.5, 1.5 if container.sound_moves else 0.0)))
    start = abs(late) + 0.3
    begin = draw(st.floats(start, click - 0.5))
    gap = (begin, begin + draw(st.floats(0.0, click - begin - 0.3)))
    return Plan(
        draw(st.sampled_from(FAST + (SLOW if container.slow else ()))),
        seconds,
        click,
        late,
        gap if draw(st.booleans()) else (0.0, 0.0),
        gap if container.sound_moves and draw(st.booleans()) else (0.0, 0.0),
        draw(st.sampled_from([0, 2])),
    )


def write(path: Path, container: Container, plan: Plan) -> None:
    target = path.with_suffix(".mkv") if container.program else path
    with av.open(str(target), "w", format=container.muxer) as output:
        video = output.add_stream(container.video, rate=plan.fps)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.options = {"libx264": {"preset": "ultrafast", "bf": str(plan.b_frames), "g": "12", "crf": "10"}}.get(
            container.video, {"qscale": "2", "flags": "+qscale", "global_quality": "236"}
        )
        audio = output.add_stream(container.audio, rate=RATE, layout="mono")
        packets = []
        for number in range(int(plan.seconds * plan.fps)):
            time = float(number / Fraction(plan.fps))
            if time < -plan.late or plan.picture_gap[0] <= time < plan.picture_gap[1]:
                continue
            image = np.full((64, 96, 3), 20 + 4 * (number % LEVELS), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(plan.fps)
            packets += video.encode(frame)
        packets += video.encode()
        wave = np.zeros(int(plan.seconds * RATE), np.float32)
        click = int(plan.click * RATE)
        wave[click : click + 400] = 0.8 * np.sin(2 * np.pi * 1000 / RATE * np.arange(400))
        size = audio.codec_context.frame_size or 1024
        for start in range(int(max(plan.late, 0.0) * RATE), len(wave) - size, size):
            if plan.sound_gap[0] <= start / RATE < plan.sound_gap[1]:
                continue
            chunk = wave[None, start : start + size]
            whole = container.audio == "flac"
            frame = av.AudioFrame.from_ndarray(
                (chunk * 32767).astype(np.int16) if whole else chunk, format="s16" if whole else "fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets += audio.encode(frame)
        packets += audio.encode()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    if container.program:
        command = [ffmpeg_program(), "-v", "error", "-y", "-copyts", "-i", target, "-fps_mode", "passthrough"]
        subprocess.run([*command, *container.program, path], check=True)


def joined(first: Path, second: Path, container: Container) -> Path:
    out = first.with_name(f"joined.{container.suffix}")
    if container.join == "bytes":
        out.write_bytes(first.read_bytes() + second.read_bytes())
        return out
    listing = first.with_name("list.txt")
    listing.write_text(f"file '{first.name}'\nfile '{second.name}'\n", encoding="utf-8")
    command = [ffmpeg_program(), "-v", "error", "-y", "-f", "concat", "-i", listing, "-c", "copy", out]
    subprocess.run(command, check=True)
    return out


def clicks(path: Path) -> list[float]:
    sound = np.abs(sound_of(path))
    loud = np.flatnonzero(sound > 0.3)
    first = np.concatenate([[True], np.diff(loud) > 4000])
    return (loud[first] / 16000).tolist()


def behind(path: Path, near: float, fps: float) -> float:
    """How far pictures near a time lie behind the time at which they were taken, seconds; known up to whole counts."""
    found = []
    for picture in media.pictures(media.inspect(path)):
        if -0.4 < picture.source_time - near < 0.1:
            number = round((picture.rgb()[20:44, 20:76].mean() - 20) / 4)
            found.append(wrapped(picture.source_time - number / fps, LEVELS / fps))
    assert found, "no picture near the click"
    return float(np.median(found))


def wrapped(seconds: float, period: float) -> float:
    return (seconds + period / 2) % period - period / 2


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.suffix)
@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_click_lies_where_the_flash_lies(tmp_path, container, data):
    plan = data.draw(plans(container))
    path = tmp_path / f"first.{container.suffix}"
    write(path, container, plan)
    parts = 1
    if container.join and data.draw(st.booleans()):
        second = tmp_path / f"second.{container.suffix}"
        write(second, container, plan)
        path, parts = joined(path, second, container), 2
    heard = clicks(path)
    assert len(heard) == parts
    fps = float(plan.fps)
    for click in heard:
        apart = wrapped(behind(path, click, fps) - (click - plan.click), LEVELS / fps)
        assert abs(apart) <= TOLERANCE_S + 0.5 / fps, (plan, heard)
