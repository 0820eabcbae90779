"""Put small faults into the code, one at a time, and count those that the fast tests notice (make test-faults).

Cosmic Ray changes the code: comparisons, numbers by one, arithmetic, and / or, conditions, loops. The seed decides
which of all these faults are tried, each in a copy of the tree, with the tests that concern its module.

    python tests/faults.py [--sample 180] [--seed 1] [--only stages/score.py] [--workers 2]
"""

from __future__ import annotations

import argparse
import difflib
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

REPOSITORY = Path(__file__).parent.parent
PACKAGE = "src/flowgrad"
FIGURES = ("rules_of_figures", "rules_of_truth", "evaluation")
TESTS: dict[str, tuple[str, ...]] = {
    "evaluation/outlook.py": ("rules_of_truth", "annotations"),
    "evaluation/unscored.py": ("rules_of_truth", "annotations"),
    "evaluation/": (*FIGURES, "score", "tables"),
    "flow/": ("flow", "compiled", "rules_of_figures", "rules_of_inputs"),
    "models/inputs.py": ("rules_of_inputs", "rules_of_figures", "heatmaps"),
    "resizing.py": ("rules_of_inputs",),
    "models/rows.py": ("rules_of_inputs", "score"),
    "detection/stationary.py": FIGURES,
    "detection/labels.py": FIGURES,
    "plan.py": ("rules_of_artifacts", "plan"),
    "artifacts.py": ("rules_of_artifacts", "artifacts"),
    "protocols.py": FIGURES,
    "stages/score.py": ("score", "rules_of_stages"),
    "stages/tables.py": ("tables",),
    "stages/heatmaps.py": ("heatmaps", "rules_of_stages"),
    "training/objective.py": ("objectives", "rules_of_training"),
    "training/learner.py": ("objectives", "rules_of_training"),
    "models/rcgrad/objective.py": ("objectives", "rules_of_training"),
}
"""The fast tests of each module or package; what has none here (decoding, detectors) is held by whole runs."""
OPERATORS = re.compile(
    r"core/(AddNot|NumberReplacer|Replace(And|Or|True|False)With\w+|ZeroIterationForLoop|Replace(Break|Continue)With\w+"
    # one neighbour of each: the others are found where it is
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Div|BitAnd_BitOr)|ReplaceUnaryOperator_Delete_\w+)"
)
UNSEEN = {
    # what only type checkers see
    "": re.compile(r"TYPE_CHECKING"),
    # how many threads compute the same
    "NumberReplacer": re.compile(r"threads: int = "),
    # the marks of a signature are no product
    "ReplaceBinaryOperator_Mul_Div": re.compile(r"^\s*def .*\*,|^\s*\*,$"),
    # nothing sets these fields; lengths that are equal anyway; how small a file is, not what is in it
    "TrueWithFalse": re.compile(r"frozen=|slots=|strict=|compress|shuffle"),
}
"""By a part of the operator's name: lines where no test can see its faults in what the program does."""
LONGEST_S = 300
"""A fault that makes tests run longer is noticed."""


@dataclass(frozen=True)
class Fault:
    """The fault that an operator makes at one place of a module."""

    module: str
    operator: str
    number: int

    def code(self) -> tuple[str, str]:
        """Return the module without and with the fault."""
        before = (REPOSITORY / PACKAGE / self.module).read_text(encoding="utf-8")
        return before, mutate_code(before, get_operator(self.operator)(), self.number)

    @property
    def unseen(self) -> bool:
        """Return whether it lies where no test can see it."""
        before, after = (text.splitlines() for text in self.code())
        changed = [line for line, other in zip(before, after, strict=False) if line != other]
        patterns = [pattern for part, pattern in UNSEEN.items() if part in self.operator]
        return all(any(pattern.search(line) for pattern in patterns) for line in changed)

    def __str__(self) -> str:
        before, after = (text.splitlines() for text in self.code())
        lines = [line for line in difflib.unified_diff(before, after, n=0, lineterm="")][2:]
        place = re.search(r"-(\d+)", lines[0])
        return "\n    ".join([f"{PACKAGE}/{self.module}:{place[1] if place else '?'}", *lines[1:]])


def faults(only: str) -> Iterator[Fault]:
    """Yield all faults of the modules that have fast tests."""
    operators = [name for name in operator_names() if OPERATORS.fullmatch(name)]
    for path in sorted((REPOSITORY / PACKAGE).rglob("*.py")):
        module = path.relative_to(REPOSITORY / PACKAGE).as_posix()
        if not (module.startswith(only) and module.startswith(tuple(TESTS))):
            continue
        nodes = list(ast_nodes(get_ast(path.read_text(encoding="utf-8"))))
        for name in operators:
            count = sum(1 for node in nodes for _ in get_operator(name)().mutation_positions(node))
            yield from (Fault(module, name, number) for number in range(count))


def passes(tree: Path, tests: tuple[str, ...], *modules: str) -> bool:
    """Return whether these tests, and the examples of these modules, pass on a copy of the tree."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [
                *command,
                "--doctest-modules",
                *(f"{PACKAGE}/{module}" for module in modules),
                *(f"tests/test_{name}.py" for name in tests),
            ],
            cwd=tree,
            env=environment,
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def is_noticed(fault: Fault, trees: queue.SimpleQueue[Path]) -> bool:
    """Return whether a test fails on a tree with the fault."""
    before, after = fault.code()
    tree = trees.get()
    path = tree / PACKAGE / fault.module
    try:
        path.write_text(after, encoding="utf-8")
        tests = next(tests for place, tests in TESTS.items() if fault.module.startswith(place))
        return not passes(tree, tests, fault.module)
    finally:
        path.write_text(before, encoding="utf-8")
        trees.put(tree)


def main() -> None:
    """Try a sample of the faults, print how many were noticed, and each that was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=180, help="how many faults are tried")
    parser.add_argument("--seed", type=int, default=1, help="decides which")
    parser.add_argument("--only", default="", help=f"a module or package below {PACKAGE}")
    parser.add_argument("--workers", type=int, default=2, help="faults that are tried at once")
    given = parser.parse_args()
    every = list(faults(given.only))
    if not every:
        parser.error(f"--only {given.only}: no such module has fast tests; use one of {', '.join(TESTS)}")
    random.Random(given.seed).shuffle(every)
    chosen = list(islice((fault for fault in every if not fault.unseen), given.sample))
    with tempfile.TemporaryDirectory(prefix="flowgrad-faults-") as folder, ThreadPoolExecutor(given.workers) as pool:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(given.workers):
            tree = Path(folder, str(number))
            for part in ("src", "tests"):
                shutil.copytree(REPOSITORY / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(REPOSITORY / "pyproject.toml", tree)
            trees.put(tree)
        if not passes(tree, tuple(dict.fromkeys(name for tests in TESTS.values() for name in tests))):
            sys.exit("the fast tests fail without a fault: make them pass first (make test)")
        noticed = 0
        for tried, (fault, seen) in enumerate(
            zip(chosen, pool.map(lambda fault: is_noticed(fault, trees), chosen), strict=True), 1
        ):
            noticed += seen
            if not seen:
                print(f"not noticed: {fault}", flush=True)
            elif tried % 20 == 0:
                print(f"{noticed} of {tried} noticed so far", flush=True)
    share = f"{noticed} of {len(chosen)} faults were noticed ({noticed / len(chosen):.0%})"
    print(f"{share}; sample of {len(every)}, seed {given.seed}")


if __name__ == "__main__":
    main()
