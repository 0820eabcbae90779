"""The annotation tables of a dataset: what is read, what is refused and with which words, and what will be scored."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from conftest import make_clip
from hypothesis import given
from hypothesis import strategies as st

from flowgrad.check import check
from flowgrad.config import parse
from flowgrad.datasets.base import Annotations, Box, SoundEvent
from flowgrad.datasets.csv_table import read_table
from flowgrad.datasets.labels import canonical
from flowgrad.datasets.registry import open_dataset
from flowgrad.errors import InputError
from flowgrad.evaluation.ground_truth import scored_boxes
from flowgrad.evaluation.unscored import REASONS, why_unscored
from flowgrad.protocols import BUILT_IN

BOXES = "filename,time,x,y,w,h,visibility,label\n"
EVENTS = "filename,start,end,label,non_identifiable_vehicle_sound\n"
BOX = "a,0.5,1,1,5,5,1,car\n"
EVENT = "a,0,1,car,0\n"


def lay_out(root: Path, boxes: str = BOXES + BOX, events: str = EVENTS + EVENT, *videos: str) -> Path:
    """Lay out an Urbansas folder of empty files: what is in the videos is not looked at."""
    (root / "clips").mkdir(parents=True)
    for name in videos or ("a.mp4",):
        (root / "clips" / name).touch()
    (root / "annotations").mkdir()
    (root / "annotations/video_annotations.csv").write_text(boxes, encoding="utf-8", newline="")
    (root / "annotations/audio_annotations.csv").write_text(events, encoding="utf-8", newline="")
    return root


def problems(root: Path) -> list[str]:
    return open_dataset("urbansas", root).problems()


def notes(root: Path) -> list[str]:
    """What ``flowgrad check`` notes, which a run does too."""
    found = check(parse({"dataset": {"root": str(root)}, "models": ["flow"]}), root / "results")
    assert found.problems == []
    return found.notes


# classes


@pytest.mark.parametrize(
    ("seen", "heard"),
    [("Car", "car"), ("CARS", "car "), (" motorcycle", "Motorbikes"), ("buses", "Bus"), ("truck", "trucks")],
)
def test_one_class_in_two_spellings(tmp_path, seen, heard):
    root = lay_out(tmp_path / "d", BOXES + BOX.replace("car", seen), EVENTS + EVENT.replace("car", heard))
    known = open_dataset("urbansas", root).annotations()["a"]
    assert known.boxes[0].label == known.events[0].label == canonical(heard)
    assert "protocol paper scores 1 frame of 1 clip" in notes(root)


@pytest.mark.parametrize("spelling", ["Offscreen", "off-screen", " OFFSCREEN "])
def test_off_screen_is_off_screen_in_any_spelling(tmp_path, spelling):
    root = lay_out(tmp_path / "d", events=EVENTS + EVENT.replace("car", spelling))
    (note,) = notes(root)
    assert note == "protocols paper, released score NO frame: every sound event is off screen (1 clip)"


def test_a_class_that_urbansas_has_not_is_named_with_its_line(tmp_path):
    """Misspelt in one table it would lose its frames without a word; one's own class in both is only mentioned."""
    boxes = BOXES + BOX + BOX.replace("car", "buss") * 3 + BOX.replace("car", "tram")
    root = lay_out(tmp_path / "d", boxes, EVENTS + EVENT + EVENT.replace("car", "Tram") + "a,-1,-1,-1,0\n")
    misspelt, own, heard, *_ = notes(root)
    assert "video_annotations.csv: line 3, column 'label' is 'buss' (and 2 more)" in misspelt
    assert "none of car, bus, truck, motorbike; did you mean bus?; it is nowhere in audio_annotations.csv" in misspelt
    assert "line 6, column 'label' is 'tram'" in own
    assert "nowhere" not in own
    assert "audio_annotations.csv: line 3" in heard


# names of clips


@pytest.mark.parametrize("cell", ["a.mp4", "a.MP4", " a ", "a.wav", "a.mkv", '" a.mp4"'])
def test_the_name_of_a_clip_may_end_in_a_suffix(tmp_path, cell):
    root = lay_out(tmp_path / "d", BOXES + BOX.replace("a,", f"{cell},", 1))
    dataset = open_dataset("urbansas", root)
    assert [(clip.name, clip.video) for clip in dataset.clips()] == [("a", "clips/a.mp4")]
    assert len(dataset.annotations()["a"].boxes) == len(dataset.annotations()["a"].events) == 1


def test_a_name_that_is_that_of_a_video_stays(tmp_path):
    """Two videos a.mp4 and a.wav.mp4 are two clips, and each has its own annotations."""
    boxes = BOXES + BOX + BOX.replace("a,", "a.wav,", 1) * 2
    root = lay_out(tmp_path / "d", boxes, EVENTS + EVENT, "a.mp4", "a.wav.mp4")
    known = open_dataset("urbansas", root).annotations()
    assert {name: len(of_clip.boxes) for name, of_clip in known.items()} == {"a": 1, "a.wav": 2}


def test_the_cases_that_people_met(tmp_path, reference):
    """Another case of the class, names with .mp4, rows that end in a comma: each scores what the plain tables do."""
    for case in ("csv_label_case", "csv_mp4_extension", "csv_trailing_comma"):
        root = tmp_path / case
        root.mkdir()
        (root / "clips").symlink_to(reference / "urbansas_mini/clips")
        (root / "annotations").symlink_to(reference / "cases" / case)
        assert notes(root) == [f"protocol {name} scores 11 frames of 2 clips" for name in ("paper", "released")]


# the tables as files


def boxes_of(root: Path) -> list[tuple[float, ...]]:
    return [(box.time, *box.xywh) for box in open_dataset("urbansas", root).annotations()["a"].boxes]


@pytest.mark.parametrize(
    "boxes",
    [
        BOXES + BOX,
        BOXES + BOX.replace("\n", ",\n"),
        BOXES + BOX.replace("\n", ",,,\n"),
        BOXES.replace("\n", ",\n") + BOX,
        BOXES.replace("\n", ",,\n") + BOX.replace("\n", ",\n"),
        "\n\n" + BOXES + "\n" + BOX + "\n,,,,,,,\n  \n",
        "\ufeff" + (BOXES + BOX).replace("\n", "\r\n"),
        (BOXES + BOX).replace("\n", "\r"),
        (BOXES + BOX).replace(",", ";"),
        (BOXES + BOX).replace(",", ";").replace("0.5", "0,5"),
        (BOXES + BOX).replace(",", "\t"),
        (BOXES + BOX).replace(",", " , "),
        BOXES.replace("\n", ",note\n") + BOX.replace("\n", ',"said ""so"",\nand more"\n'),
        "," + BOXES + "7," + BOX,
        "city,label,visibility,h,w,y,x,time,filename\nlyon,car,1.0,5.0,5,1,1e0, 0.5,a\n",
    ],
)
def test_ways_to_write_a_table(tmp_path, boxes):
    root = lay_out(tmp_path / "d", boxes)
    assert problems(root) == []
    assert boxes_of(root) == [(0.5, 1, 1, 5, 5)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (BOX * 2 + BOX.replace("car", "car,b") * 3, "line 4 has 9 cells, the header 8 (and 2 more); put a cell that"),
        (BOX + "a,1,1,1,5,5,1\n", "line 3 has 7 cells, the header 8; leave none out"),
        (BOX.replace("5,5", "inf,5") * 1000, "line 2, column 'w' is 'inf', not a number (and 999 more)"),
        (BOX + BOX.replace("0.5", "nan"), "line 3, column 'time' is 'nan', not a number"),
        (BOX + "\n\n" + BOX.replace("0.5", "half"), "line 5, column 'time' is 'half', not a number"),
        ('"a",0.5,"1\n",1,5,5,1,car\n' + BOX.replace("0.5", "x"), "line 4, column 'time' is 'x', not a number"),
        (BOX + 'a,0.5,"1,1,5,5,1,car\n' + BOX, "the row of line 3 cannot be read: a quotation mark is not closed"),
        (BOX.replace("0.5", "0,5"), "line 2 has 9 cells, the header 8"),
        (BOX.replace("car", " "), "line 2, column 'label' is empty"),
        (BOX + BOX.replace("5,5", "5,") + "a,-1,,,,,,\n", "line 3, column 'h' is empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(tmp_path, rows, words):
    (problem,) = problems(lay_out(tmp_path / "d", BOXES + rows))
    assert problem.startswith(f"{tmp_path}/d/annotations/video_annotations.csv: {words}")
    assert "np.float64" not in problem
    assert "\n" not in problem
    assert len(problem) < 250


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "columns 'filename', 'label', 'time'"),
        (b"filename,label,time,time,x,y,w,h,visibility\n", "column 'time' stands twice in the header"),
        ((BOXES + BOX).encode() + b"\xe9,1,1,1,1,1,1,car\n", "line 3 is not UTF-8"),
        ((BOXES + BOX).encode("utf-16"), "line 1 is not UTF-8"),
        ((BOXES + BOX).replace(",", "|").encode(), "are missing (the file has filename|time|x|y|w|h|visibility|label)"),
    ],
)
def test_what_is_no_table(tmp_path, content, words):
    root = lay_out(tmp_path / "d")
    (root / "annotations/video_annotations.csv").write_bytes(content)
    (problem,) = problems(root)
    assert words in problem
    (root / "annotations/video_annotations.csv").unlink()
    assert "video_annotations.csv: file not found" in problems(root)[0]


cell = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@given(
    rows=st.lists(st.tuples(cell, st.floats(-1e6, 1e6)), min_size=1, max_size=12),
    blank=st.lists(st.booleans(), min_size=12, max_size=12),
    separator=st.sampled_from(",;\t"),
    wrong=st.integers(0, 11),
)
def test_the_line_that_is_named_is_the_line_of_the_fault(tmp_path_factory, rows, blank, separator, wrong):
    """Whatever the cells hold, line breaks and quotes among them, and however many blank lines stand between."""
    wrong %= len(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["note", "value"])
    for number, (note, value) in enumerate(rows):
        if blank[number]:
            text.write("\n")
        if number == wrong:
            line = text.getvalue().count("\n") + 1
        writer.writerow([note, "none" if number == wrong else value])
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    table = read_table(path, ["note"], ["value"])
    assert table.faults == [f"line {line}, column 'value' is 'none', not a number"]
    assert table.text["note"] == [note.strip() for note, _ in rows]
    values = [value for number, (_, value) in enumerate(rows) if number != wrong]
    assert [value for number, value in enumerate(table.numbers["value"]) if number != wrong] == values


def test_a_table_longer_than_a_block_is_read_whole(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("n,v\n" + "".join(f"clip{k % 7},{k}\n" for k in range(10_000)) + "x,oops\n")
    table = read_table(path, ["n"], ["v"])
    assert list(table.numbers["v"][:10_000]) == list(range(10_000))
    assert table.text["n"][9_999] == f"clip{9_999 % 7}"
    with pytest.raises(InputError, match="line 10002, column 'v' is 'oops'"):
        table.accepted()


# what will be scored


def scoring(tmp_path: Path, boxes: str, events: str, *videos: str) -> str:
    found = notes(lay_out(tmp_path / "d", BOXES + boxes, EVENTS + events, *videos))
    return "\n".join(note for note in found if note.startswith("protocol"))


@pytest.mark.parametrize(
    ("boxes", "events", "words"),
    [
        ("a,500,1,1,5,5,1,car\n", EVENT, "the times of the boxes look like milliseconds, as seconds 1 frame would be"),
        (BOX, "a,200,900,car,0\n", "the times of the sound events look like milliseconds, as seconds 1 frame would be"),
        (
            BOX,
            EVENT.replace("car", "bus"),
            "is of the class that sounds (1 clip): boxes are of car, sound events of bus",
        ),
        (BOX.replace(",1,car", ",0,car"), EVENT, "no annotated vehicle is visible (1 clip)"),
        (BOX, EVENT.replace("car", "offscreen"), "every sound event is off screen (1 clip)"),
        (BOX, EVENT.replace(",0\n", ",1\n"), "no sound event on screen is identifiable (1 clip)"),
        (BOX, "b" + EVENT[1:], "no clip is in both tables, the boxes' has 'a', the sound events' 'b'"),
        ("", "", "the tables of annotations hold no row"),
        ("a,-1,,,,,,\n", "a,-1,-1,-1,0\n", "no vehicle is annotated (1 clip)"),
        (BOX.replace("a,", "x1,"), "x1,0,1,car,0\n", "the tables name 'x1', a video is called 'a'"),
    ],
)
def test_where_nothing_would_be_scored_the_usual_reason_is_guessed(tmp_path, boxes, events, words):
    text = scoring(tmp_path, boxes, events, "a.mp4", "b.mp4")
    assert "NO frame: " in text
    assert words in text


def test_a_protocol_that_scores_nothing_is_told_from_one_that_does(tmp_path):
    text = scoring(tmp_path, BOX, EVENT.replace("car", "bus"))
    assert "protocol released scores 1 frame of 1 clip" in text
    assert "protocol paper scores NO frame" in text


def test_a_clip_that_is_called_otherwise_in_the_tables_is_named(tmp_path):
    """One of two clips: the other is scored, and yet nothing is lost without a word."""
    boxes, events = BOX + BOX.replace("a,", "Street-2,"), EVENT + EVENT.replace("a,", "Street-2,")
    found = notes(lay_out(tmp_path / "d", BOXES + boxes, EVENTS + events, "a.mp4", "street_2.mp4"))
    assert "annotated without a video, and a video without annotations: Street-2 (street_2?)" in found
    assert not [note for note in notes(lay_out(tmp_path / "e", BOXES + BOX, EVENTS + EVENT, "a.mp4")) if "?" in note]


def test_boxes_that_are_fractions_are_told(tmp_path):
    found = notes(lay_out(tmp_path / "d", BOXES + "a,0.5,0.1,0.2,0.3,0.4,1,car\n", EVENTS + EVENT, "a.mp4"))
    assert any("look like fractions of the picture" in note for note in found)


def test_times_past_the_end_of_the_clips(tmp_path):
    """Both tables in milliseconds fit together: only the length of the clips tells."""
    root = lay_out(tmp_path / "d", BOXES + "a,500,1,1,5,5,1,car\n", EVENTS + "a,0,1000,car,0\n")
    make_clip(root / "clips/a.mp4", seconds=1)
    *_, note = notes(root)
    assert note.startswith("annotated past the end: 1 of 1 clip looked at, for example a, which lasts 1")
    assert note.endswith("is annotated at 500 s; the times look like milliseconds")


def test_what_is_counted_is_what_is_scored(mini):
    """The released code's own scripts scored these frames of the real clips."""
    config = parse({"dataset": {"root": str(mini)}, "models": ["flow"], "protocols": ["released"]})
    frames = pd.read_csv(mini / "reference/released_frames.csv").query("model == 'flow'")
    expected = f"protocol released scores {len(frames)} frames of {frames['video'].nunique()} clips"
    assert check(config).notes == [expected]


times = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0])
classes = st.sampled_from(["car", "bus", "offscreen", "-1"])
boxes = st.builds(
    Box, times, st.sampled_from([-20.0, -1, 3, 500]), st.just(1.0), st.just(5.0), st.just(5.0), classes, st.booleans()
)
events = st.builds(SoundEvent, times, times, classes, st.booleans())
annotations = st.builds(Annotations, st.lists(boxes, max_size=4).map(tuple), st.lists(events, max_size=4).map(tuple))


@given(annotations, st.sampled_from([None, (400, 225)]), st.sampled_from([None, 6]))
def test_a_clip_has_a_reason_exactly_where_no_frame_is_scored(known, size, frames):
    """Under one protocol and under several; the reason is one of those that the documents list."""
    rules = [protocol.ground_truth for protocol in BUILT_IN.values()]
    for protocols in (rules[:1], rules[1:], rules):
        scored = {number for protocol in protocols for number in scored_boxes(known, **dict(protocol), size=size)}
        reason = why_unscored(known, protocols, size, frames)
        assert (reason is None) == any(frames is None or number < frames for number in scored)
        assert reason is None or reason in REASONS
