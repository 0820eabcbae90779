"""Documents are true because they are run: every block of README.md and docs/, and every doctest of the package.

A block runs as it stands, in a clone of the repository made of links, on the results of one small run of the demo.
Two things differ from what a reader types: ``snakemake``, ``make`` and runs get ``-n``, and folders such as ``/data``
lie in a temporary one. A block that cannot run here stands behind ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import REPOSITORY, make_clip
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from flowgrad import config

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)\n.*?^ *```$", re.M | re.S)
NOT_RUN = re.compile(r"<!-- not run: (.+) -->\n\Z")
COUNTED = {
    "cluster.md": 5,
    "exports.md": 1,
    "streets.md": 1,
    "systems.md": 1,
    "training.md": 2,
}
"""How many blocks of a page are not run; no other page has one."""
AFTER_THE_DEMO = {
    "README.md",
    "artifacts.md",
    "demo.md",
    "exports.md",
    "metrics.md",
    "overlay.md",
    "python.md",
    "page.md",
    "report.md",
    "running.md",
}
"""Pages whose reader has results: those of the demo, in the clone and in ``runs/mine``. The others begin with none."""
DEMO = {
    "dataset": {"format": "streets"},
    "streets": {"labelled": 3, "unlabelled": 0, "seconds": 1, "width": 160, "height": 90, "frames_per_second": 8},
    "models": ["flow", "flowgrad-ic"],
    "protocols": ["paper"],
    "checkpoints": {"flowgrad-ic": "flowgrad_IC.ckpt"},
    "pictures": 0,
    "page": False,
}
SHELL = """
snakemake() { command snakemake -n "$@"; }
make() { command make -n "$@"; }
flowgrad() { case $1 in run | demo) command flowgrad "$@" -n ;; *) command flowgrad "$@" ;; esac; }
trap 'pwd > "$HOME/.folder"' EXIT
cd "$(cat "$HOME/.folder")"
"""


class Desk:
    """What the reader of a page has before him: a home with a clone, weights and data, and a shell."""

    def __init__(self, home: Path):
        self.home, self.clone = home, home / "flowgrad"
        (home / ".folder").write_text(f"{self.clone}\n")

    def here(self, text: str) -> str:
        """Return a text in which the folders of the root that a reader has lie in the home."""
        return re.sub(r"(?<![\w~}.])/(data|my|scratch)/", rf"{self.home}/\1/", text)

    @property
    def environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        # a make around the tests passes its options on; a reader's shell has none
        outer = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
        return {
            **{name: value for name, value in os.environ.items() if name not in outer},
            "HOME": str(self.home),
            "USER": "reader",
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY / "src"),
            "FLOWGRAD_WEIGHTS": str(self.clone / "weights"),
            "EDITOR": f"cp {self.clone}/my.yaml",
            # a proxy that refuses: nothing is downloaded
            "https_proxy": "http://127.0.0.1:9",
        }

    def run(self, commands: str) -> str:
        """Run commands where the ones before ended; return what they print."""
        done = subprocess.run(
            ["timeout", "900", "bash", "-euo", "pipefail", "-c", SHELL + self.here(commands)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def narrow_networks(folder: Path) -> None:
    """Write seeded networks, a quarter as wide, in the layout and under the names of the published files."""
    import torch

    from flowgrad.models.coarse_to_fine.layout import Sizes
    from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork
    from flowgrad.models.rcgrad.encoders import build_encoders
    from flowgrad.models.registry import get_model

    torch.manual_seed(1)
    for name in ("rcgrad", "flowgrad-ic", "flowgrad-en"):
        state = build_encoders(name, 16).state_dict()
        torch.save(state if name == "rcgrad" else {"state_dict": state}, folder / get_model(name).weights.file)
    torch.save(CoarseToFineNetwork(Sizes.of_width(16)).state_dict(), folder / get_model("coarse-to-fine").weights.file)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a clone in which the demo, made small, was run, and with data that its streets make."""
    home = tmp_path_factory.mktemp("documents") / "home"
    clone = home / "flowgrad"
    clone.mkdir(parents=True)
    for name in ("Snakefile", "workflow", "scripts", "src", "config.yaml", "profiles", "benchmarks", "envs", "docs"):
        (clone / name).symlink_to(REPOSITORY / name)
    for name in ("Makefile", "constraints.txt", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, clone)
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/activate").write_text(f"PATH={Path(sys.executable).parent}:$PATH\n")
    (clone / "weights").mkdir()
    narrow_networks(clone / "weights")
    shutil.copy(REPOSITORY / "src/flowgrad/shipped/streets-detector.pt", clone / "weights/yolov8n.pt")
    (clone / "my.yaml").write_text(yaml.safe_dump(DEMO))
    (clone / "runs/mine").mkdir(parents=True)
    (clone / "WORK").mkdir()
    Desk(home).run("command snakemake --directory runs/mine --configfile my.yaml --cores 2 all")
    shutil.copytree(clone / "runs/mine/results/streets/labelled", home / "data/urbansas")
    rendered = home / "data/urbansas/video/video_24fps"
    shutil.copy(rendered / "labelled_00001.mp4", clone / "street.mp4")
    make_clip(rendered / "nobody_annotated_this.mp4", seconds=6)
    shutil.copytree(rendered, home / "my/videos")
    return home


@pytest.fixture(scope="module")
def desk_of(furnished: Path) -> Callable[[str], Desk]:
    """The desk of a page by its name, one for all of its blocks."""

    @cache
    def desk(page: str) -> Desk:
        home = furnished.with_name(page)
        shutil.copytree(furnished, home, symlinks=True)
        mine = home / "flowgrad/runs/mine"
        if page in AFTER_THE_DEMO:
            shutil.copytree(mine, home / "flowgrad", dirs_exist_ok=True)
        else:
            shutil.rmtree(mine)
        return Desk(home)

    return desk


def in_the_shell(example: Example) -> None:
    desk = example.namespace["desk"]
    if "CLIP" in example.parsed:
        shutil.copy(desk.clone / "street.mp4", desk.home / "data/labelled_00001.mp4")
    desk.run(example.parsed.replace("CLIP", "labelled_00001"))


def as_settings(example: Example) -> None:
    """Settings are understood; those that say what file they are become that file."""
    desk = example.namespace["desk"]
    text = desk.here(example.parsed)
    settings = yaml.safe_load(text)
    # a file that a block names under plugins is the Python that follows it
    for name in settings.get("plugins", []):
        following = re.search(r"^```python\n(.*?)^```$", example.document.text[example.end :], re.M | re.S)
        (desk.clone / name).write_text(following[1])
        settings["plugins"] = [str(desk.clone / name)]
    dataset = {"dataset": {"format": "urbansas", "root": "/data/urbansas"}}
    whole = config.parse({**dataset, **settings})
    assert whole.used_protocols()
    if example.document.text[: example.start].endswith("The default is this:\n\n"):
        assert whole == config.parse(dataset)
    if named := re.match(r"# (\w+\.yaml)", text):
        (desk.clone / named[1]).write_text(text)


def in_python(example: Example) -> None:
    folder = Path.cwd()
    os.chdir(example.namespace["desk"].clone)
    try:
        PythonEvaluator()(example)
    finally:
        os.chdir(folder)


EVALUATORS = {"sh": in_the_shell, "yaml": as_settings, "python": in_python, "text": lambda example: None}
PARSER = Sybil([CodeBlockParser(language, evaluator) for language, evaluator in EVALUATORS.items()])


def reason(example: Example) -> str | None:
    """Why a block is not run; None where it is."""
    marker = NOT_RUN.search(example.document.text[: example.start])
    return marker[1] if marker else None


def blocks() -> list[Example]:
    return [example for page in PAGES for example in PARSER.parse(page).examples()]


BLOCKS = blocks()


def place(example: Example) -> str:
    return f"{Path(example.path).name}:{example.line}"


@pytest.mark.parametrize("example", BLOCKS, ids=place)
def test_blocks_run(example, desk_of):
    why = reason(example)
    if why:
        pytest.skip(why)
    example.namespace["desk"] = desk_of(Path(example.path).name)
    example.evaluate()


def test_every_block_has_a_language_that_is_run():
    for page in PAGES:
        languages = [found[1] for found in FENCE.finditer(page.read_text())]
        assert set(languages) <= set(EVALUATORS), page
        assert len(languages) == sum(Path(example.path) == page for example in BLOCKS), page


def test_what_is_not_run_is_counted():
    skipped = [example for example in BLOCKS if reason(example)]
    markers = sum(len(re.findall(r"^ *<!-- not run", page.read_text(), re.M)) for page in PAGES)
    assert len(skipped) == markers, "a marker stands directly before its block"
    assert Counter(Path(example.path).name for example in skipped) == Counter(COUNTED)
    for example in skipped:
        assert len(str(reason(example)).split()) > 2, place(example)
        if example.region.evaluator is in_python:
            compile(example.parsed, place(example), "exec")
        else:
            subprocess.run(["bash", "-n", "-c", example.parsed], check=True)


@pytest.mark.parametrize(
    "module",
    [
        ".".join(path.relative_to(REPOSITORY / "src").with_suffix("").parts)
        for path in sorted((REPOSITORY / "src").rglob("*.py"))
        if ">>> " in path.read_text()
    ],
)
def test_examples_in_docstrings(module):
    # ultralytics changes how numbers are printed
    with np.printoptions(formatter=None, linewidth=75):
        failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried
    assert not failed
