"""Pseudo labels: the table that a tagger writes, and the samples that have them."""

from __future__ import annotations

import numpy as np
import pytest
from test_rules_of_training import many_clips

from flowgrad.config import parse
from flowgrad.errors import InputError
from flowgrad.training.labels import read_labels
from flowgrad.training.samples import SampleSet
from flowgrad.workflow.training import training_problems

TABLE = "clip,kind,horn,car\nc00,audio,0.25,1\nc00,frame,0,0.5\nc01,audio,1,0\n"


def test_clips_with_both_kinds_are_read(tmp_path):
    (tmp_path / "labels.csv").write_text(TABLE)
    found = read_labels(tmp_path / "labels.csv", 2)
    assert found.keys() == {"c00"}, "nobody looked at c01"
    np.testing.assert_array_equal(found["c00"]["audio"], np.float32([0.25, 1]))
    np.testing.assert_array_equal(found["c00"]["frame"], np.float32([0, 0.5]))
    many_clips(tmp_path, 3, 9.0)
    samples = SampleSet([tmp_path / "many.h5"], labels=found)
    assert samples.clips == ["c00"], "nothing is learnt from clips without"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("clip,kind", "video,kind"), "expected the columns clip, kind and 2 classes, got video, kind, horn, car"),
        (("horn,car", "horn"), "expected 2 columns of classes after clip and kind, got 1"),
        (("c01,audio", "c01,sound"), "line 4, column 'kind': expected audio or frame, got 'sound'"),
        (("c01,audio", "c00,audio"), "line 4: 'c00' has another row of kind audio; keep one of them"),
        (("0.25", "loud"), "line 2, column 'horn': expected a number in 0..1, got 'loud'"),
        (("0.25", "25"), "line 2, column 'horn': expected a number in 0..1, got 25"),
        (("0.25", "nan"), "line 2, column 'horn': expected a number in 0..1, got nan"),
        (("0.25,1", "0.25"), "line 2: expected 4 cells, got 3"),
        (("c00,frame", "c02,frame"), "no clip has a row of kind audio and one of kind frame; give both"),
    ],
)
def test_what_is_wrong_is_named(change, words, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(TABLE.replace(*change))
    with pytest.raises(InputError) as caught:
        read_labels(path, 2)
    assert str(caught.value) == f"{path}: {words}"


@pytest.mark.parametrize("init", ["random", "imagenet"])
def test_a_second_stage_cannot_start_from_nothing(init, tmp_path):
    """It would be trained for hours, and its file refused."""
    (tmp_path / "labels.csv").write_text("clip,kind,a,b,c,d,e,f,g\nc,audio,1,0,0,0,0,0,0\nc,frame,1,0,0,0,0,0,0\n")
    training = {
        "methods": ["coarse-to-fine"],
        "labels": str(tmp_path / "labels.csv"),
        "init": {"coarse-to-fine": init},
        "batch_size": 2,
    }
    config = parse({"dataset": {"format": "streets"}, "training": training, "streets": {"unlabelled": 20}})
    assert training_problems(config) == [
        f"training.init.coarse-to-fine: expected a checkpoint of its first stage, got {init}; leave the key out, or"
        " name coarse-to-fine-coarse"
    ]
    good = parse({"dataset": {"format": "streets"}, "training": training | {"init": {}}, "streets": {"unlabelled": 20}})
    assert training_problems(good) == []
    without = parse({"dataset": {"format": "streets"}, "training": {"methods": ["coarse-to-fine"]}})
    assert training_problems(without) == [
        "training.labels: coarse-to-fine learns from pseudo labels of 7 classes; give a table"
    ]
