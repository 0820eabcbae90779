"""The datasets of the field by their published files, by small sets in their layouts, and through the workflow."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import layouts
import numpy as np
import pandas as pd
import pytest

from flowgrad import artifacts, frames
from flowgrad.config import Config
from flowgrad.datasets.audioset_instruments import AudioSetInstruments
from flowgrad.datasets.ave import CATEGORIES, Ave
from flowgrad.datasets.base import Annotations, Clip, Region, Still
from flowgrad.datasets.flickr_soundnet import FlickrSoundNet
from flowgrad.datasets.is3 import Is3
from flowgrad.datasets.music import Music, MusicVideos
from flowgrad.datasets.pairs import Pairs
from flowgrad.datasets.registry import open_dataset
from flowgrad.datasets.unlabelled import Unannotated
from flowgrad.datasets.vggsound_duet import VggsoundDuet
from flowgrad.datasets.vggss import Vggss
from flowgrad.datasets.vpo import Vpo
from flowgrad.decoding import Recipe, decode
from flowgrad.evaluation.consensus import consensus
from flowgrad.evaluation.silent import negative_items
from flowgrad.evaluation.truth import scored_frames, scored_items
from flowgrad.plan import Plan
from flowgrad.shard import read_shard

SSL_ALIGN = "formats/kaistmm+SSLalignment"


@pytest.fixture
def published(reference, tmp_path):
    """Lay a published file into a root, beside what is there."""

    def put(*names: str) -> Path:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for name in names:
            shutil.copy(reference / "formats" / name, root)
        return root

    return put


def made(tmp_path: Path, name: str) -> Path:
    layouts.WRITERS[name](tmp_path, 0)
    return tmp_path


# every format


@pytest.mark.parametrize("name", layouts.WRITERS)
def test_every_small_set_can_be_used(tmp_path, name):
    """Names are unique and sorted, files are there, what is stored of annotations comes back."""
    root = made(tmp_path, name)
    dataset = open_dataset(name, root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    names = [clip.name for clip in clips]
    assert names == sorted(set(names))
    assert all((root / clip.video).is_file() for clip in clips)
    assert all((root / clip.sound).is_file() for clip in clips if clip.sound)
    assert known.keys() <= set(names)
    for one in known.values():
        assert Annotations.from_json(json.loads(json.dumps(one.to_json()))) == one
    config = Config.model_validate({"dataset": {"format": name, "root": str(root)}, "models": ["centre-box"]})
    assert config.dataset.labelled == dataset.labelled
    if dataset.labelled:
        assert known


TABLES = [
    ("vggss", "vggss.json", "vggss.json", ""),
    ("audioset-instruments", "normav.json", "normav.json", ""),
    ("music", "music_solo.json", "music_solo.json or music_duet.json", ""),
    ("music-videos", "MUSIC_duet_videos.json", "MUSIC_duet_videos.json or MUSIC_solo_videos.json", ""),
    ("ave", "Annotations.txt", "Annotations.txt", " and data"),
    ("is3", "metadata/synthetic3240_bbox.json", "synthetic3240_bbox.json", ""),
    ("vpo", "metadata/vpo_ms_bbox.json", "vpo_ms_bbox.json or vpo_ss_bbox.json or ms3_box.json", ""),
]


@pytest.mark.parametrize(("name", "table", "named", "more"), TABLES, ids=[name for name, *_ in TABLES])
def test_a_table_lies_in_the_root_or_in_a_known_folder(tmp_path, name, table, named, more):
    """In any of them the dataset is the same; where it is in none, one sentence says where it was looked for."""
    root = made(tmp_path, name)
    (root / "music_duet.json").unlink(missing_ok=True)
    clips = open_dataset(name, root).clips()
    content = (root / table).read_bytes()
    (root / table).unlink()
    for place in (".", "metadata", "lists", *more.split()[1:]):
        path = root / place / Path(table).name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        assert open_dataset(name, root).clips() == clips
        path.unlink()
    words = f"{named} is not in {root} and its metadata and lists{more}; it belongs to the dataset"
    assert open_dataset(name, root).problems() == [words]


# IS3 and VPO


def test_published_is3(published):
    root = published("kaistmm+SSLalignment/synthetic3240_bbox.json")
    layouts.picture(root / "images/cat_alarmclock_1828_cat.jpg")
    layouts.sound(root / "audio_wav/cat_alarmclock_1828_cat.wav")
    dataset = Is3(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == 6480
    pairs = Counter(clip.place for clip in clips)
    assert len(pairs) == 3240
    assert set(pairs.values()) == {2}
    assert len({one.label for one in known.values()}) == 111
    here = "cat_alarmclock_1828_cat"
    assert pairs == Counter(clip.shown for clip in clips), "a place is a picture"
    both = {"place": "cat_alarmclock_1828", "picture": "cat_alarmclock_1828"}
    there = Clip(here, f"images/{here}.jpg", f"audio_wav/{here}.wav", still=Still(), **both)
    assert [clip for clip in clips if clip.video] == [there]
    assert known[here].label == "cat"
    assert dataset.notes() == [
        "6479 of 6480 clips have no picture in visual_frames or images or frames: accordion_baby_10467_accordion, "
        "accordion_baby_10467_baby, accordion_cat_10510_accordion, ...",
        "6479 of 6480 clips have no sound file in audio_wav or audio_waw or audio: accordion_baby_10467_accordion, "
        "accordion_baby_10467_baby, accordion_cat_10510_accordion, ...",
    ]


def test_boxes_of_is3_cover_the_published_pixels(reference, published):
    """The published rule: whole pixels of a frame of 224. 61, 115 and 122 are no such fraction in floating point."""
    root = published("kaistmm+SSLalignment/synthetic3240_bbox.json")
    layouts.picture(root / "images/cat_alarmclock_1828_cat.jpg")
    known = Is3(root).annotations()
    entries = json.loads((reference / SSL_ALIGN / "synthetic3240_bbox.json").read_text())
    odd = [entry for entry in entries if {61, 115, 122} & set(entry["gt_box"])]
    assert len(odd) > 50
    for entry in [*odd[:60], *entries[::200]]:
        x1, y1, x2, y2 = map(int, entry["gt_box"])
        truth = consensus(known[Path(entry["image"]).stem].regions, 1)
        assert truth[y1:y2, x1:x2].all()
        assert truth.sum() == (y2 - y1) * (x2 - x1)


@pytest.mark.parametrize(
    ("table", "pairs", "places", "pictures", "empty"),
    [("vpo_ms_bbox", 2157, 1432, 1432, 2), ("ms3_box", 320, 64, 320, 29)],
)
def test_published_tables_of_vpo(published, table, pairs, places, pictures, empty):
    root = published(f"kaistmm+SSLalignment/{table}.json")
    first = json.loads((root / f"{table}.json").read_text())[1]
    layouts.picture(root / "/".join(Path(first["image"]).parts[-3 if table == "ms3_box" else -2 :]))
    layouts.sound(root / "/".join(Path(first["audio"]).parts[-3 if table == "ms3_box" else -2 :]))
    dataset = Vpo(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == pairs
    assert len({clip.place for clip in clips}) == places
    assert len({clip.shown for clip in clips}) == pictures
    assert sum(not one.regions for one in known.values()) == empty
    assert sum(clip.video is not None for clip in clips) == 1
    assert sum(clip.sound is not None for clip in clips) == (5 if table == "ms3_box" else 1)
    if table == "ms3_box":
        assert [clip.name for clip in clips if clip.video] == ["rq5RDUm2Hnk_1_2"]
        assert known["rq5RDUm2Hnk_1_5"].regions == (Region(0, 0, 204 / 224, 223 / 224),)


def test_one_of_several_tables_of_vpo_is_named(published):
    root = published("kaistmm+SSLalignment/vpo_ms_bbox.json", "kaistmm+SSLalignment/ms3_box.json")
    [problem] = Vpo(root).problems()
    assert problem == (f"{root}: several tables are there: vpo_ms_bbox, ms3_box; name one of them as dataset.split")
    layouts.picture(root / "visual_frames/000000489267_157452.jpg")
    assert Vpo(root, "vpo_ms_bbox").problems() == []
    assert Vpo(root, "vpo_ss_bbox").problems() == [
        f"vpo_ss_bbox.json is not in {root} and its metadata and lists; it belongs to the dataset"
    ]


BOXED = {"image": "a/x_cat.jpg", "audio": "a/x_cat.wav", "gt_box": [1, 2, 30, 40]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gt_box": [1, 2, 30]}, "entry 1 has something else than the numbers x1, y1, x2, y2 under 'gt_box'"),
        ({"gt_box": [1, 2, 640, 40]},
         "entry 1 has a box that reaches past the frame of 224 by 224 pixels that boxes are given in"),
        ({"gt_box": [0.1, 0.2, 0.5, 1.0]},
         "boxes look like fractions; they are given in pixels of a frame of 224 by 224: multiply them by 224"),
        ({"image": 3}, "entry 1 has something else than the path of a file under 'image'"),
        ({"audio": None}, "entry 1 has no key 'audio'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_table_of_pairs_is_said_with_its_place(tmp_path, change, words):
    entry = {key: value for key, value in {**BOXED, **change}.items() if value is not None}
    path = tmp_path / "synthetic3240_bbox.json"
    path.write_text(json.dumps([entry]))
    assert Is3(tmp_path).problems() == [f"{path}: {words}"]


def test_a_pair_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "synthetic3240_bbox.json").write_text(json.dumps([BOXED, BOXED]))
    assert Is3(tmp_path).problems() == [
        f"{tmp_path}: 'x_cat' is annotated twice, by entry 1 of synthetic3240_bbox.json (x_cat) and entry 2 of "
        "synthetic3240_bbox.json (x_cat); keep one of them"
    ]


def test_a_list_of_ones_own_takes_some_pairs(tmp_path):
    root = made(tmp_path, "is3")
    (root / "mine.csv").write_text("lion_chainsaw_756_lion\nlion_chainsaw_756_chainsaw\n")
    assert [clip.name for clip in Is3(root, "mine").clips()] == ["lion_chainsaw_756_chainsaw", "lion_chainsaw_756_lion"]
    (root / "none.csv").write_text("other\n")
    assert Is3(root, "none").problems() == [f"{root}/none.csv: none of its 1 ids is annotated in {root}: other"]


def test_is3_through_the_workflow(tmp_path, workflow):
    """Rows without a network: the box in the middle against both boxes of each picture, and the whole frame."""
    root = made(tmp_path / "data", "is3")
    config = {
        "dataset": {"format": "is3", "root": str(root)},
        "models": ["centre-box", "whole-frame"],
        "protocols": ["paper"],
        "clips_per_job": 4,
        "pictures": 0,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    assert Counter(frames["model"]) == {"centre-box": 4, "whole-frame": 4}
    whole = frames[frames["model"] == "whole-frame"].set_index("video")["ciou"]
    assert whole["cat_alarmclock_1828_cat"] == pytest.approx(115 * 123 / 224**2, abs=1e-4)
    assert whole["cat_alarmclock_1828_alarmclock"] == pytest.approx(61 * 115 / 224**2, abs=1e-4)
    clips = pd.read_csv(run.folder / "results/clips.csv")
    assert set(clips["place"]) == {"cat_alarmclock_1828", "lion_chainsaw_756"}


# pictures with a sound of nothing that they show


@pytest.mark.parametrize(
    ("format_name", "count", "own"), [("flickr", 250, 0), ("vggss", 5158, 379)], ids=["flickr", "vggss"]
)
def test_published_lists_of_negatives(published, format_name, count, own):
    name = f"{format_name}_test_plus_silent"
    root = published(f"stoneMo+SLAVC/{format_name}_test.csv", f"stoneMo+SLAVC/{name}.csv", "stoneMo+SLAVC/vggss.json")
    pairs = [line.split(",")[:2] for line in (root / f"{name}.csv").read_text().splitlines()[1:]]
    if format_name == "flickr":
        for video, _ in pairs:
            layouts.xml(root / f"Annotations/{video}.xml")
        layouts.xml(root / "Annotations/1.xml")
    layouts.picture(root / f"frames/{pairs[0][0]}.jpg")
    layouts.sound(root / f"audio/{pairs[0][1]}.wav")
    dataset = (FlickrSoundNet if format_name == "flickr" else Vggss)(root, name)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == 2 * count
    negatives = {clip.name: clip for clip in clips if known[clip.name].negative}
    assert len(negatives) == count
    assert negatives.keys() == {f"{video}+{audio}" for video, audio in pairs}
    first = negatives["+".join(pairs[0])]
    assert (first.video, first.sound) == (f"frames/{pairs[0][0]}.jpg", f"audio/{pairs[0][1]}.wav")
    assert first.place == pairs[0][0], "its picture may be that of a clip that sounds: they count together"
    assert sum(video == audio for video, audio in pairs) == own
    assert f"{count} of {2 * count} clips are negatives: nothing that is seen sounds" in dataset.notes()


def test_a_still_in_which_nothing_sounds_is_an_item_without_truth():
    from flowgrad.protocols import BUILT_IN

    rules = next(iter(BUILT_IN.values())).ground_truth
    silent = Annotations(negative=True)
    assert silent.of_still
    assert scored_items(silent, rules) == {}
    assert list(scored_frames(silent, rules)) == []
    assert negative_items(silent, frames=1) == [0]
    assert negative_items(silent, frames=0) == []
    assert negative_items(Annotations(regions=(Region(0, 0, 1, 1),)), frames=1) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("video,audio,label\na,b,sounding\n", "line 2, column 'label' is 'sounding', where 'non-sounding' is expected"),
        ("video,audio,label\na,b,non-sounding\na.jpg,b.wav,non-sounding\n",
         "line 3 pairs 'a' with 'b', as line 2 does; keep one of them"),
        ("video,audio\na,b\n", "column 'label' is missing (the file has video, audio)"),
        ("video,audio,label\na,,non-sounding\n", "line 2, column 'audio' is empty"),
        ("video,audio,label\n", "is empty; a list has an id a line"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_list_of_negatives_is_said_with_its_place(tmp_path, text, words):
    root = made(tmp_path, "vggss")
    path = root / "vggss_test_plus_silent.csv"
    path.write_text(text)
    assert Vggss(root, "vggss_test_plus_silent").problems() == [f"{path}: {words}"]


def test_a_list_of_negatives_goes_with_that_of_the_clips_that_sound(tmp_path):
    root = made(tmp_path, "vggss")
    (root / "vggss_test.csv").unlink()
    [problem] = Vggss(root, "vggss_test_plus_silent").problems()
    path = root / "vggss_test_plus_silent.csv"
    assert problem == f"{path}: goes with the list vggss_test.csv, which is not beside it; put it there"


def test_boxes_in_pixels_are_refused_where_fractions_are_expected(tmp_path):
    root = made(tmp_path, "vggss")
    entries = json.loads((root / "vggss.json").read_text())
    for entry in entries:
        entry["bbox"] = [[10, 20, 100, 90]]
    (root / "vggss.json").write_text(json.dumps(entries))
    assert Vggss(root).problems() == [
        f"{root}: 2 of 2 boxes reach far past the picture, the first by entry 1 of vggss.json (zpWuikVorYg_000032); "
        "boxes are fractions of the picture, 0 to 1, and these look like pixels: divide them by its size"
    ]


def test_negatives_through_the_workflow(tmp_path, workflow):
    """A negative is an item of ``confidence`` and of no other metric."""
    root = made(tmp_path / "data", "flickr-soundnet")
    config = {
        "dataset": {"format": "flickr-soundnet", "root": str(root), "split": "flickr_test_plus_silent"},
        "models": ["centre-box"],
        "metrics": ["ciou", "confidence"],
        "frames": "all",
        "protocols": ["paper"],
        "pictures": 0,
    }
    run = workflow(config)
    assert run.status == 0, run.output
    frames = pd.read_csv(run.folder / "results/metrics/frames.csv")
    negative = frames[frames["status"] == "negative"]
    assert set(negative["video"]) == {
        "10000130166+10437048305", "10007936344+10000130166", "10437048305+10007936344"
    }  # fmt: skip
    assert negative["ciou"].isna().all()
    assert negative["confidence"].notna().all()
    summary = pd.read_csv(run.folder / "results/metrics/summary.csv")
    assert list(summary["negatives"]) == [3]
    assert list(summary["frames"]) == [3]


# any pictures with sounds


def test_pairs_of_a_folder_and_of_videos(tmp_path):
    root = made(tmp_path, "pairs")
    dataset = Pairs(root)
    assert dataset.clips() == [
        Clip("clip1_002", "video_frames/clip1/002.jpg", "audios/clip1.wav", still=Still(anchor_s=1.0), place="clip1"),
        Clip("dog", "pictures/dog.png", "sounds/dog.wav", still=Still()),
        Clip("drum", "pictures/drum.png", "sounds/drum.wav", still=Still()),
    ]
    known = dataset.annotations()
    assert known["dog"] == Annotations(regions=(Region(0.25, 0.25, 0.5, 0.5), Region(0.5, 0.5, 0.75, 1)), label="dog")
    assert dataset.notes() == []


def test_pairs_without_boxes_are_not_scored(tmp_path):
    """Heatmaps only; a picture without a sound stays, a sound without a picture is counted."""
    root = made(tmp_path, "pairs")
    (root / "boxes.csv").unlink()
    (root / "sounds/dog.wav").rename(root / "sounds/cat.wav")
    dataset = Pairs(root)
    assert dataset.problems() == []
    assert not dataset.labelled
    assert dataset.annotations() == {}
    assert [(clip.name, clip.sound is None) for clip in dataset.clips()] == [
        ("clip1_002", False), ("dog", True), ("drum", False)
    ]  # fmt: skip
    assert dataset.notes() == [
        "1 of 3 clips have no sound file in .: dog",
        "1 sound files have no picture of their name and are not used: sounds/cat.wav",
    ]
    config = Config.model_validate({"dataset": {"format": "pairs", "root": str(root)}, "models": ["centre-box"]})
    assert not config.dataset.labelled
    (root / "mine.txt").write_text("drum\n")
    assert [clip.name for clip in Pairs(root, "mine").clips()] == ["drum"]
    (root / "none.txt").write_text("bird\n")
    assert Pairs(root, "none").problems() == [f"{root}/none.txt: none of its 1 ids has a picture in {root}: bird"]


def test_pictures_without_a_row_and_rows_without_a_picture_are_counted(tmp_path):
    root = made(tmp_path, "pairs")
    with (root / "boxes.csv").open("a") as file:
        file.write("gone.jpg,0,0,1,1,\n")
    layouts.picture(root / "pictures/new.jpg")
    layouts.sound(root / "sounds/new.wav")
    dataset = Pairs(root)
    assert dataset.problems() == []
    assert [clip.name for clip in dataset.clips() if clip.video is None] == ["gone"]
    assert dataset.notes() == [
        "1 of 5 clips have no picture in .: gone",
        "1 of 5 clips have no sound file in .: gone",
        "1 of 5 clips are not annotated: new",
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("dog,10,20,100,90,dog", "line 6, column 'x1' is no fraction of the picture, 0 to 1; divide pixels by the "
         "picture's size; line 6, column 'y1' is no fraction"),
        ("dog,0.5,0,0.5,1,dog", "line 6, column 'x2' is not above x1"),
        ("dog,0.25,0.25,0.5,0.5,dog", "line 6, column 'name' has the same box as a line above; keep one of them"),
        ("dog,0,0,1,1,cat", "line 6, column 'label' is another than on a line above with the same name; a clip has"),
        ("dog,0,0,1,,dog", "line 6, column 'y2' is empty"),
        (",0,0,1,1,dog", "line 6, column 'name' is empty"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_table_of_boxes_is_said_with_its_place(tmp_path, row, words):
    root = made(tmp_path, "pairs")
    with (root / "boxes.csv").open("a") as file:
        file.write(f"{row}\n")
    [problem] = Pairs(root).problems()
    assert problem.startswith(f"{root}/boxes.csv: {words}")


def test_a_picture_that_is_there_twice_is_refused(tmp_path):
    root = made(tmp_path, "pairs")
    layouts.picture(root / "other/dog.jpg")
    message = f"{root}: 'dog' has 2 pictures (other/dog.jpg and pictures/dog.png); keep one of them"
    assert Pairs(root).problems() == [message]
    (root / "boxes.csv").unlink()
    assert Pairs(root).problems() == [message]


# AVE


def test_published_ave(published):
    root = published("YapengTian+AVE-ECCV18/Annotations.txt")
    (root / "AVE").mkdir()
    (root / "AVE/RUhOCu3LNXM.mp4").touch()
    dataset = Ave(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == 4097
    events = [event for one in known.values() for event in one.events]
    assert len(events) == 4143
    assert {event.label for event in events} == set(CATEGORIES)
    assert len(CATEGORIES) == 28
    assert [clip for clip in clips if clip.video] == [Clip("RUhOCu3LNXM", "AVE/RUhOCu3LNXM.mp4")]
    assert dataset.notes() == [
        "4096 of 4097 clips have no video in AVE: ---1_cCGK4M, --12UOziMF0, --5zANFBYzQ, ...",
        "1 of 4143 sound events last no time: VWi2ENBuTbw",
    ]


def test_lists_of_ave_are_tables_or_ids(tmp_path):
    root = made(tmp_path, "ave")
    part = Ave(root, "testSet")
    assert part.problems() == []
    assert [clip.name for clip in part.clips()] == ["RUhOCu3LNXM"]
    assert [event.label for event in part.annotations()["RUhOCu3LNXM"].events] == ["Church bell"]
    (root / "mine.txt").write_text("RUhOCu3LNXM.mp4\n")
    assert [event.label for event in Ave(root, "mine").annotations()["RUhOCu3LNXM"].events] == ["Church bell", "Bark"]
    (root / "none.txt").write_text("other\n")
    assert Ave(root, "none").problems() == [f"{root}/none.txt: none of its 1 ids is in {root}/Annotations.txt"]
    (root / "AVE/RUhOCu3LNXM.mp4").unlink()
    assert Ave(root, "testSet").problems() == [f"{root}: AVE holds no video of testSet.txt: RUhOCu3LNXM"]


def test_training_learns_from_clips_that_have_events_and_no_boxes(tmp_path):
    dataset = Ave(made(tmp_path, "ave"))
    assert len(Unannotated(dataset).clips()) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Church bel&x&good&0&1", "line 4 has the unknown category 'Church bel'; did you mean Church bell?"),
        ("Bark&x&good&0", "line 4 has 4 cells where category&id&quality&start&end is expected"),
        ("Bark&x&good&a&1", "line 4 has 'a' and '1' where start and end are expected, s"),
        ("Bark&x&good&5&1", "line 4 has an event from 5 to 1 s: it must start at 0 or later and end after that"),
        ("Bark&&good&0&1", "line 4 has no id"),
        ("Truck&MH3m4AwEcRY&good&0&1", "'MH3m4AwEcRY' has 2 lines that say the same; keep one of them"),
    ],
)
def test_what_is_wrong_in_a_table_of_ave_is_said_with_its_place(tmp_path, line, words):
    root = made(tmp_path, "ave")
    with (root / "Annotations.txt").open("a") as file:
        file.write(f"{line}\n")
    assert Ave(root).problems() == [f"{root}/Annotations.txt: {words}"]


# instruments of AudioSet

BLANK_CLASS = "has the unknown class 7: 'categories' has 0 to 2"


def test_published_boxes_of_audioset_instruments(published):
    root = published("shvdiwnkozbw+Multi-Source-Sound-Localization/normav.json")
    layouts.picture(root / "frames/0.jpg")
    layouts.sound(root / "audio/0.wav")
    dataset = AudioSetInstruments(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert sum(len(one.regions) for one in known.values()) == 8038
    assert len(clips) == len(known) == 4752
    assert len({clip.name.partition("_")[0] for clip in clips}) == 4503
    assert len({clip.place for clip in clips}) == 566
    assert len({one.label for one in known.values()}) == 14, "of 15 categories one has no box"
    assert len({clip.shown for clip in clips}) == 4503
    of = {"place": "video 0", "picture": "0"}
    there = Clip("00000_Guitar", "frames/0.jpg", "audio/0.wav", still=Still(anchor_s=0.5), **of)
    assert [clip for clip in clips if clip.video] == [there]
    assert known["00000_Guitar"].regions == (
        Region(0.171875, 0.5680555555555555, 0.171875 + 0.66171875, 0.5680555555555555 + 0.39444444444444443),
    )
    pairs = AudioSetInstruments(root, "two-sources")
    assert len(pairs.clips()) == 2 * 211
    assert set(Counter(name.partition("_")[0] for name in pairs.annotations()).values()) == {2}


def test_instruments_in_the_folders_of_the_authors(tmp_path):
    root = made(tmp_path, "audioset-instruments")
    shutil.rmtree(root / "frames")
    shutil.rmtree(root / "audio")
    (root / "val_audio.txt").write_text("aaa\nbbb\n")
    layouts.picture(root / "val/bbb/0002.jpg")
    layouts.sound(root / "val/audio/bbb.wav")
    layouts.picture(root / "val/ccc/0002.jpg")
    dataset = AudioSetInstruments(root, "two-sources")
    assert dataset.problems() == []
    files = {clip.name: (clip.video, clip.sound) for clip in dataset.clips()}
    assert files == {
        "00003_Banjo": (None, None),
        "00003_Cello": (None, None),
        "00012_Banjo": ("val/bbb/0002.jpg", "val/audio/bbb.wav"),
        "00012_Drum": ("val/bbb/0002.jpg", "val/audio/bbb.wav"),
    }
    assert len(dataset.annotations()["00003_Cello"].regions) == 2
    (root / "mine.txt").write_text("12\n00004_Cello\n")
    assert [clip.name for clip in AudioSetInstruments(root, "mine").clips()] == [
        "00004_Cello", "00012_Banjo", "00012_Drum"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"category_id": 7}, f"annotation 7 {BLANK_CLASS}"),
        ({"bbox": [10, 20, 300, 100]}, "annotation 7 has a box that is not within 0 and 1: x, y, w, h are fractions; "
         "divide pixels by the frame's size"),
        ({"bbox": [0, 0, 1]}, "annotation 7 has something else than the numbers x, y, w, h under 'bbox'"),
        ({"image_id": "3"}, "annotation 7 has no number of a frame under 'image_id'"),
        ({"image_id": 4, "category_id": 1, "bbox": [0.25, 0.25, 0.5, 0.5]},
         "annotations 4 and 7 are the same box; keep one of them"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_boxes_of_instruments_is_said_with_its_place(tmp_path, change, words):
    root = made(tmp_path, "audioset-instruments")
    content = json.loads((root / "normav.json").read_text())
    content["annotations"].append({"id": 9, "image_id": 3, "category_id": 0, "bbox": [0, 0, 1, 1]} | change)
    (root / "normav.json").write_text(json.dumps(content))
    assert AudioSetInstruments(root).problems() == [f"{root}/normav.json: {words}"]


# MUSIC


def test_frames_of_music(tmp_path):
    root = made(tmp_path, "music")
    dataset = Music(root, "music_duet_test")
    assert dataset.problems() == []
    file = "HnUOaSfTA6c_000_00000"
    files = {"video": f"frames/{file}.jpg", "sound": "audio/HnUOaSfTA6c.wav", "still": Still()}
    files |= {"place": "HnUOaSfTA6c", "picture": file}
    assert dataset.clips() == [Clip(f"{file}_acoustic_guitar", **files), Clip(f"{file}_cello", **files)]
    known = dataset.annotations()
    assert known[f"{file}_acoustic_guitar"] == Annotations(
        regions=(Region(0.5, 0.5, 0.875, 0.625),), label="acoustic_guitar"
    )
    solo = Music(root, "music_solo_test")
    assert solo.problems() == []
    assert [clip.name for clip in solo.clips()] == ["9XoXQXCVUQY_000_00000", "9XoXQXCVUQY_000_00007"]
    assert {one.label for one in solo.annotations().values()} == {"saxophone"}
    assert len(Music(root).clips()) == 4


def test_published_list_of_solos(reference, tmp_path):
    """The list as published, with boxes made here for each of its frames."""
    file = reference / "formats/stoneMo+AVGN/music_solo_test.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    entries = [{"file": name, "class": label, "bbox": [0.25, 0.25, 0.5, 0.5]} for name, label in rows]
    shutil.copy(file, tmp_path)
    (tmp_path / "music_solo.json").write_text(json.dumps(entries))
    layouts.picture(tmp_path / f"frames/{rows[0][0]}.jpg")
    layouts.sound(tmp_path / "audio/-_-TDDxoaAc.wav")
    dataset = Music(tmp_path, "music_solo_test")
    assert dataset.problems() == []
    clips = dataset.clips()
    assert len(clips) == 2124
    assert len({clip.place for clip in clips}) == 20
    assert len({clip.shown for clip in clips}) == 2124
    assert [clip.sound for clip in clips if clip.video] == ["audio/-_-TDDxoaAc.wav"]
    entries[3]["class"] = "celo"
    (tmp_path / "music_solo.json").write_text(json.dumps(entries))
    name = rows[3][0]
    assert Music(tmp_path, "music_solo_test").problems() == [
        f"{tmp_path}/music_solo_test.csv: {name!r} is of class 'cello', and of 'celo' by entry 4 of music_solo.json "
        f"({name})"
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox": [10, 20, 100, 90]}, "entry 3 has a box far past the frame under 'bbox': x, y, w, h are fractions; "
         "divide pixels by its size"),
        ({"class": 3}, "entry 3 has no class under 'class'"),
        ({"file": ""}, "entry 3 has no frame under 'file'"),
        ({"file": "9XoXQXCVUQY_000_00000"}, "entry 3 names '9XoXQXCVUQY_000_00000', as entry 1 of music_solo.json "
         "(9XoXQXCVUQY_000_00000) does; keep one of them"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_boxes_of_music_is_said_with_its_place(tmp_path, change, words):
    root = made(tmp_path, "music")
    entries = json.loads((root / "music_solo.json").read_text())
    entries.append({"file": "a_000_00000", "class": "tuba", "bbox": [0, 0, 1, 1]} | change)
    (root / "music_solo.json").write_text(json.dumps(entries))
    assert Music(root).problems() == [f"{root}/music_solo.json: {words}"]


def test_published_videos_of_duets(published):
    root = published("roudimit+MUSIC_dataset/MUSIC_duet_videos.json")
    assert MusicVideos(root).problems() == [
        f"{root}: videos holds no video of MUSIC_duet_videos.json: --IXKwloYLE, -7WIMBTTvZs, -HLTNgdajqw, ..."
    ]
    (root / "videos").mkdir()
    (root / "videos/8DHG_hVSw1o.mp4").touch()
    dataset = MusicVideos(root, "MUSIC_duet_videos")
    assert dataset.problems() == []
    assert len(dataset.clips()) == 149
    [note] = dataset.notes()
    assert note.startswith("148 of 149 clips have no video in videos: ")
    [problem] = MusicVideos(root, "MUSIC_trio").problems()
    assert problem.startswith("split: 'MUSIC_trio' is no table of MUSIC; name one of MUSIC_duet_videos.json")


# duets of VGG-Sound


def test_published_duets_of_vggsound(published):
    root = published("stoneMo+AVGN/vggsound_duet_test.csv", "stoneMo+SLAVC/vggss.json")
    first, second = "zpWuikVorYg_000032", "Rtg1SUrxOPY_000130"
    for name in (first, second):
        layouts.picture(root / f"frames/{name}.jpg")
        layouts.sound(root / f"audio/{name}.wav")
    dataset = VggsoundDuet(root)
    assert dataset.problems() == []
    clips, known = dataset.clips(), dataset.annotations()
    assert len(clips) == len(known) == 2 * 5158
    assert set(Counter(clip.place for clip in clips).values()) == {2}
    pair = f"{first}+{second}"
    both = [clip for clip in clips if clip.place == pair]
    of = {"still": Still(mixed=f"audio/{second}.wav"), "place": pair, "picture": pair}
    assert both == [
        Clip(f"{pair}_1", f"frames/{first}.jpg", f"audio/{first}.wav", **of),
        Clip(f"{pair}_2", f"frames/{second}.jpg", f"audio/{first}.wav", **of),
    ]
    assert [known[clip.name].label for clip in both] == ["elk bugling", "people coughing"]
    assert sum(clip.sound is not None for clip in clips) == 2, "a mixture needs both of its sounds"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("gEvCUcZ6w88_000030,playing_cell,zpWuikVorYg_000032,elk_bugling",
         "line 2 has the unknown class 'playing_cell'; did you mean playing_cello?"),
        ("gEvCUcZ6w88_000030,elk_bugling,zpWuikVorYg_000032,elk_bugling",
         "line 2 has class 'elk_bugling' for 'gEvCUcZ6w88_000030', and vggss.json 'playing cello'"),
        ("zpWuikVorYg_000032,elk_bugling,gEvCUcZ6w88_000030,playing_cello",
         "line 2 pairs 'zpWuikVorYg_000032' with 'gEvCUcZ6w88_000030', as line 1 does; keep one of them"),
        ("a,b,c", "line 2: first id, its class, second id, its class are expected, got 'a,b,c'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_list_of_duets_is_said_with_its_place(tmp_path, row, words):
    root = made(tmp_path, "vggsound-duet")
    with (root / "vggsound_duet_test.csv").open("a") as file:
        file.write(f"{row}\n")
    assert VggsoundDuet(root).problems() == [f"{root}/vggsound_duet_test.csv: {words}"]


def test_both_sounds_of_a_duet_are_heard(tmp_path):
    """What is decoded is the sum of what is decoded of either alone; a changed second sound is another clip."""
    root = made(tmp_path / "data", "vggsound-duet")
    layouts.sound(root / "audio/gEvCUcZ6w88_000030.wav", 5, seconds=0.5)

    def heard(dataset, name: str) -> tuple[dict[str, np.ndarray], list]:
        plan = Plan(tmp_path / name)
        [shard] = plan.update(dataset, 10)
        out = tmp_path / f"{name}.h5"
        statuses = decode(Recipe(plan.shard_file(shard), root, (16000,)), out)
        assert [status.status for status in statuses] == ["ok", "ok"]
        with artifacts.open_artifact(out, frames.KIND) as reader:
            clips = {status.video: reader.read(status.video, frames.audio_name(16000)) for status in statuses}
        return clips, read_shard(plan.shard_file(shard))

    alone, _ = heard(Vggss(root), "alone")
    mixed, before = heard(VggsoundDuet(root), "mixed")
    first, second = alone["zpWuikVorYg_000032"], alone["gEvCUcZ6w88_000030"]
    assert len(second) < len(first)
    late = (len(first) - len(second)) // 2
    expected = first + np.pad(second, (late, len(first) - len(second) - late))
    assert len(mixed) == 2
    for sound in mixed.values():
        np.testing.assert_array_equal(sound, expected)
    layouts.sound(root / "audio/gEvCUcZ6w88_000030.wav", 7)
    assert heard(VggsoundDuet(root), "mixed")[1] != before


def test_a_duet_has_the_sum_of_two_sounds_whatever_else_is_there(tmp_path):
    """Also where the folder has videos, whose own sound is that of one."""
    layouts.write_vggsound_duet(tmp_path, 1)
    (tmp_path / "video").mkdir()
    for path in (tmp_path / "frames").iterdir():
        (tmp_path / f"video/{path.stem}.mp4").write_bytes(b"")
    clips = open_dataset("vggsound-duet", tmp_path).clips()
    assert clips
    assert all(clip.still is not None and clip.still.mixed for clip in clips)


def test_two_videos_of_one_id_are_named(tmp_path):
    """Which of them is the clip nobody can say."""
    layouts.write_music_videos(tmp_path, 1)
    first = sorted((tmp_path / "videos").iterdir())[0]
    (tmp_path / "videos/again").mkdir()
    (tmp_path / "videos/again" / first.name).write_bytes(first.read_bytes())
    (problem,) = open_dataset("music-videos", tmp_path).problems()
    assert f"2 videos are called {first.stem!r}" in problem
    assert problem.endswith("keep one of them")
