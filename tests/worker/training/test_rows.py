"""Rows of a run that was stopped, and of another one."""

import pytest

from plugin.domain.errors import ConfigurationError, Reason
from worker.training.rows import add_row, continue_rows, digest_of, read_rows


def test_rows_go_on_behind_one_that_was_cut_short(tmp_path):
    path = tmp_path / "out" / "rows.jsonl"
    assert continue_rows(path, {"steps": 3}) == read_rows(path) == []
    rows = [{"text": "line\u2028break"}, {"text": "two"}]
    for row in rows:
        add_row(path, row)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert read_rows(path) == rows[:1]
    assert continue_rows(path, {"steps": 3}) == rows[:1]
    add_row(path, rows[1])
    assert path.read_bytes() == whole


def test_rows_of_another_run_or_of_an_unknown_one_are_refused_with_what_differs(tmp_path):
    path = tmp_path / "known" / "rows.jsonl"
    continue_rows(path, {"steps": 3, "seed": 0})
    for other in ({"steps": 4, "seed": 0}, {"seed": 0}, {"steps": 4, "seed": 0, "rate": 1}):
        with pytest.raises(ConfigurationError, match=r"steps|rate") as caught:
            continue_rows(path, other)
        assert caught.value.reason is Reason.SETTING_INVALID
        assert "seed" not in str(caught.value)
    unknown = tmp_path / "unknown.jsonl"
    add_row(unknown, {"old": 1})
    with pytest.raises(ConfigurationError, match="steps"):
        continue_rows(unknown, {"steps": 3})


def test_digest_of_a_folder_changes_with_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "one"
    file.write_bytes(b"1")
    digests = [digest_of(tmp_path), digest_of(file)]
    file.rename(tmp_path / "a" / "two")
    digests.append(digest_of(tmp_path))
    (tmp_path / "a" / "two").write_bytes(b"2")
    digests.append(digest_of(tmp_path))
    assert len(set(digests)) == len(digests)
    with pytest.raises(FileNotFoundError):
        digest_of(tmp_path / "missing")
