"""Which weights there are and which are here; and which model a wrong checkpoint is of."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from matrix import write_networks
from test_generated import moving_square

import flowgrad
from flowgrad.check import check_raw
from flowgrad.cli import main
from flowgrad.code import module_of
from flowgrad.errors import InputError
from flowgrad.models.checkpoint_file import LayoutError, check_layout
from flowgrad.models.fitting import fitting
from flowgrad.models.registry import MODELS, checkpoint_names
from flowgrad.provenance import modules_behind


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A narrow network for every model, and files that fit others or none, by what they are."""
    folder = tmp_path_factory.mktemp("networks")
    files = write_networks(folder)
    state = torch.load(files["coarse-to-fine"], weights_only=True)
    coarse = {key: value for key, value in state.items() if not key.startswith("project_")}
    for name, held in (("coarse-to-fine-coarse", coarse), ("nothing", {"conv1.weight": torch.zeros(3)})):
        files[name] = str(folder / f"{name}.pt")
        torch.save(held, files[name])
    return files


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWGRAD_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)


WRONG = [
    ("hear-the-flow", "rcgrad", "; it fits rcgrad: name it under checkpoints.rcgrad"),
    ("rcgrad", "flowgrad-ic", "; it fits flowgrad-ic: name it under checkpoints.flowgrad-ic"),
    ("flowgrad-en", "hear-the-flow", "; it fits hear-the-flow: name it under checkpoints.hear-the-flow"),
    (
        "coarse-to-fine",
        "coarse-to-fine-coarse",
        "; it fits coarse-to-fine-coarse, which trainings start from and which makes no maps: name it under"
        " checkpoints.coarse-to-fine-coarse",
    ),
    ("rcgrad", "nothing", None),
]


@pytest.mark.parametrize(("wanted", "given", "words"), WRONG)
def test_a_check_names_the_model_that_a_wrong_file_fits(tmp_path, networks, wanted, given, words):
    root = moving_square(tmp_path / "data", "apple")
    raw = {"dataset": {"root": str(root)}, "models": ["flow", wanted], "checkpoints": {wanted: networks[given]}}
    (problem,) = check_raw(raw | {"protocols": ["paper"]}).problems
    assert problem.startswith(f"checkpoints.{wanted}: {networks[given]}: is no {wanted} checkpoint: ")
    assert ("; it fits" in problem) == (words is not None)
    if words:
        assert f"{words}; or leave {wanted} out of models" in problem


@pytest.mark.parametrize(
    ("wanted", "given", "end"),
    [
        ("hear-the-flow", "rcgrad", "; it fits rcgrad: load_model('rcgrad', ...)"),
        ("rcgrad", "flowgrad-ic", "; it fits flowgrad-ic: load_model('flowgrad-ic', ...)"),
        # what starts from RCGrad's maps says it once
        ("flowgrad-h", "flowgrad-ic", "; it fits flowgrad-ic: load_model('flowgrad-ic', ...)"),
        (
            "coarse-to-fine",
            "coarse-to-fine-coarse",
            "; it fits coarse-to-fine-coarse, which trainings start from and which makes no maps",
        ),
        ("coarse-to-fine", "nothing", None),
    ],
)
def test_so_does_load_model(networks, wanted, given, end):
    with pytest.raises(InputError) as caught:
        flowgrad.load_model(wanted, networks[given], device="cpu")
    said = str(caught.value)
    assert said.count("; it fits") == (end is not None)
    assert said.endswith(end or "")


def test_every_network_fits_its_own_layout_alone(networks):
    for name, file in networks.items():
        assert [model.name for model in fitting(Path(file))] == ([name] if name in MODELS else [])


def test_only_a_layout_that_does_not_fit_asks_for_another(tmp_path, networks):
    """A file that is no checkpoint is of no model."""
    layout = MODELS["rcgrad"].weights.layout
    with pytest.raises(LayoutError):
        check_layout(Path(networks["nothing"]), layout)
    (tmp_path / "page.pt").write_text("<html>404</html>")
    with pytest.raises(InputError) as caught:
        check_layout(tmp_path / "page.pt", layout)
    assert not isinstance(caught.value, LayoutError)
    assert fitting(tmp_path / "page.pt") == []


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, str]]:
    """What the command prints, by the title of its tables, then by file; wrapped lines are one again."""
    assert main(["weights", *arguments]) == 0
    tables: dict[str, dict[str, str]] = {}
    for part in capsys.readouterr().out.split("\n\n"):
        title, *lines = part.splitlines()
        table = tables[title.split("  ")[0]] = {}
        for line in lines:
            if not line.startswith(" "):
                file, _, rest = line.partition("  ")
                table[file] = rest.strip()
            else:
                table[file] += f" {line.strip()}"
    return tables


def test_without_any_file_all_are_absent(capsys, tmp_path):
    tables = said(capsys)
    assert set(tables) == {"file", "where to get them"}
    all_weights = [model.weights for model in MODELS.values() if model.weights]
    published = {one.file for first in all_weights for one in (first, *first.others)}
    others = {"yolov8n.pt", "raft_small_C_T_V2-01064c6d.pth", "resnet18-f37072fd.pth"}
    assert published | others == set(tables["file"])
    assert set(tables["file"]) == set(tables["where to get them"])
    rows = {file: [cell.strip() for cell in row.split("  ") if cell] for file, row in tables["file"].items()}
    assert all(row[2] == "absent" for row in rows.values())
    assert rows["rc_grad.pt"] == ["VGG-Sound", "MIT", "absent", "rcgrad, flowgrad-h, rcgrad-motion"]
    assert rows["htf_flickr.pth"] == ["Flickr-SoundNet", "MIT", "absent", "hear-the-flow"]
    assert rows["htf_vgg.pth"] == ["VGG-Sound", "MIT", "absent", "hear-the-flow"]
    assert rows["c2f_stage_2.pth"] == ["not stated", "not stated", "absent", "coarse-to-fine"]
    assert rows["yolov8n.pt"] == ["COCO", "AGPL-3.0", "absent", "yolo-baseline, yolo-topline"]
    where = tables["where to get them"]
    for file, link in (("htf_flickr.pth", "Flickr SoundNet"), ("htf_vgg.pth", "VGG Sound")):
        assert where[file].startswith(
            f"link {link} of the README of github.com/denfed/heartheflow, https://drive.google"
        )
    assert ["train it" in where[file] for file in ("htf_flickr.pth", "htf_vgg.pth")] == [True, False]
    for file, name in (
        ("visual_context.pth", "visual-context"),
        ("c2f_stage_2.pth", "coarse-to-fine"),
        ("model_joint.pth.tar", "coarse-to-fine-original"),
    ):
        assert where[file].startswith("not published; ")
        assert where[file].endswith(f"or train it: target train, training: {{methods: [{name}]}}")
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_what_is_here_fits_or_says_why(capsys, tmp_path, networks):
    (tmp_path / "weights").mkdir()
    shutil.copy(networks["rcgrad"], tmp_path / "weights/rc_grad.pt")
    shutil.copy(networks["flowgrad-ic"], tmp_path / "weights/flowgrad_EN.ckpt")
    (tmp_path / "weights/htf_flickr.pth").write_text("version https://git-lfs.github.com/spec/v1\n")
    shutil.copy(networks["rcgrad"], tmp_path / "weights/yolov8n.pt")
    settings = {"checkpoints": {"visual-context": networks["visual-context"], "flowgrad-ic": "trained"}}
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(settings))
    tables = said(capsys, "my.yaml", "--directory", str(tmp_path))
    here = tables["what is here"]
    assert set(here) == {"rc_grad.pt", "flowgrad_EN.ckpt", "htf_flickr.pth", "visual_context.pth", "yolov8n.pt"}
    assert here["rc_grad.pt"] == f"{tmp_path}/weights/rc_grad.pt fits"
    assert here["visual_context.pth"] == f"{networks['visual-context']} fits"
    wrong = here["flowgrad_EN.ckpt"]
    assert wrong.startswith(f"{tmp_path}/weights/flowgrad_EN.ckpt does not fit: is no flowgrad-en checkpoint: ")
    assert wrong.endswith(" ...; it fits flowgrad-ic: name it under checkpoints.flowgrad-ic")
    assert "does not fit: is a Git LFS pointer" in here["htf_flickr.pth"]
    assert "yolov8n.pt does not fit: " in here["yolov8n.pt"]
    assert "to be trained" in tables["file"]["flowgrad_IC.ckpt"]


def test_each_published_file_of_a_key_has_a_line(capsys, tmp_path, networks):
    """Both of Hear The Flow: the first is taken by its name alone, the other where checkpoints names it."""
    (tmp_path / "weights").mkdir()
    vgg = tmp_path / "weights/htf_vgg.pth"
    shutil.copy(networks["hear-the-flow"], vgg)
    hint = "; to take it name it under checkpoints.hear-the-flow"
    assert said(capsys)["what is here"] == {"htf_vgg.pth": f"{vgg} fits{hint}"}

    def with_checkpoint(given: str) -> dict[str, dict[str, str]]:
        (tmp_path / "my.yaml").write_text(yaml.safe_dump({"checkpoints": {"hear-the-flow": given}}))
        return said(capsys, "my.yaml")

    assert with_checkpoint("htf_vgg.pth")["what is here"] == {"htf_vgg.pth": f"{vgg} fits"}
    # a file of one's own stands with the first: nobody knows what it learnt from
    own = tmp_path / "own.ckpt"
    shutil.copy(networks["hear-the-flow"], own)
    here = with_checkpoint(str(own))["what is here"]
    assert here["htf_flickr.pth"] == f"{own} fits"
    assert here["htf_vgg.pth"].endswith(f"fits{hint}")
    tables = with_checkpoint("trained")
    assert "to be trained" in tables["file"]["htf_flickr.pth"]
    assert " fits " in tables["file"]["htf_vgg.pth"]


def test_an_absent_file_is_said_with_its_own_link(tmp_path):
    root = moving_square(tmp_path / "data", "apple")
    raw = {"dataset": {"root": str(root)}, "models": ["flow", "hear-the-flow"], "protocols": ["paper"]}
    for file, link in (("htf_flickr.pth", "Flickr SoundNet"), ("htf_vgg.pth", "VGG Sound")):
        (problem,) = check_raw(raw | {"checkpoints": {"hear-the-flow": file}}).problems
        assert f"it is published as link {link} of the README of github.com/denfed/heartheflow" in problem


def test_lines_fit_a_terminal(capsys, networks):
    assert main(["weights"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 120
    assert len(lines) > len(checkpoint_names())


def test_what_is_asked_of_the_registry_stands_behind_no_model():
    """Else an entry more would redo its maps, or its training."""
    for model in MODELS.values():
        codes = [model.module, model.training and module_of(model.training.objective)]
        for code in filter(None, codes):
            behind = modules_behind(code)
            assert "flowgrad.models.registry" not in behind, code
            assert "flowgrad.models.fitting" not in behind, code


def test_the_command_needs_no_torch():
    script = "import sys; from flowgrad.cli import main; main(['weights']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0


def test_a_plugin_stands_in_the_list(capsys, tmp_path):
    text = "from flowgrad.models.base import FrameSpec, Model, Needs, Settings, Weights\n"
    text += "class S(Settings):\n    def needs(self): return Needs(frames=FrameSpec())\n"
    text += "M = Model('my-own', len, {'paper': S()}, weights=Weights('my-own', 'my_own.pt', licence='CC0'))\n"
    (tmp_path / "own_weights.py").write_text(text)
    (tmp_path / "my.yaml").write_text("plugins: [own_weights.py]\n")
    try:
        tables = said(capsys, "my.yaml")
    finally:
        MODELS._added.pop("my-own", None)
    assert tables["file"]["my_own.pt"].split() == ["not", "stated", "CC0", "absent", "my-own"]
    assert tables["where to get them"]["my_own.pt"] == "not stated"
