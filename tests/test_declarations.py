"""What a model, metric or estimator declares or gives wrongly: one sentence, before any job where it can be known."""

from __future__ import annotations

import ast
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import REPOSITORY
from test_generated import moving_square

from flowgrad.check import check
from flowgrad.code import module_of, named
from flowgrad.config import ConfigurationError, parse
from flowgrad.errors import InputError
from flowgrad.flow.base import estimated
from flowgrad.last_run import rows_of
from flowgrad.models.base import Batch, localized
from flowgrad.provenance import code_digest, meaning, modules_behind

MODEL = """
from flowgrad.models.base import FlowSpec, Model, Needs, Settings
class S(Settings):
    def needs(self): return Needs({needs})
M = Model("{name}", len, {{"paper": S()}}, {more})
"""


def problems(tmp_path: Path, text: str, **config: object) -> list[str]:
    # a name of its own: a module that is read once is not read again
    plugin = tmp_path / f"plugin_{tmp_path.name.replace('-', '_')}.py"
    plugin.write_text(text)
    root = moving_square(tmp_path / "data", "apple")
    base = {"plugins": [str(plugin)], "dataset": {"root": str(root)}, "protocols": ["paper"]}
    return check(parse(base | config)).problems


@pytest.mark.parametrize(
    ("needs", "more", "words"),
    [
        ("flow=FlowSpec()", "threshold='nowhere'", "unknown threshold rule 'nowhere': use one of fixed, median"),
        ("flow=FlowSpec('curl')", "", "flow form: unknown 'curl'; known: magnitude, "),
        ("", "", "it makes maps and needs nothing to make them from"),
        ("maps_of='rcgard'", "", "unknown model 'rcgard'; did you mean rcgrad?"),
    ],
)
def test_what_a_model_declares_wrongly(tmp_path, needs, more, words):
    name = f"declares-{abs(hash((needs, more)))}"
    found = problems(tmp_path, MODEL.format(needs=needs, more=more, name=name), models=["flow", name])
    assert len(found) == 1
    assert found[0].startswith(f"models: {name}: ")
    assert words in found[0]
    assert found[0].endswith("; mend its Model")


def test_models_that_start_from_each_other(tmp_path):
    text = MODEL.format(needs="maps_of='loop-b'", more="", name="loop-a")
    text += MODEL.format(needs="maps_of='loop-a'", more="", name="loop-b").replace("M =", "N =")
    found = problems(tmp_path, text, models=["flow", "loop-a"])
    assert found == ["models: loop-a: it starts from maps that start from its own; mend its Model"]


@pytest.mark.parametrize(
    ("name", "columns", "words"),
    [
        ("status", "('mine',)", r"metrics: metric 'status': frames\.csv has a column 'status' already; rename it"),
        ("own", "('auc',)", r"metrics: metric 'own': summary\.csv has a column 'auc' already; rename it"),
        ("more", "('frames',)", r"metrics: metric 'more': summary\.csv has a column 'frames' already; rename it"),
    ],
)
def test_a_column_that_is_there_already(tmp_path, name, columns, words):
    text = f"from flowgrad.evaluation.base import Metric\nM = Metric('{name}', len, {columns}, dict)\n"
    with pytest.raises(ConfigurationError, match=words):
        problems(tmp_path, text, metrics=["ciou", name])


@pytest.mark.parametrize(
    ("columns", "summary", "words"),
    [
        (
            "('share',)",
            "lambda clips: {'x': 1.0}",
            "metrics: metric lossy: expected figures ('share',), it gives ('x',)",
        ),
        ("('share',)", "lambda clips: None", "metrics: metric lossy: expected figures ('share',), it gives None"),
        (
            "('share',)",
            "lambda clips: 1 / 0",
            "metrics: metric lossy: its summary fails: ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_summary_that_fails_is_found_before_it_costs_the_table(tmp_path, columns, summary, words):
    text = f"from flowgrad.evaluation.base import Metric\nM = Metric('lossy', len, {columns}, {summary})\n"
    assert problems(tmp_path, text, models=["flow"], metrics=["ciou", "lossy"]) == [words]


def test_columns_that_are_one_text(tmp_path):
    text = "from flowgrad.evaluation.base import Metric\nM = Metric('share', len, ('share'), dict)\n"
    with pytest.raises(ConfigurationError, match=r"plugins: .*\.py: metric share: columns: expected \('share',\)"):
        problems(tmp_path, text)


@pytest.mark.parametrize(
    ("presets", "needs", "words"),
    [
        ("[S()]", "Needs()", r"model mine: presets: expected \{name: Settings\}, got \[S\(\)\]"),
        ("{'paper': S}", "Needs()", r"model mine: preset paper: expected an object of a class of Settings, got <class"),
        ("{'paper': S()}", "Need()", "its needs\\(\\) fails: NameError: name 'Need' is not defined"),
        ("{'paper': S()}", "None", r"its needs\(\) gives None, expected Needs\(\.\.\.\)"),
        ("{'paper': S()}", "Needs(flow='signed')", r"preset paper: flow: expected FlowSpec\(\.\.\.\), got 'signed'"),
    ],
)
def test_presets_that_are_none(tmp_path, presets, needs, words):
    text = "from flowgrad.models.base import FlowSpec, Model, Needs, Settings\nclass S(Settings):\n"
    text += f"    def needs(self): return {needs}\nM = Model('mine', len, {presets})\n"
    with pytest.raises(ConfigurationError, match=r"plugins: .*\.py: .*" + words):
        problems(tmp_path, text)


def test_a_plugin_may_import_what_is_registered(tmp_path):
    text = "from flowgrad.evaluation.consensus_iou import CIOU\nfrom flowgrad.evaluation.base import Metric\n"
    assert problems(tmp_path, text + "M = Metric('imports', len, ('imports',), dict)\n", models=["flow"]) == []


@pytest.mark.parametrize(
    ("maps", "words"),
    [
        (np.zeros((2, 224, 225)), r"model mine: expected maps \(2, 224, 224\), it gives \(2, 224, 225\)"),
        (np.full((2, 224, 224), np.nan), "model mine: expected finite maps within 65504, it gives NaN, or larger ones"),
        (np.full((2, 224, 224), -70000.0), "model mine: expected finite maps within 65504"),
    ],
)
def test_maps_that_cannot_be_kept(maps, words):
    with pytest.raises(InputError, match=words):
        localized("mine", lambda _: maps, Batch(), 2)


def test_flow_of_another_shape():
    class Wrong:
        def flow(self, first, second):
            return np.zeros((48, 64, 2), np.float32)

    with pytest.raises(InputError, match=r"estimator mine: expected flow \(2, 48, 64\), it gives \(48, 64, 2\)"):
        estimated("mine", Wrong(), None, None, (64, 48))


def test_an_entry_point_that_breaks_is_named(tmp_path):
    """Whatever its module raises."""
    info = tmp_path / "site/broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[flowgrad.models]\nbad = broken:MODEL\n")
    (tmp_path / "site/broken.py").write_text("1 / 0\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"dataset: {{root: {moving_square(tmp_path / 'data', 'apple')}}}\nmodels: [flow]\n")
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY / 'src'}:{tmp_path / 'site'}"}
    command = [str(Path(sys.executable).with_name("flowgrad")), "check", "--configfile", str(config)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "entry point bad = broken:MODEL of broken cannot be imported: division by zero; mend or uninstall it" in said
    assert "Traceback" not in said


def test_the_digest_follows_relative_imports(tmp_path, monkeypatch):
    """A package of one's own is as a whole behind what it computes."""
    package = tmp_path / "kin"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner/__init__.py").write_text("")
    (package / "inner/model.py").write_text("from . import near\nfrom ..far import thing\n")
    (package / "inner/near.py").write_text("x = 1\n")
    (package / "far.py").write_text("def thing(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert modules_behind("kin.inner.model") == ["kin.far", "kin.inner", "kin.inner.model", "kin.inner.near"]
    assert len(code_digest("kin.inner.model")) == 16


def test_what_was_parsed_is_kept_and_never_believed_against_the_file(tmp_path, monkeypatch):
    """A start reads what an earlier one found; an edited module, or a damaged file, is parsed anew."""
    from flowgrad import provenance

    def forget() -> None:
        for known in (provenance._kept, provenance._gist, provenance._path, provenance._source, code_digest):
            known.cache_clear()

    def fresh() -> str:
        forget()
        return code_digest("alone")

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(provenance, "KEPT", tmp_path / "kept/gists.json")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    module = tmp_path / "alone.py"
    module.write_text("x = 1\n")
    first = fresh()
    parse = provenance.ast.parse
    monkeypatch.setattr(provenance.ast, "parse", None)
    assert fresh() == first, "nothing is parsed"
    monkeypatch.setattr(provenance.ast, "parse", parse)
    module.write_text("x = 2\n")
    second = fresh()
    assert second != first
    for damage in ("", "[]", '{"by": 1}', '{"alone": [1]}', '{"alone": null}'):
        provenance.KEPT.write_text(damage)
        assert fresh() == second
    provenance.KEPT.write_text(provenance.KEPT.read_text().replace('"by": "', '"by": "other'))
    module.write_text("x = 1\n")
    assert fresh() == first
    provenance.KEPT.unlink()
    provenance.KEPT.mkdir()
    assert fresh() == first, "it cannot be kept there"
    forget()


def test_a_partial_is_what_it_calls_and_with_what():
    one, other = (functools.partial(estimated, number) for number in "ab")
    assert module_of(one) == "flowgrad.flow.base"
    assert named(one).startswith("flowgrad.flow.base:estimated")
    assert named(one) != named(other)
    assert named("a.b:c") == "a.b:c"


def test_rows_of_an_earlier_version(tmp_path):
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan/rows.json").write_text(json.dumps({"maps": []}))
    with pytest.raises(InputError, match="is of an earlier version of flowgrad; run it again in another folder"):
        rows_of(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n    return 1", 'def f():\n    "What it does."\n    # how\n    return (1)'),
        ("class A:\n    x: int = 1", 'class A:\n    x: int = 1\n    """Said below."""\n'),
        ("Field(1, description='one')", "Field(1)"),
    ],
)
def test_words_are_no_code(one, other):
    assert meaning(ast.parse(one)) == meaning(ast.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(None)", "f()"),
        ("x = None", "x = 0"),
        ("x = 'a'", "x = 'b'"),
        ("f(a, b)", "f(b, a)"),
        ("a < b", "a <= b"),
        ("a[1:]", "a[:1]"),
        ("{**a}", "{a: a}"),
        ("match x:\n    case None: pass", "match x:\n    case True: pass"),
        ("x = (1,)", "x = [1]"),
        ("f(description)", "f()"),
        ("x = 1", "x = 1.0"),
        ("def f(a, *, b=1): pass", "def f(a, b=1): pass"),
    ],
)
def test_code_is_no_words(one, other):
    assert meaning(ast.parse(one)) != meaning(ast.parse(other))
