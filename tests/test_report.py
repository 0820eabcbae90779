"""The report of a run: figures show the numbers of the tables, and its file stands alone."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY, Finished, make_clip, run_workflow
from PIL import Image
from test_generated import moving_square

import flowgrad
from flowgrad.costs import Job, by_step, disk, finished_jobs
from flowgrad.errors import InputError
from flowgrad.evaluation.curve import success_curves
from flowgrad.figures.costs import costs_figure
from flowgrad.figures.page import Figure, Table, page
from flowgrad.figures.sheet import CELL, GAP
from flowgrad.figures.slices import slice_figure
from flowgrad.figures.style import styles
from flowgrad.figures.success import success_figure
from flowgrad.stages.figures import run_slices, run_success, run_tables
from flowgrad.stages.gallery import BEST, WORST, Choice, choices

CLIPS = ("apple1_1", "berry2_1", "cherry3_1", "date4_1")


def figure_jobs(protocols: int) -> dict[str, int]:
    """The jobs that draw the figures of a labelled dataset under so many protocols."""
    return dict.fromkeys(("success", "slice_figures", "gallery"), protocols) | {"tables_page": 1, "costs": 1}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = moving_square(tmp_path_factory.mktemp("data"), *CLIPS)
    models = ["flow", "motion", "centre-box", "blank"]
    return {
        "dataset": {"root": str(root)},
        "models": models,
        "protocols": ["paper"],
        "frames": "annotated",
        "figures": True,
    }


@pytest.fixture(scope="module")
def scored(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run whose figures are made; tests read it."""
    run = run_workflow(tmp_path_factory.mktemp("work"), settings)
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def report(scored: Finished, settings: dict) -> str:
    made = run_workflow(scored.folder, settings, "--report", "report.html", "all")
    assert made.status == 0, made.output
    assert "not in the report" not in made.output
    return (scored.folder / "report.html").read_text()


def test_all_makes_the_figures_once(scored, settings):
    assert {rule: scored.jobs[rule] for rule in figure_jobs(1)} == figure_jobs(1)
    assert run_workflow(scored.folder, settings, "-n").nothing_to_do


def test_the_success_curve_is_the_summary(scored):
    """At 0.5 it has the height and the bounds of success_at_0_5, and the area under it is auc."""
    results = flowgrad.open_results(scored.folder / "results")
    place_of = {clip: re.sub(r"_\d+$", "", clip) for clip in CLIPS}
    plan = pd.read_csv(scored.folder / "results/plan/clips.csv").set_index("video")["place"]
    curves = success_curves(results.frames, plan.to_dict())
    assert len(set(plan[list(place_of)])) == len(CLIPS)
    summary = results.summary.set_index("model")
    assert set(curves["model"]) == set(summary.index)
    for model, curve in curves.groupby("model"):
        half = curve[curve["threshold"] == 0.5].iloc[0]
        row = summary.loc[model]
        bounds = ["success_at_0_5", "success_at_0_5_low", "success_at_0_5_high"]
        assert half[["rate", "low", "high"]].tolist() == pytest.approx(row[bounds].tolist(), abs=1e-5)
        assert np.trapezoid(curve["rate"], curve["threshold"]) == pytest.approx(row["auc"], abs=1e-5)
        assert curve["rate"].is_monotonic_decreasing


def test_the_plot_is_the_curve(scored):
    """What is drawn is what was computed; rows are told apart without colours, and the legend names the best first."""
    results = flowgrad.open_results(scored.folder / "results")
    drawn = results.plot_success()
    lines = {line.get_label().split()[0]: line for line in drawn.axes[0].get_lines()}
    lines = {name: line for name, line in lines.items() if not name.startswith("_")}
    assert set(lines) == {"flow", "motion", "centre-box", "blank"}
    values = results.frames.query("model == 'motion'")["ciou"]
    for at, rate in zip(lines["motion"].get_xdata(), lines["motion"].get_ydata(), strict=True):
        assert rate == pytest.approx((values >= at - 1e-9).mean())
    legend = [text.get_text().split()[0] for text in drawn.axes[0].get_legend().get_texts()]
    areas = results.summary.set_index("model")["auc"]
    able = sorted(("flow", "motion"), key=lambda name: -areas[name])
    assert legend[:2] == able
    assert set(legend[2:]) == {"centre-box", "blank"}, "controls come last"

    one = results.plot_success(models=["flow"])
    assert len(one.axes[0].get_legend().get_texts()) == 1
    with pytest.raises(InputError, match="no paper row 'flw'; did you mean flow"):
        results.plot_success(models=["flw"])
    with pytest.raises(InputError, match="the last run had no protocol 'robust'"):
        results.plot_success("robust")


def test_rows_look_different_in_grey():
    many = [f"row-{number}" for number in range(25)]
    looks = styles([*many, "one", "two"], {"one", "two"})
    assert len({(str(look.line), look.marker) for look in looks.values()}) == len(looks)


def test_more_than_two_rows_have_bands_of_their_own():
    frames = pd.DataFrame(
        [(model, clip, value) for model in "abc" for clip in "xyz" for value in (0.2, 0.7)],
        columns=["model", "video", "ciou"],
    )
    curves = success_curves(frames, {"x": "here", "y": "there", "z": "elsewhere"})
    assert len(success_figure(curves, {"c"}, "").axes) == 1
    assert [axes.get_title() for axes in success_figure(curves, set(), "").axes] == ["", "a", "b", "c"]
    lonely = success_curves(frames, dict.fromkeys("xyz", "here"))
    assert lonely["low"].isna().all(), "a single place has no interval"
    assert success_figure(lonely, set(), "").axes
    assert not success_figure(curves[:0], set(), "").axes, "a sentence says that there is nothing to draw"


def test_the_gallery_picks_the_worst_and_the_best(scored):
    frames = flowgrad.open_results(scored.folder / "results").frames.rename(columns={"ciou": "value"})
    chosen, order = choices(frames, ["flow", "motion"])
    assert set(order) == set(chosen) == {"flow", "motion"}
    for model, some in chosen.items():
        own = frames[frames["model"] == model].set_index(["video", "frame"])["value"]
        worst = [choice for choice in some if choice.kind == "worst"]
        best = [choice for choice in some if choice.kind == "best"]
        assert own[worst[0].video, worst[0].frame] == own.min()
        assert own[best[0].video, best[0].frame] == own.max()
        assert len({choice.video for choice in worst}) == len(worst) == WORST
        assert len(best) == BEST
    folder = scored.folder / "results/figures/paper/gallery"
    assert {path.name for path in folder.glob("*.jpg")} == {
        f"{row}-{kind}.jpg" for row in ("flow", "motion") for kind in ("worst", "best")
    }, "controls have none"
    width, height = Image.open(folder / "flow-worst.jpg").size
    assert width == GAP + 3 * (CELL[0] + GAP), "the truth, the row, the other"
    assert height > WORST * 192


def test_among_equally_bad_frames_the_gallery_takes_what_others_find():
    scores = pd.DataFrame(
        [("one", clip, 0, 0.0) for clip in "abcde"]
        + [("two", clip, 0, value) for clip, value in zip("abcde", (0.1, 0.9, 0.3, 0.2, 0.5), strict=True)],
        columns=["model", "video", "frame", "value"],
    )
    chosen, order = choices(scores, ["one", "two"])
    assert order == ["two", "one"]
    assert [choice.video for choice in chosen["one"][:WORST]] == ["b", "e", "c"]
    only, _ = choices(scores[scores["video"] == "a"], ["one", "two"])
    assert only["two"] == [Choice("a", 0, "worst")], "one frame is not both"


def slices() -> pd.DataFrame:
    rows = [
        ("flow", "car", 40, False, 0.5, 0.4, 0.6),
        ("flow", "bus", 9, True, 0.2, 0.1, 0.4),
        ("motion", "car", 40, False, 0.7, 0.6, 0.8),
        ("blank", "car", 40, False, 0.1, 0.1, 0.1),
    ]
    table = pd.DataFrame(rows, columns=["model", "value", "frames", "few", "auc", "auc_low", "auc_high"])
    return table.assign(protocol="paper", slice="class")


def test_a_slice_is_drawn_at_its_figures():
    drawn = slice_figure(slices(), "auc", {"blank"}, "by class")
    (axes,) = drawn.axes
    points = {
        (line.get_marker(), float(line.get_xdata()[0])) for line in axes.get_lines() if line.get_marker() != "None"
    }
    assert sorted(at for _, at in points) == [0.2, 0.5, 0.7], "no point is of a control"
    spans = [tuple(line.get_xdata()) for line in axes.get_lines() if line.get_marker() == "None"]
    assert (0.4, 0.6) in spans
    assert (0.1, 0.1) in spans, "the best control"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bus  (9, few)", "car  (40)"]


def test_many_values_of_a_slice_are_cut_and_counted():
    many = pd.concat([slices()[:1].assign(value=f"class {n:03d}", frames=n) for n in range(220)])
    drawn = slice_figure(many, "auc", set(), "by class")
    assert len(drawn.axes[0].get_yticklabels()) == 20
    assert "20 of 220" in drawn._supxlabel.get_text()


def test_costs_are_those_of_the_logs(tmp_path):
    line = "2026 INFO flowgrad.x: status=ok seconds=2.0 processor_seconds={} memory_mb=90\n"
    logs = {"flow/00001": 3, "flow/00002": 5, "heatmaps/paper/rcgrad/00001": 20, "clips": 1}
    for name, seconds in logs.items():
        (tmp_path / f"logs/{name}.log").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"logs/{name}.log").write_text(line.format(seconds))
    (tmp_path / "logs/failed.log").write_text("2026 ERROR flowgrad.x: status=failed reason=none\n")
    steps = by_step(finished_jobs(tmp_path / "logs"))
    assert list(steps) == ["heatmaps rcgrad", "flow", "clips"], "what took most comes first"
    assert steps["flow"] == [Job("flow", 2.0, 3.0, 90), Job("flow", 2.0, 5.0, 90)]
    drawn = costs_figure(steps, {"flow": 5_000_000}, clips=2)
    assert [bar.get_width() for bar in drawn.axes[0].patches] == [20, 8, 1]
    assert "14.5 s a clip" in drawn.axes[0].get_title()
    assert disk(tmp_path).keys() == {"logs"}


def test_the_page_marks_the_best_and_sets_controls_apart(scored):
    text = (scored.folder / "results/figures/tables.html").read_text()
    summary = flowgrad.open_results(scored.folder / "results").summary.set_index("model")
    leader = summary.loc[["flow", "motion"], "auc"].idxmax()
    lines = [line for line in text.splitlines() if line.startswith("<tr")]
    (row,) = [line for line in lines if f"<td>{leader}</td>" in line]
    assert f"<b>{summary.loc[leader, 'auc']:.3f}</b>" in row
    controls = [line for line in lines if 'class="control' in line]
    assert len(controls) == 2
    assert not any("<b>" in line for line in controls)
    assert "4 clips: 4 ok" in text
    assert "&lt;script&gt;" in page("<script>", [Table("", "", ["a"], [[Figure("<script>")]])])
    assert "<script>" not in page("<script>", [Table("", "", ["a"], [[Figure("<script>")]])])


def test_a_run_in_which_nothing_is_scored_has_figures_that_say_so(tmp_path):
    """No frame, no slice, no cIoU among the metrics."""
    columns = "model,protocol,video,frame,time_s,{},status\n"
    (tmp_path / "plan.csv").write_text("video,shard,reason,place,picture\n")
    for metric in ("ciou", "pointing_game"):
        (tmp_path / "frames.csv").write_text(columns.format(metric))
        run_success(
            frames_in=tmp_path / "frames.csv",
            plan_in=tmp_path / "plan.csv",
            protocol="paper",
            controls=(),
            out=tmp_path / f"{metric}.png",
        )
        width, height = Image.open(tmp_path / f"{metric}.png").size
        assert width > 4 * height, "a line of text"
    (tmp_path / "slices.csv").write_text("model,protocol,slice,value,frames,clips,places,few,auc,auc_low,auc_high\n")
    run_slices(slices_in=tmp_path / "slices.csv", protocol="paper", controls=(), out=tmp_path / "slices")
    assert list((tmp_path / "slices").iterdir()) == []
    assert choices(pd.DataFrame(columns=["model", "video", "frame", "value"], dtype=float), ["flow"]) == ({}, [])


def test_the_tables_that_a_run_has_are_shown(tmp_path):
    """Listening and several sources; without annotations the page says so."""
    from flowgrad.schemas.listening import LISTENING
    from flowgrad.schemas.sources import SOURCES

    def table(name: str, columns: dict[str, str], **values: object) -> Path:
        defaults = {"str": "x", "int64": 3, "float64": 0.25, "bool": False}
        row = {column: defaults[kind] for column, kind in columns.items()} | values
        pd.DataFrame([row]).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    clips = table("clips.csv", {}, video="a", status="skipped", reason="no <sound>", frames=0)
    run_tables(
        summary_in=None,
        listening_in=table("l.csv", LISTENING, model="rcgrad", deaf=True),
        sources_in=table("s.csv", SOURCES, model="coarse-to-fine", frame_wise_auc=0.75),
        clips_in=clips,
        controls=(),
        dataset="videos",
        out=tmp_path / "page.html",
    )
    text = (tmp_path / "page.html").read_text()
    assert "the dataset (videos) has no annotations to score" in text
    assert "no &lt;sound&gt;" in text
    assert "<td>deaf</td>" in text
    assert "0.750" in text


# the report itself


class Loads(HTMLParser):
    """Collects what a page would fetch when it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loaded = {"src", "data", "poster", "srcset"} | ({"href"} if tag == "link" else set())
        self.addresses += [value or "" for name, value in attrs if name in loaded]


def test_the_report_is_one_file_that_loads_nothing(report, scored):
    for text in (report, (scored.folder / "results/figures/tables.html").read_text()):
        found = Loads()
        found.feed(text)
        assert [address for address in found.addresses if not address.startswith("data:")] == []
        assert not re.search(r"@import|url\(\s*['\"]?https?:", text)


def test_the_report_holds_every_figure(report, scored):
    folder = scored.folder / "results/figures"
    figures = [path for kind in ("html", "png", "jpg") for path in folder.rglob(f"*.{kind}")]
    assert len(figures) > 6
    for path in figures:
        assert base64.b64encode(path.read_bytes()).decode() in report, path


def test_every_figure_has_a_caption(report):
    """It names the protocol where there is one; its file is there."""
    rules = (REPOSITORY / "workflow/rules/figures.smk").read_text()
    captions = re.findall(r'caption="\.\./report/(\w+)\.rst"', rules)
    assert len(captions) == rules.count("report(\n") == 5
    assert set(captions) == {path.stem for path in (REPOSITORY / "workflow/report").glob("*.rst")} - {"run"}
    sheets = 2 * len(("worst", "best"))
    assert report.count("Protocol <strong>paper</strong>") == 1 + sheets + sliced(report)
    assert "Where in a video does the sound come from?" in report
    assert "{{" not in "".join(re.findall(r'"caption": "[^"]*"', report))


def sliced(report: str) -> int:
    """How many slices the report has a plot of."""
    return len(re.findall(r"frames by <strong>\w+</strong>", report))


def test_what_is_missing_is_said_and_left_out(report, scored, settings):
    """The run is not done: the report has what is there."""
    figure = scored.folder / "results/figures/paper/success.png"
    aside = figure.rename(scored.folder / "aside.png")
    try:
        made = run_workflow(scored.folder, settings, "--report", "less.html", "all")
    finally:
        aside.rename(figure)
    assert made.status == 0, made.output
    said = "not in the report: results/figures/paper/success.png is not there yet; make the target figures first"
    assert said in made.output
    less = (scored.folder / "less.html").read_text()
    assert "Success rate" not in less
    assert 0 < len(less) < len(report)


def test_a_dataset_without_annotations_has_pictures_and_costs(tmp_path):
    (tmp_path / "videos").mkdir()
    for seed, name in enumerate(("apple", "berry")):
        make_clip(tmp_path / f"videos/{name}.mp4", seed=seed)
    config = {"dataset": {"format": "videos", "root": str(tmp_path / "videos")}, "models": ["flow"]}
    run = run_workflow(tmp_path / "work", config | {"protocols": ["paper"], "pictures": 0}, "figures")
    assert run.status == 0, run.output
    folder = tmp_path / "work/results/figures"
    made = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if not path.name.startswith(".")}
    assert made == {"tables.html", "costs.png", "paper/gallery/all.jpg"}
    assert "no annotations to score" in (folder / "tables.html").read_text()
    assert Image.open(folder / "paper/gallery/all.jpg").size[0] == GAP + 2 * (CELL[0] + GAP)
