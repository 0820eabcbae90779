"""What a run may take for left behind."""

from __future__ import annotations

from flowgrad.workflow.cluster import alone


def test_a_run_sees_the_locks_of_another(tmp_path):
    """The engine keeps two files for each run; one's own are no reason to leave leftovers alone."""
    assert alone(tmp_path), "a run without locks at all"
    locks = tmp_path / ".snakemake/locks"
    locks.mkdir(parents=True)
    for name in ("0.input.lock", "0.output.lock"):
        (locks / name).touch()
    assert alone(tmp_path)
    (locks / "1.output.lock").touch()
    assert not alone(tmp_path)
