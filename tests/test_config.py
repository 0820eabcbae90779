"""The configuration: defaults, errors that name the key, and the schema that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY

from flowgrad.config import json_schema, parse
from flowgrad.errors import InputError
from flowgrad.plan import Plan
from flowgrad.protocols import PAPER, RELEASED, Protocol
from flowgrad.training_run import TrainingRun

MINIMAL = {"dataset": {"root": "clips"}}


def test_schema_has_not_drifted():
    """workflow/schemas/config.schema.json is generated: flowgrad schema > workflow/schemas/config.schema.json"""
    assert (REPOSITORY / "workflow/schemas/config.schema.json").read_text() == json_schema()


def test_the_shipped_file_holds_defaults_only():
    shipped = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    assert parse(MINIMAL | shipped) == parse(MINIMAL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protcols": ["paper"]}, "protcols: unknown key"),
        ({"dataset": {"root": "x", "formt": "videos"}}, "dataset.formt: unknown key"),
        ({"dataset": {}}, "dataset.root: is required"),
        ({"models": ["rcgrd"]}, "unknown model 'rcgrd'"),
        ({"models": []}, "at least one model"),
        ({"models": ["flow", "flow"]}, "named twice"),
        ({"protocols": ["strict"]}, "unknown protocol 'strict'"),
        ({"clips_per_job": 0}, "clips_per_job"),
        ({"clips_per_job": "many"}, "clips_per_job"),
        ({"frames": "some"}, "frames"),
        ({"pictures": 65}, "pictures"),
        ({"detector": {"confidence": 1.5}}, "detector.confidence"),
        ({"checkpoints": {"rcgrab": "x.pt"}}, "checkpoints.rcgrab"),
        ({"dataset": {"root": "x", "format": "videos"}, "frames": "annotated"}, "'annotated' needs annotations"),
        ({"custom_protocols": {"paper": {}}}, "built in"),
        ({"custom_protocols": {"mine": {"change": {"map_treshold": 0.4}}}}, "map_treshold"),
        ({"custom_protocols": {"mine": {"change": {"map_threshold": 4}}}}, "map_threshold"),
    ],
)
def test_what_is_wrong_is_named(change, words):
    with pytest.raises(InputError, match="configuration") as caught:
        parse(MINIMAL | change)
    assert words in str(caught.value)


PATHS = {
    "dataset.root": {"dataset": {"root": "PATH"}},
    "training.root": {"training": {"root": "PATH"}},
    "training.start.rcgrad": {"training": {"start": {"rcgrad": "PATH"}}},
    "checkpoints.rcgrad": {"checkpoints": {"rcgrad": "PATH"}},
    "detector.weights": {"detector": {"weights": "PATH"}},
    "container": {"container": "PATH"},
}


def with_path(key: str, path: str) -> dict:
    return MINIMAL | json.loads(json.dumps(PATHS[key]).replace("PATH", path))


@pytest.mark.parametrize("key", PATHS)
def test_home_and_variables_in_every_path(monkeypatch, key):
    """Whichever way a path is written, the configuration is the same."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/home/me/$data")
    plain = parse(with_path(key, "/home/me/$$data/x"))
    for path in ("~/$$data/x", "$DATA/x", "${DATA}/x", "$HOME/$$data/x"):
        assert parse(with_path(key, path)) == plain, path
    assert "/home/me/$data/x" in plain.model_dump_json()
    for path, words in (
        ("$GONE/x", "the environment variable GONE is not set"),
        ("${GONE}/x", "the environment variable GONE is not set"),
        ("~nobody-of-this-name/x", "there is no such user"),
        ("", "is empty; name a path"),
    ):
        with pytest.raises(InputError) as caught:
            parse(with_path(key, path))
        assert str(caught.value).startswith(f"configuration: {key}: ")
        assert words in str(caught.value)


def test_a_training_does_not_depend_on_how_its_start_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE", str(tmp_path))
    (tmp_path / "start.pt").write_bytes(b"weights")
    (tmp_path / "other.pt").write_bytes(b"other weights")
    runs = {
        path: TrainingRun(parse(with_path("training.start.rcgrad", path)), Plan(tmp_path), update=False)
        for path in ("start.pt", "./start.pt", "$PLACE/start.pt", str(tmp_path / "start.pt"), "other.pt")
    }
    *same, other = (run.train_params("rcgrad") for run in runs.values())
    assert all(params == same[0] for params in same)
    assert other != same[0]


def test_what_is_no_variable_stays():
    for path in ("a$.mp4", "a$", "a~b", "docker://image:1", "./~"):
        assert parse(MINIMAL | {"container": path}).container == path


def test_everything_wrong_is_named_at_once():
    with pytest.raises(InputError) as caught:
        parse({"dataset": {"root": "x"}, "clips_per_job": 0, "colour": "red", "frames": "few"})
    assert all(key in str(caught.value) for key in ("clips_per_job", "colour", "frames"))


def test_a_third_protocol():
    config = parse(
        MINIMAL
        | {
            "protocols": ["paper", "half-second"],
            "custom_protocols": {"half-second": {"based_on": "paper", "change": {"stationary_gap": 4}}},
        }
    )
    mine = config.used_protocols()["half-second"]
    assert mine.stationary_gap == RELEASED.stationary_gap
    assert mine.sound_seconds == PAPER.sound_seconds


def test_every_difference_between_the_protocols_is_documented():
    text = (REPOSITORY / "docs/protocols.md").read_text()
    for name in Protocol.model_fields:
        assert f"`{name}`" in text, name


def test_every_key_is_documented():
    text = (REPOSITORY / "docs/configuration.md").read_text()
    for name in json.loads(json_schema())["properties"]:
        assert f"`{name}`" in text, name


def test_every_rule_opens_with_its_inputs_and_outputs():
    for path in sorted(Path(REPOSITORY, "workflow/rules").glob("*.smk")):
        opening = path.read_text().split('"""')[1]
        assert "\nin " in opening, path.name
        assert "\nout " in opening, path.name
