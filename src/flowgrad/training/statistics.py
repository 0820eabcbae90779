"""BatchNorm statistics that fit the weights: measured over training samples, not remembered from steps long past.

Running statistics are those of weights that have changed since, and of a branch that is new they are of nothing at all:
a flow encoder that starts as a copy of an image encoder divides by the deviation of pictures, and answers with a
constant until about a hundred batches have decayed that. A held-out loss measured meanwhile misleads the learning rate
and the choice of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_BATCH_NORM = nn.modules.batchnorm._BatchNorm


@contextmanager
def measured(parts: Iterable[nn.Module]) -> Iterator[None]:
    """Within it, every forward pass adds to the BatchNorm statistics of ``parts``, which begin anew.

    Afterwards they are the means over the passes, and every module is in the mode that it was in.
    """
    norms = [module for part in parts for module in part.modules() if isinstance(module, _BATCH_NORM)]
    before = [(norm.training, norm.momentum) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        # None: the mean over all batches, each counted alike
        norm.momentum = None
        norm.train()
    try:
        yield
    finally:
        for norm, (training, momentum) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.train(training)


def measure(whole: nn.Module, parts: Iterable[nn.Module], batches: Iterable[Any], run: Callable[[Any], Any]) -> None:
    """Measure the BatchNorm statistics of ``parts`` of a network; its weights and its other parts stay as they are.

    Args:
        whole: the network; its mode is the same afterwards.
        parts: those parts of it that are measured.
        batches: of nearly one size, at least one.
        run: passes a batch through the network.
    """
    modes = {module: module.training for module in whole.modules()}
    whole.eval()
    with torch.no_grad(), measured(list(parts)):
        for batch in batches:
            run(batch)
    for module, training in modes.items():
        module.training = training
