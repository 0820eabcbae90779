"""The forms in which a flow is kept, and what models ask for by name.

A flow artifact is of one kind and holds both of its forms: in float16, and as the released code of its systems kept
it. So a protocol that is added later computes no flow.

=================  ===============  =======  ==========================================================
form               a frame          dtype    values, native pixels per 1/8 s
=================  ===============  =======  ==========================================================
magnitude          (224, 224)       float16  length
magnitude_jpeg     (224, 224)       uint8    length, whole pixels after 8-bit JPEG (FlowGrad)
signed             (2, 224, 224)    float16  to the right, down
signed_jpeg        (2, 224, 224)    uint8    the same after 8-bit JPEG: negative parts are 0 (Hear The Flow)
=================  ===============  =======  ==========================================================
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from flowgrad.constants import MAP_SIZE
from flowgrad.errors import InputError

Kind = Literal["magnitude", "signed"]
Scale = Literal["linear", "root", "percentile"]
"""What a model may ask of magnitudes (:func:`flowgrad.flow.prepared.compressed`)."""
KINDS: tuple[Kind, ...] = get_args(Kind)
ARTIFACT = "flow"
DTYPES: dict[Kind, dict[str, Any]] = {
    "magnitude": {"magnitude": np.float16, "magnitude_jpeg": np.uint8},
    "signed": {"signed": np.float16, "signed_jpeg": np.uint8},
}
"""The datasets of each kind of flow artifact."""


def kind_of(form: str) -> Kind:
    """Return the kind of artifact that holds a form.

    Raises ``InputError`` with the known forms.

    >>> kind_of("signed_jpeg")
    'signed'
    """
    for kind, forms in DTYPES.items():
        if form in forms:
            return kind
    known = ", ".join(form for forms in DTYPES.values() for form in forms)
    raise InputError(f"flow form: unknown {form!r}; known: {known}")


def shape_of(form: str) -> tuple[int, ...]:
    """Return the shape of a form for one frame."""
    return (MAP_SIZE, MAP_SIZE) if kind_of(form) == "magnitude" else (2, MAP_SIZE, MAP_SIZE)
