"""Stills with sound: Flickr-SoundNet and VGG-SS by their published files, what is refused, and their ground truth."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import wave
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from flowgrad.datasets.base import Annotations, Box, Clip, Region, SoundEvent, Still
from flowgrad.datasets.flickr_soundnet import FlickrSoundNet
from flowgrad.datasets.split_list import read_list
from flowgrad.datasets.vggss import Vggss
from flowgrad.errors import InputError
from flowgrad.evaluation.consensus import consensus

THREE = ((40, 40, 120, 120), (80, 40, 160, 120), (80, 80, 200, 200))
"""Boxes of three annotators, in the frame of 256 pixels."""

ELK = "zpWuikVorYg_000032"
ONE = [{"file": ELK, "class": "elk bugling", "bbox": [[0.25, 0.25, 0.5, 0.75]]}]


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(3200))


def xml(root: Path, name: str, boxes: Iterable[tuple[float, ...]] = THREE) -> Path:
    """An annotation file: an element an annotator, whose box begins with a child that is passed over."""
    path = root / "Annotations" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = ("xmin", "ymin", "xmax", "ymax")
    text = "".join(
        f"<annotator><bbox><label>{number}</label>"
        + "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, box, strict=True))
        + "</bbox></annotator>"
        for number, box in enumerate(boxes)
    )
    path.write_text(f"<annotations><id>{name}</id>{text}</annotations>")
    return path


def flickr(root: Path, *names: str) -> Path:
    """A Flickr-SoundNet folder as it is distributed, each clip in a shard of its own."""
    for number, name in enumerate(names):
        xml(root, name)
        picture(root / f"Data/{number}/{name}.jpg")
        sound(root / f"Data/{number}/{name}.wav")
    return root


def vggss(root: Path, annotations: object = ONE, *stems: str) -> Path:
    """A VGG-SS folder with pictures and sounds of these names."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "vggss.json").write_text(json.dumps(annotations))
    for stem in stems or (ELK,):
        picture(root / f"frames/{stem}.jpg")
        sound(root / f"audio/{stem}.wav")
    return root


def edges(region: Region, side: int) -> tuple[float, ...]:
    return region.x1 * side, region.y1 * side, region.x2 * side, region.y2 * side


# the ground truth


def test_a_pixel_counts_by_the_number_of_its_annotators():
    """Three annotators that overlap in part: one gives half the weight, two give it all, three no more."""
    halves = [Region(0.25, 0.25, 0.75, 0.75, number) for number in range(3)]
    regions = [halves[0], Region(0.5, 0.25, 1, 0.75, 1), Region(0.5, 0.5, 0.75, 1, 2)]
    expected = [[0, 0, 0, 0], [0, 0.5, 1, 0.5], [0, 0.5, 1, 0.5], [0, 0, 0.5, 0]]
    found = consensus(regions, agree=2, size=4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    np.testing.assert_array_equal(consensus(halves, agree=2, size=4), consensus(halves[:1], agree=1, size=4))
    np.testing.assert_array_equal(np.unique(consensus(regions, agree=3, size=4)), np.float32([0, 1 / 3, 2 / 3, 1]))


def test_one_annotator_gives_the_union():
    regions = [Region(0, 0, 0.5, 1), Region(0.25, 0, 0.75, 0.5), Region(0.25, 0, 0.75, 0.5)]
    expected = [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_array_equal(consensus(regions, agree=1, size=4), expected)
    assert not consensus([], agree=1).any()


def test_edges_are_truncated_as_published():
    """The pixel of each edge by the released rule, int(224 * v): 0.6 is 134.4, 0.003 is less than one."""
    found = consensus([Region(0.403125, 0.253125, 0.6, 0.75)], agree=1)
    rows, columns = np.nonzero(found)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (90, 56, 134, 168)
    assert found.sum() == 44 * 112
    assert not consensus([Region(0.5, 0.5, 0.503, 0.503)], agree=1).any()
    assert consensus([Region(0, 0, 1, 1)], agree=1).all()


@pytest.mark.parametrize(
    ("region", "agree", "words"),
    [
        (Region(-0.1, 0, 1, 1), 1, "reaches past the picture"),
        (Region(0, 0, float("nan"), 1), 1, "reaches past the picture"),
        (Region(0, 0, 1, 1), 0, "agree is 0"),
    ],
)
def test_what_is_no_ground_truth_is_refused(region, agree, words):
    with pytest.raises(ValueError, match=words):
        consensus([region], agree)


# annotations as they are stored


def test_annotations_of_videos_are_stored_as_before():
    box = Box(0.5, 1, 2, 3, 4, "car", True)
    event = SoundEvent(0, 1, "car", True)
    text = json.dumps(Annotations((box,), (event,)).to_json())
    assert text == (
        '{"boxes": [{"time": 0.5, "x": 1, "y": 2, "w": 3, "h": 4, "label": "car", "visible": true}], '
        '"events": [{"start": 0, "end": 1, "label": "car", "identifiable": true}]}'
    )
    assert Annotations.from_json(json.loads(text)) == Annotations((box,), (event,))


def test_annotations_of_stills_come_back():
    known = Annotations(regions=(Region(0, 0.25, 0.5, 1), Region(0, 0, 1, 1, 2)), agree=2, label="dog barking")
    assert Annotations.from_json(json.loads(json.dumps(known.to_json()))) == known


# VGG-SS


def test_published_vggss(reference, tmp_path):
    """The published file as it is, faults included, with the files of two clips."""
    names = [ELK, "-d1KR2BSfHM_000065"]
    root = vggss(tmp_path, [], *names)
    shutil.copy(reference / "formats/stoneMo+SLAVC/vggss.json", root / "vggss.json")
    dataset = Vggss(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == 5158
    assert [clip.name for clip in clips] == sorted(known)
    assert Clip(ELK, f"frames/{ELK}.jpg", f"audio/{ELK}.wav", still=Still()) in clips
    assert sum(clip.video is not None for clip in clips) == 2
    assert known[ELK] == Annotations(regions=(Region(0.403125, 0.253125, 0.6, 0.75),), label="elk bugling")
    assert len({known.label for known in known.values()}) == 221
    boxes = Counter(len(known.regions) for known in known.values())
    assert boxes == {0: 2, 1: 4630, 2: 374, 3: 93, 4: 36, 5: 18, 6: 3, 7: 2}
    assert dataset.notes() == [
        "5156 of 5158 clips have no picture in frames or Data: -0BIyqJj9ZU_000030, -0UuUoXQUoI_000107, "
        "-2-wdcN5vOw_000017, ...",
        "5156 of 5158 clips have no sound file in audio or Data: -0BIyqJj9ZU_000030, -0UuUoXQUoI_000107, "
        "-2-wdcN5vOw_000017, ...",
        "12 of 5941 boxes reach past the picture and are cut at its edge: entry 3610 of vggss.json "
        "(-ANxUxvGASw_000010), entry 4147 of vggss.json (2xBIHi3oqy4_000030), entry 955 of vggss.json "
        "(5VCZHHd4UKI_000098), ...",
        "18 of 5941 boxes are empty and do not count: entry 3610 of vggss.json (-ANxUxvGASw_000010), "
        "entry 4147 of vggss.json (2xBIHi3oqy4_000030), entry 955 of vggss.json (5VCZHHd4UKI_000098), ...",
        "2 of 5158 clips have no box that counts: M1P1xla8rg0_000000, MKC9LvRivTM_000030",
    ]


VGGSS_LISTS = {
    "stoneMo+SLAVC/vggss_test": 5158,
    "stoneMo+SLAVC/vggss_heard_test": 2564,
    "stoneMo+SLAVC/vggss_unheard_test": 2575,
    "denfed+heartheflow/vggss_test_trimmed": 4670,
}
FLICKR_LISTS = {
    "stoneMo+SLAVC/flickr_test.csv": 250,
    "denfed+heartheflow/flickr_test_trimmed.csv": 178,
    "denfed+heartheflow/flickr_test_expanded.csv": 1666,
    "shvdiwnkozbw+Multi-Source-Sound-Localization/gtest.txt": 250,
}


@pytest.mark.parametrize(("name", "count"), VGGSS_LISTS.items())
@pytest.mark.parametrize("place", [".", "metadata", "lists"])
def test_published_lists_of_vggss(reference, tmp_path, name, count, place):
    file = reference / f"formats/{name}.csv"
    first = file.read_text().splitlines()[0]
    root = vggss(tmp_path, [], first)
    (root / place).mkdir(exist_ok=True)
    shutil.copy(reference / "formats/stoneMo+SLAVC/vggss.json", root / place / "vggss.json")
    if place != ".":
        (root / "vggss.json").unlink()
    shutil.copy(file, root / place)
    dataset = Vggss(root, split=file.stem)
    assert dataset.problems() == []
    assert len(dataset.clips()) == len(dataset.annotations()) == count
    assert [clip.name for clip in dataset.clips() if clip.video] == [first]


def test_heard_and_unheard_classes_of_vggss_have_none_in_common(reference, tmp_path):
    root = vggss(tmp_path)
    for file in (reference / "formats/stoneMo+SLAVC").glob("vggss*"):
        shutil.copy(file, root)
    heard, unheard = (Vggss(root, f"vggss_{part}_test").annotations() for part in ("heard", "unheard"))
    classes = [{known.label for known in part.values()} for part in (heard, unheard)]
    assert [len(part) for part in classes] == [110, 110]
    assert not classes[0] & classes[1]
    rest = Vggss(root).annotations().keys() - heard.keys() - unheard.keys()
    assert len(rest) == 19


def test_files_may_have_the_milliseconds_of_their_clip_in_their_name(reference, tmp_path):
    """As Hear The Flow and SSL-Align name them; a dash, an underscore or a zero at the start makes no difference."""
    entries = json.loads((reference / "formats/stoneMo+SLAVC/vggss.json").read_text())
    names = [entry["file"] for entry in entries]
    spelt = {name: f"{name[:11]}_{1000 * int(name[12:])}_{1000 * (int(name[12:]) + 10)}" for name in names}
    assert {Vggss.canonical(stem): stem for stem in spelt.values()} == spelt
    assert all(Vggss.canonical(name) == name for name in names)

    some = ["gg6yoeBoYxg_000000", "-d1KR2BSfHM_000065", ELK]
    root = vggss(tmp_path, [entry for entry in entries if entry["file"] in some], *(spelt[name] for name in some))
    for direction in ("flow_x", "flow_y"):
        picture(root / f"flow/{direction}/{spelt[ELK]}.jpg")
    (root / "mine.txt").write_text("\n".join(spelt[name] for name in some))
    dataset = Vggss(root, "mine")
    assert dataset.problems() == []
    clip = dataset.clips()[-1]
    stem = f"{spelt[ELK]}.jpg"
    assert clip == Clip(
        ELK,
        f"frames/{stem}",
        f"audio/{spelt[ELK]}.wav",
        still=Still(flow=(f"flow/flow_x/{stem}", f"flow/flow_y/{stem}")),
    )
    assert dataset.notes() == [
        "2 of 3 clips have no picture in both of flow/flow_x and flow/flow_y: -d1KR2BSfHM_000065, gg6yoeBoYxg_000000"
    ]
    assert set(dataset.annotations()) == set(some)


def test_a_clip_spelt_otherwise_is_not_taken_for_another():
    for name in ("zpWuikVorYg_32000_41000", "zpWuikVorYg_32000", "a_0_10000"):
        assert Vggss.canonical(name) == name


def entry(**change: object) -> dict[str, object]:
    return {key: value for key, value in {**ONE[0], **change}.items() if value is not None}


WRONG_BOX = "has something else than lists of x1, y1, x2, y2 under 'bbox'"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps([entry(), entry(file=None)]), "entry 2 has no key 'file'"),
        (json.dumps([entry(bbox=None), entry(bbox=None)]), "entry 1 has no key 'bbox' (and 1 more)"),
        (json.dumps([entry(file=7)]), "entry 1 has something else than an id under 'file'"),
        (json.dumps([entry(bbox=[0.1, 0.2, 0.3, 0.4])]), f"entry 1 {WRONG_BOX}"),
        (json.dumps([entry(bbox=[[0.1, 0.2, 0.3]])]), f"entry 1 {WRONG_BOX}"),
        (json.dumps([entry(bbox=[[0.1, 0.2, 0.3, "0.4"]])]), "entry 1 has something else than numbers in a box"),
        ('[{"file": "a", "bbox": [[0, 0, NaN, 1]]}]', "entry 1 has something else than numbers in a box"),
        (json.dumps(["a"]), "entry 1 is no object with the keys 'file' and 'bbox'"),
        (json.dumps([entry(**{"class": 3})]), "entry 1 has something else than text under 'class'"),
        (json.dumps(entry()), "is no list of entries with the keys 'file' and 'bbox'"),
        ('[{"file": "a",\n "bbox": }]', "is no JSON: line 2, column 10: Expecting value"),
    ],
)
def test_what_is_wrong_in_the_table_of_vggss_is_said_with_its_place(tmp_path, text, words):
    root = vggss(tmp_path)
    (root / "vggss.json").write_text(text)
    assert Vggss(root).problems() == [f"{root}/vggss.json: {words}"]


def test_an_id_that_is_annotated_twice_is_refused_whatever_its_spelling(tmp_path):
    root = vggss(tmp_path, [entry(), entry(file="b"), entry(file="zpWuikVorYg_32000_42000")])
    assert Vggss(root).problems() == [
        f"{root}: '{ELK}' is annotated twice, by entry 1 of vggss.json ({ELK}) and entry 3 of vggss.json ({ELK}); "
        "keep one of them"
    ]


def test_boxes_that_do_not_count_are_noted_with_their_place(tmp_path):
    boxes = [[-0.5, 0.5, 0.5, 1.5], [0.5, 0.5, 0.5, 1], [0.75, 0, 0.25, 1]]
    root = vggss(tmp_path, [entry(bbox=boxes), entry(file="none", bbox=[]), entry(file="blank", bbox=[[0, 1, 1, 1]])])
    dataset = Vggss(root)
    assert dataset.problems() == []
    assert dataset.notes()[2:] == [
        f"1 of 4 boxes reach past the picture and are cut at its edge: entry 1 of vggss.json ({ELK})",
        f"3 of 4 boxes are empty and do not count: entry 3 of vggss.json (blank), entry 1 of vggss.json ({ELK}), "
        f"entry 1 of vggss.json ({ELK})",
        "2 of 3 clips have no box that counts: blank, none",
    ]
    assert dataset.annotations()[ELK].regions == (Region(0, 0.5, 0.5, 1),)


def test_a_table_that_is_absent_is_said(tmp_path):
    root = vggss(tmp_path)
    (root / "vggss.json").unlink()
    [problem] = Vggss(root).problems()
    assert problem == f"vggss.json is not in {root} and its metadata and lists; it belongs to the dataset"


# Flickr-SoundNet


@pytest.mark.parametrize(("name", "count"), FLICKR_LISTS.items())
def test_published_lists_of_flickr(reference, tmp_path, name, count):
    file = reference / "formats" / name
    names = [line.split(",")[0].removesuffix(".png") for line in file.read_text().splitlines()]
    for one in names:
        xml(tmp_path, one)
    xml(tmp_path, "1")
    flickr(tmp_path, *names[:2])
    (tmp_path / "metadata").mkdir()
    shutil.copy(file, tmp_path / "metadata")
    dataset = FlickrSoundNet(tmp_path, split=file.stem)
    assert dataset.problems() == []
    assert [clip.name for clip in dataset.clips()] == sorted(names)
    assert dataset.annotations().keys() == set(names)
    assert len(names) == count
    clips = {clip.name: clip for clip in dataset.clips()}
    assert clips[names[1]] == Clip(names[1], f"Data/1/{names[1]}.jpg", f"Data/1/{names[1]}.wav", still=Still())
    assert sum(clip.video is None for clip in clips.values()) == count - 2
    assert len(FlickrSoundNet(tmp_path).clips()) == count + 1, "without a list, all that is annotated"


def test_the_list_of_250_names_one_that_the_other_does_not(reference, tmp_path):
    """``gtest.txt`` and ``flickr_test.csv`` have 249 ids in common; what is not annotated is a clip all the same."""
    formats = reference / "formats"
    for name in ("stoneMo+SLAVC/flickr_test.csv", "shvdiwnkozbw+Multi-Source-Sound-Localization/gtest.txt"):
        shutil.copy(formats / name, tmp_path)
    for one in read_list(tmp_path / "flickr_test.csv", str):
        xml(tmp_path, one)
    picture(tmp_path / "Data/a/10000130166.jpg")
    dataset = FlickrSoundNet(tmp_path, "gtest")
    assert dataset.problems() == []
    assert len(dataset.clips()) == 250
    assert len(dataset.annotations()) == 249
    assert f"1 of 250 ids of {tmp_path}/gtest.txt are not annotated: 3908875357" in dataset.notes()


def test_three_annotators_of_flickr(tmp_path):
    """Their boxes in fractions of the picture, and the pixels by hand: 40 of 256 is 35 of 224, 80 is 70, 120 is 105."""
    known = FlickrSoundNet(flickr(tmp_path, "5")).annotations()["5"]
    assert [edges(region, 256) for region in known.regions] == list(THREE)
    assert [region.annotator for region in known.regions] == [0, 1, 2]
    assert known.agree == 2
    truth = consensus(known.regions, known.agree)
    assert truth[35, 35] == 0.5
    assert truth[34, 35] == truth[35, 34] == 0
    assert truth[35, 70] == truth[104, 104] == 1
    assert truth[35, 105] == 0.5
    assert truth[174, 174] == 0.5
    assert truth[175, 174] == 0
    assert truth.sum() == 3675 + 12250 / 2, "pixels of two or three boxes, and of one"


def test_the_layout_of_hear_the_flow(tmp_path):
    for name in ("1", "2"):
        xml(tmp_path, name)
        picture(tmp_path / f"frames/{name}.PNG")
        picture(tmp_path / f"flow/flow_x/{name}.jpg")
    picture(tmp_path / "flow/flow_y/2.jpg")
    sound(tmp_path / "audio/2.flac")
    (tmp_path / "frames/._1.jpg").touch()
    (tmp_path / "audio/1.txt").touch()
    dataset = FlickrSoundNet(tmp_path)
    assert dataset.problems() == []
    assert dataset.clips() == [
        Clip("1", "frames/1.PNG", None, still=Still()),
        Clip("2", "frames/2.PNG", "audio/2.flac", still=Still(flow=("flow/flow_x/2.jpg", "flow/flow_y/2.jpg"))),
    ]
    assert dataset.notes() == [
        "1 of 2 clips have no sound file in audio or Data: 1",
        "1 of 2 clips have no picture in both of flow/flow_x and flow/flow_y: 1",
    ]


def test_what_one_folder_lacks_is_taken_from_the_other(tmp_path):
    flickr(tmp_path, "1", "2")
    picture(tmp_path / "frames/2.png")
    dataset = FlickrSoundNet(tmp_path)
    assert [clip.video for clip in dataset.clips()] == ["Data/0/1.jpg", "frames/2.png"]
    assert dataset.problems() == dataset.notes() == []


def test_a_file_that_is_there_twice_is_refused(tmp_path):
    flickr(tmp_path, "1", "2")
    picture(tmp_path / "Data/other/1.jpeg")
    sound(tmp_path / "Data/other/2.flac")
    picture(tmp_path / "Data/other/not-annotated.jpg")
    picture(tmp_path / "Data/third/not-annotated.jpg")
    assert FlickrSoundNet(tmp_path).problems() == [
        f"{tmp_path}: '1' has 2 pictures (Data/0/1.jpg and Data/other/1.jpeg); keep one of them",
        f"{tmp_path}: '2' has 2 sound files (Data/1/2.wav and Data/other/2.flac); keep one of them",
    ]


BOX = "<bbox><n>1</n><a>1</a><b>2</b><c>30</c><d>40</d></bbox>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<a><b>", "is no XML that can be read: no element found: line 1, column 6"),
        ("", "is no XML that can be read: no element found: line 1, column 0"),
        ('<?xml version="1.0" encoding="none"?><a/>', "is no XML that can be read: unknown encoding: none"),
        (f"<a><b>{BOX}{BOX.replace('30', 'x')}</b></a>", "<bbox> 2 of annotator 1 does not hold one element that is "
         "passed over, then the numbers xmin, ymin, xmax, ymax"),
        (f"<a><b>{BOX}</b><b>{BOX.replace('<n>1</n>', '')}</b></a>", "<bbox> 1 of annotator 2 does not hold one "
         "element that is passed over, then the numbers xmin, ymin, xmax, ymax"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_of_flickr_is_said_with_its_place(tmp_path, text, words):
    flickr(tmp_path, "1", "2")
    path = tmp_path / "Annotations/1.xml"
    path.write_text(text)
    assert FlickrSoundNet(tmp_path).problems() == [f"{path}: {words}"]
    with pytest.raises(InputError, match=r"1\.xml"):
        FlickrSoundNet(tmp_path).annotations()
    shutil.copy(path, tmp_path / "Annotations/2.xml")
    assert FlickrSoundNet(tmp_path).problems() == [f"{path}: {words} (and 1 more)"]
    (tmp_path / "mine.txt").write_text("3")
    flickr(tmp_path, "3")
    assert FlickrSoundNet(tmp_path, "mine").problems() == [], "only what the list names is read"


def test_a_file_of_flickr_without_boxes_is_noted_and_nothing_but_such_files_is_refused(tmp_path):
    """A sound may come from nothing that is seen; where no file has a box, their structure is another."""
    flickr(tmp_path, "1", "2")
    xml(tmp_path, "1", ())
    dataset = FlickrSoundNet(tmp_path)
    assert dataset.problems() == []
    assert dataset.notes() == ["1 of 2 clips have no box that counts: 1"]
    assert dataset.annotations()["1"] == Annotations(agree=2)
    (tmp_path / "Annotations/2.xml").write_text(f"<a>{BOX}</a>")
    assert FlickrSoundNet(tmp_path).problems() == [
        f"{tmp_path}: no clip has a box that counts; the first is annotated by Annotations/1.xml"
    ]


def test_no_external_entity_is_loaded(tmp_path):
    flickr(tmp_path, "1")
    (tmp_path / "secret").write_text("12")
    entity = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    path = tmp_path / "Annotations/1.xml"
    path.write_text(f"{entity}<a><b>{BOX.replace('<a>1</a>', '<a>&x;</a>')}</b></a>")
    [problem] = FlickrSoundNet(tmp_path).problems()
    assert problem.startswith(f"{path}: is no XML that can be read: undefined entity &x;")


# lists, and roots that are wrong


def test_a_list_of_ones_own(tmp_path):
    flickr(tmp_path / "data", "1", "2", "3")
    own = tmp_path / "own.csv"
    own.write_bytes(b"\xef\xbb\xbf3.jpg,\r\n\r\n 1 ,17\r\n")
    dataset = FlickrSoundNet(tmp_path / "data", str(own))
    assert [clip.name for clip in dataset.clips()] == ["1", "3"]
    assert dataset.notes() == []


def test_a_list_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    flickr(tmp_path, "1")
    where = f"split: 'flickr_tset' is neither a list in {tmp_path} and its metadata and lists nor the path of one"
    assert FlickrSoundNet(tmp_path, "flickr_tset").problems() == [
        f"{where}; no list is there: put one there, such as flickr_test.csv, flickr_test_trimmed.csv, "
        "flickr_test_expanded.csv, gtest.txt, flickr_test_plus_silent.csv"
    ]
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/flickr_test.csv").write_text("1\n")
    (tmp_path / "gtest.txt").write_text("1.png\n")
    assert FlickrSoundNet(tmp_path, "flickr_tset").problems() == [
        f"{where}; the lists there are flickr_test, gtest; did you mean flickr_test?"
    ]
    assert FlickrSoundNet(tmp_path, "flickr_test").problems() == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"1,0\n2\n1.png\n", "line 3 names '1', as line 1 does; keep one of them"),
        (b"\n,\n", "is empty; a list has an id a line"),
        (b",5\n", "line 1 has no id in its first column"),
        (b"\xff\xfe1\x00", "is not text in UTF-8; a list has an id a line"),
        (b"7\n8\n", "none of its 2 ids is annotated in {root}: 7, 8"),
    ],
)
def test_what_is_wrong_in_a_list_is_said_with_its_place(tmp_path, content, words):
    flickr(tmp_path, "1", "2")
    path = tmp_path / "own.txt"
    path.write_bytes(content)
    assert FlickrSoundNet(tmp_path, "own").problems() == [f"{path}: {words.format(root=tmp_path)}"]


def test_a_list_with_more_columns_is_refused(tmp_path):
    flickr(tmp_path, "1")
    path = tmp_path / "own.csv"
    path.write_text("1,2,non-sounding\n")
    assert FlickrSoundNet(tmp_path, "own").problems() == [
        f"{path}: line 1 has 3 columns; a list has an id a line; one that adds pictures with foreign sounds is called "
        "NAME_plus_silent"
    ]


def test_a_root_that_is_wrong_is_said(tmp_path):
    purpose = "set {}to the folder that holds Annotations/ and Data/, or frames/ and audio/"
    assert FlickrSoundNet(tmp_path).problems() == [f"dataset.root: {tmp_path} is empty; {purpose.format('it ')}"]
    (tmp_path / "Annotation").mkdir()
    absent = f"{tmp_path}/Annotations: not found; it holds the annotations, an XML file a clip"
    assert FlickrSoundNet(tmp_path).problems() == [absent]
    (tmp_path / "Annotations").mkdir()
    nothing = f"{tmp_path}: nothing is annotated; {purpose.format('dataset.root ')}"
    assert FlickrSoundNet(tmp_path).problems() == [nothing]
    xml(tmp_path, "1")
    bare = f"{tmp_path}: neither frames nor Data holds a picture of an annotated clip: 1"
    assert FlickrSoundNet(tmp_path).problems() == [bare]


def test_nothing_heavy_is_imported():
    modules = "flowgrad.datasets.flickr_soundnet, flowgrad.datasets.vggss"
    heavy = "{'cv2', 'torch', 'av', 'pandas', 'h5py'}"
    code = f"import sys, {modules}; print(sorted({heavy} & sys.modules.keys()))"
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert finished.stdout == "[]\n"


def test_ground_truth_of_vggss_is_the_union_of_the_published_boxes(reference, tmp_path):
    """Each pixel by hand: within a box when it lies between its edges, clipped to the picture and truncated."""
    root = vggss(tmp_path)
    shutil.copy(reference / "formats/stoneMo+SLAVC/vggss.json", root / "vggss.json")
    known = Vggss(root).annotations()
    pixel = np.arange(224)
    odd = 0
    for number, entry in enumerate(json.loads((root / "vggss.json").read_text())):
        if number % 40 and min(map(min, entry["bbox"])) >= 0:
            continue
        expected = np.zeros((224, 224), bool)
        for x1, y1, x2, y2 in (np.clip(box, 0, 1) for box in entry["bbox"]):
            column = (int(224 * x1) <= pixel) & (pixel < int(224 * x2))
            row = (int(224 * y1) <= pixel) & (pixel < int(224 * y2))
            expected |= row[:, None] & column
        truth = known[entry["file"]]
        np.testing.assert_array_equal(consensus(truth.regions, truth.agree), expected)
        odd += min(map(min, entry["bbox"])) < 0
    assert odd == 12, "the entries with a coordinate of -2.9e16 are among them"
    assert not consensus(known["MKC9LvRivTM_000030"].regions, 1).any()
