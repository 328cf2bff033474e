"""docs/results.md says what the code does."""

from pathlib import Path

import pytest

from plugin.domain.findings import Code
from tests.worker.report.test_codes import module_codes
from worker.report import codes, secondary_capture, structured_report

PAGE = (Path(__file__).parents[3] / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", dict.fromkeys(module_codes()), ids=lambda code: code.value)
def test_every_code_of_the_document_is_on_the_page(code: Code) -> None:
    if code.scheme == codes.PRIVATE_SCHEME:
        row = f"| {code.value} | {code.meaning} | {codes.PRIVATE_CODES[code]} |"
    else:
        row = f"| {code.value} | {code.scheme} | {code.meaning} |"
    assert row in PAGE


def test_every_series_is_on_the_page() -> None:
    series = [
        (structured_report.SERIES_NUMBER, structured_report.SERIES_DESCRIPTION),
        *secondary_capture.SERIES.values(),
    ]
    for number, description in series:
        assert f'{number} "{description}"' in PAGE
