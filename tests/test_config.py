"""The configuration: defaults, errors that name the key, and the schema that editors use."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPOSITORY
from hypothesis import given
from hypothesis import strategies as st
from pydantic import create_model

from flowgrad.config import ConfigurationError, json_schema, parse
from flowgrad.config.protocols import changeable
from flowgrad.errors import InputError
from flowgrad.models.base import Recipe
from flowgrad.models.registry import get_model
from flowgrad.plan import Plan
from flowgrad.protocols import PAPER, RELEASED
from flowgrad.spelling import ALSO_CALLED
from flowgrad.workflow.training import TrainingRun

MINIMAL = {"dataset": {"root": "clips"}}
SCHEMA = json.loads(json_schema())
Place = tuple[str, ...]


def keys(schema: dict[str, Any], place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every key of the configuration, as the schema that editors use has it, and what it says of it."""
    for name, what in schema.get("properties", {}).items():
        reference = what.get("$ref", "").rpartition("/")[2]
        below = SCHEMA["$defs"].get(reference, what)
        yield (*place, name), what if below is what else below
        yield from keys(below, (*place, name))


KEYS = dict(keys(SCHEMA))
KEYS |= dict(keys(SCHEMA["$defs"]["CustomProtocol"], ("custom_protocols", "mine")))
CHANGES = create_model("Changes", **{name: (field.annotation, field) for name, field in changeable().items()})
KEYS |= dict(keys(CHANGES.model_json_schema(), ("custom_protocols", "mine", "change")))
KEYS |= {("checkpoints", "rcgrad"): {}, ("training", "init", "flowgrad-ic"): {}, ("custom_protocols", "mine"): {}}
RCGRAD_MODEL = get_model("rcgrad")
LISTS = {("models",), ("protocols",), ("training", "methods"), ("plugins",), ("metrics",)}
MAPS = {place[:end] for place in KEYS for end in range(1, len(place))}
OPTIONAL = {("container",), ("reference",), ("training", "root"), ("training", "labels"), ("dataset", "split")}
OPTIONAL |= {("flow", "weights")} | {("training", field.name) for field in fields(Recipe)}
"""Keys that may be there without a value."""
OURS_TO_KNOW = ("constrained", "instance of", "pydantic", "nonetype", "<class", "union", "literal", "lax-or-strict")
OURS_TO_KNOW += ("config", "validat", "input should", "dictionary", "str]", "int]", "value error", "function-")


def put(place: Place, value: Any, raw: dict[str, Any] = MINIMAL) -> dict[str, Any]:
    first, *rest = place
    return raw | {first: put(tuple(rest), value, raw.get(first, {})) if rest else value}


def refused(place: Place, value: Any) -> list[str]:
    """The faults that are found where a value stands in a place; each must be in a person's words."""
    try:
        parse(put(place, value))
    except ConfigurationError as error:
        for fault in error.faults:
            assert fault.words.startswith(".".join(place[:1])), "the key comes first"
            assert "\n" not in fault.words
            # what was given is not ours
            words = fault.words.partition("got ")[0].lower()
            assert not [word for word in OURS_TO_KNOW if word in words], fault.words
        assert error.faults
        return [fault.words for fault in error.faults]
    return []


def test_every_key_is_looked_at():
    assert len(KEYS) > 90
    assert {("dataset", "root"), ("streets", "night"), ("custom_protocols", "mine", "change", "audio_bits")} <= set(
        KEYS
    )


@pytest.mark.parametrize("place", KEYS, ids=".".join)
def test_what_cannot_stand_in_a_place_is_told_with_its_key(place):
    """Nothing, lists for scalars, scalars for lists, text for maps, true for numbers, dates, infinity, empty texts."""
    path = ".".join(place)
    wrong: list[Any] = [date(2024, 1, 1)]
    wrong += [] if place in OPTIONAL else [None]
    wrong += [{"colour": "red"}] if place not in MAPS else []
    wrong += [["red"], []] if place not in MAPS | LISTS else [["red"]]
    if place in MAPS | LISTS:
        wrong += ["red", 1, 1.5, True, ""]
    else:
        wrong += ["", "   "]
        numbers = KEYS[place].get("type") in ("integer", "number")
        wrong += ["many", True, math.nan, math.inf, -1] if numbers else []
    for value in wrong:
        told = refused(place, value)
        assert told, f"{path}: {value!r} passed"
        assert any(words.startswith(path) for words in told), told
        assert any(" expected " in words or " unknown " in words or " needed" in words for words in told), told


@given(
    place=st.sampled_from(sorted(KEYS)),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80) | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
def test_whatever_stands_in_a_place_is_taken_or_told(place, value):
    refused(place, value)


def enumerated(what: dict[str, Any]) -> list[str]:
    """The words that may stand in a place."""
    members = [what, *what.get("anyOf", [])]
    words = [word for member in members for word in [*member.get("enum", []), *filter(None, [member.get("const")])]]
    return [word for word in words if isinstance(word, str) and word.isalpha()]


CHOICES = [(place, word) for place, what in KEYS.items() for word in enumerated(what)]


@pytest.mark.parametrize(("place", "word"), CHOICES, ids=[f"{'.'.join(place)}: {word}" for place, word in CHOICES])
def test_a_mistyped_word_is_told_the_right_one(place, word):
    assert not refused(place, word) or word in ("streets", "trained")
    for mistyped in (word.upper(), word + word[-1], *ALSO_CALLED.get(word, ())):
        (told,) = refused(place, mistyped) or [""]
        assert f"got {mistyped!r}; did you mean {word}?" in told


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"models": ["flows", "rcgrad", "whole_frame"]},
            [
                "models, entry 1: unknown model 'flows'; did you mean flow?",
                "models, entry 3: unknown model 'whole_frame'; did you mean whole-frame?",
            ],
        ),
        ({"models": "flow"}, ["models: expected a list, or available, got 'flow'; write [flow]"]),
        (
            {"dataset": "/data"},
            ["dataset: expected keys and values (format, root, split), got '/data'; write {root: /data}"],
        ),
        ({"dataset": {}}, ["dataset.root: is required; for example root: /data/urbansas"]),
        ({"dataset": {"path": "x"}}, ["dataset.path: unknown key; did you mean dataset.root?"]),
        ({"dataset": {"Dir": "x"}}, ["dataset.Dir: unknown key; did you mean dataset.root?"]),
        ({"root": "x"}, ["root: unknown key; did you mean dataset.root?"]),
        ({"epochs": 3}, ["epochs: unknown key; did you mean training.epochs?"]),
        ({"training": {"device": "cpu"}}, ["training.device: unknown key; did you mean device?"]),
        ({"device": "gpu"}, ["device: expected auto, cpu or cuda, got 'gpu'; did you mean cuda?"]),
        (
            {"clips_per_job": 0},
            ["clips_per_job: expected a whole number from 1 to 100000, or auto, got 0"],
        ),
        ({"batch_size": 0}, ["batch_size: expected a whole number from 1 to 4096, or auto, got 0"]),
        ({"detector": {"iou": 0}}, ["detector.iou: expected a number above 0 and up to 1, got 0"]),
        ({"streets": {"width": 161}}, ["streets.width: expected an even number from 160 to 1280, got 161"]),
        (
            {"clips_per_job": None},
            ["clips_per_job: expected a whole number from 1 to 100000, or auto, got nothing; give it a value"],
        ),
        ({"checkpoints": {"rcgrab": "x"}}, ["checkpoints.rcgrab: unknown key; did you mean rcgrad?"]),
        ({1: 2}, None),
        (
            {"training": {"init": {"rcgrad": "rcgrad"}}},
            ["training.init.rcgrad: cannot start from itself; give it imagenet, random or a file"],
        ),
        (
            {"dataset": {"format": "streets", "root": "/data"}},
            ["dataset.root: streets are rendered under results/streets; leave it out"],
        ),
        (
            {"detector": {"weights": "trained"}},
            ["detector.weights: only rendered streets have boxes to train a detector from; name a file"],
        ),
        (
            {"custom_protocols": {"mine": {"change": {"audio_bits": 16}}}},
            ["custom_protocols.mine.change.audio_bits: expected float or 16, got 16; write '16', in quotes"],
        ),
        (
            {"protocols": ["papr", "half"]},
            ["protocols: unknown protocol 'papr'; did you mean paper?; unknown protocol"],
        ),
    ],
)
def test_the_sentence_says_what_to_write(change, told):
    with pytest.raises(ConfigurationError) as caught:
        parse(MINIMAL | change)
    found = [fault.words for fault in caught.value.faults]
    for words, expected in zip(found, told or ["1: unknown key; known: plugins, dataset"], strict=True):
        assert words.startswith(expected)


PATHS = {
    "dataset.root": {"dataset": {"root": "PATH"}},
    "training.root": {"training": {"root": "PATH"}},
    "training.labels": {"training": {"labels": "PATH"}},
    "training.init.rcgrad": {"training": {"init": {"rcgrad": "PATH"}}},
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
        ("", "got an empty text"),
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
        path: TrainingRun(parse(with_path("training.init.rcgrad", path)), Plan(tmp_path), update=False)
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
    assert mine.stationary.stationary_gap == RELEASED.stationary.stationary_gap
    assert mine == PAPER.changed(stationary_gap=4)
    assert RCGRAD_MODEL.settings(mine) == RCGRAD_MODEL.settings(PAPER)


def test_a_protocol_changes_what_models_see():
    """By the name of a field of their presets; models that have no such field stay as they are."""
    change = {"audio_seconds": 2, "flow_storage": "jpeg", "normalise_maps": False}
    config = parse(MINIMAL | {"protocols": ["mine"], "custom_protocols": {"mine": {"change": change}}})
    mine = config.protocol("mine")
    assert RCGRAD_MODEL.settings(mine).audio_seconds == 2
    assert get_model("flowgrad-ic").settings(mine).flow_storage == "jpeg"
    assert get_model("flow").settings(mine).normalise_maps is False
    assert mine.threshold.normalise_maps is False
    assert get_model("yolo-topline").settings(mine) == get_model("yolo-topline").settings(PAPER)
    assert mine.boxes == PAPER.boxes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training": {"shrink_after": 3}}, "training.shrink_after: is called training.lr_patience now"),
        ({"training": {"stop_after": 3}}, "training.stop_after: is called training.early_stopping_patience now"),
        ({"training": {"start": {"rcgrad": "imagenet"}}}, "training.start: is called training.init now"),
        ({"training": {"init": {"rcgrad": "nothing"}}}, "training.init.rcgrad: nothing is called random now"),
        (
            {"custom_protocols": {"mine": {"change": {"sound_bits": "16"}}}},
            "custom_protocols.mine.change.sound_bits: is called custom_protocols.mine.change.audio_bits now",
        ),
        (
            {"custom_protocols": {"mine": {"change": {"sound_seconds": 2}}}},
            "custom_protocols.mine.change.sound_seconds: is called custom_protocols.mine.change.audio_seconds now",
        ),
    ],
)
def test_keys_of_earlier_versions_are_refused_with_the_new_name(change, words):
    with pytest.raises(ConfigurationError) as caught:
        parse(MINIMAL | change)
    assert [fault.words for fault in caught.value.faults] == [words]


def test_every_difference_between_the_protocols_is_documented():
    text = (REPOSITORY / "docs/protocols.md").read_text()
    for name in changeable():
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
