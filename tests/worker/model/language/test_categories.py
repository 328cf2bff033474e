import pytest

from plugin.domain.errors import ConfigurationError
from worker.findings.rules import RANGE_RULES
from worker.model.language.categories import MAXIMUM_LETTERS, read_categories

GOOD = '[[category]]\nkey = "DCM"\nname = "dilated"\npresent = ["large"]\nabsent = ["small"]\n'


def test_shipped_categories_are_the_findings_and_the_groups():
    keys = [one.key for one in read_categories()]
    assert {rule.key for rule in RANGE_RULES} < set(keys)
    assert {"NOR", "DCM", "HCM", "MINF", "RV"} < set(keys)
    said = [text for one in read_categories() for text in (*one.present, *one.absent)]
    assert all(len(one.present) >= 3 for one in read_categories())
    assert len(said) > 60


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace("present", "presnt"), "category.0.pres"),
        (GOOD.replace("large", "x" * (MAXIMUM_LETTERS + 1)), "category.0.present.0"),
        (GOOD.replace('["small"]', "[]"), "category.0.absent"),
        (GOOD.replace("large", "  "), "category.0.present.0"),
        (GOOD + GOOD, "DCM is there twice"),
        ("[[category]", "categories"),
        ("", "category"),
    ],
)
def test_mistake_in_a_file_is_named_and_the_file_refused(tmp_path, text, named):
    path = tmp_path / "categories.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=named):
        read_categories(path)


def test_file_in_another_encoding_or_not_there_is_refused(tmp_path):
    path = tmp_path / "categories.toml"
    path.write_bytes(GOOD.replace("large", "gro\u00df").encode("latin-1"))
    with pytest.raises(ConfigurationError):
        read_categories(path)
    with pytest.raises(ConfigurationError):
        read_categories(tmp_path / "nowhere.toml")


def test_category_of_a_site_is_read(tmp_path):
    path = tmp_path / "categories.toml"
    path.write_text(GOOD.replace("large", "大きい"), encoding="utf-8")
    (category,) = read_categories(path)
    assert category.present == ("大きい",)
