"""AE titles and UIDs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.identifiers import check_ae_title, derive_uid, is_valid_uid


@pytest.mark.parametrize("uid", ["1.2.3", "2.25.0", "1.2.840.10008.5.1.4.1.1.4", "1." + "1" * 62])
def test_valid_uids(uid):
    assert is_valid_uid(uid)


@pytest.mark.parametrize(
    "uid",
    ["", "1", "1.", ".1", "1..2", "1.02", "1.2/..", "../etc", "1.2 ", "1.2\n", "1." + "1" * 63],
)
def test_invalid_uids_never_become_paths(uid):
    assert not is_valid_uid(uid)


@pytest.mark.parametrize("title", ["A", "CMRTRIAGE", "Mixed_Case 16chr", "x" * 16])
def test_ae_titles_keep_their_case(title):
    assert check_ae_title(title) == title


def test_spaces_at_the_ends_of_an_ae_title_do_not_count():
    assert check_ae_title("  PACS ") == "PACS"


@pytest.mark.parametrize("title", ["", "    ", "x" * 17, "A\\B", "A\nB", "Ä"])
def test_invalid_ae_titles_stop_the_start(title):
    with pytest.raises(ConfigurationError) as failure:
        check_ae_title(title)
    assert failure.value.reason is Reason.AE_TITLE_INVALID


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_derived_uids_are_valid_and_one_to_one(first, second):
    uid = derive_uid(*first)
    assert is_valid_uid(uid)
    assert uid.startswith("2.25.")
    if "\x1f".join(first) != "\x1f".join(second):
        assert uid != derive_uid(*second)
    assert uid == derive_uid(*first)
