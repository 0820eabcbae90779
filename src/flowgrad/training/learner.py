"""An objective as Lightning trains it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from flowgrad.constants import FRAMES_PER_SECOND
from flowgrad.errors import InputError
from flowgrad.training.augment import augmented
from flowgrad.training.data import Batch
from flowgrad.training.labels import KINDS
from flowgrad.training.objective import MOSAIC, Objective, Samples

SMALLEST_LEARNING_RATE = 1e-6
SHRINK = 0.1


class Learner(L.LightningModule):
    """Trains one model.

    Args:
        objective: the networks where they start, and the loss.
        learning_rate: at the start.
        lr_patience: epochs without a better held-out loss after which the learning rate shrinks to a tenth; None: it
            stays.
        augment: change batches at random (:mod:`flowgrad.training.augment`).
        seed: of those changes.
        mosaics: share of the batches whose frames are shown four in a picture.
        optimizer: ``adam`` or ``sgd``.
        weight_decay: of all weights, added to their gradient.
        momentum: of ``sgd``.
    """

    def __init__(
        self,
        objective: Objective,
        learning_rate: float,
        lr_patience: int | None,
        augment: bool = False,
        seed: int = 0,
        mosaics: float = 0.0,
        optimizer: Literal["adam", "sgd"] = "adam",
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ):
        super().__init__()
        self.objective, self.augment, self.seed, self.mosaics = objective, augment, seed, mosaics
        self.learning_rate, self.lr_patience = learning_rate, lr_patience
        self.optimizer, self.weight_decay, self.momentum = optimizer, weight_decay, momentum

    # the state that Lightning keeps has the keys of the published checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the tensors as the objective does; Lightning calls this."""
        checkpoint["state_dict"] = self.objective.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Name the tensors as this module does; Lightning calls this."""
        checkpoint["state_dict"] = {f"objective.{key}": value for key, value in checkpoint["state_dict"].items()}

    def embeddings(self, batch: Batch, draws: torch.Generator | None = None, number: int = 0) -> dict[str, Tensor]:
        """Return what the networks make of a batch of this number; ``draws`` says how it is changed before."""
        samples = samples_of(batch, self.objective.flow_per_second)
        if draws is not None and self.augment:
            samples = augmented(samples, draws, self.objective.turns_flow)
        if draws is not None and self._in_mosaics(number, len(samples.audio)):
            samples = replace(samples, mosaics=True)
        found = self.objective.embeddings(samples)
        if self.training and self.trainer.world_size > 1:
            # every process contrasts with the whole batch, not with its own part alone
            found = {name: _joined(self.all_gather(value, sync_grads=True)) for name, value in found.items()}
        return found

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Return the loss of a batch; Lightning calls this."""
        draws = None
        if self.augment or self.mosaics:
            # from the place in the training alone: a resumed one draws the same
            draws = torch.Generator().manual_seed(
                hash((self.seed, self.current_epoch, number, self.global_rank)) % 2**63
            )
        loss = self.objective.loss(self.embeddings(batch, draws, number))
        self._check(loss)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["audio"]))
        return loss

    def _in_mosaics(self, number: int, size: int) -> bool:
        """Return whether the frames of a batch are shown in mosaics: the same on every process that shares it."""
        if not self.mosaics or size % MOSAIC:
            return False
        draws = torch.Generator().manual_seed(hash((self.seed, self.current_epoch, number)) % 2**63)
        return torch.rand(1, generator=draws).item() < self.mosaics

    def _check(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise InputError(
                f"{self.objective.name}: the loss is {loss.item()} in epoch {self.current_epoch + 1}; lower"
                f" training.learning_rate (now {self.learning_rate:g}), or set training.precision to float32"
            )

    def validation_step(self, batch: Batch, _: int) -> None:
        """Measure a held-out batch; Lightning calls this."""
        found = self.embeddings(batch)
        loss = self.objective.loss(found)
        self._check(loss)
        logits = self.objective.logits(found)
        hit = (logits.argmax(dim=1) == torch.arange(len(logits), device=logits.device)).float().mean()
        size = len(logits)
        self.log("held_out_loss", loss, on_epoch=True, batch_size=size, sync_dist=True)
        # it grows with the batch, and so does the loss
        chance = loss.new_tensor(self.objective.chance(size))
        self.log("held_out_chance", chance, on_epoch=True, batch_size=size, sync_dist=True)
        # beside 1 / size, what guessing gives
        self.log("held_out_retrieval", hit, on_epoch=True, batch_size=size, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the plateau schedule (RCGrad's) unless the rate stays; Lightning calls this."""
        learnt = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer: torch.optim.Optimizer
        if self.optimizer == "sgd":
            optimizer = torch.optim.SGD(learnt, self.learning_rate, self.momentum, weight_decay=self.weight_decay)
        else:
            optimizer = torch.optim.Adam(learnt, self.learning_rate, weight_decay=self.weight_decay)
        if self.lr_patience is None:
            return {"optimizer": optimizer}
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=SHRINK, patience=self.lr_patience, min_lr=SMALLEST_LEARNING_RATE
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "held_out_loss"}}


def samples_of(batch: Batch, flow_per_second: bool = False) -> Samples:
    """Return a batch as networks are shown it: frames in [0, 1], channels first, flow per 1/8 s or per second."""
    flow = batch["flow"].float() * (FRAMES_PER_SECOND if flow_per_second else 1) if "flow" in batch else None
    if flow is not None and flow.ndim == 3:
        flow = flow.unsqueeze(1)
    labels = {kind: batch[f"label_{kind}"] for kind in KINDS if f"label_{kind}" in batch}
    return Samples(batch["frame"].permute(0, 3, 1, 2).float() / 255, flow, batch["audio"], labels)


def _joined(parts: Any) -> Tensor:
    """Return gathered parts (R, N, ...) as one batch (R N, ...)."""
    return parts.flatten(0, 1)  # type: ignore[no-any-return]
