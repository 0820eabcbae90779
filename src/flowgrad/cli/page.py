"""``flowgrad page``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flowgrad.cli.values import check_folder, path, writing
from flowgrad.errors import InputError

if TYPE_CHECKING:
    from flowgrad.models.rows import Row
    from flowgrad.protocols import Protocol
    from flowgrad.results import Results

HELP = "write RESULTS/index.html, a page to look at a run, from what is there (docs/page.md)"
EXAMPLE = "flowgrad page results"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Say what may be given."""
    parser.add_argument("results", type=path, nargs="?", default=Path("results"), help="default: %(default)s")
    parser.add_argument(
        "--dataset", type=path, help="the dataset's folder, where it moved since the run; makes all films anew"
    )
    parser.add_argument("--anew", action="store_true", help="make everything anew, not only what the run made since")


def run(options: argparse.Namespace) -> int:
    """Write the page and print where."""
    check_folder(options.results, f"a results folder: {EXAMPLE}")
    if options.dataset is not None:
        check_folder(options.dataset, f"a dataset: {EXAMPLE} --dataset /data/urbansas")

    from flowgrad.results import open_results

    results = open_results(options.results)
    out = results.folder / "index.html"
    with writing(out):
        _write(results, options.dataset, options.anew or options.dataset is not None, out)
    print(out)
    return 0


def _write(results: Results, dataset: Path | None, anew: bool, out: Path) -> None:
    from flowgrad import paths
    from flowgrad.evaluation.registry import threshold_rule
    from flowgrad.origin import origin_of
    from flowgrad.plan import Plan
    from flowgrad.results import STREETS
    from flowgrad.stages import page

    def here(file: str) -> Path:
        return results.folder / Path(file).relative_to(paths.RESULTS)

    rows, protocols, notes = _rows(results)
    origin, plan = origin_of(results.folder), Plan(results.folder)
    root = dataset or (Path(origin.root) if origin and origin.root else results.folder / STREETS)
    if not root.is_dir():
        notes.append(
            f"no pictures: {root} is not there; flowgrad page {results.folder} --dataset FOLDER names its place"
        )
    members: dict[str, list[str]] = {}
    for clip, shard in sorted(plan.present().items()):
        members.setdefault(shard, []).append(clip)
    parts = []
    for shard in plan.shards():
        part, status = here(paths.page(shard)), here(paths.status(shard))
        if not status.is_file():
            continue
        maps = {
            (row.name, row.protocol): here(paths.heatmaps(row.protocol, row.name, shard))
            for row in rows
            if row.model.gives == "maps"
        }
        found = {name: here(paths.detections(name, shard)) for name in protocols}
        annotations, scores = here(paths.annotations(shard)), here(paths.scores(shard))
        read = [plan.shard_file(shard), status, annotations, scores, *maps.values(), *found.values()]
        made, own = page.state(part, rows, read, members[shard]), page.own_part(part)
        fresh = [] if anew else [one for one in (part, own) if page.is_fresh(one, made, root)]
        parts.append(fresh[0] if fresh else own)
        if fresh:
            continue
        # the run makes its own again: it alone knows all rules and rows
        page.remove(part)
        print(f"shard {shard}", file=sys.stderr)
        page.run(
            shard_in=plan.shard_file(shard),
            root=root,
            status_in=status,
            rows=rows,
            protocols=protocols,
            thresholds={
                (row.name, row.protocol): threshold_rule(protocols[row.protocol].threshold, row.model.threshold)
                for row in rows
            },
            maps_in={key: file for key, file in maps.items() if file.is_file()},
            detections_in={name: file for name, file in found.items() if file.is_file()},
            annotations_in=annotations if annotations.is_file() else None,
            scores_in=scores if scores.is_file() else None,
            out=own,
            present=members[shard],
        )
    page.run_index(
        plan_in=plan.clips_file,
        parts=parts,
        clips_in=results.clips_file if results.clips_file.is_file() else None,
        rows=rows,
        protocols=protocols,
        # what the run made lacks nothing
        notes=notes if not parts or any(part == page.own_part(part) for part in parts) else [],
        out=out,
    )


def _rows(results: Results) -> tuple[list[Row], dict[str, Protocol], list[str]]:
    """Return the rows and protocols of the last run, and a sentence on each that its results do not tell."""
    from flowgrad.models.registry import MODELS
    from flowgrad.protocols import BUILT_IN, PAPER
    from flowgrad.workflow.run import rows_of

    if results.rows is None:
        raise InputError(f"{results.folder.absolute()}: its run noted no rows yet; run the workflow, then this again")
    # results do not keep what a protocol of one's own says
    notes = [
        f"results do not keep the rules of protocol {name}: boxes and outlines are those of paper"
        for name in results.rows.protocols
        if name not in BUILT_IN
    ]
    notes += [
        f"row {name} is not shown: a plugin made it, which only the run itself knows (target page)"
        for name in results.rows.models
        if name not in MODELS
    ]
    protocols = {name: BUILT_IN.get(name, PAPER) for name in results.rows.protocols}
    rows = [row for name in results.rows.models if name in MODELS for row in rows_of(MODELS[name], protocols)]
    return rows, protocols, notes
