"""The pages about result objects say what the code does."""

from pathlib import Path

import pytest

from tests.worker.report import dump_page
from worker.report import codes_page, secondary_capture
from worker.report.structured_report import FORMS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "results.md").read_text(encoding="utf-8")


def test_page_of_codes_is_what_the_code_writes() -> None:
    written = (DOCS / "objects" / "codes.md").read_text(encoding="utf-8")
    assert written == codes_page.page(), (
        "run: python -m worker.report.codes_page docs/objects/codes.md"
    )


@pytest.mark.system
def test_dump_is_what_dsrdump_prints() -> None:
    written = (DOCS / "objects" / "structured-report-dump.md").read_text(encoding="utf-8")
    assert written == dump_page.page(), (
        "run: python -m tests.worker.report.dump_page docs/objects/structured-report-dump.md"
    )


def test_every_series_is_on_the_page() -> None:
    forms = ((form.series_number, form.series_description) for form in FORMS.values())
    for number, description in (*forms, *secondary_capture.SERIES.values()):
        assert f'{number} "{description}"' in PAGE
