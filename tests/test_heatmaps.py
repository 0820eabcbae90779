"""Stage ``heatmaps`` called directly: what a model that listens is given of each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_clip

from flowgrad import artifacts, frames, media
from flowgrad.errors import InputError
from flowgrad.models.base import Model, Weights
from flowgrad.models.rcgrad.presets import RCGRAD, RCGrad
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.stages import heatmaps

HEARD: list[np.ndarray] = []


def listening(checkpoint, settings, runtime):
    """A model that keeps what it hears; its maps are the loudest place of the window, in seconds."""

    def localize(batch):
        windows = batch.audio
        assert batch.frames.shape == (len(windows), 224, 224, 3)
        assert batch.flow is None
        HEARD.extend(windows)
        return np.broadcast_to((windows.argmax(axis=1) / settings.sample_rate)[:, None, None], (len(windows), 224, 224))

    return localize


# What another signature would change stands here once.


def heard(
    folder: Path,
    sound: np.ndarray,
    wanted: list[int],
    settings: RCGrad = RCGRAD["paper"],
    frames_in: Path | None = None,
) -> tuple[list[np.ndarray], Path]:
    """The windows of the wanted frames of a clip of 2 s with this sound, and the maps."""
    path, rate = frames_in or folder / "frames.h5", settings.sample_rate
    if frames_in is None:
        clip = make_clip(folder / "clip.mp4", fps=8, sound=False)
        with artifacts.create(path, frames.KIND, sample_rates=[rate]) as output:
            group = output.clip("clip", source_sha256="0" * 64)
            encoder = frames.FrameEncoder(group)
            for picture in media.pictures(media.inspect(clip)):
                encoder.add(picture)
            encoder.close()
            group.extend(f"sound_{rate}", sound.astype(np.float32))
    HEARD.clear()
    heatmaps.run(
        model=Model("ear", f"{__name__}:listening", weights=Weights("ear", "ear.pt")),
        settings=settings,
        protocol_name="rules",
        out=folder / "maps.h5",
        frames_in=path,
        wanted={"clip": wanted},
        checkpoint=folder / "none.pt",
        device="cpu",
        batch_size=2,
    )
    return list(HEARD), folder / "maps.h5"


def test_sound_lies_at_its_time_within_the_window(tmp_path):
    """A click at t = 0 is in the middle of frame 0's window of 5 s, and 1 s before it at frame 8; silence beside."""
    sound = np.zeros(32000)
    sound[0] = 1
    windows, path = heard(tmp_path, sound, [0, 8, 15])
    assert [np.flatnonzero(window).tolist() for window in windows] == [[40000], [24000], [10000]]
    assert [window.shape for window in windows] == [(80000,)] * 3
    with artifacts.open_artifact(path, "heatmaps") as reader:
        assert reader.read("clip", "frame").tolist() == [0, 8, 15]
        assert reader.read("clip", "time_s").tolist() == [0, 1, 1.875]
        assert reader.read("clip", "maps")[:, 0, 0].tolist() == [2.5, 1.5, 0.625]
        assert reader.attributes("clip")["source_sha256"] == "0" * 64


def test_the_end_of_the_sound_is_within_the_window_too(tmp_path):
    sound = np.zeros(32000)
    sound[-1] = 1
    windows, _ = heard(tmp_path, sound, [0, 15])
    assert [np.flatnonzero(window).tolist() for window in windows] == [[71999], [41999]]


def test_a_short_window_holds_no_more_than_its_second(tmp_path):
    """Released: 1 s at 22050 Hz in 16 bits; a click 0.4 s after the frame is in, one 0.6 s after it is not."""
    sound = np.zeros(44100)
    sound[[8820, 13230]] = 0.1
    windows, _ = heard(tmp_path, sound, [0], RCGRAD["released"])
    assert windows[0].shape == (22050,)
    assert np.flatnonzero(windows[0]).tolist() == [11025 + 8820]
    assert windows[0].max() == pytest.approx(3277 / 32768, abs=1e-9), "rounded to 16 bits"


def test_a_frame_that_is_lacking_is_named(tmp_path):
    _, path = heard(tmp_path, np.ones(32000), [0, 2])
    with artifacts.open_artifact(path) as reader:
        assert reader.rows("clip", "frame", [2]).tolist() == [2]
        with pytest.raises(InputError, match=r"'clip' lacks some of the frames \[1, 2\]; run its stage again"):
            reader.rows("clip", "maps", [1, 2])


def test_a_clip_without_a_row_is_named(tmp_path):
    with artifacts.create(tmp_path / "maps.h5", HEATMAPS) as output:
        output.clip("clip").append(frame=np.array([], np.int32), maps=np.zeros((0, 4, 4), np.float16))
    with (
        artifacts.open_artifact(tmp_path / "maps.h5") as reader,
        pytest.raises(InputError, match=r"'clip' lacks some of the frames \[0\]; run its stage again"),
    ):
        reader.rows("clip", "maps", [0])
