"""What networks compute through: the same maps from each engine, and what is said where one cannot be had."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ENGINES, REPOSITORY
from test_generated import moving_square
from torch import nn

from flowgrad.check import Findings, check_raw
from flowgrad.config import parse
from flowgrad.errors import InputError
from flowgrad.flow.forms import shape_of
from flowgrad.models import engine, runtime
from flowgrad.models.base import Batch, Runtime
from flowgrad.models.calibration import moments
from flowgrad.models.coarse_to_fine.layout import Sizes
from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
from flowgrad.models.coarse_to_fine.original_layout import Sizes as OriginalSizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork
from flowgrad.models.engine import Arrays, compute
from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork
from flowgrad.models.rcgrad import presets
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.rcgrad.model import FlowGradEN, FlowGradENFlow, FlowGradIC, RCGrad
from flowgrad.models.registry import get_model
from flowgrad.models.runtime import has_bfloat16, resolve
from flowgrad.models.visual_context.network import VisualContextNetwork
from flowgrad.protocols import BUILT_IN
from flowgrad.report import arithmetic_line
from flowgrad.workflow import depends
from flowgrad.workflow.run import Run, begin_run, job_run

WIDTH = 8
needs_openvino = pytest.mark.skipif("openvino" not in ENGINES, reason="OpenVINO is not installed")


def trained(network: nn.Module) -> nn.Module:
    """A network whose statistics are those of something."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network


def items(count: int, samples: int = 32000) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        frames=rng.integers(0, 256, (count, 224, 224, 3), np.uint8),
        audio=rng.normal(0, 0.1, (count, samples)).astype(np.float32),
        flow=rng.gamma(1, 1, (count, 224, 224)).astype(np.float32),
    )


ROWS = [
    (RCGrad, presets.RCGRAD["paper"]),
    (RCGrad, presets.RCGRAD["released"]),
    (RCGrad, presets.RCGRAD["robust"]),
    (FlowGradIC, presets.FLOWGRAD["paper"]),
    (FlowGradEN, presets.FLOWGRAD["released"]),
    (FlowGradENFlow, presets.FLOWGRAD["robust"]),
]


def row(kind: type[RCGrad], settings: presets.RCGrad, engine: Runtime) -> RCGrad:
    torch.manual_seed(0)
    encoders = build_encoders(kind.method, WIDTH, kind is not RCGrad, settings.cam == "difference")
    return kind(trained(encoders), settings, engine)


@needs_openvino
@pytest.mark.parametrize(("kind", "settings"), ROWS)
def test_engines_see_and_hear_the_same(kind, settings):
    one, other = (row(kind, settings, Runtime(engine=engine)) for engine in ("torch", "openvino"))
    # compiled for one item; then more, and another window of sound
    for batch in (items(1), items(3), items(2, 48000)):
        expected, found = one.apart(batch), other.apart(batch)
        for name in ("seen", "heard"):
            some, same = getattr(expected, name), getattr(found, name)
            assert same.shape == some.shape
            assert same.dtype == np.float32
            np.testing.assert_allclose(same, some, atol=1e-5 * np.abs(some).max(), rtol=0)


def others() -> dict[str, tuple[nn.Module, Callable[[int], tuple[np.ndarray, ...]]]]:
    rng = np.random.default_rng(0)

    def frames(count: int, size: int = 224) -> np.ndarray:
        return rng.integers(0, 256, (count, size, size, 3), np.uint8)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    torch.manual_seed(0)
    return {
        "hear-the-flow": (
            HearTheFlowNetwork(WIDTH, 4),
            lambda count: (frames(count), normal(count, 1, 257, 276), normal(count, 2, 224, 224)),
        ),
        "visual-context": (VisualContextNetwork(WIDTH, 4), lambda count: (frames(count), normal(count, 1, 257, 276))),
        "coarse-to-fine": (
            CoarseToFineNetwork(Sizes.of_width(WIDTH)),
            lambda count: (frames(count, 256), normal(count, 251, 64)),
        ),
        "coarse-to-fine-original": (OriginalNetwork(OriginalSizes(16)), lambda count: (frames(count, 256),)),
    }


@needs_openvino
@pytest.mark.parametrize("name", others())
def test_other_families_are_the_same_through_each_engine(name):
    network, given = others()[name]
    one, other = (compute(trained(network), Runtime(engine=engine)) for engine in ("torch", "openvino"))
    for count in (1, 3):
        inputs = given(count)
        for some, same in zip(one(*inputs), other(*inputs), strict=True):
            assert same.shape == some.shape
            np.testing.assert_allclose(same, some, atol=1e-5 * np.abs(some).max(), rtol=0)


@pytest.fixture
def one_thread():
    """As a job has it: in several threads on a busy machine, two calls in 8 bits can differ in their last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@needs_openvino
@pytest.mark.usefixtures("one_thread")
def test_8_bit_integers_are_close_and_do_not_depend_on_what_is_shown_first():
    settings = presets.FLOWGRAD["paper"]
    exact, coarse, other = (
        row(FlowGradIC, settings, Runtime(precision=precision, engine="openvino"))
        for precision in ("float32", "int8", "int8")
    )
    shown = moments(settings.needs())
    other.apart(items(1))
    whole, found = exact.apart(shown), coarse.apart(shown)
    for name in ("seen", "heard"):
        some, close = getattr(whole, name), getattr(found, name)
        assert 0 < np.abs(close - some).mean() < 0.08 * some.mean()
        np.testing.assert_array_equal(getattr(other.apart(shown), name), close)


@pytest.mark.parametrize("runtime", [Runtime(precision="int8"), Runtime(precision="int8", engine="openvino")])
def test_8_bit_integers_need_examples_and_openvino(runtime):
    examples = (lambda: (np.zeros((1, 3), np.float32),)) if runtime.engine == "torch" else None
    with pytest.raises(ValueError, match="expected examples and engine openvino"):
        compute(Doubled(), runtime, examples=examples)


@pytest.mark.parametrize("name", ["rcgrad", "flowgrad-en", "hear-the-flow", "visual-context", "coarse-to-fine"])
def test_moments_are_what_a_model_is_given(name):
    for protocol in BUILT_IN.values():
        model = get_model(name)
        if not model.has(protocol):
            continue
        needs = model.needs(protocol)
        shown = moments(needs)
        assert shown.frames.shape == (8, needs.frames.size, needs.frames.size, 3)
        assert shown.audio.shape == (8, round(needs.audio.seconds * needs.audio.sample_rate))
        assert (shown.audio.std(axis=1) > 1e-3).all()
        assert (shown.flow is None) == (needs.flow is None)
        if needs.flow is not None:
            assert shown.flow.shape == (8, *shape_of(needs.flow.form))
            assert 0.05 < np.abs(shown.flow).mean() < 100


def test_the_table_says_what_computed_it():
    one, two = ("float32", "openvino"), ("bfloat16", "torch")
    assert arithmetic_line({one: [("paper", "rcgrad")]}) == "networks: float32 through OpenVINO"
    assert arithmetic_line({one: [("paper", "rcgrad")], two: [("released", "rcgrad"), ("paper", "flowgrad-ic")]}) == (
        "networks: float32 through OpenVINO (rcgrad paper); bfloat16 through torch (rcgrad released, flowgrad-ic paper)"
    )


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (x * 2,)


class Folded(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layers(x),)


def picture(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).random((count, 8, 24, 24), np.float32)


OF_AUTO = {"engine": "openvino", "fallback": True}
EXAMPLES = {"examples": lambda: (picture(),)}


def broken(*_, **__):
    raise ImportError("libopenvino.so: cannot open shared object file\nmore words")


@needs_openvino
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("where", [(engine, "_core"), (torch.jit, "trace"), (engine, "computed_in")])
def test_torch_computes_what_openvino_cannot(where, precision, monkeypatch, caplog):
    expected = compute(Folded(), Runtime(precision=precision))(picture())
    monkeypatch.setattr(*where, broken)
    caplog.set_level(logging.INFO)
    asked = Runtime(precision=precision, **OF_AUTO)
    run = compute(Folded(), asked)
    assert asked.through() == "openvino"
    for _ in range(2):
        np.testing.assert_array_equal(run(picture())[0], expected[0])
    assert caplog.messages == [
        "computed through torch, not OpenVINO: libopenvino.so: cannot open shared object file"
    ], "one line, once"
    assert asked.through() == "torch"


@needs_openvino
@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("float32", r"engine: openvino cannot compute this network here \(libopenvino.so: .*\); use 'auto' or 'torch'"),
        ("int8", r"precision: int8: OpenVINO cannot compute this network here .*; use 'bfloat16' or 'float32'"),
    ],
)
def test_what_insists_on_openvino_ends_with_a_sentence(precision, words, monkeypatch):
    monkeypatch.setattr(engine, "_core", broken)
    with pytest.raises(InputError, match=words):
        compute(Folded(), Runtime(precision=precision, engine="openvino"), **EXAMPLES)(picture())


@needs_openvino
@pytest.mark.parametrize("fallback", [True, False])
def test_what_is_wrong_with_inputs_is_said_as_torch_says_it(fallback):
    run = compute(Folded(), Runtime(engine="openvino", fallback=fallback))
    with pytest.raises(RuntimeError, match="to have 8 channels, but got 5 channels"):
        run(picture()[:, :5])


@needs_openvino
def test_numbers_of_another_precision_than_asked_are_not_taken_for_it(monkeypatch, caplog):
    """As on a processor that has them not: OpenVINO then computes in float32, and says nothing."""
    monkeypatch.setattr(engine, "computed_in", lambda _: {"f32"})
    caplog.set_level(logging.INFO)
    rounded = compute(Folded(), Runtime(precision="bfloat16", **OF_AUTO))(picture())
    assert caplog.messages == ["computed through torch, not OpenVINO: it computes in f32, not in bfloat16"]
    np.testing.assert_array_equal(rounded[0], compute(Folded(), Runtime(precision="bfloat16"))(picture())[0])
    with pytest.raises(InputError, match="it computes in f32, not in int8"):
        compute(Folded(), Runtime(precision="int8", engine="openvino"), **EXAMPLES)(picture())


@needs_openvino
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_convolutions_are_computed_in_what_was_asked(precision, monkeypatch):
    if precision == "bfloat16" and not has_bfloat16():
        pytest.skip("this processor does not compute in bfloat16")
    found, real = [], engine.computed_in
    monkeypatch.setattr(engine, "computed_in", lambda compiled: found.append(real(compiled)) or found[-1])
    asked = Runtime(precision=precision, engine="openvino")
    compute(Folded(), asked, **EXAMPLES)(picture())
    assert len(found) == 1
    assert found[0]
    assert found[0] <= engine.NUMBERS[precision]
    assert asked.through() == "openvino"


@needs_openvino
@pytest.mark.skipif(not has_bfloat16(), reason="this processor does not compute in bfloat16")
@pytest.mark.parametrize(
    ("kind", "settings"), [(RCGrad, presets.RCGRAD["paper"]), (FlowGradEN, presets.FLOWGRAD["paper"])]
)
def test_bfloat16_is_close_to_float32_and_not_the_same(kind, settings):
    """Of each number 8 bits are kept, so a 512th of it is lost, again and again: 0.011 of the largest in the end."""
    exact, rounded = (
        row(kind, settings, Runtime(precision=name, engine="openvino")) for name in engine.NUMBERS if name != "int8"
    )
    whole, found = exact.apart(items(3)), rounded.apart(items(3))
    for name in ("seen", "heard"):
        some, close = getattr(whole, name), getattr(found, name)
        apart = np.abs(close - some).max() / np.abs(some).max()
        assert 1e-4 < apart < 0.03, apart


@pytest.mark.parametrize("engine", ENGINES)
def test_numbers_of_another_type_are_not_taken_for_those_before(engine):
    double = compute(Doubled(), Runtime(engine=engine))
    assert double(np.array([[1, 100]], np.uint8))[0].tolist() == [[2.0, 200.0]]
    # were they read as whole numbers, the halves would be lost
    assert double(np.array([[0.25, 1.5]], np.float32))[0].tolist() == [[0.5, 3.0]]
    assert double(np.array([[1, 100]], np.uint8))[0].tolist() == [[2.0, 200.0]]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_gives_nothing_and_results_are_not_overwritten(engine):
    double = compute(Doubled(), Runtime(engine=engine), lambda x: (x + 1,))
    first: Arrays = double(np.zeros((2, 3), np.float32))
    (second,) = double(np.ones((2, 3), np.float32))
    assert first[0].tolist() == [[2.0] * 3] * 2
    assert second.tolist() == [[4.0] * 3] * 2
    assert double(np.zeros((0, 3), np.float32))[0].shape == (0, 3)


@needs_openvino
def test_threads_are_those_of_torch(monkeypatch):
    core, _ = engine._core()
    given, kind = [], type(core)
    compile_model = kind.compile_model
    monkeypatch.setattr(kind, "compile_model", lambda self, *args: given.append(args[2]) or compile_model(self, *args))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        compute(Doubled(), Runtime(engine="openvino"))(np.zeros((1, 3), np.float32))
    finally:
        torch.set_num_threads(before)
    assert [hints["INFERENCE_NUM_THREADS"] for hints in given] == [1]


@needs_openvino
def test_nobody_is_told_that_openvino_was_used():
    """Its import reports to its maker over the network: what would do that is never loaded."""
    code = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
from test_engines import Doubled, Runtime, compute
compute(Doubled(), Runtime(engine="openvino"))(np.zeros((1, 3), np.float32))
assert "openvino" in sys.modules
from openvino.tools.ovc import telemetry_utils
reporting = [name for name, module in sys.modules.items() if module and "openvino_telemetry" in name]
print(telemetry_utils.tm.__name__, reporting)
"""
    made = subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent)], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "[]"]


def test_auto_is_openvino_where_it_is_and_torch_else(monkeypatch):
    assert resolve("cpu").engine == ENGINES[-1]
    assert resolve("cpu", engine="torch").engine == "torch"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert resolve("cpu").engine == "torch"


def test_precision_auto_goes_by_the_processor(monkeypatch, tmp_path):
    for flags, precision in (("fpu avx512_bf16 amx_tile", "bfloat16"), ("fpu avx2", "float32")):
        monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "cpuinfo")
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n\n")
        has_bfloat16.cache_clear()
        assert resolve("cpu", "auto").precision == precision
    # OpenVINO would compute in float32, and what is written down would not be true
    assert resolve("cpu", "bfloat16") == Runtime("cpu", "bfloat16", "torch")
    monkeypatch.setattr(runtime, "CPUINFO", tmp_path / "absent")
    has_bfloat16.cache_clear()
    assert resolve("cpu", "auto").precision == "float32"
    monkeypatch.undo()
    has_bfloat16.cache_clear()


def found_by_check(keys: dict, folder: Path) -> Findings:
    return check_raw(keys | {"dataset": {"format": "videos", "root": str(folder)}}, folder / "results")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"precision": "int8", "engine": "torch"},
            "precision: int8 is computed by OpenVINO alone, and engine is torch; use engine: auto",
        ),
        ({"device": "cuda", "engine": "openvino"}, "engine: openvino computes on a processor alone"),
        ({"device": "cuda", "precision": "int8"}, "precision: int8 is computed on a processor alone"),
    ],
)
def test_what_no_machine_has_is_refused_before_any_job(keys, words, tmp_path):
    problems = found_by_check(keys, tmp_path).problems
    assert [problem for problem in problems if problem.startswith(words)], problems
    if keys.get("device") != "cuda":
        with pytest.raises(InputError, match=words.partition(";")[0]):
            resolve(**keys)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"engine": "openvino"}, "engine: openvino is asked for, but it is not installed; pip install openvino"),
        ({"precision": "int8"}, "precision: int8 needs OpenVINO, which is not installed"),
        ({"precision": "bfloat16", "engine": "openvino"}, "precision: this processor does not compute in bfloat16, so"),
    ],
)
def test_what_this_machine_lacks_other_machines_may_have(keys, words, monkeypatch, tmp_path):
    """A login node starts jobs elsewhere; a job that lacks it ends with the same words."""
    monkeypatch.setattr(runtime, "has_openvino", lambda: "bfloat16" in keys.values())
    monkeypatch.setattr(runtime, "has_bfloat16", lambda: False)
    findings = found_by_check(keys, tmp_path)
    assert not [problem for problem in findings.problems if problem.startswith(("engine", "precision"))]
    (note,) = [note for note in findings.notes if note.startswith(words)]
    assert note.endswith("; that is of this machine, jobs on others may have it")
    with pytest.raises(InputError, match=words.partition(";")[0]):
        resolve("cpu", **keys)


@needs_openvino
@pytest.mark.parametrize("keys", [{"engine": "openvino"}, {"precision": "int8"}])
def test_what_computes_on_a_processor_alone_takes_it_where_there_is_a_gpu(keys, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for module in ("check", "workflow.run"):
        monkeypatch.setattr(f"flowgrad.{module}.has_gpu", lambda: True)
    made = resolve("auto", **keys)
    assert (made.device, made.engine) == ("cpu", "openvino")
    assert resolve("auto").device == "cuda"
    assert not [one for one in found_by_check(keys, tmp_path).problems if one.startswith(("engine", "precision"))]
    run = Run(parse(keys | {"dataset": {"format": "videos", "root": str(tmp_path)}}), Findings())
    assert (run.gpus, run.map_gpus) == (1, 0)
    # the detector computes in float32, whatever the precision
    assert run.detector_gpus == ("precision" in keys)


def machine(monkeypatch, rounds: bool) -> None:
    """Be on a machine whose processor computes in bfloat16, or not."""
    monkeypatch.setattr(runtime, "has_bfloat16", lambda: rounds)


def test_precision_auto_is_what_the_run_resolved_on_every_machine(monkeypatch, tmp_path):
    moving_square(tmp_path / "data", "apple")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(build_encoders("rcgrad", WIDTH).state_dict(), tmp_path / "narrow.pt")
    config = {
        "dataset": {"root": str(tmp_path / "data")},
        "models": ["rcgrad"],
        "checkpoints": {"rcgrad": "narrow.pt"},
        "precision": "auto",
        "device": "cpu",
    }

    def params(run: Run) -> dict:
        (row, *_) = run.map_rows
        return depends.heatmaps(run, row)

    machine(monkeypatch, rounds=True)
    first = params(begin_run(config))
    assert first["precision"] == "bfloat16"
    machine(monkeypatch, rounds=False)
    assert params(job_run(config)) == first, "a job on a node that has no bfloat16"
    assert params(begin_run(config)) == first, "the run goes on from such a node, and redoes nothing"
    # torch rounds there
    assert resolve("cpu", first["precision"]) == Runtime("cpu", "bfloat16", "torch")

    whole = config | {"precision": "float32"}
    for start in (begin_run, job_run):
        assert params(start(whole))["precision"] == "float32"
    assert params(begin_run(config))["precision"] == "float32", "after another precision it goes by the machine anew"
    machine(monkeypatch, rounds=True)
    assert params(job_run(config))["precision"] == "float32"

    before = params(begin_run(config | {"precision": "int8"}))
    other = tmp_path / "calibration.npz"
    other.write_bytes(b"other moments")
    monkeypatch.setattr("flowgrad.models.calibration.FILE", other)
    assert params(begin_run(config | {"precision": "int8"})) != before, "other ranges are other maps"
    assert "calibration" not in params(begin_run(whole))


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_second_run_takes_the_precision_of_the_first_that_is_at_work(precision, monkeypatch, tmp_path):
    moving_square(tmp_path / "data", "apple")
    monkeypatch.chdir(tmp_path)
    config = {"dataset": {"root": str(tmp_path / "data")}, "models": ["flow"], "precision": "auto", "device": "cpu"}
    machine(monkeypatch, rounds=True)
    begin_run(config)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    machine(monkeypatch, rounds=False)
    other = begin_run(config | {"precision": precision})
    assert other.precision == ("bfloat16" if precision == "auto" else "float32")
    assert job_run(config).precision == "bfloat16"


def test_a_run_on_this_machine_alone_does_not_start_without_what_it_asks_for(workflow, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'openvino' else find(name, *rest)\n"
    )
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["yolo-topline"], "engine": "openvino"}
    config |= {"detector": {"weights": "streets-detector.pt"}}
    run = workflow(config, environment={"PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"})
    assert run.status == 1, run.output
    assert "flowgrad: engine: openvino is asked for, but it is not installed; pip install openvino" in run.output
    assert not (run.folder / "results/logs").exists(), "no job began"
    # nothing of it computes through an engine
    run = workflow(config | {"models": ["whole-frame"]}, environment={"PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'src'}"})
    assert run.status == 0, run.output


def test_an_engine_that_nobody_knows(tmp_path):
    problems = check_raw({"engine": "openvin", "dataset": {"format": "videos", "root": str(tmp_path)}}).problems
    assert (
        "configuration: engine: expected torch or openvino, or auto, got 'openvin'; did you mean openvino?" in problems
    )
