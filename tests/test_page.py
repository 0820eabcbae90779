"""The page on a run, clicked on in a browser: opened as a file, it shows what the results say, and loads only that."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY, make_clip
from PIL import Image
from scipy.io import wavfile
from test_generated import SIZE, moving_square

from flowgrad import artifacts
from flowgrad.cli import main
from flowgrad.datasets.base import Annotations, Region, SoundEvent
from flowgrad.datasets.stored import read_annotations
from flowgrad.evaluation.scaling import normalise
from flowgrad.figures.moving import MapTrack
from flowgrad.last_run import remove_outdated
from flowgrad.models.registry import get_model
from flowgrad.models.rows import Row
from flowgrad.page.strips import ACROSS, TILE, track
from flowgrad.page.writing import as_script_text, page
from flowgrad.protocols import PAPER
from flowgrad.schemas.heatmaps import HEATMAPS
from flowgrad.stages import page as stage

WILD = "c <script>alert(1)<b>&'\" ünï %41#?"
FRAMES = 24


def lay_out(root: Path) -> Path:
    """A dataset of good clips, and of one that is silent, of one frame, no video, gone, and without annotations."""
    root.joinpath("clips").mkdir(parents=True)
    make_clip(root / "clips/dumb.mp4", seconds=3, size=SIZE, seed=3, sound=False)
    make_clip(root / "clips/egg.mp4", seconds=0.125, size=SIZE, seed=4)
    (root / "clips/fail.mp4").write_bytes(b"no video" * 100)
    moving_square(root, "apple", "berry", WILD, "dumb", "egg", "fail", "gone")
    (root / "clips/gone.mp4").unlink()
    make_clip(root / "clips/plain.mp4", seconds=1, size=SIZE)
    return root


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run of the target ``page``, shared: tests read them, or copy what they change."""
    folder = tmp_path_factory.mktemp("run")
    config = {
        "dataset": {"root": str(lay_out(folder / "data"))},
        "models": ["flow", "whole-frame", "centre-box"],
        "protocols": ["paper", "robust"],
        "pictures": 0,
        "clips_per_job": 32,
    }
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    done = subprocess.run(
        [*command, "--configfile", folder / "my.yaml", "--cores", "2", "page"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    program = shutil.which("chromium")
    if program is None and "FLOWGRAD_REFERENCE" not in os.environ:
        pytest.skip("chromium is not installed: nothing opens the page")
    assert program, "install chromium, in which the page is opened"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in the browser, what it asked for, and what it complained of."""

    def __init__(self, browser, file: Path, link: str = "", width: int = 1200, scheme: str = "light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(20_000)
        self.asked: list[str] = []
        self.faults: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("dialog", lambda dialog: self.faults.append(dialog.message) or dialog.dismiss())
        self.tab.goto(file.absolute().as_uri() + link)

    def said(self, element: str) -> str:
        return self.tab.inner_text(element)

    def wait(self, condition: str, given=None) -> None:
        self.tab.wait_for_function(condition, arg=given)

    def at_frame(self, frame: int) -> None:
        """Wait until a frame is shown, and its map."""
        self.wait("n => document.getElementById('scrub').value == n", frame)
        self.wait("t => document.querySelector('canvas').ariaLabel?.endsWith(t)", f"{frame / 8:.3f} s")

    def choose(self, name: str) -> None:
        self.tab.locator("#clips li").filter(has=self.tab.get_by_text(name, exact=True)).click()
        self.wait("name => document.getElementById('name').textContent === name", name)
        self.wait("() => document.getElementById('steering').hidden || document.querySelector('canvas')?.ariaLabel")

    def names(self) -> list[str]:
        return self.tab.locator("#clips li > span").all_text_contents()

    def close(self) -> None:
        self.context.close()
        assert not self.faults
        assert {urlsplit(url).scheme for url in self.asked} <= {"file", "data", "blob"}


@pytest.fixture
def opened(browser, results) -> Iterator:
    pages: list[Opened] = []

    def open_(file: Path = results / "index.html", link: str = "", **looks) -> Opened:
        pages.append(Opened(browser, file, link, **looks))
        return pages[-1]

    yield open_
    for one in pages:
        one.close()


def scores(results: Path, clip: str, model: str, protocol: str = "paper") -> pd.DataFrame:
    table = pd.read_csv(results / "scores/00001.csv")
    table = table[(table["video"] == clip) & (table["model"] == model) & (table["protocol"] == protocol)]
    return table[table["metric"] == "ciou"].rename(columns={"value": "ciou"})


# what a person does


def test_choose_scrub_and_compare(opened, results):
    page = opened()
    assert page.said("#name") == "apple", "the first clip that is scored"
    assert page.said("#count") == "8 clips"
    page.choose("berry")
    items = scores(results, "berry", "flow")
    other = scores(results, "berry", "flow", "robust").set_index("frame")["ciou"]
    assert len(items) == 5
    page.tab.select_option("#b", "robust/flow")
    assert page.tab.locator("canvas").count() == 2
    for item in items.itertuples():
        page.tab.locator("#scrub").fill(str(item.frame))
        page.at_frame(item.frame)
        first, second = page.tab.locator("figcaption").all_inner_texts()
        assert f"cIoU {item.ciou:.2f}" in first
        assert second.startswith("flow (robust)")
        assert f"cIoU {other[item.frame]:.2f}" in second
        assert f"clip {items['ciou'].mean():.2f}" in first
    page.tab.locator("#scrub").fill("5")
    page.at_frame(5)
    assert "not scored here" in page.tab.locator("figcaption").first.inner_text()
    assert page.tab.locator("#chart .dot.a").count() == page.tab.locator("#chart .dot.b").count() == 5
    assert page.tab.locator("#chart title").first.text_content() == "car sounds from 0.2 to 2.9 s"
    box = page.tab.locator("#chart svg").bounding_box()
    page.tab.mouse.click(box["x"] + box["width"] - 8, box["y"] + 20)
    page.at_frame(FRAMES - 1)


def test_the_map_lies_on_what_moves(opened, results, tmp_path):
    """The picture is that of the frame; the map brightens the square; without it the film alone is there."""
    page = opened(link="#clip=apple&protocol=paper&row=flow&t=1.5")
    page.at_frame(12)
    page.wait("() => document.querySelector('canvas').dataset.map === '12'")
    page.tab.uncheck("#true")
    with_map = seen(page)
    page.tab.uncheck("#heat")
    page.tab.uncheck("#line")
    page.wait("() => true")
    bare = seen(page)
    left = (5 + 3 * 36) % (SIZE[0] - 30)
    share = bare.shape[1] / SIZE[0]
    square = slice(int(32 * share), int(58 * share)), slice(int((left + 2) * share), int((left + 28) * share))
    assert np.abs(bare[square].mean(axis=(0, 1)) - (230, 200, 60)).max() < 25, "the square is where it is on frame 12"
    changed = np.abs(with_map - bare).sum(axis=-1)
    assert changed[square].mean() > 3 * changed.mean()
    page.tab.check("#true")
    assert (np.abs(seen(page) - (60, 220, 90)).sum(axis=-1) < 40).any(), "a green box"


def seen(page: Opened) -> np.ndarray:
    """The canvas as it is shown, (H, W, 3) float."""
    page.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.tab.wait_for_timeout(100)
    picture = page.tab.locator("canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.float64)


def test_play(opened, results):
    page = opened(link="#clip=apple&t=1.0")
    page.at_frame(8)
    page.tab.click("#play")
    page.wait("() => Number(document.getElementById('scrub').value) > 12")
    page.wait("() => document.getElementById('play').ariaLabel === 'Play'")
    page.at_frame(FRAMES - 1)
    page.tab.keyboard.press("Home")
    page.at_frame(0)
    film = next(path for path in results.glob("page/*/*/film.mp4") if "flow" in str(sorted(path.parent.iterdir())))
    with av.open(str(film)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.audio[0].codec_context.name == "aac"
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


def test_keys(opened):
    page = opened(link="#clip=apple")
    press = page.tab.keyboard.press
    page.at_frame(0)
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowLeft")
    page.at_frame(1)
    press("Shift+ArrowRight")
    page.at_frame(9)
    press("End")
    page.at_frame(FRAMES - 1)
    press("Home")
    press("Digit3")
    assert page.tab.input_value("#a") == "paper/centre-box"
    press("Shift+Digit1")
    assert page.tab.input_value("#b") == "paper/flow"
    press("p")
    assert (page.tab.input_value("#a"), page.tab.input_value("#b")) == ("robust/centre-box", "robust/flow")
    press("Digit0")
    assert page.tab.input_value("#b") == ""
    press("ArrowDown")
    page.wait("() => document.getElementById('name').textContent === 'berry'")
    page.wait("() => document.getElementById('scrub').max == 23")
    press("Space")
    page.wait("() => Number(document.getElementById('scrub').value) > 3")
    press("Space")
    page.wait("() => document.getElementById('play').ariaLabel === 'Play'")
    page.tab.focus("#find")
    press("3")
    assert page.tab.input_value("#a") == "robust/centre-box", "typed, and not chosen"
    assert page.said("#count") == "0 of 8 clips"


def test_sort(opened, results):
    page = opened(link="#clip=apple&protocol=paper&row=flow&beside=paper%2Fwhole-frame")
    assert page.names() == ["apple", "berry", WILD, "dumb", "egg", "fail", "gone", "plain"]
    means, others = (
        {clip: scores(results, clip, model)["ciou"].mean() for clip in ("apple", "berry", WILD, "dumb", "egg")}
        for model in ("flow", "whole-frame")
    )
    scored = [clip for clip in means if not np.isnan(means[clip])]
    assert {"apple", "berry", WILD, "dumb"} <= set(scored)
    page.tab.select_option("#sort", "score")
    assert page.names()[: len(scored)] == sorted(scored, key=means.__getitem__)
    page.tab.click("#turn")
    assert page.names()[: len(scored)] == sorted(scored, key=means.__getitem__, reverse=True), "the others stay last"
    page.tab.select_option("#sort", "difference")
    gaps = {clip: means[clip] - others[clip] for clip in scored}
    assert page.names()[: len(scored)] == sorted(scored, key=gaps.__getitem__, reverse=True)
    best = max(gaps.values())
    assert page.tab.locator("#clips b").first.inner_text() == f"{best:+.2f}"
    page.tab.select_option("#sort", "slice class")
    assert page.tab.locator("#clips small").first.inner_text() == "car"
    page.tab.fill("#find", "BERR")
    assert page.names() == ["berry"]


def test_a_link_leads_back(opened, results):
    page = opened()
    page.choose(WILD)
    page.tab.select_option("#protocol", "robust")
    page.tab.select_option("#b", "paper/centre-box")
    page.tab.locator("#scrub").fill("13")
    page.wait("() => location.hash.endsWith('t=1.625')")
    link = page.tab.evaluate("location.hash")
    again = opened(link=link)
    again.at_frame(13)
    assert again.said("#name") == WILD
    assert again.tab.input_value("#a") == "robust/flow"
    assert again.tab.input_value("#b") == "paper/centre-box"
    assert again.tab.locator("#clips [aria-selected=true] span").inner_text() == WILD
    again.tab.evaluate("location.hash = '#clip=berry&protocol=paper&row=flow&t=0.5'")
    again.at_frame(4)
    assert again.said("#name") == "berry"
    lost = opened(link="#clip=nowhere")
    lost.wait("() => document.getElementById('remarks').textContent.includes('there is no clip nowhere')")


def test_names_are_text_everywhere(opened, results):
    page = opened()
    page.choose(WILD)
    assert page.said("#name") == WILD
    assert page.tab.locator("#clips b b, h2 b, body script:not([type]) ~ script:not([type])").count() == 0
    index = (results / "index.html").read_text()
    assert "<script>alert" not in index
    assert as_script_text(WILD) in index
    assert all(re.fullmatch(r"[\w.-]+", path.name) for path in (results / "page").rglob("*")), "no name of a clip"


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        ("dumb", "no sound: no sound track"),
        ("egg", "flow has no map: it needs motion, and there is one frame"),
        ("fail", "failed"),
        ("gone", "failed · annotated, but there is no video file"),
        ("plain", "skipped · no annotations: left out of a labelled dataset"),
    ],
)
def test_what_is_missing_is_said(opened, clip, reason):
    page = opened()
    page.choose(clip)
    page.wait("reason => document.getElementById('remarks').textContent.includes(reason)", reason)
    assert page.tab.locator("#steering").is_hidden() == (clip in ("fail", "gone", "plain"))
    page.tab.keyboard.press("ArrowRight")
    page.tab.keyboard.press("Space")
    page.choose("apple")
    page.at_frame(0)


def test_a_run_that_is_half_done(opened, results, tmp_path, capsys):
    """Made from what is there: without scores, one protocol's maps and the videos; then nothing is made twice."""
    half = tmp_path / "results"
    shutil.copytree(results, half)
    for gone in ("scores", "page", "heatmaps/robust"):
        shutil.rmtree(half / gone)
    (half / "clips.csv").unlink()
    (half / "index.html").unlink()
    dataset = half / "plan/dataset.json"
    dataset.write_text(dataset.read_text().replace(str(results.parent / "data"), str(tmp_path / "moved")))
    assert main(["page", str(half)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{half / 'index.html'}\n"
    assert said.err == "shard 00001\n"
    page = opened(half / "index.html", "#clip=apple&protocol=robust&row=flow&t=1")
    page.wait("() => document.getElementById('remarks').textContent.includes('no picture: file not found')")
    assert "flow has no map: the run did not come to it yet" in page.said("#remarks")
    assert f"no pictures: {tmp_path / 'moved'} is not there" in page.said("#about")
    page.tab.select_option("#protocol", "paper")
    page.wait("() => document.querySelector('canvas').dataset.map === '8'")
    page.tab.click("#play")
    page.wait("() => document.getElementById('play').ariaLabel === 'Play'")
    page.at_frame(FRAMES - 1)
    assert page.tab.locator("#chart").inner_text().startswith("0")

    assert main(["page", str(half)]) == 0
    assert capsys.readouterr().err == ""
    assert main(["page", str(half), "--dataset", str(results.parent / "data")]) == 0
    page = opened(half / "index.html", "#clip=apple")
    page.at_frame(0)
    assert "no picture" not in page.said("#remarks")

    (half / "status/00001.csv").unlink()
    assert main(["page", str(half)]) == 0
    page = opened(half / "index.html")
    page.choose("berry")
    assert page.said("#remarks").startswith("pending · the run did not come to it yet")


def test_a_thousand_clips_load_what_is_looked_at(opened, results):
    index = re.search(r'id="index">(.*?)</script>', (results / "index.html").read_text())[1]
    value = json.loads(index)
    apple = next(clip for clip in value["clips"] if clip["name"] == "apple")
    value["clips"] = [apple | {"name": f"street {number}"} for number in range(1000)]
    many = results / "many.html"
    many.write_text(page(value))
    one = opened(many)
    one.at_frame(0)
    assert one.said("#count") == "1000 clips"
    one.wait("() => document.querySelector('canvas').dataset.map === '0'")
    files = [urlsplit(url).path.rpartition("/page/")[2] for url in one.asked if url.startswith("file:")]
    home = apple["home"]
    assert set(files[1:]) == {f"{home}/clip.js", f"{home}/film.mp4", f"{home}/paper.flow.0.js"}
    one.tab.keyboard.press("ArrowDown")
    one.wait("() => document.getElementById('name').textContent === 'street 1'")
    assert one.names()[10] == "street 10", "numbers are sorted as numbers"
    one.choose("street 999")
    assert len(many.read_bytes()) < 600_000


@pytest.mark.parametrize("width", [390, 900, 1440])
def test_it_fits(opened, width):
    grounds = set()
    for scheme in ("light", "dark"):
        page = opened(link="#clip=apple&beside=robust%2Fflow", width=width, scheme=scheme)
        page.at_frame(0)
        assert page.tab.evaluate("document.documentElement.scrollWidth") == width
        grounds.add(page.tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_it_can_be_read_aloud(opened):
    page = opened(link="#clip=apple&row=flow&t=0.5")
    page.at_frame(4)
    nameless = page.tab.evaluate(
        "() => [...document.querySelectorAll('button, select, input, canvas, ul, svg')]"
        ".filter((one) => !one.ariaLabel && !one.labels?.length).map((one) => one.outerHTML)"
    )
    assert nameless == []
    assert page.tab.get_attribute("#scrub", "aria-valuetext") == "frame 4, 0.500 s of 3.000 s"
    assert page.tab.get_attribute("#clips", "aria-activedescendant") == "clip-0"
    page.wait("() => /^0.500 s of 3.000 s. flow: cIoU 0/.test(document.getElementById('said').textContent)")


# what is behind it


def test_every_run_makes_it_unless_told_otherwise(workflow, tmp_path):
    config = {"dataset": {"root": str(moving_square(tmp_path / "data", "apple"))}, "models": ["flow"]}
    assert {"page_part", "page_index"} <= workflow(config | {"page": True}, "-n").jobs.keys()
    assert not {"page_part", "page_index"} & workflow(config | {"page": False}, "-n").jobs.keys()


def test_a_strip_holds_the_maps_and_where_the_outline_lies(results):
    at_half = 0.5
    file = results / "heatmaps/paper/flow/00001.h5"
    with artifacts.open_artifact(file, HEATMAPS) as reader:
        found = track(reader, "apple", lambda maps, _: maps >= at_half, normalised=True)
        maps = normalise(reader.read(clip := "apple", "maps").astype(np.float32))
        strong = [MapTrack(reader, clip).strength(one) for one in reader.read(clip, "maps").astype(np.float32)]
    assert found.at == list(range(FRAMES - 1))
    assert found.strength == pytest.approx(strong, abs=0.006)
    sheet = Image.open(io.BytesIO(base64.b64decode(found.strips[0].partition(",")[2]))).convert("L")
    tiles = np.asarray(sheet, np.float32) / 255
    for place in (0, 15, 16, 22):
        tile = tiles[TILE * (place // ACROSS) :, TILE * (place % ACROSS) :][:TILE, :TILE]
        halves = maps[place].reshape(TILE, 2, TILE, 2).mean(axis=(1, 3))
        assert np.abs(tile - halves).mean() < 0.02
        counts, drawn = maps[place] >= at_half, maps[place] >= found.level[place] - 5e-4
        assert (counts == drawn).mean() > 0.999


def test_a_still_is_shown_as_long_as_it_sounds(opened, tmp_path):
    """Its film is its picture with the sum of both its sounds; the figure of its one item stands on every frame."""
    rate, seconds = 16000, 2
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(rate * seconds) / rate)
    for name, samples in (("one", tone), ("two", -0.5 * tone)):
        wavfile.write(tmp_path / f"{name}.wav", rate, samples.astype(np.float32))
    Image.new("RGB", (90, 60), (20, 60, 200)).save(tmp_path / "blue.png")
    clip = {
        "name": "blue",
        "video": "blue.png",
        "video_sha256": "",
        "still": True,
        "sound": "one.wav",
        "mixed": "two.wav",
    }
    (tmp_path / "shard.json").write_text(json.dumps({"version": 1, "clips": [clip]}))
    header = "video,status,reason,frames,width,height,sound_s,sound_reason,anchor_s,published_flow\n"
    (tmp_path / "status.csv").write_text(f"{header}blue,ok,,1,90,60,2,,1,0\n")
    header = "model,protocol,video,frame,time_s,metric,value,status\n"
    (tmp_path / "scores.csv").write_text(f"{header}centre-box,paper,blue,0,1,ciou,0.375,ok\n")
    known = Annotations(regions=(Region(0.5, 0.5, 1, 1),))
    (tmp_path / "known.json").write_text(json.dumps({"blue": known.to_json()}))
    (tmp_path / "plan.csv").write_text("video,shard,reason,place\nblue,00001,,blue\n")
    model = get_model("centre-box")
    rows, protocols = [Row(model, "paper", model.needs(PAPER))], {"paper": PAPER}
    stage.run(
        shard_in=tmp_path / "shard.json",
        root=tmp_path,
        status_in=tmp_path / "status.csv",
        rows=rows,
        protocols=protocols,
        thresholds={},
        maps_in={},
        detections_in={},
        annotations_in=tmp_path / "known.json",
        scores_in=tmp_path / "scores.csv",
        out=tmp_path / "page/00001.json",
    )
    stage.run_index(
        plan_in=tmp_path / "plan.csv",
        parts=[tmp_path / "page/00001.json"],
        clips_in=None,
        rows=rows,
        protocols=protocols,
        out=tmp_path / "index.html",
    )
    page = opened(tmp_path / "index.html", "#clip=blue&t=1.5")
    page.at_frame(12)
    assert page.tab.get_attribute("#scrub", "max") == str(8 * seconds - 1)
    assert "cIoU 0.38" in page.said("figcaption")
    picture = seen(page)
    assert (np.abs(picture - (20, 60, 200)).sum(axis=-1) < 60).mean() > 0.5
    assert (np.abs(picture - (60, 220, 90)).sum(axis=-1) < 40).any(), "its true box"
    (file,) = tmp_path.glob("page/*/*/clip.js")
    loudness = json.loads(re.search(r'"loudness":(\[.*?\])', file.read_text())[1])
    assert loudness == pytest.approx([20 * np.log10(0.2 / np.sqrt(2))] * 16, abs=0.7)


def test_sparse_maps_are_held_as_in_a_film(opened, results, tmp_path):
    """Where annotated frames alone have maps, each is held to the nearest, and not where a film of maps has none."""
    sparse = tmp_path / "results"
    shutil.copytree(results, sparse)
    frames = np.array([4, 8, 18])
    with artifacts.create(sparse / "heatmaps/paper/flow/00001.h5", HEATMAPS) as out:
        maps = np.random.default_rng(5).random((3, 224, 224)).astype(np.float16)
        out.clip("apple").append(frame=frames, time_s=frames / 8, maps=maps)
    assert main(["page", str(sparse), "--anew"]) == 0
    with artifacts.open_artifact(sparse / "heatmaps/paper/flow/00001.h5", HEATMAPS) as reader:
        film = MapTrack(reader, "apple")
        expected = [film.at(frame / 8) is not None for frame in range(FRAMES)]
    page = opened(sparse / "index.html", "#clip=apple&row=flow")
    page.at_frame(0)
    shown = []
    for frame in range(FRAMES):
        page.tab.locator("#scrub").fill(str(frame))
        page.at_frame(frame)
        shown.append(page.tab.evaluate("document.querySelector('canvas').dataset.map"))
    assert [bool(one) for one in shown] == expected
    assert all(
        int(one) == min(frames, key=lambda known: (abs(known - at), known)) for at, one in enumerate(shown) if one
    )


def test_the_command_leaves_the_run_its_own_work(results, tmp_path, capsys):
    """What the command makes is no output of the run; it makes films as soon as the dataset is back."""
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    assert main(["page", str(copy)]) == 0
    assert capsys.readouterr().err == "", "what the run made is good"
    dataset, data = copy / "plan/dataset.json", results.parent / "data"
    dataset.write_text(dataset.read_text().replace(str(data), str(tmp_path / "back")))
    assert main(["page", str(copy), "--anew"]) == 0
    assert not (copy / "page/00001.json").exists(), "the run makes it again"
    assert not list(copy.glob("page/*/*/film.mp4"))
    (tmp_path / "back").symlink_to(data)
    capsys.readouterr()
    assert main(["page", str(copy)]) == 0
    assert capsys.readouterr().err == "shard 00001\n"
    assert list(copy.glob("page/*/*/film.mp4"))
    assert main(["page", str(copy)]) == 0
    assert capsys.readouterr().err == ""


def test_a_clip_that_went_leaves_the_page(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    plan = copy / "plan/clips.csv"
    plan.write_text("".join(line for line in plan.read_text().splitlines(True) if not line.startswith("berry,")))
    assert main(["page", str(copy)]) == 0
    (part,) = copy.glob("page/*.json")
    assert "berry" not in {clip["name"] for clip in json.loads(part.read_text())["clips"]}
    remove_outdated(copy, set(), labelled=True, protocols={"paper", "robust"}, sliced=True, shards=["00001"])
    assert part.exists()
    remove_outdated(copy, set(), labelled=True, protocols={"paper", "robust"}, sliced=True, shards=[])
    assert not list(copy.glob("page/*"))


def test_a_sound_without_an_end_lasts_as_long_as_the_clip(results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    file = copy / "plan/annotations/00001.json"
    known = read_annotations(file)["apple"]
    endless = dataclasses.replace(known, events=(SoundEvent(0, float("inf"), "car", True),))
    file.write_text(json.dumps({"apple": endless.to_json()}))
    assert main(["page", str(copy)]) == 0
    said = [path.read_text() for path in copy.glob("page/*/*/clip.js")]
    assert any(f'"events":[[0,{FRAMES / 8},"car"]]' in text.replace("[[0.0,", "[[0,") for text in said)
