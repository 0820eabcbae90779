"""Three hundred damaged copies of odd files: none stops a run, none costs more than it holds (make test-mutations)."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pandas as pd
import pytest

FILES, SEED = 300, 20261125
LONGEST_S, MOST_MEMORY_MB, MOST_DISK = 60.0, 1000, 1 << 30

pytestmark = pytest.mark.mutations


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Flip bits anywhere or in the headers, cut the file, or replace a block."""
    damaged = bytearray(content)
    kind = rng.choice(["flip", "flip", "header", "cut", "block"])
    if kind == "cut":
        return bytes(damaged[: rng.randrange(len(damaged))])
    if kind == "block":
        length = rng.choice([4, 64, 1024])
        start = rng.randrange(len(damaged))
        damaged[start : start + length] = rng.randbytes(len(damaged[start : start + length]))
        return bytes(damaged)
    end = min(len(damaged), 4096) if kind == "header" else len(damaged)
    for _ in range(rng.choice([1, 1, 4, 16, 64])):
        damaged[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


@pytest.fixture
def folder(reference, tmp_path) -> Path:
    sources = sorted(path for path in (reference / "cases").iterdir() if path.is_file() and path.suffix != ".md")
    rng, root = random.Random(SEED), tmp_path / "damaged"
    root.mkdir()
    for number in range(FILES):
        source = sources[number % len(sources)]
        (root / f"{number:03d}{source.suffix}").write_bytes(mutated(source.read_bytes(), rng))
    return root


def test_a_run_over_damaged_files_ends_well(workflow, folder):
    config = {"dataset": {"format": "videos", "root": str(folder)}, "models": ["flow"], "pictures": 0}
    run = workflow(config | {"protocols": ["released"], "clips_per_job": 16}, timeout=3000)
    assert run.status == 0, run.output[-4000:]
    table = pd.read_csv(run.folder / "results/clips.csv")
    assert len(table) == FILES
    assert set(table["status"]) <= {"ok", "failed"}
    assert table.loc[table["status"] == "failed", "reason"].notna().all()
    used = sum(path.stat().st_size for path in (run.folder / "results").rglob("*") if path.is_file())
    assert used < MOST_DISK
    logs = [path.read_text(encoding="utf-8") for path in (run.folder / "results/logs").rglob("*.log")]
    ends = [re.search(r"status=ok seconds=\S+ processor_seconds=([\d.]+) memory_mb=(\d+)", log) for log in logs]
    assert all(ends), "every job ended well"
    # a job has sixteen files: so none of them took longer
    assert max(float(end[1]) for end in ends if end) < LONGEST_S
    assert max(int(end[2]) for end in ends if end) < MOST_MEMORY_MB
