"""From samples to batches: which samples an epoch shows, in which order, and as which tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from flowgrad.training.samples import SampleSet

Key = tuple[str, int]
"""A clip and the number of one of its samples."""
Batch = dict[str, Tensor]


class Batches(Dataset[Batch]):
    """Batches by the keys of their samples.

    As tensors: ``frame`` (N, S, S, 3) uint8, ``flow`` (N, 224, 224) or (N, 2, 224, 224) where there is any,
    ``audio`` (N, samples) float32, ``label_audio`` and ``label_frame`` (N, classes) float32 where there are any.
    """

    def __init__(self, samples: SampleSet):
        self._samples = samples

    def __getitem__(self, keys: Sequence[Key]) -> Batch:
        """Return one batch."""
        found = [self._samples.read(*key).arrays for key in keys]
        return {name: torch.from_numpy(np.stack([sample[name] for sample in found])) for name in found[0]}


class EpochBatches(Sampler[list[Key]]):
    """Batches of an epoch: ``passes`` times as many windows of every clip as do not overlap, in a random order.

    Each pass lays the windows over every clip at a random offset (a clip of 10 s has one a pass, as RCGrad draws one
    from each file). ``together`` of a clip's windows follow each other, mostly into one batch: between them nothing but
    the traffic differs, so that the street itself does not give the answer away. What does not fill a batch is left to
    the next pass. Everything follows from seed and epoch, so that a resumed training sees what an uninterrupted one
    would have seen. With several processes (``ranks``) each takes its part of every batch.

    Not ``shuffled``, every epoch has the same batches: clips in the order that they are given in, their windows in the
    middle of where they fit.
    """

    def __init__(
        self,
        samples: SampleSet,
        clips: Sequence[str],
        batch_size: int,
        passes: int,
        together: int,
        seed: int,
        rank: int = 0,
        ranks: int = 1,
        shuffled: bool = True,
    ):
        self._samples, self._clips, self.batch_size = samples, list(clips), batch_size
        self._passes, self._together, self._seed, self._epoch = passes, together, seed, 0
        self._rank, self._ranks, self._shuffled = rank, ranks, shuffled

    def set_epoch(self, epoch: int) -> None:
        """Take the draw of an epoch; Lightning calls this."""
        self._epoch = epoch

    def _drawn(self) -> list[list[Key]]:
        rng = np.random.default_rng((self._seed, self._epoch))
        batches = []
        for _ in range(self._passes):
            keys = self._at_random(rng) if self._shuffled else self._in_order()
            for start in range(0, len(keys) - self.batch_size + 1, self.batch_size):
                batches.append(keys[start : start + self.batch_size])
        return batches

    def _at_random(self, rng: np.random.Generator) -> list[Key]:
        groups = []
        for clip in self._clips:
            numbers = rng.permutation(self._samples.apart(clip, float(rng.random()))).tolist()
            parts = range(0, len(numbers), self._together)
            groups += [[(clip, number) for number in numbers[start : start + self._together]] for start in parts]
        return [key for place in rng.permutation(len(groups)) for key in groups[place]]

    def _in_order(self) -> list[Key]:
        return [(clip, number) for clip in self._clips for number in self._samples.apart(clip, 0.5)]

    def __len__(self) -> int:
        return self._passes * (sum(len(self._samples.apart(clip, 0)) for clip in self._clips) // self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield the keys of each batch (of this process's part of it)."""
        for batch in self._drawn():
            yield batch[self._rank :: self._ranks]


class HeldOutBatches(Sampler[list[Key]]):
    """The same batches every time: windows of the held-out clips that do not overlap, at ``passes`` offsets."""

    def __init__(self, samples: SampleSet, clips: Sequence[str], batch_size: int, passes: int):
        self._batches: list[list[Key]] = []
        for step in range(passes):
            offset = (step + 0.5) / passes
            keys = [(clip, number) for clip in clips for number in samples.apart(clip, offset)]
            parts = max(1, round(len(keys) / batch_size))
            # parts of nearly one size: the loss grows with the logarithm of the size
            self._batches += [keys[part::parts] for part in range(parts)]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield the keys of each batch."""
        yield from self._batches


def loader(samples: SampleSet, batches: Sampler[list[Key]], workers: int, pinned: bool) -> DataLoader[Batch]:
    """Return a loader of batches; ``workers`` processes read ahead, 0 reads in this one."""
    # whole batches are drawn by what the loader calls its sampler: Lightning tells that one, and no other, the epoch
    return DataLoader(
        Batches(samples),
        sampler=batches,
        batch_size=None,
        num_workers=workers,
        pin_memory=pinned,
        persistent_workers=workers > 0,
    )
