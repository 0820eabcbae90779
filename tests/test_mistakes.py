"""A person's mistake is one sentence that says what to type instead, and exit status 2; never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, make_clip
from PIL import Image
from test_generated import moving_square

import flowgrad
from flowgrad import artifacts
from flowgrad.cli import COMMANDS, main
from flowgrad.report import clip_lines, failure_lines

SHORT = ["--seconds", "1", "--width", "240", "--height", "136"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a dataset, the results of a run on it, and all that can be mistaken for one or the other."""
    folder = tmp_path_factory.mktemp("place")
    moving_square(folder / "data", "apple", "berry")
    settings = {"dataset": {"root": str(folder / "data")}, "models": ["flow"], "protocols": ["paper"], "pictures": 0}
    (folder / "my.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    run = subprocess.run(
        [*command, "--configfile", folder / "my.yaml", "--cores", "2"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    Image.new("RGB", (8, 8)).save(folder / "picture.png")
    (folder / "empty").mkdir()
    (folder / "file").touch()
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "empty.yaml").touch()
    (folder / "broken.yaml").write_text("a: [1\nb: 2\n")
    (folder / "deep.yaml").write_text("[" * 5000)
    (folder / "nul.yaml").write_text("a: \0")
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    return folder


APPLE = ["show", "apple", "--video", "data/clips/apple.mp4"]
MISTAKES = [
    # the command itself
    ([], "name a command: run, demo, check, weights, table"),
    ([""], "there is no command ''"),
    (["tabel"], "did you mean table?"),
    (["Show"], "did you mean show?"),
    (["shuffle_sound"], "did you mean shuffle-sound?"),
    (["--vesion"], "unknown option --vesion; did you mean --version?"),
    (["my.yaml"], "there is no command 'my.yaml'"),
    # run
    (["run"], "required: FOLDER; for example: flowgrad run /data/urbansas --cores 8"),
    (["run", "--cores", "2", "data"], "required: FOLDER; for example"),
    (["run", ""], "expected a path, got ''"),
    (["run", "dat"], "{place}/dat is not there; did you mean data?"),
    (["run", "my.yml"], "{place}/my.yml is not there; did you mean my.yaml?"),
    (["run", "nowhere/else"], "{place}/nowhere/else is not there; name a folder of videos, or settings (.yaml)"),
    (["run", "data/clips/apple.mp4"], "name the folder that it lies in: flowgrad run data/clips"),
    (["run", "empty"], "dataset.root: {place}/empty is empty; set it to the folder that holds your videos"),
    (["run", "data", "empty"], "'empty' is no target; name one folder a run"),
    (["run", "data", "my.yaml"], "'my.yaml' is no target; name flowgrad run data --configfile my.yaml"),
    (["run", "broken.yaml"], "broken.yaml, line 2: is no YAML: expected ',' or ']'"),
    (["run", "empty.yaml"], "empty.yaml is empty"),
    (["run", "data", "--configfile", "nofile.yaml"], "{place}/nofile.yaml cannot be read"),
    (["run", "data", "--coers", "2"], "unrecognized arguments: --coers; did you mean --cores?"),
    (["run", "data", "--cores", "many"], "--cores, -c): must be integer or 'all'"),
    (["run", "data", "--config", "pictures"], "entries have to be defined as name=value pairs"),
    (["run", "data", "--config", "models=[flows]"], "did you mean flow?"),
    (["run", "my.yaml", "--directory", "file"], "{place}/file is not a folder; name another to work in"),
    # demo
    (["demo", "one", "two"], "'two' is one argument too many"),
    (["demo", "file"], "{place}/file is not a folder; name another to work in"),
    (["demo", "-d", "file"], "{place}/file is not a folder"),
    (["demo", "--configfile", "my.yaml"], "the settings name a dataset, and the demo renders its own"),
    # check
    (["check", ""], "expected a path, got ''"),
    (["check", "nofile.yaml"], "{place}/nofile.yaml cannot be read: No such file"),
    (
        ["check", "nofile.mp4"],
        "{place}/nofile.mp4 does not exist; name settings or a recording: flowgrad check my.yaml",
    ),
    (["check", "ünï.yaml"], "{place}/ünï.yaml cannot be read"),
    (["check", "data"], "{place}/data is a folder"),
    (["check", "-c"], "expected one argument; for example: flowgrad check my.yaml"),
    (["check", "-c", ""], "expected a path"),
    (["check", "-c", "data"], "{place}/data cannot be read: Is a directory"),
    (["check", "-c", "picture.png"], "picture.png is no text"),
    (["check", "list.yaml"], "list.yaml holds no keys"),
    (["check", "empty.yaml"], "empty.yaml is empty"),
    (["check", "broken.yaml"], "broken.yaml, line 2: is no YAML: expected ',' or ']'"),
    (["check", "deep.yaml"], "deep.yaml is no YAML"),
    (["check", "nul.yaml"], "nul.yaml is no YAML"),
    (["check", "binary.yaml"], "binary.yaml is no text in UTF-8"),
    (["check", "my.yaml", "nofile.yaml"], "{place}/nofile.yaml"),
    (["check", "my.yaml", "-d", "nowhere"], "{place}/nowhere is not a folder (nothing is there)"),
    (["check", "my.yaml", "-d", "file"], "{place}/file is not a folder"),
    (["check", "--configfil", "--x"], "--configfile/-c: expected one argument"),
    (["check", "--dir"], "expected one argument"),
    (["check", "--nonsense"], "unknown option --nonsense"),
    # weights
    (["weights", "nofile.yaml"], "{place}/nofile.yaml cannot be read: No such file"),
    (["weights", "my.yaml", "-d", "nowhere"], "{place}/nowhere is not a folder (nothing is there)"),
    (["weights", "--dirctory", "."], "unknown option --dirctory; did you mean --directory?"),
    # table
    (["table", "nowhere"], "{place}/nowhere is not a folder (nothing is there); name a results folder"),
    (["table", ""], "expected a path, got ''"),
    (["table", "picture.png"], "{place}/picture.png is not a folder"),
    (["table", "empty"], "{place}/empty is no results folder (plan/clips.csv is missing); run the workflow first"),
    (["table", "."], "is no results folder (plan/clips.csv is missing); did you mean results?"),
    (["table", "results", "results"], "'results' is one argument too many"),
    # folder
    (["folder"], "required: DATASET; for example: flowgrad folder /data/urbansas"),
    (["folder", "nowhere"], "{place}/nowhere is not a folder"),
    (["folder", "data", "--format", "video"], "did you mean videos?"),
    # show
    (["overlay"], "required: VIDEO"),
    (["page", "nowhere"], "{place}/nowhere is not a folder (nothing is there); name a results folder"),
    (["page", "."], "is no results folder (plan/clips.csv is missing); did you mean results?"),
    (["page", "results", "--dataset", "nowhere"], "{place}/nowhere is not a folder (nothing is there); name a dataset"),
    (["page", "results", "--datset", "data"], "did you mean --dataset?"),
    (["overlay", "apple"], "{place}/apple is not there; name a video file, or a run's clip with --results"),
    (["overlay", "aple", "--results", "results"], "did you mean 'apple'?"),
    (["overlay", "apple", "--results", "empty"], "{place}/empty is no results folder"),
    (
        ["overlay", "apple", "--results", "results", "--protocol", "robust"],
        "has no maps of protocol robust; it has paper",
    ),
    (["show"], "required: CLIP; for example: flowgrad show CLIP"),
    (["show", ""], "no clip ''"),
    (["show", "aple"], "did you mean 'apple'?"),
    (["show", "data/clips/apple.mp4"], "no clip 'data/clips/apple.mp4'; for example"),
    (["show", "apple", "--results", "nowhere"], "{place}/nowhere is not a folder (nothing is there)"),
    (["show", "apple", "--results", "picture.png"], "{place}/picture.png is not a folder"),
    (["show", "apple", "--results", "empty"], "{place}/empty is no results folder"),
    (["show", "apple", "--model", "nonsense"], "there is no model 'nonsense'; these results have flow"),
    (["show", "apple", "--model", "flows"], "there is no model 'flows'; did you mean flow?"),
    (["show", "apple", "--model", ""], "there is no model ''"),
    (["show", "apple", "--model", "../flow"], "there is no model '../flow'"),
    (["show", "apple", "--model", "rcgrad"], "there are no paper rcgrad maps in the last run; there are paper flow"),
    (["show", "apple", "--model", "yolo-baseline"], "yolo-baseline makes no maps"),
    (["show", "apple", "--protocol", "nonsense"], "there is no protocol 'nonsense'; these results have paper"),
    (["show", "apple", "--modle", "flow"], "unknown option --modle; did you mean --model?"),
    (["show", "apple", "--video", "nowhere.mp4"], "{place}/nowhere.mp4 is no file"),
    (["show", "apple", "--video", "data"], "{place}/data is no file"),
    (["show", "apple", "--video", "picture.png"], "picture.png is not the file that apple was made from"),
    (["show", "apple", "--video", "data/clips/berry.mp4"], "berry.mp4 is not the file that apple was made from"),
    ([*APPLE, "--time", "99"], "the maps of apple lie between"),
    ([*APPLE, "--time", "-1"], "the maps of apple lie between"),
    ([*APPLE, "--time", "nan"], "expected seconds, got 'nan'"),
    ([*APPLE, "--time", "1e999"], "expected seconds"),
    ([*APPLE, "--time", "soon"], "expected seconds, got 'soon'"),
    ([*APPLE, "-o", ""], "expected a path"),
    ([*APPLE, "-o", "out.mp4"], "out.mp4 is no picture's name; end it in .png or .jpg or .jpeg: out.png"),
    ([*APPLE, "-o", "out"], "out is no picture's name"),
    ([*APPLE, "-o", "empty"], "{place}/empty is a folder; name a file in it"),
    ([*APPLE, "-o", "nowhere/x.png"], "{place}/nowhere is not a folder"),
    ([*APPLE, "-o", "file/x.png"], "{place}/file is not a folder"),
    ([*APPLE, "-o", "/proc/x.png"], "/proc/x.png cannot be written"),
    ([*APPLE, "-o", "x" * 300 + ".png"], "more than 255 letters"),
    # export
    (["export"], "required: format, RESULTS"),
    (["export", "coco"], "required: RESULTS; for example: flowgrad export coco results boxes.json"),
    (["export", "cocos", "results"], "invalid choice: 'cocos'"),
    (["export", "coco", "nowhere", "x.json"], "{place}/nowhere is not a folder (nothing is there)"),
    (["export", "coco", "empty", "x.json"], "{place}/empty is no results folder"),
    (["export", "coco", "results"], "name the file to write"),
    (["export", "coco", "results", "empty"], "{place}/empty is a folder; name a file in it"),
    (["export", "coco", "results", "x.csv"], "x.csv: end its name in .json: x.json"),
    (["export", "coco", "results", "x.json"], "no row of the last run detects"),
    (["export", "coco", "results", "x.json", "--boxes", "flows"], "did you mean flow?"),
    (["export", "coco", "results", "x.json", "--boxes", "truth", "--protocol", "papre"], "results keep no rules"),
    (["export", "coco", "results", "x.json", "--box"], "expected one argument"),
    (["export", "coco", "results", "/proc/x.json", "--boxes", "flow"], "/proc/x.json cannot be written"),
    (["export", "parquet", "results", "--scored"], "--scored is of coco"),
    (["export", "parquet", "results", "/proc/x.parquet"], "/proc/x.parquet cannot be written"),
    # synth
    (["synth"], "required: OUT; for example: flowgrad synth OUT"),
    (["synth", ""], "expected a path"),
    (["synth", "data"], "data: exists and is not an empty folder"),
    (["synth", "file"], "file: exists and is not an empty folder"),
    (["synth", "file/out", "--labelled", "1", *SHORT], "{place}/file/out cannot be written: Not a directory"),
    (["synth", "/proc/x", "--labelled", "1", *SHORT], "/proc/x cannot be written"),
    (["synth", "out", "more"], "'more' is one argument too many"),
    (["synth", "out", "--labelled", "-1"], "expected a whole number from 0 to 100000, got '-1'"),
    (["synth", "out", "--labelled", "99999999999999999999"], "expected a whole number from 0 to 100000"),
    (["synth", "out", "--labelled", "many"], "expected a whole number from 0 to 100000, got 'many'"),
    (["synth", "out", "--labelled", "0"], "there is nothing to render"),
    (["synth", "out", "--cores", "0"], "expected a whole number from 1 to 1024"),
    (["synth", "out", "--cores", "100000"], "expected a whole number from 1 to 1024"),
    (["synth", "out", "--seed", "-1"], "seed: expected a whole number from 0 upwards, got '-1'"),
    (["synth", "out", "--seconds", "0", "--width", "3"], "seconds: expected a number from 1 to 120, got '0'; width: "),
    (["synth", "out", "--seconds", "nan"], "seconds: expected a number from 1 to 120"),
    (["synth", "out", "--fps", "25"], "frames_per_second: expected 8, 24 or 30"),
    (["synth", "out", "--set", "nite=1"], "nite: unknown key; did you mean night?"),
    (["synth", "out", "--set", "night"], "expected NAME=VALUE"),
    (["synth", "out", "--set", "="], "expected NAME=VALUE"),
    (["synth", "out", "--set", "night="], "night: expected a number from 0 to 1, got an empty text"),
    (["synth", "out", "--preview", "sheet.mp4"], "sheet.mp4 is no picture's name"),
    (["synth", "out", "--preview", "nowhere/sheet.png"], "{place}/nowhere is not a folder"),
    (["synth", "out", "--preview", "empty"], "{place}/empty is a folder"),
    # shuffle-sound
    (["shuffle-sound"], "required: DATASET, OUT; for example: flowgrad shuffle-sound /data/urbansas"),
    (["shuffle-sound", "data"], "required: OUT"),
    (["shuffle-sound", "", "out"], "expected a path"),
    (
        ["shuffle-sound", "nowhere", "out"],
        "{place}/nowhere is not a folder (nothing is there); name an Urbansas folder",
    ),
    (["shuffle-sound", "out", "data"], "{place}/out is not a folder (nothing is there)"),
    (["shuffle-sound", "picture.png", "out"], "{place}/picture.png is not a folder"),
    (["shuffle-sound", "empty", "out"], "{place}/empty is empty; set it to the folder that holds annotations/"),
    (["shuffle-sound", "data", "data"], "data: exists and is not an empty folder"),
    (["shuffle-sound", "data", "file"], "file: exists and is not an empty folder"),
    (["shuffle-sound", "data", "file/out"], "file/out: cannot be written"),
    (["shuffle-sound", "data", "out", "--seed", "-1"], "expected a whole number from 0 upwards"),
    (["shuffle-sound", "data", "out", "--seed", "one"], "expected a whole number from 0 upwards, got 'one'"),
    # schema
    (["schema", "results"], "'results' is one argument too many"),
    (["schema", "--x"], "unknown option --x"),
]


@pytest.mark.parametrize(("arguments", "words"), MISTAKES, ids=[" ".join(given)[:60] for given, _ in MISTAKES])
def test_a_mistake_is_one_sentence(place, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    command = arguments[0] if arguments and arguments[0] in COMMANDS else None
    assert line.startswith(f"flowgrad {command}: " if command else "flowgrad: ")
    assert words.replace("{place}", str(place)) in line
    assert "Traceback" not in line
    assert sorted(place.rglob("*")) == before, "nothing is left behind"


def test_every_command_is_tried():
    assert {given[0] for given, _ in MISTAKES if given and given[0] in COMMANDS} == set(COMMANDS)


def test_what_is_right_is_done(place, monkeypatch, capsys, tmp_path):
    """A file of settings may stand without --configfile, several lie one over the other; a picture can be a JPEG."""
    monkeypatch.chdir(place)
    other = tmp_path / "other.yaml"
    other.write_text("models: [flow, whole-frame]\n")
    assert main(["check", "my.yaml"]) == main(["check", "--configfile", "my.yaml"]) == 0
    assert capsys.readouterr().out.count("ready: flow\n") == 2
    assert main(["check", "my.yaml", str(other)]) == 0
    assert capsys.readouterr().out.endswith("\nready: flow, whole-frame\n")
    other.write_text("models: [flows]\n")
    assert main(["check", "my.yaml", str(other)]) == 1, "that a check finds something is no mistake of who asks"
    assert "did you mean flow?" in capsys.readouterr().err
    assert main([*APPLE, "-o", str(tmp_path / "ünï.jpg")]) == 0
    with Image.open(tmp_path / "ünï.jpg") as picture:
        assert picture.format == "JPEG"
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert flowgrad.__version__ in capsys.readouterr().out


def test_a_recording_is_described(place, monkeypatch, capsys):
    """What is no file of settings is a recording; one that cannot be used is a sentence, and the others are told."""
    monkeypatch.chdir(place)
    assert main(["check", "data/clips/apple.mp4"]) == 0
    assert "8 a second give 24 frames, 160x96" in capsys.readouterr().out
    assert main(["check", "file", "data/clips/apple.mp4", "my.yaml"]) == 1
    said = capsys.readouterr()
    assert said.err == f"flowgrad check: {place}/file: empty file (0 bytes)\n"
    assert "8 a second give 24 frames" in said.out
    assert said.out.endswith("ready: flow\n")


def test_help_is_light():
    """Neither help nor a mistyped word waits for a library."""
    script = "import sys, flowgrad.cli; status = flowgrad.cli.main(['tabel'])\n"
    script += (
        "print([name for name in ('numpy', 'pandas', 'pydantic', 'yaml', 'torch') if name in sys.modules], status)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[] 2\n"


def test_a_reader_that_leaves_early_is_no_error(place):
    command = f"{sys.executable} -m flowgrad.cli schema | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "{\n"
    assert done.stderr == ""


def test_the_python_api_can_be_found():
    assert {"load_model", "open_results", "score"} <= set(dir(flowgrad))


@pytest.mark.parametrize(
    ("target", "change", "status", "words"),
    [
        ("alll", {}, 2, "flowgrad: there is no target 'alll'; did you mean all?"),
        ("nothing", {}, 2, "flowgrad: there is no target 'nothing'; there are all, metrics, maps"),
        ("my.yaml", {}, 2, "flowgrad: my.yaml is no target; settings are named as --configfile my.yaml"),
        (
            "metrics",
            {"dataset": {"format": "videos"}},
            2,
            "flowgrad: metrics: format videos has no annotations to score",
        ),
        ("train", {"training": {"init": {"rcgrad": "random"}}}, 1, "is annotated, and nothing is learnt from those"),
        ("all", {"models": ["flows", "whole_frame"]}, 1, "flowgrad: 2 problems before the first job:\n"),
        ("all", {"dataset": {"root": "nowhere"}}, 1, "dataset.root: {work}/nowhere is not a folder"),
    ],
)
def test_the_workflow_ends_with_a_sentence(place, workflow, tmp_path, target, change, status, words):
    settings = yaml.safe_load((place / "my.yaml").read_text())
    for key, value in change.items():
        settings[key] = settings.get(key, {}) | value if isinstance(value, dict) else value
    run = workflow(settings, "--", target)
    assert run.status == status, run.output
    assert words.replace("{work}", str(run.folder)) in run.output
    for noise in ("Traceback", "WorkflowError", "Exception", 'Snakefile", line'):
        assert noise not in run.output
    assert not list((run.folder / ".snakemake").rglob("*.lock"))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("", "name a folder: make table DATASET=/data/urbansas"),
        ("nowhere", f"DATASET: {REPOSITORY}/nowhere is not a folder; name one"),
        ("README.md", f"DATASET: {REPOSITORY}/README.md is not a folder; name one"),
    ],
)
def test_make_says_at_once_that_there_is_no_dataset(dataset, words, tmp_path):
    """Before minutes of setting up: a Python that cannot set anything up is never asked."""
    command = ["make", "table", f"DATASET={dataset}", "PYTHON=false", f"VENV={tmp_path / 'venv'}"]
    # a make around the tests passes its options on and names the folders it enters; a person's shell has none
    outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    shell = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(command, cwd=REPOSITORY, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == words
    assert done.stdout == ""


def test_bad_clips_and_failed_jobs_are_named_at_the_end(place, workflow, tmp_path):
    """What a person sees of a run with the bare command: progress, the table, the bad clips; or why it failed."""
    root = moving_square(tmp_path / "data", "apple")
    (root / "clips/broken.mp4").write_text("no video")
    make_clip(root / "clips/nobody.mp4", seconds=1)
    with (root / "annotations/video_annotations.csv").open("a") as file:
        file.write("broken,0.5,1,1,5,5,1,car\napple,0.5,900,1,5,5,1,car\n")
    settings = {"dataset": {"root": str(root)}, "models": ["flow"], "protocols": ["paper"], "pictures": 0}
    run = workflow(settings)
    assert run.status == 0, run.output
    assert "rule flow:" not in run.output, "a profile is quiet about jobs"
    assert "steps (100%) done" in run.output
    assert (
        f"3 clips: 1 ok (1 with a note), 1 skipped, 1 failed (reasons in {run.folder}/results/clips.csv)\n"
        in run.output
    )
    lines = run.output.split("3 clips: ")[1].splitlines()
    assert lines[1].startswith("  failed  broken: unreadable")
    assert lines[2].startswith("  skipped nobody: no annotations")

    run = workflow(settings | {"on_bad_clip": "fail"})
    assert run.status == 1
    assert "1 job failed:\n  accept: 1 of 3 clips failed (on_bad_clip: fail)" in run.output
    dry = workflow(settings | {"frames": "annotated"}, "-n")
    assert dry.jobs["decode"] == 1, "a dry run says what would be done"


def test_the_first_bad_clips_are_named_and_the_others_counted(tmp_path):
    rows = [f"ok{number},ok,,8,4" for number in range(3)] + ["remark,ok,boxes past the edge: 2,8,4"]
    rows += [f"left{number},skipped,no annotations,0,0" for number in range(4)]
    rows += [f"bad{number},failed,empty file (0 bytes),0,0" for number in range(3)]
    clips = tmp_path / "clips.csv"
    clips.write_text("\n".join(["video,status,reason,frames,scored_frames", *rows]) + "\n")
    first, *named, last = clip_lines(artifacts.read_table(clips, {"reason": "str"}), clips)
    assert first == f"11 clips: 4 ok (1 with a note), 4 skipped, 3 failed (reasons in {clips})"
    assert [line.split()[0] for line in named] == ["failed"] * 3 + ["skipped"] * 2
    assert named[0] == "  failed  bad0: empty file (0 bytes)"
    assert last == f"  and 2 more: {clips}"
    clips.write_text("\n".join(["video,status,reason,frames,scored_frames", *rows[:3]]) + "\n")
    table = artifacts.read_table(clips, {"reason": "str"})
    assert clip_lines(table, clips) == [f"3 clips: 3 ok (reasons in {clips})"]


def test_why_jobs_failed_is_read_from_their_logs(tmp_path):
    """Those of this run alone, with the sentence, the exception, or that there was no word."""
    begun = "2026-01-01 10:00:00,000 INFO flowgrad.flow: flow {}, process 1\n"
    end = "2026-01-01 10:00:01,000 {} flowgrad.flow: status={}\n"
    logs = {
        "flow/00001": begun + end.format("INFO", "ok seconds=1.0"),
        "flow/00002": begun + end.format("ERROR", "failed reason=results: no space left; make room"),
        "heatmaps/paper/rcgrad/00001": begun
        + end.format("ERROR", "failed error=RuntimeError: odd")
        + "Traceback ...\nRuntimeError: odd\nmore\n\n",
        "decode/00001": begun,
        "slurm/rule_decode/1": begun,
        "old/00001": begun,
    }
    for name, text in logs.items():
        path = tmp_path / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.utime(tmp_path / "old/00001.log", (1000, 1000))
    first, *named = failure_lines(tmp_path, since=2000)
    assert first == "3 jobs failed:"
    assert [line.split(":")[0].strip() for line in named] == [
        "decode/00001",
        "flow/00002",
        "heatmaps/paper/rcgrad/00001",
    ]
    assert "ended without a word" in named[0]
    assert "results: no space left; make room" in named[1]
    assert "RuntimeError: odd" in named[2]
    assert "failed before its work began" in failure_lines(tmp_path / "none", since=0)[0]


def test_a_slurm_that_is_down_is_no_matter_of_a_local_run(tmp_path, monkeypatch, capsys):
    """It is installed and gives no answer: nothing is said, unless jobs are to be submitted to it."""
    from flowgrad.errors import InputError
    from flowgrad.workflow.cluster import end_leftovers

    squeue = tmp_path / "squeue"
    squeue.write_text("#!/bin/sh\nfor line in one two three; do echo squeue: error: $line >&2; done; exit 1\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    end_leftovers(tmp_path, submits=False)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(InputError, match=r"^SLURM does not say which jobs still run \(one\); run again when"):
        end_leftovers(tmp_path, submits=True)
