"""What is wrong is found before any job, all at once, in seconds, without torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import make_clip, served

from flowgrad.check import check, check_raw
from flowgrad.config import parse
from flowgrad.errors import InputError
from flowgrad.models.base import Model
from flowgrad.models.checkpoint_file import check_layout, read_checkpoint
from flowgrad.models.rcgrad.layout import layout_of
from flowgrad.models.registry import MODELS
from flowgrad.workflow.run import begin_run


@pytest.fixture(autouse=True)
def _no_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWGRAD_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.chdir(tmp_path)


def urbansas(tmp_path: Path, boxes: str | None = None, events: str | None = None) -> Path:
    root = tmp_path / "urbansas"
    (root / "clips").mkdir(parents=True)
    (root / "annotations").mkdir()
    make_clip(root / "clips/a.mp4", seconds=1)
    header = "filename,time,x,y,w,h,visibility,label,track_id\n"
    (root / "annotations/video_annotations.csv").write_text(boxes or header + "a,0.5,1,1,5,5,1,car,0\n")
    header = "filename,start,end,label,non_identifiable_vehicle_sound\n"
    (root / "annotations/audio_annotations.csv").write_text(events or header + "a,0,1,car,0\n")
    return root


def problems(root: Path, **settings) -> list[str]:
    config = {"dataset": {"format": "urbansas", "root": str(root)}, "models": ["flow"], **settings}
    return check(parse(config)).problems


def test_a_good_dataset_has_no_problems(tmp_path):
    assert problems(urbansas(tmp_path)) == []


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ("filename,time,x,y,w,visibility,label,track_id\n", "column 'h' is missing"),
        (
            "filename,time,x,y,w,h,visibility,label,track_id\na,0.5,left,1,5,5,1,car,0\n",
            "line 2, column 'x' is 'left', not a number",
        ),
        (
            "filename,time,x,y,w,h,visibility,label,track_id\na,0.5,,1,5,5,1,car,0\n",
            "line 2, column 'x' is empty",
        ),
        ("filename,time,x,y,w,h,visibility,label\na,,1,1,5,5,1,car\n", "line 2, column 'time' is empty"),
        ("filename,time,x,y,w,h,visibility,label\n,-1,,,,,,\n", "line 2, column 'filename' is empty"),
        ("filename,time,x,y,w,h,visibility,label\na,1,inf,1,5,5,1,car\n", "line 2, column 'x'"),
        ("filename,time,x,y,w,h,visibility,label\na,1,1,1,-5,5,1,car\n", "line 2, column 'w' is negative"),
        ("\0\1\2", "video_annotations.csv"),
    ],
)
def test_a_wrong_annotation_file_names_file_and_column(tmp_path, boxes, words):
    (problem,) = problems(urbansas(tmp_path, boxes=boxes))
    assert "video_annotations.csv" in problem
    assert words in problem


def test_everything_at_once(tmp_path):
    root = urbansas(tmp_path, boxes="filename\n", events="filename\n")
    shutil.rmtree(root / "clips")
    detector = {"weights": "yolov9x.pt"}
    found = problems(root, models=["flow", "rcgrad", "flowgrad-en", "yolo-topline"], detector=detector)
    text = "\n".join(found)
    for part in ("no video in", "video_annotations", "audio_annotations", "rc_grad.pt", "flowgrad_EN", "yolov9x.pt"):
        assert part in text
    assert "github.com/hohsiangwu" in text, "it says where to get what is absent"


def test_two_frames_a_second_are_not_enough(tmp_path):
    root = urbansas(tmp_path)
    (root / "video/video_2fps").mkdir(parents=True)
    (root / "clips/a.mp4").rename(root / "video/video_2fps/a.mp4")
    assert "too slow for optical flow" in problems(root)[0]


def test_available_leaves_out_what_has_no_weights_and_says_so(tmp_path):
    config = {"dataset": {"format": "urbansas", "root": str(urbansas(tmp_path))}, "models": "available"}
    findings = check(parse(config), failures={"yolov8n.pt": "no network"})
    assert findings.problems == []
    assert findings.models == ["flow", "motion"]
    promised = check(parse(config))
    assert promised.downloads == ["yolov8n.pt"]
    assert promised.models == ["flow", "motion", "yolo-baseline", "yolo-topline"]
    assert any("yolov8n.pt is nowhere here; a run will try to download it" in note for note in promised.notes)
    assert any("rcgrad, flowgrad-h" in note and "rc_grad.pt" in note for note in findings.notes)


def test_a_path_that_was_given_is_never_left_out(tmp_path):
    """'available' leaves out what nobody named; a typing error in a path is a problem all the same."""
    config = {"dataset": {"format": "urbansas", "root": str(urbansas(tmp_path))}, "models": "available"}
    findings = check(parse(config | {"checkpoints": {"rcgrad": "typo/rc_grad.pt"}}))
    assert "typo/rc_grad.pt not found" in findings.problems[0]


def test_a_configuration_fault_hides_no_other(tmp_path):
    raw = {"dataset": {"root": str(tmp_path / "nowhere")}, "models": ["rcgrad"], "clips_per_job": 0, "modles": "red"}
    raw |= {"protocols": ["paper", "strict", "mine"], "custom_protocols": {"mine": {"change": {"map_treshold": 1}}}}
    text = check_raw(raw).report()
    for part in ("clips_per_job", "did you mean models?", "nowhere is not", "rc_grad.pt", "map_treshold"):
        assert part in text
    raw["custom_protocols"] = {}
    assert "unknown protocol 'strict'" in check_raw(raw).report()
    raw["models"] = []
    text = check_raw(raw).report()
    assert "at least one model" in text
    assert "rc_grad.pt" not in text, "models that nobody named bring no faults"


def test_every_column_with_a_fault_is_named(tmp_path):
    rows = "a,0.5,,1,5,5,1,car\na,0.5,,1,5,5,1,car\na,1,1,1,-5,5,1,car\n"
    (problem,) = problems(urbansas(tmp_path, boxes="filename,time,x,y,w,h,visibility,label\n" + rows))
    assert "line 2, column 'x' is empty (and 1 more)" in problem
    assert "line 4, column 'w' is negative" in problem


def test_a_network_checkpoint_is_no_detector(tmp_path, checkpoints):
    weights = str(checkpoints / "rc_grad.pt")
    found = problems(urbansas(tmp_path), models=["yolo-baseline"], detector={"weights": weights})
    assert "rc_grad.pt: holds no ultralytics detector" in found[0]


def test_a_failed_download_says_why(tmp_path, monkeypatch):
    from flowgrad import weights

    with served(tmp_path, b"not the weights") as address:
        monkeypatch.setitem(weights.DOWNLOADS, "yolov8n.pt", (address, "0" * 64))
        config = {"dataset": {"root": str(urbansas(tmp_path))}, "models": ["yolo-baseline"]}
        with pytest.raises(InputError, match=r"is not the known file, and was not kept: .*expected sha256:0000"):
            begin_run(config)
    assert not list(tmp_path.rglob("yolov8n.pt"))


def test_two_videos_of_one_name(tmp_path):
    root = urbansas(tmp_path)
    shutil.copy(root / "clips/a.mp4", root / "clips/a.mkv")
    (problem,) = problems(root)
    assert "2 videos are called 'a' (clips/a.mkv and clips/a.mp4)" in problem


def test_weights_are_found_by_name(tmp_path, reference):
    (tmp_path / "weights").mkdir()
    shutil.copy(reference / "weights/yolov8n.pt", tmp_path / "weights")
    config = {"dataset": {"format": "urbansas", "root": str(urbansas(tmp_path))}, "models": ["yolo-baseline"]}
    assert check(parse(config)).problems == []


FILES = {"rcgrad": "rc_grad.pt", "flowgrad-ic": "flowgrad_IC.ckpt", "flowgrad-en": "flowgrad_EN.ckpt"}


@pytest.mark.parametrize("method", FILES)
@pytest.mark.parametrize("other", FILES)
def test_a_checkpoint_of_another_model_lists_the_keys(checkpoints, method, other):
    if method == other:
        check_layout(checkpoints / FILES[other], layout_of(method))
        return
    with pytest.raises(InputError) as caught:
        check_layout(checkpoints / FILES[other], layout_of(method))
    assert FILES[other] in str(caught.value)
    assert "conv1_flow.weight" in str(caught.value)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop("image_encoder.layer3.1.bn2.weight"), "1 missing keys: image_encoder.layer3.1.bn2"),
        (lambda state: state.update({"image_encoder.layer9": torch.zeros(1)}), "unexpected keys: image_encoder.layer9"),
        (lambda state: state.update({"image_encoder.conv1.weight": torch.zeros(64, 4, 7, 7)}), "wrong shapes"),
    ],
)
def test_one_wrong_key_is_found_before_and_at_loading(tmp_path, checkpoints, edit, words):
    from flowgrad import load_model

    state = torch.load(checkpoints / "rc_grad.pt", weights_only=True)
    edit(state)
    path = tmp_path / "edited.pt"
    torch.save(state, path)
    for use in (lambda: check_layout(path, layout_of("rcgrad")), lambda: load_model("rcgrad", path, device="cpu")):
        with pytest.raises(InputError) as caught:
            use()
        assert words in str(caught.value)


class Harmful:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return (os.mkdir, (str(self.trace),))


def test_a_checkpoint_cannot_run_code(tmp_path, checkpoints):
    from flowgrad import load_model

    state = torch.load(checkpoints / "rc_grad.pt", weights_only=True)
    path = tmp_path / "harmful.ckpt"
    torch.save({"state_dict": state, "callbacks": Harmful(tmp_path / "trace")}, path)
    assert "image_encoder.conv1.weight" in read_checkpoint(path).tensors
    with pytest.raises(InputError, match="holds objects besides tensors"):
        check_layout(path, layout_of("rcgrad"))
    with pytest.raises(InputError, match=r"harmful\.ckpt: holds objects besides tensors"):
        load_model("rcgrad", path, device="cpu")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 270550450\n", "Git LFS pointer"),
        (b"<html>404</html>", "no PyTorch checkpoint"),
    ],
)
def test_what_is_no_checkpoint(tmp_path, content, words):
    path = tmp_path / "rc_grad.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        check_layout(path, layout_of("rcgrad"))


def test_the_command_takes_seconds_and_no_torch(tmp_path, checkpoints):
    """flowgrad check reads a real checkpoint and never imports torch, OpenCV or ultralytics."""
    config = tmp_path / "c.yaml"
    settings = {"dataset": {"root": str(urbansas(tmp_path))}, "models": ["flow", "rcgrad"]}
    settings["checkpoints"] = {"rcgrad": str(checkpoints / "rc_grad.pt")}
    config.write_text(yaml.safe_dump(settings))
    script = f"""
import sys
from flowgrad.cli import main
status = main(["check", "-c", {str(config)!r}])
heavy = [name for name in ("torch", "cv2", "ultralytics", "snakemake") if name in sys.modules]
sys.exit(f"imported {{heavy}}" if heavy else status)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "ready: flow, rcgrad" in done.stdout
    config.write_text(yaml.safe_dump(settings | {"model": "flow"}))
    done = subprocess.run([sys.executable, "-m", "flowgrad.cli", "check", "-c", config], capture_output=True, text=True)
    assert done.returncode == 1
    assert "model: unknown key" in done.stderr


def test_a_wrong_key_takes_no_other_with_it():
    """What stands beside it under the same heading still counts, the demo's own settings too."""
    findings = check_raw({"training": {"epochs": -1}})
    assert len(findings.problems) == 1
    assert findings.problems[0].startswith("configuration: training.epochs: ")


def test_a_mistyped_key_is_told_the_right_one():
    found = "; ".join(check_raw({"training": {"epoch": 3}, "streets": {"nite": 0.5}, "detectr": {}}).problems)
    for right in ("training.epochs", "streets.night", "detector"):
        assert f"did you mean {right}?" in found


def test_streets_that_do_not_do_to_learn_from_are_named_before_they_are_rendered():
    few = check_raw({"checkpoints": "trained", "streets": {"unlabelled": 10}}).problems
    assert [problem.split(";")[0] for problem in few] == [
        "streets.unlabelled: 8 usable clips with 8 windows of 5 s, beside 2 that are held out, are too few for"
        " training.batch_size: 20"
    ]
    short = check_raw({"checkpoints": "trained", "streets": {"seconds": 4}}).problems
    assert short == ["streets.seconds: 4 s hold no window of 5 s to learn from; raise it"]


def test_a_detector_that_cannot_be_trained_hides_nothing_else(tmp_path):
    raw = {"dataset": {"format": "videos", "root": str(tmp_path)}, "detector": {"weights": "trained"}}
    found = "\n".join(check_raw(raw | {"checkpoints": {"rcgrad": "nowhere.pt"}}).problems)
    assert "only rendered streets have boxes to train a detector from" in found
    assert "nowhere.pt" in found


def test_weights_that_nobody_has_are_one_sentence(tmp_path):
    """A first configuration: a folder, and nothing else. It is told once what to write."""
    raw = {"dataset": {"root": str(urbansas(tmp_path))}}
    (problem,) = check_raw(raw, failures={"yolov8n.pt": "the download failed"}).problems
    assert problem.startswith(
        f"4 files with weights are not in {tmp_path}/weights: put them there, or write `models: avai"
    )
    for file in ("rc_grad.pt", "flowgrad_IC.ckpt", "flowgrad_EN.ckpt", "yolov8n.pt"):
        assert file in problem
    assert "(for rcgrad, flowgrad-h, rcgrad-motion)" in problem
    assert check_raw(raw | {"models": "available"}).problems == []


def test_what_is_absent_is_named_in_full(tmp_path):
    raw = {"dataset": {"root": "data"}, "models": ["rcgrad"], "checkpoints": {"rcgrad": "here/rc.pt"}}
    found = check_raw(raw | {"container": "image.sif"}).problems
    for path in ("data is not a folder", "here/rc.pt nor in", "weights (FLOWGRAD_WEIGHTS", "image.sif not found"):
        assert f"{tmp_path}/{path}" in "\n".join(found)
    name = "x" * 300
    (problem,) = check_raw({"dataset": {"root": name}, "models": ["flow"]}).problems
    assert problem.startswith("dataset.root: ")
    assert "cannot be read: File name too long" in problem


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ({"models": ["rcgrad"], "checkpoints": {"rcgrad": "train"}}, "trained"),
        ({"models": ["yolo-baseline"], "detector": {"weights": "streets_detector.pt"}}, "streets-detector.pt"),
        (
            {
                "models": ["rcgrad"],
                "checkpoints": {"rcgrad": "trained"},
                "training": {"init": {"rcgrad": "image_net"}, "root": "."},
            },
            "imagenet",
        ),
    ],
)
def test_a_word_that_stands_for_a_file_can_be_mistyped(tmp_path, raw, meant):
    found = check_raw({"dataset": {"root": str(urbansas(tmp_path))}} | raw).problems
    assert f"did you mean {meant}?" in found[0]


OWN = {
    "good": "def thing(): ...\n",
    "needy": "import no_such_library\nthing = None\n",
    "broken": "raise RuntimeError('no licence')\n",
    "odd": "def thing(:\n",
}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("good:thing", None),
        ("good:other", "module 'good' has no attribute 'other'"),
        ("absent.module:thing", "No module named 'absent'"),
        ("flowgrad.models.mine:thing", "No module named 'flowgrad.models.mine'"),
        ("needy:thing", "No module named 'no_such_library'"),
        ("broken:thing", "no licence"),
        ("odd:thing", "invalid syntax"),
        ("good", "is not module:attribute"),
        ("beside:thing", "No module named 'beside'"),
    ],
)
def test_a_model_of_ones_own_is_imported_before_the_first_job(tmp_path, monkeypatch, code, reason):
    """As jobs will: the working folder is not where they look."""
    (tmp_path / "library").mkdir()
    for name, text in OWN.items():
        (tmp_path / f"library/{name}.py").write_text(text)
    (tmp_path / "beside.py").write_text(OWN["good"])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))
    monkeypatch.setitem(MODELS._added, "mine", Model("mine", code, gives="boxes"))
    found = problems(urbansas(tmp_path), models=["flow", "mine"])
    if reason is None:
        assert found == []
        return
    (problem,) = found
    assert problem.startswith(f"mine: {code} ")
    assert reason in problem
    assert "\n" not in problem


def test_loading_what_cannot_be_imported_is_a_sentence():
    with pytest.raises(InputError, match=r"^mine: absent\.module:thing cannot be imported: No module named 'absent'$"):
        Model("mine", "absent.module:thing", gives="boxes").own_boxes(1, 1)
