"""The table of the summary: a marked number never reads as if it lay within."""

from unittest.mock import Mock

import pytest

from tests.worker.findings.test_rules import measured
from worker.report.figures.table import _draw_value


@pytest.mark.parametrize(
    ("off", "arrow"), [(-0.4, "▼"), (-2.0, "▼"), (0.0, ""), (0.4, ""), (2.0, "")]
)
def test_value_is_written_on_the_side_that_its_mark_says(off, arrow):
    limit = measured("lv_ejection_fraction", 60.0).normal_ranges[0].low
    canvas = Mock()
    _draw_value(canvas, measured("lv_ejection_fraction", limit + off), 0, 0, 0)
    written = canvas.text.call_args_list[0].args[2]
    assert written.startswith(arrow)
    assert (float(written.lstrip("▼▲ ")) < limit) is bool(arrow)
