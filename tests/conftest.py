"""Shared fixtures: the reference material, generated clips, and running the workflow as a person does."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml

from flowgrad import media
from flowgrad.models.runtime import has_openvino

REPOSITORY = Path(__file__).parent.parent


ENGINES = ["torch", *(["openvino"] if has_openvino() else [])]
"""What networks can compute through here; OpenVINO is not there for every machine."""


def ffmpeg_program() -> str:
    """The ffmpeg program with which tests make files: the system's, else that of the package imageio-ffmpeg."""
    import imageio_ffmpeg

    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def sound_of(path: Path, rate: int = 16000) -> np.ndarray:
    """The sound of a file as the pipeline hears it."""
    return np.concatenate([blocks[rate] for blocks in media.sound(media.inspect(path), [rate])])


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference material; skips where FLOWGRAD_REFERENCE is unset, fails where it is set and wrong."""
    folder = os.environ.get("FLOWGRAD_REFERENCE")
    if not folder:
        pytest.skip("FLOWGRAD_REFERENCE is not set: the reference clips, checkpoints and vectors are not at hand")
    assert Path(folder, "golden").is_dir(), f"FLOWGRAD_REFERENCE={folder} holds no golden/"
    return Path(folder)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that ``make`` fills, once for all processes that share the tests."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    made = folder.with_name(f"{name}.made")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def checkpoints(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the seeded stand-ins for the published checkpoints."""
    script, names = reference / "golden/checkpoints.py", ["rcgrad", "flowgrad_ic", "flowgrad_en"]

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, script, folder, "--only", *names], check=True, capture_output=True)

    return made_once(tmp_path_factory, "checkpoints", make)


@pytest.fixture(scope="session")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a seeded network, a quarter as wide, for each model: ``rcgrad.pt``, ``flowgrad-ic.pt``, ..."""
    from matrix import write_networks

    return made_once(tmp_path_factory, "narrow", write_networks)


@pytest.fixture(scope="session")
def mini(reference: Path) -> Path:
    return reference / "urbansas_mini"


def make_clip(
    path: Path,
    seconds: float = 2.0,
    fps: int = 24,
    size: tuple[int, int] = (160, 96),
    sound: bool = True,
    seed: int = 0,
    loudness: float = 0.3,
) -> Path:
    """Write a clip: a bright square that moves over noise, with a tone."""
    import av

    rng = np.random.default_rng(seed)
    width, height = size
    background = rng.integers(40, 120, (height, width, 3), np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": "18", "preset": "ultrafast"}
        audio = container.add_stream("aac", rate=44100, layout="stereo") if sound else None
        for number in range(round(seconds * fps)):
            image = background.copy()
            left = (5 + 3 * number + 11 * seed) % (width - 30)
            image[30:60, left : left + 30] = (230, 200, 60)
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in video.encode():
            container.mux(packet)
        if audio is not None:
            time = np.arange(round(seconds * 44100)) / 44100
            tone = (loudness * np.sin(2 * np.pi * (220 + 40 * seed) * time)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
            frame.sample_rate = 44100
            for packet in [*audio.encode(frame), *audio.encode()]:
                container.mux(packet)
    return path


@contextlib.contextmanager
def served(folder: Path, content: bytes) -> Iterator[str]:
    """Serve a file on the loopback; give its address."""
    (folder / "served").mkdir()
    (folder / "served/file.pt").write_bytes(content)
    handler = partial(QuietHandler, directory=folder / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file.pt"
        finally:
            server.shutdown()
            thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Finished:
    """A finished workflow run."""

    status: int
    output: str
    folder: Path

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, as the engine announced them (the target itself left out)."""
        table = re.search(r"^Job stats:\njob +count\n-+ +-+\n((?:\S+ +\d+\n)+)", self.output, re.MULTILINE)
        counts = dict(line.split() for line in table[1].splitlines()) if table else {}
        return {rule: int(count) for rule, count in counts.items() if rule not in ("total", "all")}

    @property
    def nothing_to_do(self) -> bool:
        return "Nothing to be done" in self.output

    def bytes_of(self, name: str) -> bytes:
        return (self.folder / "results" / name).read_bytes()


Workflow = Callable[..., Finished]


def run_workflow(
    folder: Path, config: dict, *arguments: str, cores: int = 2, environment=None, timeout: int = 900
) -> Finished:
    """Run the workflow in a folder with a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    # one shard for the few clips of a test, which counts jobs; what only people look at where it asks for it
    given = {"clips_per_job": 32, "page": False, "figures": False} | config
    (folder / "config.test.yaml").write_text(yaml.safe_dump(given))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    command += ["--configfile", folder / "config.test.yaml", "--cores", str(cores), *arguments]
    # away from the repository, so that nothing is found by accident of the working folder
    process = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "120", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    return Finished(process.returncode, process.stdout, folder)


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    """Run the workflow in a folder of its own with a configuration."""

    def run(config: dict, *arguments: str, folder: Path | None = None, **options) -> Finished:
        return run_workflow(folder or tmp_path / "work", config, *arguments, **options)

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run, for those who only read: two labelled clips, maps of two rows, a detector."""
    from test_generated import moving_square

    def make(folder: Path) -> None:
        config = settings(moving_square(folder / "data", "apple", "berry"), models=["flow", "motion", "yolo-topline"])
        config |= {
            "detector": {"weights": "streets-detector.pt", "confidence": 0.01},
            "protocols": ["paper", "robust"],
            "frames": "all",
            "page": False,
            "figures": False,
        }
        (folder / "my.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
        command += ["--configfile", folder / "my.yaml", "--cores", "2"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture
def dataset(tmp_path: Path, mini: Path) -> Callable[..., Path]:
    """Lay out a dataset of some of the real clips, with the real annotations of all."""

    def build(*clips: str) -> Path:
        root = tmp_path / "dataset"
        (root / "clips").mkdir(parents=True, exist_ok=True)
        for clip in clips:
            shutil.copy2(mini / "clips" / f"{clip}.mp4", root / "clips")
        if not (root / "annotations").exists():
            (root / "annotations").mkdir()
            for name in ("video", "audio"):
                text = (mini / f"annotations/{name}_annotations.csv").read_text().splitlines()
                kept = [line for line in text[1:] if any(clip in line for clip in KNOWN_CLIPS)]
                (root / f"annotations/{name}_annotations.csv").write_text("\n".join([text[0], *kept]) + "\n")
        return root

    return build


KNOWN_CLIPS = ("lyon1029_40200", "lisbon1076_40113", "london270_8218", "prague1033_43918")


def settings(root: Path, **change) -> dict:
    """Optical flow alone on annotated frames: the path to the table without a network, in seconds."""
    base = {"dataset": {"format": "urbansas", "root": str(root)}, "models": ["flow"], "frames": "annotated"}
    return base | {"clips_per_job": 1, "pictures": 0, **change}


def network_settings(root: Path, networks: Path, **change) -> dict:
    """The same with a network: its row and one that is made of both, ``rcgrad.pt`` in the folder ``networks``."""
    return settings(
        root,
        models=["flow", "rcgrad", "flowgrad-h"],
        protocols=["paper"],
        checkpoints={"rcgrad": str(networks / "rcgrad.pt")},
        **change,
    )
