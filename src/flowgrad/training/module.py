"""The networks as Lightning trains them; the attribute names are those of the published checkpoints."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from flowgrad.errors import InputError
from flowgrad.flow.magnitude import INPUT_OFFSET, INPUT_SCALE
from flowgrad.models.inputs import PIXEL_DEVIATION, PIXEL_MEAN
from flowgrad.training.augment import augmented
from flowgrad.training.data import Batch
from flowgrad.training.objectives import PAIRS, InfoNCE

SMALLEST_LEARNING_RATE = 1e-6
SHRINK = 0.1


class ContrastiveTraining(L.LightningModule):
    """Trains the encoders of one method.

    Args:
        method: ``rcgrad``, ``flowgrad-ic`` or ``flowgrad-en``.
        encoders: where they start, by the names of the published checkpoints.
        learning_rate: of Adam.
        lr_patience: epochs without a better held-out loss after which the learning rate shrinks to a tenth.
        augment: change batches at random (:mod:`flowgrad.training.augment`).
        seed: of those changes.
    """

    def __init__(
        self,
        method: str,
        encoders: nn.ModuleDict,
        learning_rate: float,
        lr_patience: int,
        augment: bool = False,
        seed: int = 0,
    ):
        super().__init__()
        self.method, self.augment, self.seed = method, augment, seed
        self.learning_rate, self.lr_patience = learning_rate, lr_patience
        for name, encoder in encoders.items():
            self.add_module(name, encoder)
        self.loss_fn = InfoNCE()

    def embeddings(self, batch: Batch, draws: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return what each encoder makes of a batch, (N, 8 width) each; ``draws`` says how it is changed before."""
        sound = batch["sound"]
        picture = batch["picture"].permute(0, 3, 1, 2).float() / 255
        magnitude = batch["magnitude"].unsqueeze(1).float()
        if draws is not None:
            picture, magnitude, sound = augmented(picture, magnitude, sound, draws)
        mean, deviation = (sound.new_tensor(values).view(1, 3, 1, 1) for values in (PIXEL_MEAN, PIXEL_DEVIATION))
        picture = (picture - mean) / deviation
        flow = (magnitude + INPUT_OFFSET) / INPUT_SCALE
        if self.method == "flowgrad-ic":
            picture = torch.cat((picture, flow), dim=1)
        found = {
            "image_encoder": self._encoded("image_encoder", picture),
            "audio_encoder": self.audio_encoder(sound),  # type: ignore[operator]
        }
        if self.method == "flowgrad-en":
            found["flow_encoder"] = self._encoded("flow_encoder", flow)
        if self.training and self.trainer.world_size > 1:
            # every process contrasts with the whole batch, not with its own part alone
            found = {name: _joined(self.all_gather(value, sync_grads=True)) for name, value in found.items()}
        return found

    def _encoded(self, name: str, x: Tensor) -> Tensor:
        encoder = getattr(self, name)
        return encoder(x.contiguous(memory_format=torch.channels_last)).mean(dim=(2, 3))  # type: ignore[no-any-return]

    def _loss(self, batch: Batch, draws: torch.Generator | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        found = self.embeddings(batch, draws)
        losses = [self.loss_fn(found[first], found[second]) for first, second in PAIRS[self.method]]
        return torch.stack(losses).sum(), found

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Return the loss of a batch; Lightning calls this."""
        draws = None
        if self.augment:
            # from the place in the training alone: a resumed one draws the same
            draws = torch.Generator().manual_seed(
                hash((self.seed, self.current_epoch, number, self.global_rank)) % 2**63
            )
        loss, _ = self._loss(batch, draws)
        self._check(loss)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["sound"]))
        return loss

    def _check(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise InputError(
                f"{self.method}: the loss is {loss.item()} in epoch {self.current_epoch + 1}; lower"
                f" training.learning_rate (now {self.learning_rate:g}), or set training.precision to float32"
            )

    def validation_step(self, batch: Batch, _: int) -> None:
        """Measure a held-out batch; Lightning calls this."""
        loss, found = self._loss(batch)
        self._check(loss)
        logits = self.loss_fn.logits(found["image_encoder"], found["audio_encoder"])
        hit = (logits.argmax(dim=1) == torch.arange(len(logits), device=logits.device)).float().mean()
        size = len(logits)
        self.log("held_out_loss", loss, on_epoch=True, batch_size=size, sync_dist=True)
        # what encoders would have that tell nothing apart; it grows with the batch, and so the loss with it
        chance = loss.new_tensor(math.log(size) * len(PAIRS[self.method]))
        self.log("held_out_chance", chance, on_epoch=True, batch_size=size, sync_dist=True)
        # beside 1 / size, what guessing gives
        self.log("held_out_retrieval", hit, on_epoch=True, batch_size=size, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return Adam and the plateau schedule (RCGrad's); Lightning calls this."""
        optimizer = torch.optim.Adam(self.parameters(), lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=SHRINK, patience=self.lr_patience, min_lr=SMALLEST_LEARNING_RATE
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "held_out_loss"}}


def _joined(parts: Any) -> Tensor:
    """Return gathered parts (R, N, C) as one batch (R N, C)."""
    return parts.flatten(0, 1)  # type: ignore[no-any-return]
