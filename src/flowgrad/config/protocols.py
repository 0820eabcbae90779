"""Section ``custom_protocols``: protocols of one's own, each a built-in one with some fields changed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, create_model, field_validator
from pydantic.fields import FieldInfo

from flowgrad.config.base import Strict, unknown
from flowgrad.config.kinds import KeysOf
from flowgrad.evaluation.registry import OWN, THRESHOLDS
from flowgrad.models.registry import MODELS
from flowgrad.protocols import BUILT_IN, PARTS, Protocol

RENAMED = {"sound_seconds": "audio_seconds", "sound_bits": "audio_bits"}


def changeable() -> dict[str, FieldInfo]:
    """Return the fields that a protocol can change: those of its parts, then those of the models' presets."""
    found: dict[str, FieldInfo] = {}
    for part in PARTS.values():
        found |= part.model_fields
    for model in MODELS.values():
        for preset in model.presets.values():
            for name, field in type(preset).model_fields.items():
                if name not in found or not found[name].description:
                    found[name] = field
    return found


def _free(name: str) -> str:
    """Accept a name for a protocol of one's own."""
    if name in BUILT_IN:
        raise ValueError("is built in; choose another name")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError("a name may hold letters, digits, '-' and '_' only")
    return name


OwnName = Annotated[str, AfterValidator(_free)]


class CustomProtocol(Strict):
    """A protocol of one's own: a built-in one with some fields changed."""

    based_on: Literal["paper", "released", "robust"] = "paper"
    change: Annotated[dict[str, Any], KeysOf(changeable, RENAMED)] = Field(
        default_factory=dict, description="fields of docs/protocols.md and their values"
    )

    @field_validator("change")
    @classmethod
    def _fields_are_known(cls, value: dict[str, Any]) -> dict[str, Any]:
        fields: Any = {name: (field.annotation, field) for name, field in changeable().items()}
        checked = create_model("Changes", __config__=ConfigDict(extra="forbid"), **fields).model_validate(value)
        rule = value.get("threshold", OWN)
        if rule not in (OWN, *THRESHOLDS):
            raise ValueError(unknown(f"threshold {rule!r}", rule, [OWN, *THRESHOLDS]))
        return {name: getattr(checked, name) for name in value}

    def build(self) -> Protocol:
        """Return the protocol."""
        return BUILT_IN[self.based_on].changed(**self.change)
