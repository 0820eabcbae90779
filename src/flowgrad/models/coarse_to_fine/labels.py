"""The pseudo labels of Coarse to Fine: how much of seven classes there is in a sound, and in a picture.

The classes are the top level of AudioSet's ontology. Networks that know more classes are asked, and their classes are
mapped to these by the published files ``cluster_a.npy`` (527 of AudioSet, for sounds) and ``cluster_v3.npy`` (1,000 of
ImageNet, for pictures). The order of the 527 is that of the tagger they were made for (MobileCRNN-v2), not that of
AudioSet's own list; the names of the seven follow from what is mapped to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from flowgrad.errors import InputError, first_line

Floats = npt.NDArray[np.float32]
Kind = Literal["audio", "frame"]
"""What is labelled: one of :data:`flowgrad.training.labels.KINDS`."""
CLASS_NAMES = ("human", "ambiguous", "animal", "things", "music", "nature", "environment")
"""Human sounds, source-ambiguous sounds, animal, sounds of things, music, natural sounds, channel and environment."""


def class_names(count: int) -> tuple[str, ...]:
    """Return the names of the classes of a network: those of the seven, else numbers.

    >>> class_names(2)
    ('class 1', 'class 2')
    """
    return CLASS_NAMES if count == len(CLASS_NAMES) else tuple(f"class {number + 1}" for number in range(count))


TAGS: dict[Kind, int] = {"audio": 527, "frame": 1000}
KEPT = 10
"""The tags of a picture that count: the likeliest."""
CLEAR, SPREAD = 0.3, 0.4
"""What a tagger says above the first is moved to 1 - SPREAD and more, so that it stands out."""


class Tagger(Protocol):
    """Says how much of the seven classes there is in each clip."""

    def __call__(self, clips: Sequence[str], inputs: npt.NDArray[Any]) -> Floats:
        """Return soft labels (N, 7) in 0..1 of N clips.

        Args:
            clips: their names.
            inputs: audio (N, samples), or frames (N, S, S, 3) uint8 RGB.
        """
        ...


def audio_labels(tags: npt.NDArray[Any], clusters: npt.NDArray[Any]) -> Floats:
    """Return soft labels of sounds: of each class its likeliest tag, and what is above 0.3 moved to 0.72 and more.

    Args:
        tags: (N, T) probabilities in 0..1.
        clusters: (7, T), 1 where a tag belongs to a class (``cluster_a.npy``).

    Returns:
        (N, 7) float32 in 0..1.

    >>> audio_labels(np.array([[0.5, 0.2, 0.9]]), np.array([[1, 1, 0], [0, 1, 0]])).round(3).tolist()
    [[0.800000011920929, 0.20000000298023224]]
    """
    tags, clusters = np.asarray(tags, np.float32), np.asarray(clusters, np.float32)
    likeliest = (tags[:, None] * clusters).max(axis=2)
    clear = likeliest * np.float32(SPREAD) + np.float32(1 - SPREAD)
    return np.asarray(np.where(likeliest > CLEAR, clear, likeliest))


def frame_labels(tags: npt.NDArray[Any], clusters: npt.NDArray[Any]) -> Floats:
    """Return soft labels of pictures: of each class the sum of those of the ten likeliest tags, over the largest sum.

    The released script cannot run as it stands (its index is no index, its product does not broadcast); this is what it
    says it does.

    Args:
        tags: (N, T) probabilities in 0..1.
        clusters: (T, 7), 1 where a tag belongs to a class (``cluster_v3.npy``).

    Returns:
        (N, 7) float32 in 0..1; zeros where no tag is likely at all.

    >>> frame_labels(np.array([[0.6, 0.1, 0.3]]), np.array([[1, 0], [1, 0], [0, 1]])).round(2).tolist()
    [[1.0, 0.4300000071525574]]
    """
    tags, clusters = np.asarray(tags, np.float32), np.asarray(clusters, np.float32)
    kept = np.zeros_like(tags)
    best = np.argsort(-tags, axis=1, kind="stable")[:, :KEPT]
    np.put_along_axis(kept, best, np.take_along_axis(tags, best, axis=1), axis=1)
    sums = kept @ clusters
    largest = sums.max(axis=1, keepdims=True)
    return np.asarray(np.divide(sums, largest, out=np.zeros_like(sums), where=largest > 0))


def read_clusters(path: Path, kind: Kind) -> npt.NDArray[np.float32]:
    """Return a published mapping: (7, 527) for ``audio``, (1000, 7) for ``frame``.

    Raises ``InputError`` naming the file where it is absent, or something else.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as an array of numpy ({first_line(error)})") from error
    tags, classes = TAGS[kind], len(CLASS_NAMES)
    shape = (classes, tags) if kind == "audio" else (tags, classes)
    if getattr(found, "shape", None) != shape or not np.isin(found, (0, 1)).all():
        raise InputError(f"{path}: expected zeros and ones {shape}, got {getattr(found, 'shape', 'no array')}")
    return np.asarray(found, np.float32)


class MappedTagger:
    """A network that knows more classes, mapped to the seven.

    Args:
        tag: audio or frames of N clips -> (N, T) probabilities.
        clusters: of the kind (:func:`read_clusters`).
        kind: what is labelled.
    """

    def __init__(self, tag: Callable[[npt.NDArray[Any]], npt.NDArray[Any]], clusters: npt.NDArray[Any], kind: Kind):
        self._tag, self._clusters = tag, clusters
        self._map = audio_labels if kind == "audio" else frame_labels
        self._tags = clusters.shape[1 if kind == "audio" else 0]

    def __call__(self, clips: Sequence[str], inputs: npt.NDArray[Any]) -> Floats:
        """Return soft labels (N, 7). Raises ``ValueError`` where the network gives another shape."""
        tags = np.asarray(self._tag(inputs))
        if tags.shape != (len(clips), self._tags):
            raise ValueError(f"tags: expected {(len(clips), self._tags)}, the tagger gives {tags.shape}")
        return self._map(tags, self._clusters)
