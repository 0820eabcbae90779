"""``metrics/frames.csv`` as Parquet, each column with its type."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowgrad import artifacts
from flowgrad.errors import InputError
from flowgrad.schemas.scores import ITEM

if TYPE_CHECKING:
    from flowgrad.results import Results

FILE = "frames.parquet"


def write_frames(results: Results, out: Path) -> int:
    """Write the rows of ``metrics/frames.csv`` that are the last run's as Parquet; return how many there are.

    Names and ``status`` are strings, ``frame`` is int64, ``time_s`` and every metric are float64; an empty cell is
    null. Rows keep their order.

    Raises ``InputError`` where there is no table.
    """
    import polars

    source = results.scored_file
    types: dict[str, Any] = {"str": polars.String, "int64": polars.Int64, "float64": polars.Float64}
    columns = source.open(encoding="utf-8").readline().rstrip("\n").split(",")
    schema = {name: types[ITEM.get(name, "str" if name == "status" else "float64")] for name in columns}
    try:
        # unquoted empty cells alone are null: no name is ever empty
        table = polars.read_csv(source, schema=schema)
    except polars.exceptions.PolarsError as error:
        raise InputError(f"{source}: cannot be read as a table ({error}); delete it and run again") from error
    for column, shown in results.shown.items():
        table = table.filter(polars.col(column).is_in(sorted(shown)))
    with artifacts.replacing(out) as temporary:
        table.write_parquet(temporary)
    return len(table)
