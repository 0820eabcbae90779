"""Which model runs on which dataset: every cell is run on a small set in the dataset's own layout.

python tests/matrix.py OUT        prints the table of docs/systems.md

Networks are narrow ones that nobody trained: the table says what runs, not how well.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from conftest import REPOSITORY, make_clip
from layouts import WRITERS
from test_coarse_to_fine_original import SIZE
from test_generated import moving_square

from flowgrad.models.coarse_to_fine.network import CoarseToFineNetwork, Sizes
from flowgrad.models.coarse_to_fine.original_network import OriginalNetwork
from flowgrad.models.hear_the_flow.network import HearTheFlowNetwork
from flowgrad.models.rcgrad.encoders import build_encoders
from flowgrad.models.registry import MODELS
from flowgrad.models.visual_context.network import VisualContextNetwork

WIDTH = 16
ROWS = [name for name in MODELS.built_in if MODELS[name].presets]
"""Those that can stand in a table: the coarse stage of Coarse to Fine has no maps."""
SCORES, MAPS, NOTHING = "scores", "maps", ""


def write_urbansas(root: Path, seed: int = 0) -> None:
    """Two videos with boxes and sound events."""
    moving_square(root, "apple", "berry")


def write_videos(root: Path, seed: int = 0) -> None:
    """A folder of two videos."""
    root.mkdir(parents=True)
    for number in range(2):
        make_clip(root / f"clip{number}.mp4", seconds=2, fps=12, size=(96, 64), seed=seed + number)


def write_vggss_videos(root: Path, seed: int = 0) -> None:
    """Clips of VGG-SS as videos."""
    WRITERS["vggss"](root, seed)
    for number, path in enumerate(sorted((root / "frames").iterdir())):
        (root / "video").mkdir(exist_ok=True)
        make_clip(root / f"video/{path.stem}.mp4", seconds=10, fps=8, size=(96, 64), seed=seed + number)


SETS = {
    "urbansas": write_urbansas,
    "videos": write_videos,
    **WRITERS,
    "vggss, with video/": write_vggss_videos,
}
"""By the column's title: the format, and what its folder holds where that makes a difference."""


def format_of(title: str) -> str:
    """Return the format of a column."""
    return title.partition(",")[0]


def write_networks(folder: Path) -> dict[str, str]:
    """Write a narrow network for every model that has one; return the files by key of ``checkpoints``."""
    torch.manual_seed(1)
    folder.mkdir(parents=True, exist_ok=True)
    states: dict[str, Any] = {
        name: build_encoders(name, WIDTH).state_dict() for name in ("rcgrad", "flowgrad-ic", "flowgrad-en")
    }
    states["hear-the-flow"] = {"model": HearTheFlowNetwork(WIDTH, WIDTH).state_dict()}
    states["visual-context"] = {
        "model_state_dict": {f"module.{key}": value for key, value in VisualContextNetwork(WIDTH).state_dict().items()}
    }
    states["coarse-to-fine"] = CoarseToFineNetwork(Sizes.of_width(WIDTH)).state_dict()
    states["coarse-to-fine-original"] = {"state_dict": OriginalNetwork(SIZE).state_dict()}
    for name, state in states.items():
        torch.save(state, folder / f"{name}.pt")
    return {name: str(folder / f"{name}.pt") for name in states}


def run(
    title: str, out: Path, checkpoints: dict[str, str], cores: int = 2, rows: Sequence[str] = tuple(ROWS)
) -> dict[str, str]:
    """Run models on a set; return what came of each: ``scores``, ``maps`` or nothing.

    Raises ``AssertionError`` with the output where the run fails.
    """
    root, work = out / "data", out / "work"
    SETS[title](root, 1)
    work.mkdir(parents=True)
    config = {
        "dataset": {"format": format_of(title), "root": str(root)},
        "models": list(rows),
        "checkpoints": {name: file for name, file in checkpoints.items() if name in rows},
        "detector": {"weights": "streets-detector.pt", "image_size": 320},
        "protocols": ["paper"],
        "frames": "all" if title in ("videos", "ave", "music-videos") else "annotated",
        "pictures": 0,
        # once for each kind of layout: that of all rows
        "figures": list(rows) == ROWS,
        "slices": "none",
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", work]
    command += ["--configfile", work / "config.yaml", "--cores", str(cores), "--", "all"]
    done = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return cells(work / "results", rows)


def cells(results: Path, rows: Sequence[str]) -> dict[str, str]:
    """Return what a run of models has of each."""
    made = {path.name for path in results.glob("heatmaps/paper/*")} | {
        name for name in rows if MODELS[name].boxes and any(results.glob("detections/paper/*.csv"))
    }
    table = results / "metrics/frames.csv"
    if not table.is_file():
        return {name: MAPS if name in made else NOTHING for name in rows}
    frames = pd.read_csv(table)
    scored = set(frames.loc[frames["ciou"].notna(), "model"])
    return {name: SCORES if name in scored else NOTHING for name in rows}


def table(found: dict[str, dict[str, str]]) -> str:
    """Return the table, in Markdown: a row a set, a column for models that run on the same sets; then these."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in ROWS:
        groups.setdefault(tuple(cells[name] for cells in found.values()), []).append(name)
    letters = [chr(ord("A") + number) for number in range(len(groups))]
    lines = [f"| | {' | '.join(letters)} |", f"|---|{'---|' * len(groups)}"]
    for number, title in enumerate(found):
        lines.append(f"| `{title}` | {' | '.join(cells[number] for cells in groups)} |")
    rows = (
        f"- {letter}: {', '.join(f'`{name}`' for name in names)}"
        for letter, names in zip(letters, groups.values(), strict=True)
    )
    return "\n".join([*lines, "", *rows])


def main() -> None:
    out = Path(sys.argv[1]).resolve()
    checkpoints = write_networks(out / "networks")
    found = {}
    for number, title in enumerate(SETS):
        found[title] = run(title, out / str(number), checkpoints)
        print(f"{title}: {sum(bool(cell) for cell in found[title].values())} rows", file=sys.stderr, flush=True)
    print(table(found))


if __name__ == "__main__":
    main()
