"""Public data sets that some benchmarks read; they are no part of the product."""

import csv
import gzip
import io
import os
from pathlib import Path

from tests.benchmarks.errors import LeftOut

ROOT = Path(__file__).resolve().parents[2]


def data_path(relative: str) -> Path:
    """A file below ``SPOTOPT_DATA`` (default ``../shared/data``, seen from the repository).

    Raises
    ------
    LeftOut
        When it is not there.
    """
    folder = Path(os.environ.get("SPOTOPT_DATA", ROOT.parent / "shared" / "data"))
    path = folder / relative
    if not path.exists():
        raise LeftOut(f"no {relative} in SPOTOPT_DATA")
    return path


def read_rows(relative: str, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a CSV or TSV file, gzipped or not, by column name."""
    path = data_path(relative)
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return list(csv.DictReader(io.StringIO(text.decode()), delimiter=delimiter))
