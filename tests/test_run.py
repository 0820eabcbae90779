"""``flowgrad run`` and ``flowgrad demo``: from any folder, and from an installed wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, make_clip

from flowgrad.cli import main
from flowgrad.workflow.home import workflow_home

PARTS = ("src", "workflow", "scripts", "profiles", "envs")
FILES = ("Snakefile", "config.yaml", "setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
FEW = {"models": ["flow"], "protocols": ["paper"], "pictures": 0}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as a wheel installs it, and nothing of the clone beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PARTS:
        shutil.copytree(REPOSITORY / name, folder / "clone" / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder / "clone")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, folder / "clone"]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    install = [*pip, "install", "--no-deps", "--no-compile", "--target", folder / "site", wheel]
    subprocess.run(install, check=True, capture_output=True)
    shutil.rmtree(folder / "clone")
    return folder / "site"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two short videos."""
    folder = tmp_path_factory.mktemp("data") / "my street"
    folder.mkdir()
    for number, name in enumerate(("apple", "berry")):
        make_clip(folder / f"{name}.mp4", seconds=0.5, seed=number)
    return folder


def flowgrad(place: Path, installed: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", "import sys, flowgrad.cli; sys.exit(flowgrad.cli.main())", *map(str, words)]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=900)


def test_the_wheel_carries_what_the_workflow_reads(installed):
    carried = installed / "flowgrad/_workflow"
    for name in (*PARTS[1:], "Snakefile", "config.yaml"):
        for path in [REPOSITORY / name, *(REPOSITORY / name).rglob("*")]:
            if path.is_file() and path.suffix != ".pyc":
                assert (carried / path.relative_to(REPOSITORY)).read_bytes() == path.read_bytes()


def test_in_a_clone_it_is_the_clone_that_runs():
    assert workflow_home() == REPOSITORY


def test_a_folder_of_videos_runs_from_anywhere(installed, videos, tmp_path):
    """And once more: nothing is done, what came out is said all the same; settings of one's own are kept."""
    own = [f"{key}={value}" for key, value in FEW.items()]
    done = flowgrad(tmp_path, installed, "run", videos, "--cores", 2, "--config", *own)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results in runs/my_street/results\n") == 2, "before the run and after it"
    assert "2 clips: 2 ok" in done.stdout
    assert "Select jobs" not in done.stderr
    assert "0 of 2 clips done; 0 %" in done.stderr
    assert "2 of 2 clips done after" in done.stderr
    results = tmp_path / "runs/my_street/results"
    assert {path.parent.name for path in results.glob("heatmaps/paper/*/*.h5")} == {"flow"}
    assert not list(results.glob("pictures/*")), "what --config says is kept"
    assert not (tmp_path / "results").exists()
    again = flowgrad(tmp_path, installed, "run", videos, "--config", *own)
    assert again.returncode == 0, again.stderr
    assert "Nothing to be done" in again.stderr
    assert "2 clips: 2 ok" in again.stdout


def test_a_folder_of_videos_ends_with_where_to_look_first(videos, tmp_path, monkeypatch):
    """In the clone: whole paths, for the run's own folder is another."""
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "flowgrad.cli", "run", str(videos)]
    done = subprocess.run([*command, "--config", "models=[flow]", "protocols=[paper]"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page, pictures = (tmp_path / "runs/my_street/results" / name for name in ("index.html", "pictures"))
    assert f"look first at\n  {page}  the page\n  {pictures}    what each row makes of a few clips\n" in done.stdout
    assert page.is_file()
    assert pictures.is_dir()


def test_settings_run_in_the_current_folder(installed, videos, tmp_path):
    (tmp_path / "my.yaml").write_text(yaml.safe_dump({"dataset": {"format": "videos", "root": str(videos)}, **FEW}))
    done = flowgrad(tmp_path, installed, "run", "my.yaml", "clips", "--cores", 1)
    assert done.returncode == 0, done.stderr
    assert "2 clips: 2 ok" in done.stdout
    assert (tmp_path / "results/clips.csv").is_file()
    assert not (tmp_path / "results/heatmaps").exists(), "a target is what is made"
    wrong = flowgrad(tmp_path, installed, "run", "my.yaml", "--config", "models=[flows]")
    assert wrong.returncode == 1, "the exit status is the engine's"
    assert "did you mean flow?" in wrong.stderr


def test_the_demo_has_a_folder_of_its_own(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--help"])
    assert ended.value.code == 0
    command = [sys.executable, "-m", "flowgrad.cli", "demo", "-n", "--config", "streets={labelled: 3}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the demo: results in flowgrad-demo/results" in done.stdout
    assert "3 streets are rendered, then the table is made with the small networks that come along" in done.stderr
    assert "render" in done.stdout
    assert len((tmp_path / "flowgrad-demo/results/plan/clips.csv").read_text().splitlines()) == 1 + 3
