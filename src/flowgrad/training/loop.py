"""Lightning's loop around one objective: held-out videos decide when it ends and which epoch is kept."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch import nn

from flowgrad.errors import InputError
from flowgrad.training.checkpointing import AtomicCheckpoints
from flowgrad.training.data import Batch as Drawn
from flowgrad.training.data import Batches, EpochBatches, HeldOutBatches, loader
from flowgrad.training.learner import Learner, samples_of
from flowgrad.training.objective import MOSAIC, Objective, Samples
from flowgrad.training.samples import SampleSet, split, too_few
from flowgrad.training.statistics import measure

log = logging.getLogger(__name__)

GPU_WORKERS = 4
"""Processes that read ahead for a GPU; a CPU is busier with the networks than with reading."""
MEASURED = ("train_loss", "held_out_loss", "held_out_chance", "held_out_retrieval")
"""What Lightning measures in an epoch."""
CONCLUDED_OVER = 512
"""At most so many samples, or one batch, say what maps need besides weights."""
MEASURED_OVER = 16
"""At most so many batches give BatchNorm statistics, and mean and deviation of the flow."""


@dataclass(frozen=True)
class Schedule:
    """How a model is trained; the fields are those of ``training`` in the configuration.

    Those of a model's own :class:`flowgrad.models.base.Recipe` are explained there.
    """

    seed: int
    held_out: float
    batch_size: int
    passes: int
    together: int
    epochs: int
    learning_rate: float
    lr_patience: int | None
    early_stopping_patience: int | None
    augment: bool
    precision: Literal["float32", "bfloat16"]
    mosaics: float = 0.0
    optimizer: Literal["adam", "sgd"] = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.0

    @property
    def ends_after(self) -> int:
        """Return after how many epochs without a better held-out loss training ends."""
        return self.epochs if self.early_stopping_patience is None else self.early_stopping_patience


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        state: tensors of the best epoch, by the keys of the published checkpoints.
        best_epoch: its number, from 1.
        history: a row an epoch: epoch, train_loss, held_out_loss, held_out_chance (the loss where nothing is told
            apart), held_out_retrieval (share of held-out frames whose own sound is the nearest of its batch),
            learning_rate, samples_per_s.
    """

    state: dict[str, torch.Tensor]
    best_epoch: int
    history: list[dict[str, float]]


class History(L.Callback):
    """Remembers the figures of every epoch, across a resumption too, and says a line an epoch."""

    def __init__(self, batch_size: int, say: Callable[[str], None]):
        self.rows: list[dict[str, float]] = []
        self._batch_size, self._say = batch_size, say
        self._began = self._elapsed = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; Lightning calls this."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint kept; Lightning calls this."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock; Lightning calls this."""
        self._began = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the clock; Lightning calls this."""
        self._elapsed = time.perf_counter() - self._began

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the epoch; Lightning calls this before it writes checkpoints."""
        found = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row: dict[str, float] = {"epoch": trainer.current_epoch + 1}
        row |= {name: found[name] for name in MEASURED}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        row["samples_per_s"] = int(trainer.num_training_batches) * self._batch_size / self._elapsed
        self.rows.append(row)
        if trainer.is_global_zero:
            self._say(
                f"epoch {row['epoch']} of at most {trainer.max_epochs}: loss {row['train_loss']:.3f}, on held-out"
                f" videos {row['held_out_loss']:.3f} (chance: {row['held_out_chance']:.3f}),"
                f" {row['samples_per_s']:.0f} samples a second"
            )


class Statistics(L.Callback):
    """Measures BatchNorm statistics over samples to learn from, as inference sees them: always the same ones.

    Those of new branches before the first step, and all of them before every held-out loss. What an epoch leaves behind
    is therefore what was judged. Every process measures over all of the samples, so that none differs.
    """

    def __init__(self, samples: SampleSet, batches: EpochBatches):
        self._reads, self._keys = Batches(samples), list(batches)[:MEASURED_OVER]

    def _batches(self, trainer: L.Trainer) -> Iterator[Drawn]:
        for keys in self._keys:
            yield trainer.strategy.batch_to_device(self._reads[keys])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make new branches see; Lightning calls this, for a training that is taken up again too."""
        assert isinstance(pl_module, Learner)
        if trainer.current_epoch == 0:
            pl_module.objective.measure(_shown(pl_module.objective, self._batches(trainer)))
            self._measure(trainer, pl_module.objective, pl_module.objective.new_branches())

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make the statistics fit the weights; Lightning calls this before the held-out batches."""
        assert isinstance(pl_module, Learner)
        self._measure(trainer, pl_module.objective, pl_module.objective.measured_parts())

    def _measure(self, trainer: L.Trainer, objective: Objective, parts: list[nn.Module]) -> None:
        if parts:
            with trainer.precision_plugin.val_step_context():
                measure(objective, parts, _shown(objective, self._batches(trainer)), objective.embeddings)


def fit(
    objective: Objective,
    samples: SampleSet,
    schedule: Schedule,
    *,
    folder: Path,
    device: str,
    say: Callable[[str], None],
    processes: int = 1,
    bar: bool = False,
) -> Outcome | None:
    """Train one model until held-out videos say that it is enough.

    Args:
        objective: the networks where they start, and the loss.
        samples: what is learnt from; some of its clips are held out.
        schedule: how.
        folder: keeps ``last.ckpt`` and ``best.ckpt``; where the former is there, training goes on after its epoch.
        device: ``cpu`` or ``cuda``.
        say: told a line an epoch.
        processes: GPUs, or processes on a CPU, that share every batch by Lightning's own strategy.
        bar: show Lightning's progress bar.

    Returns:
        None in all processes but the first.

    Raises:
        InputError: too few clips, a batch that cannot be shared, a loss that is no number, or a full disk.
    """
    if schedule.batch_size % processes:
        raise InputError(f"training.batch_size: {schedule.batch_size} cannot be shared evenly by {processes} GPUs")
    if schedule.mosaics and schedule.batch_size % (MOSAIC * processes):
        raise InputError(
            f"training.mosaics: {schedule.batch_size} samples make no whole mosaics of {MOSAIC}"
            + (f" on each of {processes} GPUs" if processes > 1 else "")
            + f"; set training.batch_size to a multiple of {MOSAIC * processes}"
        )
    kept, aside = split(samples.clips, schedule.held_out, schedule.seed, samples.places)
    windows = sum(len(samples.apart(clip, 0)) for clip in kept)
    problem = too_few(len(kept), len(aside), windows, schedule.batch_size, samples.spec.seconds)
    if problem:
        raise InputError(problem)
    L.seed_everything(schedule.seed, verbose=False)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    warnings.filterwarnings("ignore", ".*`srun` command.*")
    warnings.filterwarnings("ignore", ".*exists and is not empty.*")
    # what is frozen is
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    history = History(schedule.batch_size, say)
    each_epoch: dict[str, Any] = {
        "dirpath": folder,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
    }
    trainer = L.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=processes,
        precision="bf16-mixed" if schedule.precision == "bfloat16" else "32-true",
        max_epochs=schedule.epochs,
        callbacks=[
            history,
            # after the clock has stopped
            Statistics(samples, _everything(samples, kept, schedule)),
            EarlyStopping("held_out_loss", patience=schedule.ends_after, check_on_train_epoch_end=True),
            # in this order: what goes on from the last knows of the best
            ModelCheckpoint(filename="best", monitor="held_out_loss", **each_epoch),
            ModelCheckpoint(filename="last", **each_epoch),
            *([TQDMProgressBar()] if bar else []),
        ],
        # it starts its processes itself, also in a SLURM job, which has one task
        plugins=[AtomicCheckpoints(), LightningEnvironment()],
        logger=False,
        enable_progress_bar=bar,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    batches = EpochBatches(
        samples,
        kept,
        schedule.batch_size,
        schedule.passes,
        schedule.together,
        schedule.seed,
        trainer.global_rank,
        trainer.world_size,
        objective.shuffles,
    )
    checks = HeldOutBatches(samples, aside, schedule.batch_size, schedule.passes)
    workers, pinned = (GPU_WORKERS, True) if device == "cuda" else (0, False)
    last = folder / "last.ckpt"
    rows = _rows_if_ended(last, schedule.ends_after)
    if last.is_file():
        say(f"goes on from {last}")
    if rows is None:
        trainer.fit(
            Learner(
                objective,
                schedule.learning_rate,
                schedule.lr_patience,
                schedule.augment,
                schedule.seed,
                schedule.mosaics,
                schedule.optimizer,
                schedule.weight_decay,
                schedule.momentum,
            ).to(memory_format=torch.channels_last),
            loader(samples, batches, workers, pinned),
            loader(samples, checks, workers, pinned),
            ckpt_path=last if last.is_file() else None,
        )
        rows = history.rows
    if not trainer.is_global_zero:
        return None
    kept_epoch = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    state = concluded(objective, kept_epoch["state_dict"], samples, schedule)
    return Outcome(state, int(kept_epoch["epoch"]) + 1, rows)


def concluded(
    objective: Objective, state: dict[str, torch.Tensor], samples: SampleSet, schedule: Schedule
) -> dict[str, torch.Tensor]:
    """Return the tensors of an epoch with what its maps need besides (:meth:`Objective.conclude`)."""
    kept, _ = split(samples.clips, schedule.held_out, schedule.seed, samples.places)
    keys = list(_everything(samples, kept, schedule))[: max(1, CONCLUDED_OVER // schedule.batch_size)]
    reads = Batches(samples)
    # laid out as in the training, so that one taken up again gives the same bits
    objective.to("cpu", memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective.load_state_dict(state)
    objective.eval()
    with torch.no_grad():
        objective.conclude(_shown(objective, (reads[some] for some in keys)))
    return objective.state_dict()


def _shown(objective: Objective, batches: Iterable[Drawn]) -> Iterator[Samples]:
    """Yield batches as an objective is shown them."""
    return (samples_of(batch, objective.flow_per_second) for batch in batches)


def _everything(samples: SampleSet, clips: list[str], schedule: Schedule) -> EpochBatches:
    """Return batches to measure over, the same in every epoch and on every process."""
    return EpochBatches(samples, clips, schedule.batch_size, 1, 1, schedule.seed)


def _rows_if_ended(last: Path, early_stopping_patience: int) -> list[dict[str, float]] | None:
    """Return the figures of a training that early stopping had ended when it was killed, else None.

    Lightning would go on for another epoch.
    """
    if not last.is_file():
        return None
    states = torch.load(last, map_location="cpu", weights_only=True)["callbacks"]
    stopping = next(state for name, state in states.items() if name.startswith("EarlyStopping"))
    return states["History"]["rows"] if stopping["wait_count"] >= early_stopping_patience else None
