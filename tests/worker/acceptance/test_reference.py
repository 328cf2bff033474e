"""The hospital's table: what is read, and what is wrong with it, by line and column."""

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.findings import Priority
from plugin.domain.triage.vocabulary import MEASUREMENTS
from worker.acceptance.reference import COLUMNS, read_references


def refused(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        read_references(path)
    assert error.value.reason is Reason.REFERENCE_INVALID
    assert "Secret" not in error.value.sentence
    return error.value.detail


@pytest.fixture
def path(tmp_path):
    return tmp_path / "values.csv"


def test_table_is_read_with_empty_cells_left_out(path):
    path.write_text(
        "\ufeffstudy,site,priority,lvef_percent,rvef_percent\na,north,urgent,34.5,\nb,,,61,55\n",
        encoding="utf-8",
    )
    first, second = read_references(path)
    assert (first.study, first.site, first.priority) == ("a", "north", Priority.URGENT)
    assert first.values == {"lv_ejection_fraction": 34.5}
    assert second.values == {"lv_ejection_fraction": 61.0, "rv_ejection_fraction": 55.0}
    assert second.priority is None


def test_columns_are_measurements_in_their_units():
    units = {"percent": "%", "ml": "ml", "g": "g", "mm": "mm"}
    for column, key in COLUMNS.items():
        assert MEASUREMENTS[key].unit == units[column.rpartition("_")[2]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column study"),
        ("patient,lvef_percent\nSecret,1\n", "no column study"),
        ("study,lvef\nSecret,1\n", "unknown column lvef"),
        ("study,site\nSecret,x\n", "no reference value"),
        ("study,lvef_percent\n", "no study"),
        ("study,lvef_percent\na,1\nSecret,5O\n", "line 3, column lvef_percent"),
        ("study,lvef_percent\nSecret,nan\n", "line 2, column lvef_percent"),
        ("study,lvef_percent\nSecret,inf\n", "line 2, column lvef_percent"),
        ('study,lvef_percent\nSecret,"61,5"\n', "line 2, column lvef_percent"),
        ("study,lvef_percent\nSecret,1,2\n", "line 2: too many cells"),
        ("study,lvef_percent\n../Secret,1\n", "line 2, column study"),
        ("study,lvef_percent\n,1\n", "line 2, column study"),
        ("study,lvef_percent,priority\nSecret,1,SOON\n", "line 2, column priority"),
        ("study,lvef_percent\nSecret,1\nSecret,2\n", "1 studies stand in more than one line"),
        ('study,lvef_percent\n"Secret,1\n', "no UTF-8 CSV"),
    ],
)
def test_table_that_cannot_be_used_names_the_place(path, text, words):
    assert words in refused(path, text)


def test_table_in_another_encoding_is_refused(path):
    path.write_bytes("study,lvef_percent\nSecr\xe9t,1\n".encode("latin-1"))
    with pytest.raises(ConfigurationError):
        read_references(path)
