"""A scene as a video file: H.264 pictures and stereo AAC sound in MP4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from flowgrad.artifacts import replacing
from flowgrad.synthetic.render import Renderer
from flowgrad.synthetic.scene import Scene
from flowgrad.synthetic.sound import SAMPLE_RATE, stereo

AUDIO_BLOCK = 1024
"""Samples that an AAC packet holds."""

X264 = {"preset": "veryfast", "crf": "20", "x264-params": "threads=1:cpu-independent=1"}
"""Without the last one x264's fast arithmetic gives other bits from one call to the next."""


AAC = {"aac_coder": "fast"}
"""Half the time of the usual search, at a bit rate that has no need of it."""


def write_clip(scene: Scene, path: Path) -> None:
    """Render a scene into an MP4 file, in one thread; the file appears under its name only when it is whole."""
    import av
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
            rate = scene.rate
            video: Any = container.add_stream("libx264", rate=rate)
            video.width, video.height, video.pix_fmt = scene.camera.width, scene.camera.height, "yuv420p"
            video.options = X264
            audio: Any = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
            audio.bit_rate, audio.options = 128_000, AAC
            sound, sent = stereo(scene), 0
            for number, image in enumerate(Renderer(scene).frames()):
                picture = av.VideoFrame.from_ndarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
                picture.pts = number
                container.mux(video.encode(picture))
                # keep sound and pictures together in the file
                while sent < min((number + 1) * SAMPLE_RATE / rate, sound.shape[1]):
                    block = av.AudioFrame.from_ndarray(
                        np.ascontiguousarray(sound[:, sent : sent + AUDIO_BLOCK]), format="fltp", layout="stereo"
                    )
                    block.sample_rate, block.pts = SAMPLE_RATE, sent
                    container.mux(audio.encode(block))
                    sent += AUDIO_BLOCK
            container.mux(video.encode(None))
            container.mux(audio.encode(None))
    finally:
        cv2.setNumThreads(threads)
