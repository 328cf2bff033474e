"""Writes ``docs/objects/codes.md`` from the codes of the report.

``python -m worker.report.codes_page docs/objects/codes.md``; a test fails when the page and the
code differ.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from plugin.domain.findings import Code
from worker.report import codes

_HEAD = """# Codes of the result objects

Generated from `worker/report/codes.py` by `python -m worker.report.codes_page
docs/objects/codes.md`; change the code, not this page.

These are the codes that all reports share: the document, what stands around a measurement,
statements, contours. Those of measurements, findings, AHA segments and things not assessed are in
[Measurements](../measurements-definitions.md).
"""
_PRIVATE_HEAD = """## Private codes

Scheme `99CMRTRIAGE`, named in Coding Scheme Identification Sequence (0008,0110); used only where
the standard's dictionaries have no code.

| code | meaning | use |
|---|---|---|"""
_PUBLIC_HEAD = """## Public codes

Every one is in the dictionaries of DICOM PS3.16.

| code | scheme | meaning |
|---|---|---|"""
_UNITS_HEAD = """## Units

| UCUM | meaning |
|---|---|"""


def page() -> str:
    """Return the page."""
    public = dict.fromkeys(one for one in all_codes() if one.scheme != codes.PRIVATE_SCHEME)
    lines = [
        _HEAD,
        _PRIVATE_HEAD,
        *(f"| {c.value} | {c.meaning} | {use} |" for c, use in codes.PRIVATE_CODES.items()),
        "",
        _PUBLIC_HEAD,
        *(f"| {c.value} | {c.scheme} | {c.meaning} |" for c in public),
        "",
        _UNITS_HEAD,
        *(f"| `{ucum}` | {meaning} |" for ucum, meaning in codes.UNIT_MEANINGS.items()),
    ]
    return "\n".join(lines) + "\n"


def all_codes() -> Iterator[Code]:
    """Yield every code of the module, in its order."""
    for value in vars(codes).values():
        if isinstance(value, Code):
            yield value
        elif isinstance(value, dict):
            yield from (one for one in (*value, *value.values()) if isinstance(one, Code))


def main() -> None:
    """Write the page to the path that the command line names."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
