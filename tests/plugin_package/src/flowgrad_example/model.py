"""A model that hears 3 s at 11,025 Hz, sees frames of 256 pixels, and looks at signed flow."""

import numpy as np
from PIL import Image

from flowgrad.models.base import AudioSpec, FlowSpec, FrameSpec, Model, Needs, Settings


class LoudMotionSettings(Settings):
    gain: float = 1.0

    def needs(self):
        return Needs(frames=FrameSpec(size=256), audio=AudioSpec(11025, 3.0), flow=FlowSpec("signed"))


def load(checkpoint, settings, runtime):
    def localize(batch):
        assert batch.frames.shape[1:] == (256, 256, 3)
        assert batch.frames.dtype == np.uint8
        assert batch.audio.shape[1] == 3 * 11025
        assert batch.flow.shape[1:] == (2, 224, 224)
        light = [np.asarray(Image.fromarray(frame).convert("L").resize((224, 224))) for frame in batch.frames]
        loudness = np.sqrt((batch.audio**2).mean(axis=1))[:, None, None]
        rightward = np.maximum(batch.flow[:, 0].astype(np.float32), 0)
        return settings.gain * loudness * rightward * np.stack(light).astype(np.float32)

    return localize


LOUD_MOTION = Model("loud-motion", load, {"paper": LoudMotionSettings()})
