"""What comes from outside: a package with entry points, files named by ``plugins``, the examples of the documents."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from PIL import Image
from test_generated import moving_square

import flowgrad
from flowgrad.config import ConfigurationError, parse

PACKAGE = REPOSITORY / "tests/plugin_package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a person who has installed the outside package."""
    folder = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PACKAGE, folder / "source")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", folder / "packages", source], check=True)
    return {"PYTHONPATH": f"{REPOSITORY / 'src'}:{folder / 'packages'}"}


def portraits(root: Path) -> Path:
    """Three stills of a bright square, with a tone each."""
    for folder in ("pictures", "sounds"):
        (root / folder).mkdir(parents=True)
    rows = ["name,x1,y1,x2,y2"]
    for place, name in enumerate(("ann", "bob", "eve")):
        picture = np.full((96, 160, 3), 60, np.uint8)
        picture[30:60, 40 * place : 40 * place + 40] = 230
        Image.fromarray(picture).save(root / f"pictures/{name}.png")
        with wave.open(str(root / f"sounds/{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((8000 * np.sin(np.arange(64000) / 20)).astype("<i2").tobytes())
        rows.append(f"{name},{40 * place / 160},{30 / 96},{(40 * place + 40) / 160},{60 / 96}")
    (root / "boxes.csv").write_text("\n".join(rows) + "\n")
    return root


def test_an_outside_package_adds_all_kinds_and_redoes_nothing(workflow, installed, tmp_path):
    """A model, a metric and a threshold rule join a run that was done; its decoding, flow and maps stay."""
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["flow", "whole-frame"], "pictures": 0}
    assert workflow(config).status == 0
    config |= {
        "models": ["flow", "whole-frame", "loud-motion"],
        "metrics": ["ciou", "pointing"],
        "custom_protocols": {"tenth": {"based_on": "paper", "change": {"threshold": "top-tenth"}}},
    }
    more = workflow(config, environment=installed)
    assert more.status == 0, more.output
    assert "loud-motion has no preset for protocol released: there is no such row" in more.output
    # flow: the signed kind, which nobody needed before; clips: now a row listens, so that a mute clip would count
    assert more.jobs == {"flow": 1, "heatmaps": 1, "release": 1, "score": 1, "summary": 1, "slices": 1, "clips": 1}
    frames = pd.read_csv(more.folder / "results/metrics/frames.csv")
    assert list(frames.columns) == ["model", "protocol", "video", "frame", "time_s", "ciou", "status", "pointing"]
    assert set(zip(frames["model"], frames["protocol"], strict=True)) == {
        ("flow", "paper"),
        ("flow", "released"),
        ("whole-frame", "paper"),
        ("whole-frame", "released"),
        ("loud-motion", "paper"),
    }
    loud = frames[frames["model"] == "loud-motion"]
    assert (loud["pointing"] == 1).all(), "the bright square moves to the right"
    assert (loud["ciou"] > 0.2).all()
    summary = pd.read_csv(more.folder / "results/metrics/summary.csv").set_index(["model", "protocol"])
    columns = list(summary.columns)
    assert columns.index("pointing_game") == columns.index("places") - 1, "after the figures that were there"
    assert columns[-2:] == ["pointing_game_low", "pointing_game_high"]
    assert summary.loc[("loud-motion", "paper"), "pointing_game"] == 1
    flow, _ = flowgrad.open_results(more.folder / "results").flow("apple", "signed")
    assert flow.shape[1:] == (2, 224, 224)
    assert np.median(flow[flow[:, 0] > 1][:, 0] if flow.ndim == 2 else flow[:, 0][flow[:, 0] > 1]) > 1

    # one protocol more, and another estimator: what belongs to the others stays
    config["protocols"] = ["paper", "released", "tenth"]
    tenth = workflow(config, environment=installed)
    assert tenth.status == 0, tenth.output
    frames = pd.read_csv(tenth.folder / "results/metrics/frames.csv")
    mine = frames[(frames["model"] == "flow") & (frames["protocol"] == "tenth")]
    other = frames[(frames["model"] == "flow") & (frames["protocol"] == "paper")]
    assert len(mine) == len(other) == 5
    assert not np.allclose(mine["ciou"], other["ciou"]), "a tenth of the map is not what is at least 0.5"
    assert workflow(config, environment=installed).nothing_to_do


def test_stills_of_an_outside_package(workflow, installed, tmp_path):
    """A dataset that is no video: what needs motion does not apply, and takes no item away from the others."""
    root = portraits(tmp_path / "data")
    config = {
        "dataset": {"format": "portraits", "root": str(root)},
        "models": ["flow", "loud-motion", "whole-frame", "centre-box"],
        "protocols": ["paper"],
        "metrics": ["ciou", "pointing"],
        "flow": {"estimator": "whole-shift"},
    }
    run = workflow(config, environment=installed)
    assert run.status == 0, run.output
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    by_model = frames.set_index("model")
    for name in ("flow", "loud-motion"):
        assert set(by_model.loc[name, "status"]) == {"not_applicable"}
        assert by_model.loc[name, "ciou"].isna().all()
    assert set(by_model.loc["whole-frame", "status"]) == {"ok"}
    assert set(frames["frame"]) == {0}
    assert set(frames["time_s"]) == {2.0}, "in the middle of four seconds of sound"
    # a square of 30 x 40 pixels in 96 x 160, on a grid of 224
    share = (int(224 * 60 / 96) - int(224 * 30 / 96)) * (224 // 4) / 224**2
    np.testing.assert_allclose(by_model.loc["whole-frame", "ciou"], share, rtol=1e-5)
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("model")
    assert list(summary.loc[["flow", "whole-frame"], "frames"]) == [0, 3]
    assert list(summary.loc[["flow", "whole-frame"], "skipped"]) == [3, 0]
    clips = pd.read_csv(run.folder / "results/clips.csv")
    assert list(clips["status"]) == ["ok"] * 3
    assert list(clips["scored_frames"]) == [1] * 3
    assert (run.folder / "results/pictures/paper/00001.png").is_file()
    assert "Traceback" not in run.output


def test_a_mask_is_the_truth_of_a_still(workflow, tmp_path):
    """A plugin's dataset with masks; a corrected one redoes scores and tables, and no map."""
    root = portraits(tmp_path / "data")
    plugin = tmp_path / "masks.py"
    plugin.write_text(
        "import numpy as np\n"
        "from PIL import Image\n"
        "from flowgrad.datasets.base import Annotations, Clip, Still\n"
        "from flowgrad.datasets.mask import packed\n"
        "from flowgrad.datasets.registry import DatasetFormat\n"
        "class Masks:\n"
        "    labelled = True\n"
        "    def __init__(self, root): self.root = root\n"
        "    def problems(self): return []\n"
        "    def notes(self): return []\n"
        "    def clips(self): return [Clip('ann', 'pictures/ann.png', 'sounds/ann.wav', still=Still(anchor_s=1.5))]\n"
        "    def annotations(self):\n"
        "        with Image.open(self.root / 'ann_mask.png') as mask:\n"
        "            return {'ann': Annotations(mask=packed(np.asarray(mask) / 255))}\n"
        "FORMAT = DatasetFormat('masks', Masks)\n"
    )
    mask = np.zeros((96, 160), np.uint8)
    mask[:48] = 255
    Image.fromarray(mask).save(root / "ann_mask.png")
    config = {
        "plugins": [str(plugin)],
        "dataset": {"format": "masks", "root": str(root)},
        "models": ["whole-frame", "yolo-baseline"],
        "detector": {"weights": "streets-detector.pt"},
        "protocols": ["paper"],
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv").set_index("model")
    assert frames.loc["whole-frame", "ciou"] == pytest.approx(0.5)
    assert set(frames["time_s"]) == {1.5}
    mask[:] = 255
    Image.fromarray(mask).save(root / "ann_mask.png")
    corrected = workflow(config)
    assert corrected.jobs == {"score": 1, "summary": 1, "slices": 1, "clips": 1, "sheet": 1}
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv").set_index("model")
    assert frames.loc["whole-frame", "ciou"] == 1


def test_another_estimator_has_a_place_of_its_own(workflow, installed, tmp_path):
    root = moving_square(tmp_path / "data", "apple")
    config = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"], "pictures": 0}
    assert workflow(config).status == 0
    before = (tmp_path / "work/results/flow/farneback/magnitude/00001.h5").read_bytes()
    for estimator in ("dis", "whole-shift"):
        run = workflow(config | {"flow": {"estimator": estimator}}, environment=installed)
        assert run.status == 0, run.output
        assert run.jobs == {"flow": 1, "arithmetic": 1, "release": 1, "score": 1, "summary": 1, "slices": 1}
        assert (run.folder / f"results/flow/{estimator}/magnitude/00001.h5").is_file()
        flow, _ = flowgrad.open_results(run.folder / "results").flow("apple")
        assert flow.shape[1:] == (224, 224)
        spread = flow.astype(np.float32).std(axis=(1, 2))
        assert (spread < 0.01).all() if estimator == "whole-shift" else (spread > 0.1).all()
    assert (tmp_path / "work/results/flow/farneback/magnitude/00001.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("code", "config", "words"),
    [
        (
            "from flowgrad.models.base import FlowSpec, Model, Needs, Settings\n"
            "class S(Settings):\n"
            "    def needs(self): return Needs(flow=FlowSpec())\n"
            "M = Model('mine', lambda *_: lambda batch: batch.flow[:, :5], {'paper': S()})\n",
            {"models": ["mine"]},
            "model mine: expected maps (23, 224, 224), it gives (23, 5, 224)",
        ),
        (
            "from flowgrad.evaluation.base import Metric\n"
            "M = Metric('mine', lambda p, t: p.maps, ('mine',), lambda clips: {'mine': 0.0})\n",
            {"metrics": ["ciou", "mine"]},
            "metric mine: expected values (5,), it gives (5, 224, 224)",
        ),
        (
            "from flowgrad.evaluation.base import ThresholdRule\nM = ThresholdRule('mine', lambda m, v: m)\n",
            {"protocols": ["own"], "custom_protocols": {"own": {"change": {"threshold": "mine"}}}},
            "threshold mine: expected masks (5, 224, 224) bool, it gives (5, 224, 224) float32",
        ),
        (
            "from flowgrad.models.base import FlowSpec, Model, Needs, Settings\n"
            "class S(Settings):\n"
            "    def needs(self): return Needs(flow=FlowSpec())\n"
            "M = Model('mine', presets={'paper': S()})\n",
            {"models": ["mine"]},
            "models: mine has no load; give its Model one",
        ),
        (
            "from flowgrad.models.base import FlowSpec, Model, Needs, Settings\n"
            "class S(Settings):\n"
            "    def needs(self): return Needs(flow=FlowSpec())\n"
            "M = Model('mine', len, {'other': S()})\n",
            {"models": ["flow", "mine"]},
            "mine has no preset for any of the protocols paper, only other",
        ),
    ],
)
def test_what_a_plugin_gives_wrongly_is_one_sentence(workflow, tmp_path, code, config, words):
    root = moving_square(tmp_path / "data", "apple")
    (tmp_path / "mine.py").write_text(code)
    base = {"plugins": [str(tmp_path / "mine.py")], "dataset": {"root": str(root)}, "models": ["flow"], "pictures": 0}
    run = workflow(base | {"protocols": ["paper"]} | config)
    assert run.status == 1
    assert words in run.output
    assert "Traceback" not in run.output


PAGES = {"model": "models.md", "dataset": "datasets.md", "metric": "metrics.md", "estimator": "flow.md"}


def example(page: str) -> str:
    """The first Python block of a page."""
    return re.search(r"```python\n(.*?)```", (REPOSITORY / "docs" / page).read_text(), re.DOTALL)[1]


@pytest.mark.parametrize("page", PAGES.values())
def test_examples_are_short(page):
    assert len(example(page).splitlines()) < 40


def test_the_examples_of_the_documents_run(workflow, tmp_path):
    """Each page's example, written to a file and named under ``plugins``, as the page says."""
    root = moving_square(tmp_path / "data", "apple")
    plugins = []
    for name, page in PAGES.items():
        (tmp_path / f"my_{name}.py").write_text(example(page))
        plugins.append(str(tmp_path / f"my_{name}.py"))
    config = {
        "plugins": plugins,
        "dataset": {"root": str(root)},
        "models": ["flow", "brightness"],
        "protocols": ["paper"],
        "metrics": ["ciou", "pointing"],
        "flow": {"estimator": "difference"},
    }
    run = workflow(config)
    assert run.status == 0, run.output
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv").set_index("model")
    assert summary.loc["brightness", "frames"] == 5
    assert summary.loc["brightness", "pointing_game"] == 1, "the square is the brightest thing there is"
    # the dataset's example: the same clips, boxes in a file of its own
    (root / "boxes.csv").write_text("clip,time,x,y,w,h\napple,1.0,41,30,30,30\napple,1.5,59,30,30,30\n")
    own = workflow(config | {"dataset": {"format": "plain", "root": str(root)}}, folder=tmp_path / "other")
    assert own.status == 0, own.output
    assert len(pd.read_csv(own.folder / "results/metrics/frames.csv")) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, r"plugins: .*mine\.py: expected a Python file, there is no /"),
        ("x = 1", "adds nothing; make an object of one of Model, DatasetFormat, Metric, ThresholdRule, Estimator"),
        ("import nowhere_to_be_found", r"mine\.py: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def (", r"mine\.py: SyntaxError"),
        (
            "from flowgrad.flow.base import Estimator\nE = Estimator('farneback', print)",
            r"mine\.py: there is a flow estimator 'farneback' already; rename it",
        ),
    ],
)
def test_a_plugin_that_cannot_be_used(text, words, tmp_path):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        parse({"plugins": [str(file)], "dataset": {"root": str(tmp_path)}})


def test_two_plugins_that_are_called_alike(tmp_path):
    """Their results would depend on one name."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text("")
    files = [str(tmp_path / folder / "mine.py") for folder in ("one", "two")]
    with pytest.raises(ConfigurationError, match=r"one/mine\.py and .*two/mine\.py are called alike; rename one"):
        parse({"plugins": files, "dataset": {"root": str(tmp_path)}})
