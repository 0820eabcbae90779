"""The audio that RCGrad and FlowGrad were trained on (Wu et al., Interspeech 2022: 5 s at 16 kHz)."""

from __future__ import annotations

SAMPLE_RATE = 16000
SECONDS = 5.0
