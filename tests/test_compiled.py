"""What numba compiles: kept for the next process, for one kind of processor, and never in the way of a run."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from flowgrad.flow import compiled

TEXT = """
from flowgrad.flow.compiled import compiled

@compiled("float64(float64)")
def twice(value):
    return 2 * value
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch, caplog):
    """Load a module with a kernel as a new process would; returns it and what was said."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "kernel.py").write_text(TEXT)

    def load():
        for once in (compiled._say_once, compiled._say_unkept):
            once.cache_clear()
        caplog.clear()
        spec = importlib.util.spec_from_file_location("kernel", tmp_path / "kernel.py")
        module = importlib.util.module_from_spec(spec)
        with caplog.at_level(logging.INFO):
            spec.loader.exec_module(module)
        assert module.twice(21.0) == 42
        return [record.getMessage() for record in caplog.records]

    return load


def kept(tmp_path: Path, ending: str) -> list[Path]:
    return sorted((tmp_path / "cache").rglob(f"*.{ending}"))


def test_it_is_compiled_once(loaded, tmp_path):
    assert loaded() == ["optical flow is compiled for this processor: some seconds, once"]
    files = {path: path.stat().st_mtime_ns for ending in ("nbi", "nbc") for path in kept(tmp_path, ending)}
    assert len(files) == 2
    assert loaded() == []
    assert files == {path: path.stat().st_mtime_ns for path in files}


def test_each_kind_of_processor_has_code_of_its_own(loaded, tmp_path, monkeypatch):
    """Nodes that share a home, and start at once, must not number their files alike."""
    loaded()
    monkeypatch.setattr(compiled.binding, "get_host_cpu_name", lambda: "another")
    loaded()
    assert len({path.parent for path in kept(tmp_path, "nbc")}) == 2
    assert sum("another-" in str(path) for path in kept(tmp_path, "nbc")) == 1


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("content", [b"", b"no pickle"])
def test_damaged_code_is_compiled_anew_and_named(loaded, tmp_path, ending, content):
    loaded()
    for path in kept(tmp_path, ending):
        path.write_bytes(content)
    (said,) = [line for line in loaded() if "cannot be kept" in line]
    assert f"cannot be kept in {kept(tmp_path, ending)[0].parents[1]} (" in said
    assert "delete that folder, or name another with NUMBA_CACHE_DIR" in said


def test_without_a_place_for_it_a_run_goes_on(loaded, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file, no folder")
    monkeypatch.setattr(numba.core.caching.CacheImpl, "_locator_classes", [numba.core.caching.UserProvidedCacheLocator])
    (said,) = [line for line in loaded() if "cannot be kept" in line]
    assert "RuntimeError: cannot cache function" in said


def test_a_fault_in_a_function_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    with pytest.raises(numba.core.errors.TypingError):
        compiled.compiled("float64(float64)")(lambda value: value.nothing)


def test_numba_is_told_what_it_was_told_before(loaded):
    before = numba.config.SLP_VECTORIZE, numba.config.CACHE_DIR
    loaded()
    assert before == (numba.config.SLP_VECTORIZE, numba.config.CACHE_DIR)


def test_numba_is_imported_only_where_flow_is_computed():
    """By no help, no check and no plan of a run."""
    code = (
        "import sys, flowgrad.cli, flowgrad.check, flowgrad.workflow.run, flowgrad.flow.farneback, flowgrad.stages.flow"
    )
    code += "\nfrom flowgrad.flow.registry import ESTIMATORS\nassert ESTIMATORS['farneback'].module"
    code += "\nassert not {'numba', 'llvmlite'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
