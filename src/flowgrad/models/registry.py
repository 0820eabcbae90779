"""The models by name. A method is one module and one line here; nothing else names it.

This module imports no torch: the workflow and ``flowgrad check`` read it in milliseconds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flowgrad.errors import InputError


@dataclass(frozen=True)
class ModelSpec:
    """What a model is made from and where its code is.

    Attributes:
        name: as in the configuration and the tables.
        kind: ``network`` (a checkpoint, pictures), ``arithmetic`` (other artifacts only), ``boxes``
            (detections) or ``control`` (looks at nothing; in the table only where it is named).
        sound: needs the sound around the frame.
        flow: needs the flow from the frame to its successor.
        checkpoint: the key in ``checkpoints`` of the configuration, for networks and what derives from them.
        file: the checkpoint's published file name, looked for in the weights folder.
        source: where that file is published, for people.
        code: ``module:attribute`` of the builder (network) or the function (arithmetic, control).
        derived_from: the model whose maps it starts from.
        boxes: for ``boxes``: ``all`` detections, or the ``moving`` ones.
    """

    name: str
    kind: Literal["network", "arithmetic", "boxes", "control"]
    sound: bool = False
    flow: bool = False
    checkpoint: str | None = None
    file: str | None = None
    source: str | None = None
    code: str | None = None
    derived_from: str | None = None
    boxes: Literal["all", "moving"] | None = None

    @property
    def makes_maps(self) -> bool:
        """Return whether it has localization maps; the others are scored from boxes."""
        return self.kind in ("network", "arithmetic")

    def load(self) -> Callable[..., Any]:
        """Import and return what ``code`` names.

        Raises ``InputError`` where it cannot be imported.
        """
        assert self.code is not None, self.name
        module, _, attribute = self.code.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
        except (ImportError, AttributeError) as error:
            raise InputError(f"{self.name}: {self.code} cannot be imported: {error}") from error


_RCGRAD = "flowgrad.models.rcgrad"
_HYBRID = "flowgrad.models.hybrid"
_CONTROLS = "flowgrad.models.controls"
SHIPPED_CODE = frozenset({_RCGRAD, _HYBRID, _CONTROLS})
"""The modules of the models that come with flowgrad."""
_RC_FILE, _RC_SOURCE = (
    "rc_grad.pt",
    "release v0.1.0-alpha of github.com/hohsiangwu/rethinking-visual-sound-localization",
)
_LFS = "models/ of github.com/rrrajjjj/flowgrad (Git LFS)"

# fmt: off
MODELS: dict[str, ModelSpec] = {spec.name: spec for spec in (
    ModelSpec("flow", "arithmetic", flow=True, code=f"{_HYBRID}:flow_map"),
    ModelSpec("rcgrad", "network", sound=True, checkpoint="rcgrad", file=_RC_FILE, source=_RC_SOURCE,
              code=f"{_RCGRAD}:RCGrad"),
    ModelSpec("flowgrad-h", "arithmetic", sound=True, flow=True, checkpoint="rcgrad", file=_RC_FILE, source=_RC_SOURCE,
              code=f"{_HYBRID}:flowgrad_h", derived_from="rcgrad"),
    ModelSpec("flowgrad-ic", "network", sound=True, flow=True, checkpoint="flowgrad-ic",
              file="flowgrad_IC.ckpt", source=_LFS, code=f"{_RCGRAD}:FlowGradIC"),
    ModelSpec("flowgrad-en", "network", sound=True, flow=True, checkpoint="flowgrad-en",
              file="flowgrad_EN.ckpt", source=_LFS, code=f"{_RCGRAD}:FlowGradEN"),
    ModelSpec("yolo-baseline", "boxes", boxes="all"),
    ModelSpec("yolo-topline", "boxes", boxes="moving"),
    ModelSpec("whole-frame", "control", code=f"{_CONTROLS}:whole_frame"),
    ModelSpec("centre-box", "control", code=f"{_CONTROLS}:centre_box"),
)}
# fmt: on

DEFAULT_MODELS = [spec.name for spec in MODELS.values() if spec.kind != "control"]
"""The rows of the table where nothing else is said; ``available`` chooses from these."""


def checkpoint_names() -> list[str]:
    """Return the keys that ``checkpoints`` of the configuration may have."""
    return sorted({spec.checkpoint for spec in MODELS.values() if spec.checkpoint})


def get_model(name: str) -> ModelSpec:
    """Return the model of this name.

    Raises ``InputError`` with the known names.
    """
    if name not in MODELS:
        raise InputError(f"unknown model {name!r}: use one of {', '.join(MODELS)}")
    return MODELS[name]


def required(names: list[str]) -> list[ModelSpec]:
    """Return the models that must run for ``names``: themselves and what they derive from, each once."""
    wanted: dict[str, ModelSpec] = {}
    for name in names:
        spec = get_model(name)
        if spec.derived_from:
            wanted.setdefault(spec.derived_from, get_model(spec.derived_from))
        wanted[name] = spec
    return list(wanted.values())
