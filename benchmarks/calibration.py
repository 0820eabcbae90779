"""The file that networks are shown before they compute in 8-bit integers (src/flowgrad/models/calibration.py).

python benchmarks/calibration.py [OUT]

Two moments a second apart of each of four rendered streets: other ones than those of the demo and of the shipped
networks. Flow is Farneback's.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import flowgrad
from flowgrad.flow.components import map_components
from flowgrad.flow.farneback import Farneback
from flowgrad.models.calibration import FILE, FLOW_STEP, SAMPLE_RATE
from flowgrad.resizing import resized
from flowgrad.synthetic.clip import write_clip
from flowgrad.synthetic.scene import make_scene
from flowgrad.synthetic.settings import StreetSettings

SEED, STREETS, SECONDS = 8128, 4, 5
AT = (16, 24)
"""The frames, 8 a second."""


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    settings = StreetSettings(seed=SEED, seconds=SECONDS, frames_per_second=8, traffic=6)
    estimator = Farneback()
    jpegs, flows, sounds = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(STREETS):
            path = Path(folder) / f"{number}.mp4"
            write_clip(make_scene(settings, f"calibration{number}"), path)
            clip = flowgrad.read_clip(path, SAMPLE_RATE)
            frames = list(clip.frames)
            sounds.append(np.resize(clip.audio, SECONDS * SAMPLE_RATE))
            for at in AT:
                one, two = (estimator.prepared(frame) for frame in frames[at : at + 2])
                flows.append(map_components(estimator.flow(one, two)))
                file = io.BytesIO()
                Image.fromarray(resized(frames[at], 256)).save(file, "JPEG", quality=92)
                jpegs.append(np.frombuffer(file.getvalue(), np.uint8))
    np.savez_compressed(
        out,
        jpeg=np.concatenate(jpegs),
        ends=np.cumsum([len(jpeg) for jpeg in jpegs]),
        audio=np.rint(np.stack(sounds).clip(-1, 1) * 32767).astype(np.int16),
        sound=np.repeat(np.arange(STREETS), len(AT)),
        flow=np.rint(np.stack(flows).astype(np.float32) / FLOW_STEP).clip(-127, 127).astype(np.int8),
        width=frames[0].shape[1],
    )
    print(f"{out}: {out.stat().st_size / 1e3:.0f} KB, loudness {np.std(sounds, axis=1).round(3)}")


if __name__ == "__main__":
    main()
