"""The wheel carries the workflow beside the package: ``flowgrad run`` and ``demo`` start it from any folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CLONE = Path(__file__).parent
FOLDERS = ("workflow", "scripts", "profiles", "envs")
FILES = ("Snakefile", "config.yaml")


class WithWorkflow(build_py):
    """Copies what Snakemake reads to ``flowgrad/_workflow``, in the order of the clone: rules name scripts from where
    they lie."""

    def run(self) -> None:
        """Build the package, then add the workflow; an editable install reads that of the clone."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "flowgrad/_workflow")
        shutil.rmtree(target, ignore_errors=True)
        for name in FOLDERS:
            shutil.copytree(CLONE / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy2(CLONE / name, target / name)


setup(cmdclass={"build_py": WithWorkflow})
