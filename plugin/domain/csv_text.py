"""Rows as CSV text that a spreadsheet opens and takes for no formula."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return a header line and a line per row; what a row has besides the columns is left out."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _no_formula(value) for name, value in row.items()})
    return text.getvalue()


def _no_formula(value: object) -> object:
    """Return a text that no spreadsheet takes for a formula; numbers stay what they are."""
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula else value
