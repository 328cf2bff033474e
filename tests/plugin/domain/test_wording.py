"""Text in parts: which sentences only repeat a note that has a place of its own."""

from plugin.domain.wording import Author, Part, Passage, Statement

NOTES = {"sex_unknown", "under_18"}
VALUE = Statement("LVEF 54 %.", ("lv_ejection_fraction",))
NAMELESS = Statement("By rule.")


def told(*statements: Statement) -> tuple[Statement, ...]:
    passage = Passage(Part.IMPRESSION, Author.LANGUAGE_MODEL, statements)
    return passage.beside_notes(NOTES)


def test_beside_notes_leaves_out_what_names_notes_alone():
    note = Statement("Please keep in mind: anything.", ("sex_unknown",))
    both = Statement("One; and another.", ("sex_unknown", "under_18"))
    assert told(VALUE, note, both, NAMELESS) == (VALUE, NAMELESS)


def test_beside_notes_keeps_what_says_more_than_a_note():
    joined = Statement("Under 18: so LVEF 54 % as it is.", ("under_18", "lv_ejection_fraction"))
    assert told(joined, VALUE) == (joined, VALUE)


def test_beside_notes_goes_by_key_and_not_by_words():
    same_words = Statement("Sex is not known.", ("age_unknown",))
    assert told(same_words) == (same_words,)
