"""The table of 27 real clips under protocol released, against the figures of the released code on the same files."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

import flowgrad
from flowgrad.errors import InputError


@pytest.fixture(scope="module")
def released(mini, reference, checkpoints, tmp_path_factory):
    """All seven rows on all 27 clips under protocol released."""
    folder = tmp_path_factory.mktemp("released")
    config = {
        "dataset": {"format": "urbansas", "root": str(mini)},
        # the rows that the released code has
        "models": [
            "flow",
            "rcgrad",
            "flowgrad-h",
            "flowgrad-ic",
            "flowgrad-en",
            "yolo-baseline",
            "yolo-topline",
        ],
        "protocols": ["released"],
        "frames": "annotated",
        "checkpoints": {
            "rcgrad": str(checkpoints / "rc_grad.pt"),
            "flowgrad-ic": str(checkpoints / "flowgrad_IC.ckpt"),
            "flowgrad-en": str(checkpoints / "flowgrad_EN.ckpt"),
        },
        "detector": {"weights": str(reference / "weights/yolov8n.pt")},
        # one job a row and stage; the tests read tables and maps alone
        "clips_per_job": 32,
        **dict.fromkeys(("page", "figures"), False),
        "pictures": 0,
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    command += ["--configfile", folder / "c.yaml", "--cores", "2", "all"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder / "results", done.stdout + done.stderr


@pytest.fixture(scope="module")
def published(mini):
    """What the released code gives on the same files, its names brought to ours."""
    tables = []
    for name in ("frames", "summary"):
        table = pd.read_csv(mini / f"reference/released_{name}.csv")
        table["model"] = table["model"].str.lower().str.replace("_", "-")
        tables.append(table)
    return tables


FIGURES = ["success_at_0_3", "success_at_0_5", "auc", "mean_ciou"]


class TestReleasedTable:
    """results/metrics/summary.csv equals what the released code computes."""

    def test_same_frames(self, released, published):
        ours = pd.read_csv(released[0] / "metrics/summary.csv").set_index("model")
        theirs = published[1].set_index("model")
        assert set(ours.index) == set(theirs.index)
        assert (ours.loc[theirs.index, "frames"] == theirs["frames"]).all()
        assert (ours["frames"] + ours["skipped"] == 103).all()

    def test_flow_per_frame(self, released, published):
        ours = pd.read_csv(released[0] / "metrics/frames.csv")
        both = published[0].merge(ours, on=["model", "video", "frame"])
        flow = both[both["model"] == "flow"]
        assert len(flow) == 103
        assert (flow["iou"] - flow["ciou"]).abs().max() < 1e-4

    @pytest.mark.parametrize("model", ["yolo-baseline", "yolo-topline"])
    def test_detections_per_frame(self, released, published, model):
        """Better than the 0.02 that was asked for: every frame to the sixth digit."""
        ours = pd.read_csv(released[0] / "metrics/frames.csv")
        both = published[0].merge(ours, on=["model", "video", "frame"])
        rows = both[both["model"] == model]
        assert len(rows) == 98
        assert (rows["iou"] - rows["ciou"]).abs().max() < 1e-4

    @pytest.mark.parametrize("model", ["flow", "rcgrad", "flowgrad-h", "flowgrad-ic", "flowgrad-en"])
    def test_every_figure(self, released, published, model):
        ours = pd.read_csv(released[0] / "metrics/summary.csv").set_index("model").loc[model]
        theirs = published[1].set_index("model").loc[model]
        for figure in FIGURES:
            assert ours[figure] == pytest.approx(theirs[figure], abs=0.01), figure

    def test_what_is_left_is_the_released_file_lookup(self, released, published):
        """Of 412 network frames a handful differ by more than 0.02: those whose picture the released code looks up by
        substring (frame _4 also matches _40) and so takes from another frame."""
        ours = pd.read_csv(released[0] / "metrics/frames.csv")
        both = published[0].merge(ours, on=["model", "video", "frame"])
        networks = both[both["model"].str.contains("rcgrad|flowgrad")]
        far = networks[(networks["iou"] - networks["ciou"]).abs() > 0.02]
        assert set(zip(far["video"], far["frame"], strict=True)) <= {("london271_8256", 4)}
        assert (networks["iou"] - networks["ciou"]).abs().median() < 2e-4

    def test_the_run_ends_with_the_table_and_the_count(self, released):
        assert "27 clips: 27 ok" in released[1]
        assert "yolo-topline" in released[1]

    def test_results_are_read_from_python(self, released, mini):
        results = flowgrad.open_results(released[0])
        maps, times = results.heatmaps("london271_8256", model="rcgrad", protocol="released")
        rows = results.frames.query("model == 'rcgrad' and video == 'london271_8256'")
        np.testing.assert_allclose(times, rows["time_s"])
        assert maps.shape == (19, 224, 224)
        assert results.summary.shape[0] == 7
        assert {"x1", "moving"} <= set(results.detections("london271_8256", protocol="released").columns)
        with pytest.raises(InputError, match="no clip 'nowhere'"):
            results.heatmaps("nowhere", "rcgrad", "released")
        with pytest.raises(InputError, match="there are no paper rcgrad maps"):
            results.heatmaps("london271_8256", "rcgrad", "paper")

    def test_provenance_is_in_the_files(self, released, checkpoints):
        import hashlib

        from flowgrad import artifacts

        path = released[0] / "heatmaps/released/rcgrad/00001.h5"
        with artifacts.open_artifact(path, "heatmaps") as reader:
            known = reader.attributes()
        digest = hashlib.sha256((checkpoints / "rc_grad.pt").read_bytes()).hexdigest()
        assert known["weights_sha256"] == digest
        assert known["method"] == "rcgrad"
        assert known["version_torch"]

    def test_frames_are_gone(self, released):
        sizes = [path.stat().st_size for path in (released[0] / "frames").glob("*.h5")]
        assert sizes
        assert max(sizes) < 10_000
