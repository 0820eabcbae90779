"""The synthetic street: what it promises about seeds, switches, boxes, sound and files."""

from __future__ import annotations

import dataclasses
import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY

import flowgrad
from flowgrad import cli, media
from flowgrad.cli.synth import street_settings
from flowgrad.datasets.labels import NONE
from flowgrad.datasets.registry import open_dataset
from flowgrad.errors import InputError
from flowgrad.synthetic import sound as sounds
from flowgrad.synthetic.annotate import annotate, sound_events, vehicle_boxes
from flowgrad.synthetic.clip import write_clip
from flowgrad.synthetic.dataset import clip_names, write_annotations, write_dataset
from flowgrad.synthetic.hearing import distance, pan, received_level
from flowgrad.synthetic.render import Renderer, without
from flowgrad.synthetic.scene import make_scene
from flowgrad.synthetic.settings import StreetSettings

NUISANCES = [
    name
    for name, field in StreetSettings.model_fields.items()
    if "share of clips" in str(field.description) and name not in ("along", "curved")
]
QUIET = dict.fromkeys([*NUISANCES, "along", "curved"], 0.0) | {"sensor_noise": 0.0}
SMALL = QUIET | {"seconds": 4.0}
NAMES = clip_names("labelled", 12)


def scene_of(name: str = NAMES[0], **change):
    return make_scene(StreetSettings(**(SMALL | change)), name)


def parts(scene) -> dict[str, object]:
    """What a switch may change, by name."""
    groups = {0: "passing", 1: "idling", 2: "parked", 3: "bicycles", 4: "behind"}
    found: dict[str, object] = {name: [] for name in groups.values()}
    for vehicle in scene.vehicles:
        found[groups[(vehicle.track + 19) // 20 - 1 if vehicle.track > 20 else 0]].append(vehicle)
    look = dataclasses.asdict(scene.look)
    camera = dataclasses.asdict(scene.camera)
    ambience = dataclasses.asdict(scene.ambience)
    return (
        found
        | {f"look {key}": value for key, value in look.items()}
        | {f"camera {key}": value for key, value in camera.items()}
        | {f"ambience {key}": value for key, value in ambience.items()}
        | {"people": scene.people, "trees": scene.trees, "road": scene.road, "rate": scene.rate}
    )


CHANGES = {
    "one_class": {"passing"},
    "crowded": {"passing"},
    "parked": {"parked"},
    "idling": {"idling"},
    "silent_movers": {"bicycles"},
    "pedestrians": {"people"},
    "trees": {"trees"},
    "clouds": {"look clouds"},
    "shadows": {"look sunlight"},
    "night": {"look night"},
    "shaky_camera": {"camera shake_x", "camera shake_y", "camera shake_roll"},
    "off_screen": {"behind"},
    "wind": {"ambience gusts"},
    "ntsc": {"rate"},
    "other_sounds": {"ambience birds", "ambience steps", "ambience bells"},
}


def test_every_switch_is_tested():
    assert sorted(CHANGES) == sorted(NUISANCES)


@pytest.mark.parametrize("switch", NUISANCES)
def test_a_switch_changes_what_it_says_and_nothing_else(switch):
    changed = set()
    for name in NAMES:
        off, on = parts(scene_of(name)), parts(scene_of(name, **{switch: 1.0}))
        changed |= {part for part in off if off[part] != on[part]}
    assert changed, "the switch does something"
    assert changed <= CHANGES[switch]


def test_a_share_is_about_that_share_of_the_clips():
    nights = [make_scene(StreetSettings(night=0.3), name).look.night for name in clip_names("unlabelled", 400)]
    assert 0.2 < np.mean(nights) < 0.4


def digest(scene) -> str:
    renderer = Renderer(scene)
    frames = b"".join(frame.tobytes() for frame, _ in zip(renderer.frames(), range(8), strict=False))
    return hashlib.sha256(frames + sounds.stereo(scene).tobytes()).hexdigest()


def test_same_seed_same_bytes(tmp_path):
    settings = StreetSettings(seconds=1)
    for folder in ("one", "two"):
        write_annotations(tmp_path / folder, settings, NAMES)
        write_clip(make_scene(settings, NAMES[0]), tmp_path / folder / "clip.mp4")
    for name in ("annotations/video_annotations.csv", "annotations/audio_annotations.csv", "clip.mp4"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert digest(make_scene(settings, NAMES[1])) == digest(make_scene(settings, NAMES[1]))


def test_another_seed_or_name_gives_another_street():
    scenes = [make_scene(StreetSettings(seconds=1, seed=seed), name) for seed in (1, 2) for name in NAMES[:2]]
    assert len({digest(scene) for scene in scenes}) == 4


def test_more_clips_leave_the_first_as_they_are(tmp_path):
    settings = StreetSettings()
    write_annotations(tmp_path / "few", settings, clip_names("labelled", 3))
    write_annotations(tmp_path / "many", settings, clip_names("labelled", 6))
    few = (tmp_path / "few/annotations/video_annotations.csv").read_text()
    assert (tmp_path / "many/annotations/video_annotations.csv").read_text().startswith(few)


@pytest.mark.parametrize("change", [{}, {"along": 1.0}, {"shaky_camera": 1.0, "curved": 1.0}])
def test_boxes_are_tight_around_what_is_drawn(change):
    overlaps = []
    for name in NAMES[:8]:
        scene = scene_of(name, **change)
        for at in (1.0, 2.0, 3.0):
            boxes = [box for box in vehicle_boxes(scene, at) if box.w > 20 and box.visible > 0.95]
            for box in boxes[:1]:
                here, gone = (Renderer(s).frame(at).astype(int) for s in (scene, without(scene, box.track)))
                rows, columns = np.nonzero(np.abs(here - gone).max(axis=2) > 12)
                drawn = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                overlaps.append(iou(drawn, (box.x, box.y, box.x + box.w, box.y + box.h)))
    assert len(overlaps) >= 4
    assert min(overlaps) > 0.7
    assert np.mean(overlaps) > 0.85


def iou(a, b) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / area


def test_what_stands_still_is_still():
    scene = scene_of(traffic=0.0, parked=1.0)
    assert scene.vehicles
    renderer = Renderer(scene)
    assert np.array_equal(renderer.frame(0.0), renderer.frame(3.0))
    assert not annotate(scene).boxes, "parked vehicles are not annotated"
    assert any(vehicle_boxes(make_scene(StreetSettings(**SMALL | {"parked": 1}), name), 1.0) for name in NAMES)


@pytest.mark.parametrize("switch", ["trees", "pedestrians", "clouds", "silent_movers", "shaky_camera"])
def test_silent_things_move_outside_the_annotated_boxes(switch):
    moved = 0
    for name in NAMES[:5]:
        scene = scene_of(name, traffic=0.0, **{switch: 1.0})
        assert not annotate(scene).boxes
        assert not sound_events(scene)
        assert [event.label for event in annotate(scene).events] == [NONE], "somebody has listened"
        renderer = Renderer(scene)
        moved += int((renderer.frame(1.0) != renderer.frame(1.5)).any(axis=2).sum())
    assert moved > 500


def test_motion_is_smooth():
    scene = scene_of()
    boxes = [[b for b in vehicle_boxes(scene, t) if b.track == 1] for t in np.arange(0, 4, 1 / 24)]
    left = np.array([b[0].x for b in boxes if b and b[0].x > 2 and b[0].x + b[0].w < 398])
    assert len(left) > 5
    assert np.abs(np.diff(left, 2)).max() < 0.5


def test_a_vehicle_behind_the_camera_is_heard_and_never_seen():
    labels = set()
    for name in NAMES:
        scene = scene_of(name, traffic=0.0, off_screen=1.0)
        found = annotate(scene)
        assert not found.boxes
        labels |= {event.label for event in found.events}
    assert labels == {"offscreen"}


def test_an_idling_vehicle_stands_is_annotated_and_heard():
    for name in NAMES:
        scene = scene_of(name, traffic=0.0, idling=1.0, seconds=10.0)
        assert annotate(scene).boxes
        assert annotate(scene).events


def test_seen_near_vehicles_are_heard():
    for name in NAMES:
        scene = make_scene(StreetSettings(), name)
        events = annotate(scene).events
        for vehicle in scene.vehicles:
            times = np.arange(0, 10, 0.1)
            if vehicle.annotated and distance(scene, vehicle, times).min() < 10 and scene.ambience.gusts is None:
                nearest = times[np.argmin(distance(scene, vehicle, times))]
                assert any(e.start <= nearest <= e.end and e.label == vehicle.label for e in events)


def passing_alone():
    for name in NAMES:
        scene = scene_of(name, traffic=2.0, seconds=10.0)
        for vehicle in scene.vehicles:
            nearest = float(np.argmin(distance(scene, vehicle, np.arange(0, 10, 0.1)))) / 10
            if 3 < nearest < 7:
                return dataclasses.replace(scene, vehicles=(vehicle,)), vehicle, nearest
    raise AssertionError("nobody passes in the middle of a clip")


def test_sound_grows_with_nearness_and_its_place_follows():
    scene, vehicle, nearest = passing_alone()
    heard = sounds.arrived(scene, vehicle)

    def level(at: float) -> np.ndarray:
        middle = round(at * sounds.SAMPLE_RATE)
        return np.sqrt(np.mean(heard[:, middle - 8000 : middle + 8000] ** 2, axis=1))

    assert np.linalg.norm(level(nearest)) > 2 * np.linalg.norm(level(nearest - 2.5))
    assert np.linalg.norm(level(nearest)) > 2 * np.linalg.norm(level(nearest + 2.5))
    for at in (nearest - 2.0, nearest + 2.0):
        left, right = level(at)
        side = float(pan(scene, vehicle, np.array([at]))[0])
        assert (right > left) == (side > 0)


def test_level_over_the_noise_is_what_the_annotation_says():
    scene, vehicle, nearest = passing_alone()
    heard, noise = sounds.arrived(scene, vehicle), sounds.background(scene)
    span = slice(*(round((nearest + d) * sounds.SAMPLE_RATE) for d in (-0.25, 0.25)))
    measured = 10 * np.log10(np.sum(heard[:, span] ** 2) / np.sum(noise[:, span] ** 2))
    stated = float(received_level(scene, vehicle, np.array([nearest]))[0])
    assert measured == pytest.approx(stated, abs=3.0)
    assert 8 < stated < 28


def test_doppler(monkeypatch):
    monkeypatch.setattr(sounds, "source", lambda vehicle, times, rate: np.sin(2 * np.pi * 1000 * times))
    scene, vehicle, nearest = passing_alone()
    heard = sounds.arrived(scene, vehicle).sum(axis=0)

    def pitch(at: float) -> float:
        piece = heard[round(at * sounds.SAMPLE_RATE) :][: sounds.SAMPLE_RATE // 2]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 19))
        return float(np.argmax(spectrum)) * sounds.SAMPLE_RATE / (1 << 19)

    speed = abs(vehicle.motion.knots[0][2])
    assert pitch(nearest - 2.5) == pytest.approx(1000 * (1 + speed / 343), rel=0.008)
    assert pitch(nearest + 2.0) == pytest.approx(1000 * (1 - speed / 343), rel=0.008)


def test_sound_is_never_clipped():
    for name in NAMES[:6]:
        assert np.abs(sounds.stereo(make_scene(StreetSettings(seconds=4), name))).max() < 0.9


def test_a_vehicle_sounds_most_like_its_own_class():
    """A third-octave profile of each vehicle lies nearer to those of its class than to those of the others."""
    edges = 50 * 2 ** (np.arange(22) / 3)
    profiles, labels = [], []
    for name in clip_names("labelled", 24):
        scene = make_scene(StreetSettings(**(SMALL | {"one_class": 1.0, "traffic": 2.5})), name)
        for vehicle in scene.vehicles:
            heard = sounds.arrived(scene, vehicle)[0]
            power = np.abs(np.fft.rfft(heard)) ** 2
            bands = np.add.reduceat(power, np.searchsorted(np.fft.rfftfreq(len(heard), 1 / sounds.SAMPLE_RATE), edges))
            if power.sum():
                profiles.append(np.log(bands / bands.sum() + 1e-4))
                labels.append(vehicle.label)
    found, known = np.array(profiles), np.array(labels)
    assert set(labels) == {"car", "bus", "truck", "motorbike"}
    right = 0
    for number, profile in enumerate(found):
        others = np.arange(len(found)) != number
        middle = {label: found[others & (known == label)].mean(axis=0) for label in set(labels)}
        right += min(middle, key=lambda label: np.abs(middle[label] - profile).sum()) == known[number]
    assert right / len(found) > 0.9


def test_the_data_set_is_read_like_urbansas(tmp_path: Path):
    settings = StreetSettings(seconds=2, seed=3)
    done: list[Path] = []
    write_dataset(tmp_path, settings, labelled=2, unlabelled=1, processes=2, done=done.append)
    assert [path.stem for path in done] == ["labelled_00001", "labelled_00002", "unlabelled_00001"]
    dataset = open_dataset("urbansas", tmp_path / "labelled")
    assert dataset.problems() == []
    clips = dataset.clips()
    assert [clip.name for clip in clips] == clip_names("labelled", 2)
    for clip in clips:
        stated, read = annotate(make_scene(settings, clip.name)), dataset.annotations()[clip.name]
        assert len(read.boxes) == len(stated.boxes)
        for ours, theirs in zip(stated.boxes, read.boxes, strict=True):
            assert ours.xywh == pytest.approx(theirs.xywh, abs=1e-3)
            assert (ours.time, ours.label, ours.visible) == (theirs.time, theirs.label, theirs.visible)
        report = media.DecodeReport()
        recording = media.inspect(dataset.root / clip.video)
        frames = list(media.pictures(recording, report))
        assert len(frames) == 16
        assert not report.faults
        assert frames[0].rgb().shape == (224, 400, 3)
        with media.open_media(dataset.root / clip.video) as container:
            assert container.streams.audio[0].codec_context.layout.nb_channels == 2
        heard = media.SoundReport()
        sound = np.concatenate([blocks[16000] for blocks in media.sound(recording, [16000], heard)])
        assert not heard.faults
        assert len(sound) / 16000 == pytest.approx(2.0, abs=0.05)
        assert sound.std() > 0.001
    assert [path.name for path in (tmp_path / "unlabelled/video/video_24fps").iterdir()] == ["unlabelled_00001.mp4"]
    decoded = frames[8].rgb().astype(float)
    drawn = list(Renderer(make_scene(settings, clips[-1].name)).frames())[24].astype(float)
    assert np.abs(decoded - drawn).mean() < 6, "the picture at 1 s is the one that was drawn for 1 s"


def test_a_clip_without_anything_has_rows_that_say_so(tmp_path):
    write_annotations(tmp_path, StreetSettings(**SMALL | {"traffic": 0.0}), NAMES[:1])
    boxes = (tmp_path / "annotations/video_annotations.csv").read_text().splitlines()
    events = (tmp_path / "annotations/audio_annotations.csv").read_text().splitlines()
    assert boxes[1].split(",")[boxes[0].split(",").index("time")] == "-1"
    assert events[1] == "labelled_00001,-1,-1,0,-1,-1,"


def test_a_single_place_is_the_same_as_one_of_many():
    scene = make_scene(StreetSettings(idling=1.0, curved=1.0), NAMES[0])
    times = np.linspace(0, 10, 21)
    for vehicle in scene.vehicles:
        s = vehicle.motion.at(times)[0]
        assert [vehicle.motion.where(float(t)) for t in times] == pytest.approx(s.tolist(), abs=1e-9)
        spots = np.array([vehicle.road.spot(float(at), vehicle.n) for at in s])
        assert np.allclose(spots[:, :2], vehicle.road.place(s, vehicle.n), atol=1e-9)
        assert np.allclose(spots[:, 2], vehicle.road.angle(s))


def test_at_8_pictures_a_second_the_same_moments_are_drawn():
    slow, quick = (scene_of(frames_per_second=rate, seconds=2.0) for rate in (8, 24))
    every_third = list(Renderer(quick).frames())[::3]
    assert all(np.array_equal(a, b) for a, b in zip(Renderer(slow).frames(), every_third, strict=True))


def test_the_rate_of_ntsc(tmp_path):
    """29.97 frames a second: what lies at k/8 s is what the generator has there, and no frame earlier or later."""
    scene = make_scene(StreetSettings(**(SMALL | {"ntsc": 1, "seconds": 3.0, "traffic": 8})), NAMES[0])
    write_clip(scene, tmp_path / "clip.mp4")
    with media.open_media(tmp_path / "clip.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.frames) == (Fraction(30000, 1001), 90)
    seen = flowgrad.read_clip(tmp_path / "clip.mp4").frames
    renderer = Renderer(scene)
    for number in (1, 9, 17, 22):
        shown = int(Fraction(number, 8) * scene.rate) / scene.rate
        drawn = [renderer.frame(float(shown + step / scene.rate)).astype(float) for step in (-1, 0, 1)]
        assert np.abs(drawn[0] - drawn[2]).mean() > 0.1, "something moves"
        errors = [np.abs(seen[number].astype(float) - image).mean() for image in drawn]
        assert np.argmin(errors) == 1, (number, errors)


def test_large_frames_and_30_fps(tmp_path):
    scene = make_scene(StreetSettings(width=640, height=360, frames_per_second=30, seconds=1), NAMES[0])
    write_clip(scene, tmp_path / "clip.mp4")
    with media.open_media(tmp_path / "clip.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate, stream.frames) == (640, 360, 30, 30)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"width": "401"}, "width"),
        ({"rain": 1}, "rain: unknown key; known: seed, seconds"),
        ({"night": "2"}, "night"),
        ({"seconds": 0}, "seconds"),
    ],
)
def test_a_bad_setting_is_refused_in_a_sentence(given, words):
    with pytest.raises(InputError, match=words):
        street_settings(given)


def test_the_command(tmp_path, capsys):
    short = ["--seconds", "1", "--width", "240", "--height", "136"]
    assert cli.main(["synth", str(tmp_path / "out"), "--labelled", "1", *short, "--set", "night=1"]) == 0
    assert "labelled_00001.mp4" in capsys.readouterr().out
    assert cli.main(["synth", str(tmp_path), "--preview", str(tmp_path / "sheet.png"), "--labelled", "2", *short]) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert cli.main(["synth", str(tmp_path), "--set", "fog=1"]) == 2
    assert cli.main(["synth", str(tmp_path), "--set", "fog"]) == 2
    assert cli.main(["synth", str(tmp_path), "--cores", "0"]) == 2
    capsys.readouterr()
    assert cli.main(["synth", str(tmp_path / "out"), "--labelled", "1", *short]) == 2
    assert "out: exists and is not an empty folder" in capsys.readouterr().err
    assert cli.main(["synth", str(tmp_path / "none"), "--labelled", "0"]) == 2
    assert "nothing to render" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_every_setting_is_documented():
    text = (REPOSITORY / "docs/streets.md").read_text()
    for name, field in StreetSettings.model_fields.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{name}` |")), None)
        assert row, f"`{name}` is missing from docs/streets.md"
        assert f"| {field.default} |" in row, f"the default of `{name}` is {field.default}"
    assert (REPOSITORY / "docs/streets.png").stat().st_size < 300 * 1024
