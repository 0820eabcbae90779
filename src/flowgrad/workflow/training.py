"""What the training rules need to know of a run: beside :mod:`flowgrad.workflow.run`, and as light."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgrad import artifacts, paths, weights
from flowgrad.code import module_of
from flowgrad.config import TRAINED, Config
from flowgrad.config.training import TrainingConfig
from flowgrad.datasets.base import Dataset
from flowgrad.datasets.streets import Streets
from flowgrad.datasets.unlabelled import Unannotated
from flowgrad.datasets.videos import Videos
from flowgrad.errors import InputError
from flowgrad.models.base import SampleSpec, Training, Weights
from flowgrad.models.registry import DEFAULT_MODELS, get_model, trainable, weights_of
from flowgrad.plan import Plan
from flowgrad.provenance import code_digest
from flowgrad.shard import PlannedClip, file_sha256, read_shard
from flowgrad.training.labels import read_labels
from flowgrad.training.samples import split, too_few, windows_of
from flowgrad.weights import IMAGENET, trained_checkpoint

if TYPE_CHECKING:
    from flowgrad.training.loop import Schedule

FIT = "flowgrad.stages.fit"
FIT_DETECTOR = "flowgrad.stages.fit_detector"
NOT_SCHEDULE = {"detector_epochs", "root", "labels", "methods", "init", "threads", "gpus", "frames_per_second"}


def starts(method: str) -> list[str]:
    """Return the words that can stand for a file to start from: another model is one that is trained here."""
    models = {declared(other).init for other in trainable()} & set(trainable()) - {method}
    return ["imagenet", "random", *sorted(models)]


def declared(method: str) -> Training:
    """Return how a model is trained."""
    training = get_model(method).training
    assert training is not None, method
    return training


def settings_of(training: TrainingConfig, method: str) -> dict[str, Any]:
    """Return what a checkpoint of a method depends on, JSON-ready: the settings, its recipe among them."""
    return training.model_dump(mode="json", exclude=NOT_SCHEDULE) | asdict(training.recipe_of(method))


def schedule_of(training: TrainingConfig, method: str) -> Schedule:
    """Return how a method is trained."""
    from flowgrad.training.loop import Schedule

    settings = settings_of(training, method)
    return Schedule(**{field.name: settings[field.name] for field in fields(Schedule)})


def start_file(config: Config, method: str) -> Path | None:
    """Return the file that the training of a method starts from; None where it starts at random.

    Raises ``InputError`` where the file is nowhere.
    """
    start = config.training.init_of(method)
    if start == "random":
        return None
    if start in starts(method) and start in trainable():
        given = config.checkpoints.get(start)
        found = None if given == TRAINED else weights.find(given or _published(start))
        if found is not None:
            return found
        if given == TRAINED or (given is None and start in config.training.methods):
            return trained_checkpoint(start)
        raise InputError(
            f"training.init.{method}: no {start} to start from; set checkpoints.{start} to a file or to {TRAINED}"
        )
    name = IMAGENET if start == "imagenet" else start
    found = weights.find(name)
    if found is None:
        absent = weights.absent(f"training.init.{method}", name, words=starts(method))
        raise InputError(f"{absent}; or set it to random")
    return found


def _published(method: str) -> str:
    """Return the published file of a method."""
    return _weights(method).file


def _weights(method: str) -> Weights:
    found = get_model(method).weights
    assert found is not None, method
    return found


def _made_here(path: Path) -> bool:
    """Return whether a training of this run makes a checkpoint."""
    return path in {trained_checkpoint(method) for method in trainable()}


def training_dataset(config: Config) -> Dataset:
    """Return the clips to learn from."""
    if config.training.root is not None:
        return Videos(config.training.root)
    if config.dataset.rendered:
        return Streets(config.streets.settings(), "unlabelled", config.streets.unlabelled)
    dataset = config.open_dataset()
    if dataset.labelled:
        return Unannotated(dataset)
    return dataset


def training_problems(config: Config) -> list[str]:
    """Return why nothing can be learnt from the clips that are named, one sentence each."""
    dataset = training_dataset(config)
    found = [problem.replace("dataset.root", "training.root") for problem in dataset.problems()]
    found += _method_problems(config)
    if found:
        return found
    names = [clip.name for clip in dataset.clips()]
    if names:
        return _street_problems(config, names) if isinstance(dataset, Streets) else []
    if config.dataset.rendered:
        return ["streets.unlabelled: 0 leaves nothing to learn from; raise it"]
    return [
        f"training.root: every clip of {dataset.root} is annotated, and nothing is learnt from those; name a folder of"
        " videos"
    ]


def _trained(config: Config) -> list[str]:
    """Return the models that this run may train."""
    rows = DEFAULT_MODELS if config.models == "available" else config.models
    needed = {weights.key for name in rows for weights in weights_of(name)}
    named = (name for name, file in config.checkpoints.items() if file == TRAINED and name in needed)
    return sorted({*config.training.methods, *(name for name in named if name in trainable())})


def _method_problems(config: Config) -> list[str]:
    """Return why models cannot start, or the pseudo labels that they learn from cannot be had, one sentence each."""
    table, found = config.training.labels, list[str]()
    for method in _trained(config):
        classes, init = declared(method).classes, config.training.init_of(method)
        if declared(method).second and init in ("imagenet", "random"):
            found.append(
                f"training.init.{method}: expected a checkpoint of its first stage, got {init}; leave the key out, or"
                f" name {declared(method).init}"
            )
        if classes and table is None:
            found.append(f"training.labels: {method} learns from pseudo labels of {classes} classes; give a table")
        elif classes and table is not None:
            try:
                read_labels(table, classes)
            except InputError as error:
                found.append(f"training.labels: {error}")
    return found


def _street_problems(config: Config, names: list[str]) -> list[str]:
    """Return why streets that are not rendered yet do not do to learn from; of other clips the length is not known."""
    training, seconds, methods = config.training, config.streets.settings().seconds, _trained(config)
    needed = max(declared(method).sample_of(training.preset).seconds for method in methods)
    batch_size = max(training.recipe_of(method).batch_size for method in methods)
    windows = windows_of(seconds, needed)
    if not windows:
        return [f"streets.seconds: {seconds:g} s hold no window of {needed:g} s to learn from; raise it"]
    kept, aside = split(names, training.held_out, training.seed)
    problem = too_few(len(kept), len(aside), len(kept) * windows, batch_size, needed)
    return [f"streets.unlabelled: {problem}"] if problem else []


@dataclass(frozen=True)
class TrainingRun:
    """The training part of a run. Its clips are planned when a rule first asks for them: most runs train nothing.

    Attributes:
        config: of the run.
        labelled: the plan of the run itself, whose annotated clips nothing may learn from.
        update: bring the plan up to date: only in the process that a person started, and not beside another run.
    """

    config: Config
    labelled: Plan
    update: bool

    def dataset(self) -> Dataset:
        """Return the clips to learn from."""
        return training_dataset(self.config)

    def planned(self) -> Plan:
        """Bring the plan of the clips to learn from up to date, once a run, and return it.

        Raises ``InputError`` where there are none.
        """
        return self._planned

    @cached_property
    def _planned(self) -> Plan:
        plan = Plan(Path(paths.TRAINING))
        if self.update:
            problems = training_problems(self.config)
            if problems:
                raise InputError("; ".join(problems))
            plan.update(self.dataset(), self.config.clips_per_job)
            artifacts.write_json(self.clips_file, {"planned": plan.places(), "labelled": self._labelled_clips(plan)})
        return plan

    @property
    def root(self) -> Path:
        """Return the folder that the clips' paths are relative to."""
        return self.dataset().root

    @property
    def clips_file(self) -> Path:
        """Return the list of the clips that there are, and of those among them that are annotated in the dataset."""
        return Path(paths.TRAINING_PLAN)

    def _labelled_clips(self, plan: Plan) -> list[str]:
        """Return the clips that nothing may learn from: an annotated clip's own file, or another of its name."""
        if not self.config.dataset.labelled:
            return []
        annotated = _clips(self.labelled)
        files, names = {clip.video_sha256 for clip in annotated}, {clip.name for clip in annotated}
        return sorted(
            clip.name for clip in _clips(plan) if clip.video_sha256 in files or Path(clip.video).stem in names
        )

    # rule samples

    def samples(self, method: str) -> list[str]:
        """Return the samples artifacts that a method learns from."""
        return [paths.samples(self._sample(method), shard) for shard in self.planned().shards()]

    def statuses(self, method: str) -> list[str]:
        """Return the tables of what became of each clip."""
        return [paths.samples_status(self._sample(method), shard) for shard in self.planned().shards()]

    def spec(self, name: str) -> SampleSpec:
        """Return what samples of this name hold."""
        specs = (declared(method).sample_of(self.config.training.preset) for method in trainable())
        return next(spec for spec in specs if spec.name == name)

    def _sample(self, method: str) -> str:
        return declared(method).sample_of(self.config.training.preset).name

    # rules fit and fit_detector

    def start_input(self, method: str) -> list[str]:
        """Return the file that a method starts from, where this run makes it."""
        start = start_file(self.config, method)
        return [str(start)] if start is not None and _made_here(start) else []

    def train_params(self, method: str) -> dict[str, Any]:
        """Return what a checkpoint depends on besides the samples."""
        start = start_file(self.config, method)
        # a file by what it holds: its path can be written in many ways
        known = str(start) if start is None or _made_here(start) else file_sha256(start)
        named = self.config.training.init_of(method)
        kind = named if named in starts(method) else "file"
        code = code_digest(FIT, module_of(declared(method).objective))
        table = self._labels(method)
        labels = {} if table is None else {"labels": file_sha256(table)}
        return {"code": code, "start": [kind, known]} | labels | settings_of(self.config.training, method)

    def fit_settings(self, method: str) -> dict[str, Any]:
        """Return the arguments of stage ``fit`` that say what is trained and how."""
        from flowgrad.training.objective import Start

        training, model = self.config.training, declared(method)
        kind = training.init_of(method)
        if kind not in starts(method):
            # a file of one's own
            kind = model.init if model.init in trainable() else method
        return {
            "identity": self.train_params(method),
            "objective": model.objective,
            "labels_in": self._labels(method),
            "classes": model.classes,
            "layout": _weights(method).layout,
            "start": Start(kind, start_file(self.config, method), training.width, training.compare, training.preset),
            "schedule": schedule_of(training, method),
        }

    def _labels(self, method: str) -> Path | None:
        return self.config.training.labels if declared(method).classes else None

    def memory_mb(self, method: str) -> int:
        """Return what a training takes on a processor: what FlowGrad-EN took in batches of 8 and 24, and some more."""
        training = self.config.training
        return 2500 + 85 * training.recipe_of(method).batch_size * training.width // 64

    def rendered_shards(self) -> list[str]:
        """Return the marks of the rendered videos that a detector is trained from."""
        return [paths.rendered("unlabelled", shard) for shard in self.planned().shards()]

    def detector_params(self) -> dict[str, Any]:
        """Return what the trained detector depends on besides the videos."""
        training = self.config.training
        return {"code": code_digest(FIT_DETECTOR), "epochs": training.detector_epochs, "seed": training.seed}

    def checkpoints(self) -> list[str]:
        """Return the checkpoints that the target ``train`` makes."""
        return [str(trained_checkpoint(method)) for method in self.config.training.methods]


def _clips(plan: Plan) -> list[PlannedClip]:
    present = plan.present()
    return [clip for shard in plan.shards() for clip in read_shard(plan.shard_file(shard)) if clip.name in present]
