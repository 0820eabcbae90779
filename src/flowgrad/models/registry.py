"""The models by name. A model is one module, its preset, and one entry here or in a plugin; nothing else names it.

This module imports no torch: the workflow and ``flowgrad check`` read it in milliseconds.
"""

from __future__ import annotations

from dataclasses import replace

from flowgrad.errors import InputError
from flowgrad.models import presets
from flowgrad.models.base import Model, Recipe, SampleSpec, Training, Weights
from flowgrad.models.coarse_to_fine.layout import COARSE
from flowgrad.models.coarse_to_fine.layout import LAYOUT as C2F
from flowgrad.models.coarse_to_fine.original_layout import COARSE as C2F_ORIGINAL_COARSE
from flowgrad.models.coarse_to_fine.original_layout import LAYOUT as C2F_ORIGINAL
from flowgrad.models.coarse_to_fine.presets import ORIGINAL as C2F_ORIGINAL_PRESETS
from flowgrad.models.coarse_to_fine.presets import PRESETS as C2F_PRESETS
from flowgrad.models.hear_the_flow.layout import LAYOUT as HTF
from flowgrad.models.hear_the_flow.presets import PRESETS as HTF_PRESETS
from flowgrad.models.rcgrad.layout import layout_of
from flowgrad.models.rcgrad.presets import FLOWGRAD, RCGRAD
from flowgrad.models.visual_context.layout import LAYOUT as VCS
from flowgrad.models.visual_context.presets import PRESETS as VCS_PRESETS
from flowgrad.registry import Registry

_HYBRID, _CONTROLS = "flowgrad.models.hybrid", "flowgrad.models.controls"
_MOTION = "flowgrad.models.motion"
_RCGRAD, _LEARNT = "flowgrad.models.rcgrad.model", "flowgrad.models.rcgrad.objective"
# where no network is: who asks for maps under another sound loads none
_JOINED, _HTF = "flowgrad.models.rcgrad.cam:joined", "flowgrad.models.hear_the_flow.model"
_VCS = "flowgrad.models.visual_context.model"
_C2F = "flowgrad.models.coarse_to_fine.model"
_C2F_LEARNT = "flowgrad.models.coarse_to_fine.objective:CoarseToFine"
_LFS = "models/ of github.com/rrrajjjj/flowgrad (Git LFS)"
_RC_RELEASE = "release v0.1.0-alpha of github.com/hohsiangwu/rethinking-visual-sound-localization"
_RC_WEIGHTS = Weights("rcgrad", "rc_grad.pt", _RC_RELEASE, layout_of("rcgrad"), licence="MIT", trained_on="VGG-Sound")
_IC_WEIGHTS = Weights(
    "flowgrad-ic", "flowgrad_IC.ckpt", _LFS, layout_of("flowgrad-ic"), licence="MIT", trained_on="Urbansas, unlabelled"
)
_EN_WEIGHTS = Weights(
    "flowgrad-en", "flowgrad_EN.ckpt", _LFS, layout_of("flowgrad-en"), licence="MIT", trained_on="Urbansas, unlabelled"
)
_HTF_SOURCE = "link {} of the README of github.com/denfed/heartheflow, https://drive.google.com/file/d/{}/view"
_HTF_VGG_WEIGHTS = Weights(
    "hear-the-flow", "htf_vgg.pth", _HTF_SOURCE.format("VGG Sound", "1iL6G0nq9TGRTitQXOjoleIB1xrW7Yxzj"), HTF,
    licence="MIT", trained_on="VGG-Sound",
)  # fmt: skip
_HTF_WEIGHTS = Weights(
    "hear-the-flow", "htf_flickr.pth", _HTF_SOURCE.format("Flickr SoundNet", "1_ZMsaf65Ikyyjx62JhJ7fab9YmZ7dgwh"), HTF,
    licence="MIT", trained_on="Flickr-SoundNet", others=(_HTF_VGG_WEIGHTS,),
)  # fmt: skip
_VCS_SOURCE = "its released training code writes such files"
_VCS_WEIGHTS = Weights("visual-context", "visual_context.pth", _VCS_SOURCE, VCS, published=False)
_C2F_SOURCE = "new/ of github.com/shvdiwnkozbw/Multi-Source-Sound-Localization makes such files"
_C2F_WEIGHTS = Weights("coarse-to-fine", "c2f_stage_2.pth", _C2F_SOURCE, C2F, published=False)
_C2F_COARSE_WEIGHTS = Weights("coarse-to-fine-coarse", "c2f_stage_1.pth", _C2F_SOURCE, COARSE, published=False)
_HTF_SAMPLE, _VCS_SAMPLE = (
    SampleSpec.of(HTF_PRESETS["paper"], flow="signed"),
    SampleSpec.of(VCS_PRESETS["paper"], flow="none"),
)
# 8-bit flow; the seventh of one frame a second is shown with the sound from 3.5 to 6.5 s
_HTF_RELEASED, _VCS_RELEASED = replace(_HTF_SAMPLE, flow="signed_jpeg"), replace(_VCS_SAMPLE, lag=1.0)
_C2F_SAMPLE = SampleSpec.of(C2F_PRESETS["paper"], flow="none")
_C2F_ORIGINAL_SOURCE = "main.py of github.com/shvdiwnkozbw/Multi-Source-Sound-Localization makes such files"
_C2F_ORIGINAL_WEIGHTS = Weights(
    "coarse-to-fine-original", "model_joint.pth.tar", _C2F_ORIGINAL_SOURCE, C2F_ORIGINAL, published=False
)
_C2F_ORIGINAL_COARSE_WEIGHTS = Weights(
    "coarse-to-fine-original-coarse",
    "c2f_original_stage_1.pth",
    "trainings of flowgrad make such files",
    C2F_ORIGINAL_COARSE,
    published=False,
)
_C2F_ORIGINAL_LEARNT = "flowgrad.models.coarse_to_fine.original_objective:CoarseToFineOriginal"
# of the released code (docs/training.md); none has a schedule, and none stops early
_ALL_EPOCHS = Recipe(lr_patience=None, early_stopping_patience=None)
_HTF_RECIPE = replace(_ALL_EPOCHS, batch_size=128)
_VCS_RECIPE = replace(_ALL_EPOCHS, learning_rate=1e-4, weight_decay=1e-4, batch_size=128, epochs=30)
_C2F_COARSE_RECIPE = replace(
    _ALL_EPOCHS, optimizer="sgd", momentum=0.9, weight_decay=5e-4, learning_rate=1e-3, batch_size=16, epochs=20
)
_C2F_RECIPE = replace(_C2F_COARSE_RECIPE, learning_rate=1e-4)
_ORIGINAL_COARSE_RECIPE = replace(_ALL_EPOCHS, weight_decay=5e-4, batch_size=32, epochs=10)
_ORIGINAL_RECIPE = replace(_ORIGINAL_COARSE_RECIPE, epochs=60)

# fmt: off
_BUILT_IN = (
    Model("flow", f"{_HYBRID}:load_flow", presets.MOTION),
    Model("rcgrad", f"{_RCGRAD}:RCGrad", RCGRAD, weights=_RC_WEIGHTS, joined=_JOINED,
          training=Training(f"{_LEARNT}:RCGrad.started", "imagenet")),
    Model("flowgrad-h", f"{_HYBRID}:load_flowgrad_h", presets.PRODUCT),
    Model("flowgrad-ic", f"{_RCGRAD}:FlowGradIC", FLOWGRAD, weights=_IC_WEIGHTS, joined=_JOINED,
          training=Training(f"{_LEARNT}:FlowGradIC.started", "rcgrad")),
    Model("flowgrad-en", f"{_RCGRAD}:FlowGradEN", FLOWGRAD, weights=_EN_WEIGHTS, joined=_JOINED,
          training=Training(f"{_LEARNT}:FlowGradEN.started", "rcgrad")),
    Model("flowgrad-en-picture", f"{_RCGRAD}:FlowGradENPicture", FLOWGRAD, weights=_EN_WEIGHTS, joined=_JOINED,
          default=False),
    Model("flowgrad-en-flow", f"{_RCGRAD}:FlowGradENFlow", FLOWGRAD, weights=_EN_WEIGHTS, joined=_JOINED,
          default=False),
    Model("hear-the-flow", f"{_HTF}:InPipeline", HTF_PRESETS, weights=_HTF_WEIGHTS,
          threshold="median", default=False, joined=f"{_HTF}:joined",
          training=Training("flowgrad.models.hear_the_flow.objective:HearTheFlow.started", "imagenet",
                            _HTF_SAMPLE, recipe=_HTF_RECIPE, released_sample=_HTF_RELEASED)),
    Model("visual-context", f"{_VCS}:VisualContext", VCS_PRESETS, weights=_VCS_WEIGHTS,
          threshold="at-least-median", default=False, joined=f"{_VCS}:joined", parts=True,
          training=Training("flowgrad.models.visual_context.objective:VisualContext.started", "random",
                            _VCS_SAMPLE, recipe=_VCS_RECIPE, released_sample=_VCS_RELEASED)),
    Model("coarse-to-fine-coarse", presets={}, weights=_C2F_COARSE_WEIGHTS, default=False,
          training=Training(f"{_C2F_LEARNT}.coarse", "random", _C2F_SAMPLE, classes=7,
                            recipe=_C2F_COARSE_RECIPE)),
    Model("coarse-to-fine", f"{_C2F}:InPipeline", C2F_PRESETS, weights=_C2F_WEIGHTS,
          threshold="relative", default=False, joined=f"{_C2F}:joined", parts=True,
          training=Training(f"{_C2F_LEARNT}.started", "coarse-to-fine-coarse", _C2F_SAMPLE, second=True, classes=7,
                            recipe=_C2F_RECIPE)),
    Model("coarse-to-fine-original-coarse", presets={}, weights=_C2F_ORIGINAL_COARSE_WEIGHTS, default=False,
          training=Training(f"{_C2F_ORIGINAL_LEARNT}.coarse", "imagenet", _C2F_SAMPLE, classes=7,
                            recipe=_ORIGINAL_COARSE_RECIPE)),
    Model("coarse-to-fine-original", "flowgrad.models.coarse_to_fine.original:InPipeline", C2F_ORIGINAL_PRESETS,
          weights=_C2F_ORIGINAL_WEIGHTS, threshold="tenth", default=False, parts=True,
          training=Training(f"{_C2F_ORIGINAL_LEARNT}.started", "coarse-to-fine-original-coarse", _C2F_SAMPLE,
                            second=True, classes=7, recipe=_ORIGINAL_RECIPE)),
    Model("motion", f"{_MOTION}:load_motion", presets.ROBUST_MOTION),
    Model("rcgrad-motion", f"{_MOTION}:load_times_motion", presets.times_motion("rcgrad")),
    Model("yolo-baseline", presets=presets.ALL_BOXES, gives="boxes"),
    Model("yolo-topline", presets=presets.MOVING_BOXES, gives="boxes"),
    Model("whole-frame", f"{_CONTROLS}:whole_frame", gives="boxes", default=False),
    Model("random-weights", f"{_RCGRAD}:random_weights", RCGRAD, joined=_JOINED, default=False),
    Model("blank", f"{_CONTROLS}:blank", gives="boxes", default=False),
    Model("centre-box", f"{_CONTROLS}:centre_box", gives="boxes", default=False),
)
# fmt: on

MODELS: Registry[Model] = Registry(Model, "model", "flowgrad.models", _BUILT_IN)

DEFAULT_MODELS = [model.name for model in _BUILT_IN if model.default]
"""The rows of the table where nothing else is said; ``available`` chooses from these."""

CONTROLS = frozenset({"whole-frame", "random-weights", "blank", "centre-box"})
"""The rows that look at nothing or have learnt nothing: what they score is chance, and no row is praised for it."""


def checkpoint_names() -> list[str]:
    """Return the keys that ``checkpoints`` of the configuration may have."""
    return sorted({model.weights.key for model in MODELS.values() if model.weights})


def trainable() -> list[str]:
    """Return the models that can be trained here."""
    return [model.name for model in MODELS.values() if model.training is not None]


def trained_by_default() -> list[str]:
    """Return those of them that stand in the table where nothing else is said."""
    return [name for name in trainable() if MODELS[name].default]


def get_model(name: str) -> Model:
    """Return the model of this name; raises ``InputError`` with the known names."""
    return MODELS.get_known(name)


def required(names: list[str], above: tuple[str, ...] = ()) -> list[Model]:
    """Return the models that must run for ``names``: themselves and what they start from, each once.

    ``above`` are those that start from ``names``. Raises ``InputError`` where one starts from itself in the end.
    """
    wanted: dict[str, Model] = {}
    for name in names:
        if name in above:
            raise InputError("it starts from maps that start from its own")
        model = get_model(name)
        starts = required(model.parents, (*above, name))
        wanted |= {start.name: start for start in starts if start.name not in wanted}
        wanted[name] = model
    return list(wanted.values())


def weights_of(name: str) -> list[Weights]:
    """Return the checkpoints that a model, and those that it starts from, need."""
    return [model.weights for model in required([name]) if model.weights is not None]
