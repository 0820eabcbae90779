"""What the Snakefile and the rule scripts need to know of a run: one small object, no Snakemake, no torch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flowgrad import selection
from flowgrad.check import Findings, check, check_raw, has_gpu
from flowgrad.config import TRAINED, Config, parse
from flowgrad.datasets.streets import ROOT as STREETS_ROOT
from flowgrad.detection.base import Detector
from flowgrad.errors import InputError
from flowgrad.last_run import Rows, note_rows, remove_outdated
from flowgrad.models.registry import ModelSpec, get_model, required
from flowgrad.origin import note_origin
from flowgrad.plan import FingerprintCache, Plan, file_sha256, read_annotations
from flowgrad.protocols import Protocol
from flowgrad.provenance import code_digest
from flowgrad.stages.decode import Recipe, at_hand
from flowgrad.training_run import TrainingRun
from flowgrad.weights import TRAINED_DETECTOR

RESULTS = Path("results")
DECODE = "flowgrad.stages.decode"
FLOW = "flowgrad.stages.flow"
HEATMAPS = "flowgrad.stages.heatmaps"
_SELECTING = set(selection.FIELDS)
DETECT = ("flowgrad.stages.detect", "flowgrad.detection.yolo")


@dataclass(frozen=True)
class Run:
    """A configured run in the working folder."""

    config: Config
    findings: Findings
    update: bool = False

    @cached_property
    def training(self) -> TrainingRun:
        """Return the training part of the run."""
        return TrainingRun(self.config, self.plan, self.update)

    @cached_property
    def plan(self) -> Plan:
        """Return the plan of the results folder."""
        return Plan(RESULTS)

    @cached_property
    def clips(self) -> dict[str, list[str]]:
        """Return the present clips of every shard that holds one."""
        members: dict[str, list[str]] = {}
        for clip, shard in sorted(self.plan.present().items()):
            members.setdefault(shard, []).append(clip)
        return members

    @cached_property
    def shards(self) -> list[str]:
        """Return the shards that hold a present clip, in order."""
        return sorted(self.clips)

    @cached_property
    def protocols(self) -> dict[str, Protocol]:
        """Return the protocols by name."""
        return self.config.used_protocols()

    @property
    def labelled(self) -> bool:
        """Return whether there is anything to score."""
        return self.config.dataset.labelled

    @cached_property
    def table_models(self) -> list[ModelSpec]:
        """Return the models of the table."""
        return [get_model(name) for name in self.findings.models]

    @cached_property
    def map_models(self) -> list[str]:
        """Return the models whose maps are made, those included that another derives from."""
        return [spec.name for spec in required(self.findings.models) if spec.makes_maps]

    @property
    def networks(self) -> list[str]:
        """Return those of :attr:`map_models` that look at pictures."""
        return [name for name in self.map_models if get_model(name).kind == "network"]

    @property
    def listens(self) -> bool:
        """Return whether any model needs sound."""
        return any(spec.sound for spec in self.table_models)

    @property
    def detects(self) -> bool:
        """Return whether any model needs detections."""
        return any(spec.kind == "boxes" for spec in self.table_models)

    @property
    def rows(self) -> Rows:
        """Return what the run shows."""
        return Rows(
            models=self.findings.models,
            protocols=list(self.protocols),
            maps=self.map_models,
            flow=any(get_model(name).flow for name in self.map_models),
            detections=self.detects,
        )

    def begin(self) -> None:
        """Note what the run shows, and remove what is no longer shown; only where no other run holds a lock."""
        note_rows(RESULTS, self.rows)
        protocols = self.protocols if self.config.pictures else ()
        remove_outdated(RESULTS, {(name, shard) for name in protocols for shard in self.shards}, self.labelled)

    # what a rule's result depends on besides its input files: given to the engine as parameters

    @cached_property
    def weights_sha256(self) -> dict[str, str]:
        """Return the SHA-256 of every checkpoint that is used, by its key, and of the ``detector``.

        What the run trains itself has none yet: the engine sees it as a file that other files are made from.
        """
        files = {key: path for key, path in self.findings.checkpoints.items() if not self.is_trained(key)}
        if self.findings.detector not in (None, TRAINED_DETECTOR):
            files["detector"] = self.findings.detector
        # once a run: the engine asks for the parameters of every job, and the cache lists every clip
        cache = FingerprintCache(self.plan.folder / "fingerprints.json")
        digests = {key: cache.digest(path) for key, path in files.items()}
        cache.save()
        return digests

    def decode_params(self) -> dict[str, Any]:
        """Return what decoding depends on."""
        # not the sample rates: a protocol that is added later decodes for itself what it lacks
        return {"code": code_digest(DECODE)} | self._selection()

    def _selection(self) -> dict[str, Any]:
        """Return what the choice of frames depends on: nothing while all are computed."""
        if self.config.frames == "all":
            return {"frames": "all"}
        fields = {tuple(sorted(rules.model_dump(include=_SELECTING).items())) for rules in self.protocols.values()}
        return {"frames": sorted(fields)}

    def flow_params(self) -> dict[str, Any]:
        """Return what flow depends on."""
        return {"code": code_digest(FLOW, DECODE)} | self._selection()

    def heatmap_params(self, model: str, protocol: str) -> dict[str, Any]:
        """Return what the maps of a model under a protocol depend on."""
        spec = get_model(model)
        code = [HEATMAPS, *([spec.code.split(":")[0]] if spec.code else [])]
        if spec.kind == "network":
            code.append(DECODE)
        if spec.flow:
            code.append(FLOW)
        params: dict[str, Any] = {
            "code": code_digest(*code),
            "protocol": self.protocols[protocol].model_dump(include=_map_fields(spec)),
            "selection": self._selection(),
        }
        if spec.kind == "network" and spec.checkpoint:
            weights = self.weights_sha256.get(spec.checkpoint, TRAINED)
            params |= {"weights": weights, "precision": self.config.precision}
        return params

    def detect_params(self) -> dict[str, Any]:
        """Return what detection depends on."""
        made_by = {"code": code_digest(*DETECT, DECODE), "weights": self.weights_sha256.get("detector", TRAINED)}
        return made_by | self.config.detector.model_dump(exclude={"weights"}) | self._selection()

    def stationary_params(self, protocol: str) -> dict[str, Any]:
        """Return what the stationary filter depends on."""
        fields = {"stationary_iou", "stationary_gap", "stationary_drop"}
        rules = self.protocols[protocol].model_dump(include=fields)
        return {"code": code_digest(DETECT[0])} | rules | self._selection()

    def score_params(self) -> dict[str, Any]:
        """Return what scores depend on besides maps and detections."""
        return {
            "code": code_digest("flowgrad.stages.score", *self._control_code()),
            "models": self.findings.models,
            "protocols": {name: protocol.model_dump() for name, protocol in self.protocols.items()},
        }

    def _control_code(self) -> list[str]:
        """Return the modules of the controls, which the stages load by name."""
        return [spec.code.split(":")[0] for spec in self.table_models if spec.kind == "control" and spec.code]

    def picture_params(self, protocol: str, shard: str) -> dict[str, Any]:
        """Return what the sheet of a shard under a protocol depends on besides maps, detections and scores."""
        return {
            "code": code_digest("flowgrad.stages.pictures", *self._control_code()),
            "models": self.findings.models,
            "protocol": self.protocols[protocol].model_dump(),
            "pictures": self.config.pictures,
            "clips": self.clips.get(shard, []),
        }

    def summary_params(self) -> dict[str, Any]:
        """Return what the summary depends on besides the scores."""
        return {
            "code": code_digest("flowgrad.stages.tables"),
            "models": self.findings.models,
            "protocols": list(self.protocols),
        }

    def clips_params(self) -> dict[str, Any]:
        """Return what the table of clips depends on besides what became of each clip."""
        fields = [rules.model_dump(include=_SELECTING) for rules in self.protocols.values()]
        params = {"code": code_digest("flowgrad.stages.tables"), "listens": self.listens, "protocols": fields}
        # where a row that went has no table to go from: a run without a job does not begin, and notes nothing
        return params if self.labelled else params | {"rows": asdict(self.rows)}

    # the files of a rule

    @property
    def scored_map_models(self) -> list[str]:
        """Return the models of the table that are scored from their maps."""
        return [spec.name for spec in self.table_models if spec.makes_maps]

    @property
    def gpus(self) -> int:
        """Return how many GPUs a job of a network asks for; with ``auto`` one where this machine has any."""
        if self.config.device == "auto":
            return int(has_gpu())
        return int(self.config.device == "cuda")

    @property
    def training_gpus(self) -> int:
        """Return how many GPUs a training asks for."""
        return self.gpus * self.config.training.gpus

    def heatmap_inputs(self, model: str, protocol: str, shard: str) -> dict[str, str]:
        """Return the files that the maps of a model are made from."""
        spec = get_model(model)
        inputs = {}
        if spec.kind == "network":
            inputs["frames"] = f"{RESULTS}/frames/{shard}.h5"
            if spec.checkpoint and self.is_trained(spec.checkpoint):
                inputs["checkpoint"] = str(self.findings.checkpoints[spec.checkpoint])
        if spec.flow:
            inputs["flow"] = f"{RESULTS}/flow/{shard}.h5"
        if spec.derived_from:
            inputs["maps"] = f"{RESULTS}/heatmaps/{protocol}/{spec.derived_from}/{shard}.h5"
        return inputs

    def arithmetic_inputs(self, model: str, shard: str) -> list[str]:
        """Return the files that the maps of a model under all protocols are made from."""
        needed = [self.heatmap_inputs(model, protocol, shard).values() for protocol in self.protocols]
        return sorted({path for paths in needed for path in paths})

    def heatmap_sources(self, model: str, protocol: str, shard: str, weights: str) -> dict[str, Any]:
        """Return the arguments of stage ``heatmaps`` that say what is made from what.

        ``weights`` is the digest that :meth:`heatmap_params` gave.
        """
        spec = get_model(model)
        inputs = self.heatmap_inputs(model, protocol, shard)
        checkpoint = self.findings.checkpoints[spec.checkpoint] if spec.kind == "network" and spec.checkpoint else None
        return {
            "spec": spec,
            "protocol_name": protocol,
            "protocol": self.protocols[protocol],
            "flow_in": Path(inputs["flow"]) if "flow" in inputs else None,
            "maps_in": Path(inputs["maps"]) if "maps" in inputs else None,
            "wanted": self.scored_frames(shard, protocol),
            "checkpoint": checkpoint,
            "checkpoint_sha256": file_sha256(checkpoint) if checkpoint and weights == TRAINED else weights,
        }

    def is_trained(self, key: str) -> bool:
        """Return whether the run makes a checkpoint itself."""
        return self.config.checkpoints.get(key) == TRAINED

    @property
    def trained_detector(self) -> list[str]:
        """Return the detector's weights where the run makes them itself."""
        return [str(TRAINED_DETECTOR)] if self.findings.detector == TRAINED_DETECTOR else []

    def rendered(self, part: str, shard: str) -> list[str]:
        """Return the mark that the videos of a shard are rendered, where the run renders them itself.

        ``part``: ``labelled`` (the clips that are scored) or ``unlabelled`` (those that are learnt from).
        """
        rendering = self.config.dataset.format == "streets" and (part == "labelled" or not self.config.training.root)
        return [f"{STREETS_ROOT}/{part}/{shard}.rendered"] if rendering else []

    def shard_of(self, part: str, shard: str) -> Path:
        """Return the file that lists the clips of a shard of rendered streets."""
        return (self.plan if part == "labelled" else self.training.plan).shard_file(shard)

    def street_params(self) -> dict[str, Any]:
        """Return what the annotations of rendered streets depend on besides their names."""
        return {
            "code": code_digest("flowgrad.synthetic.dataset"),
            "settings": self.config.streets.settings().model_dump(),
        }

    def boxes_file(self, protocol: str, shard: str) -> str:
        """Return the table of all boxes on the frames that a protocol looks at."""
        return f"{RESULTS}/boxes/{self.protocols[protocol].frame_storage}/{shard}.csv"

    def score_maps(self, shard: str) -> dict[tuple[str, str], Path]:
        """Return the maps that are scored, by (model, protocol)."""
        return {
            (model, protocol): RESULTS / "heatmaps" / protocol / model / f"{shard}.h5"
            for model in self.scored_map_models
            for protocol in self.protocols
        }

    def score_detections(self, shard: str) -> dict[str, Path]:
        """Return the detections that are scored, by protocol."""
        names = self.protocols if self.detects else ()
        return {protocol: RESULTS / "detections" / protocol / f"{shard}.csv" for protocol in names}

    def picture_sources(self, protocol: str, shard: str) -> dict[str, Any]:
        """Return the arguments of stage ``pictures`` that say what is drawn from what."""
        return {
            "shard_in": self.plan.shard_file(shard),
            "root": self.config.open_dataset().root,
            "status_in": RESULTS / "status" / f"{shard}.csv",
            "specs": self.table_models,
            "protocol": self.protocols[protocol],
            "maps_in": {model: path for (model, name), path in self.score_maps(shard).items() if name == protocol},
            "detections_in": self.score_detections(shard).get(protocol),
            "annotations_in": self.plan.annotation_file(shard) if self.labelled else None,
            "scores_in": RESULTS / "scores" / f"{shard}.csv" if self.labelled else None,
        }

    def detector(self, threads: int) -> Detector:
        """Return the configured detector, loaded."""
        import torch

        from flowgrad.detection.yolo import Yolo
        from flowgrad.models import resolve_device

        torch.set_num_threads(threads)
        settings = self.config.detector
        assert self.findings.detector is not None
        return Yolo(
            self.findings.detector,
            image_size=settings.image_size,
            confidence=settings.confidence,
            iou=settings.iou,
            device=resolve_device(self.config.device),
            classes=settings.classes,
        )

    # frames

    def recipe(self, shard: str) -> Recipe:
        """Return what the frames of a shard are decoded from, and how."""
        return Recipe(
            shard=self.plan.shard_file(shard),
            root=self.config.open_dataset().root,
            sample_rates=tuple(sorted({protocol.sample_rate for protocol in self.protocols.values()})),
            wanted=self.decoded_frames(shard),
        )

    def frames(self, shard: str) -> contextlib.AbstractContextManager[Path]:
        """Give the frames artifact of a shard to read, decoded anew if it was released."""
        return at_hand(RESULTS / "frames" / f"{shard}.h5", self.recipe(shard), self.config.frames_on_disk)

    def frame_readers(self, shard: str) -> list[str]:
        """Return the files that are made from the frames of a shard: once they are there, it is released."""
        readers = [f"{RESULTS}/heatmaps/{rule}/{name}/{shard}.h5" for rule in self.protocols for name in self.networks]
        if any(get_model(name).flow for name in self.map_models):
            readers.append(f"{RESULTS}/flow/{shard}.h5")
        if self.detects:
            readers += sorted({self.boxes_file(protocol, shard) for protocol in self.protocols})
        return readers

    def scored_frames(self, shard: str, protocol: str) -> selection.Frames | None:
        """Return the frames that a protocol scores, by clip; None while all frames are computed."""
        if self.config.frames == "all":
            return None
        return selection.scored(read_annotations(self.plan.annotation_file(shard)), self.protocols[protocol])

    def decoded_frames(self, shard: str) -> selection.Frames | None:
        """Return the frames that must be decoded, by clip; None while all frames are computed."""
        if self.config.frames == "all":
            return None
        known = read_annotations(self.plan.annotation_file(shard))
        return selection.with_neighbours(known, self.protocols.values())


def _map_fields(spec: ModelSpec) -> set[str]:
    """Return the fields of a protocol that decide what a model's maps look like; the others decide how they score."""
    fields = {"flow_storage"} if spec.flow else set()
    if spec.kind == "arithmetic":
        return fields | {"flow_in_product", "normalise_maps"}
    if spec.flow:
        fields |= {"flow_input"}
    return fields | {"sample_rate", "sound_seconds", "sound_bits", "audio_batch_norm", "frame_storage"}


def prepare(raw: Mapping[str, Any], main: bool) -> Run:
    """Return the run of a raw configuration.

    Args:
        raw: the configuration as read.
        main: whether this is the process that a person started: it checks everything and brings the plan up to date;
            the processes of single jobs read the plan as it is.

    Raises:
        InputError: the configuration, the dataset or the weights are not usable; all that is wrong is listed.
    """
    findings = check_raw(raw, RESULTS) if main else check(parse(raw), RESULTS, download="never", dataset=False)
    if findings.problems:
        raise InputError(findings.report())
    config = parse(raw)
    # what another run works from must not change under it; the engine refuses this one if it makes the same files
    locked = any(Path(".snakemake/locks").glob("*.lock")) and bool(Plan(RESULTS).shards())
    run = Run(config, findings, update=main and not locked)
    if main:
        if locked:
            findings.notes.append(
                "this folder is locked, by a run or by what is left of a killed one: its plan stays as it is"
            )
        else:
            assert findings.dataset is not None
            note_origin(RESULTS, config)
            run.plan.update(findings.dataset, config.clips_per_job)
        # jobs find the package of this clone in whatever environment they run
        source = str(Path(__file__).parents[1])
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    return run
