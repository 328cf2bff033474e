"""What a language model worded stands in the report with whose words it is."""

from dataclasses import replace

from plugin.domain.wording import Author, Part, Passage, Statement, Wording
from tests.worker.report import kinds, samples
from tests.worker.report.test_structured_report import items
from worker.findings.language import load_language
from worker.report.passages import passage_items, with_worded_impression

ENGLISH = load_language("en")
NOTICE = ENGLISH.say("written", "by_language_model")


def texts(dataset, value):
    return [item.TextValue for item in items(dataset, value) if "TextValue" in item]


def test_report_shows_the_words_and_who_chose_them():
    report = kinds.objects_of("worded by a language model", short=True)["sr"]
    said = kinds.wording().passages[0].statements[0].text
    impression = texts(report, "121073")
    assert impression[0] == said
    assert impression[-1] == NOTICE
    narrative = [i for i in items(report) if "TextValue" in i]
    narrative = [i for i in narrative if i.TextValue.startswith(("What ", "Causes to "))]
    authors = [item.ContentSequence[0].TextValue for item in narrative]
    assert [item.TextValue.split(":")[0] for item in narrative] == [
        "What the findings rest on",
        "Causes to consider, no diagnosis",
        "What limits this study",
    ]
    assert authors == [NOTICE, *[ENGLISH.say("written", "by_rules")] * 2]
    assert "not verified by a physician" in NOTICE


def test_report_without_a_language_model_has_no_such_words():
    report = kinds.objects_of("man", short=True)["sr"]
    assert NOTICE not in texts(report, "121073")
    authors = {text for text in texts(report, "121050") if "worded" in text or "chosen" in text}
    assert authors == {ENGLISH.say("written", "by_rules")}
    (causes,) = texts(report, "111023")
    assert causes.startswith("Causes to consider, no diagnosis")


def test_a_passage_has_the_values_that_its_sentences_name_below_it():
    statement = Statement("LV mass 141 g.", ("lv_mass", "lv_dilation", "lv_mass"))
    wording = Wording("en", (Passage(Part.LIMITS, Author.RULES, (statement,)),))
    (item,) = passage_items(wording, samples.assessment(), ENGLISH)
    _, value = item.ContentSequence
    assert value.RelationshipType == "INFERRED FROM"
    assert value.ConceptNameCodeSequence[0].CodeValue == "18087-7"
    assert float(value.MeasuredValueSequence[0].NumericValue) == 141.2


def test_warnings_of_the_rules_stay_in_a_worded_impression():
    warning = ENGLISH.tables["quality"]["text_not_confirmed"]
    see = ENGLISH.tables["sentences"]["see_quality"]
    plain = replace(samples.assessment(), impression=(warning, "Old words.", see))
    worded = with_worded_impression(plain, kinds.wording(), ENGLISH)
    assert (worded.impression[0], *worded.impression[-2:]) == (warning, see, NOTICE)
    assert "Old words." not in worded.impression
    assert replace(worded, impression=()) == replace(plain, impression=())


def test_an_impression_by_rules_or_in_another_language_is_left_as_it_is():
    plain = samples.assessment()
    wording = kinds.wording()
    by_rules = replace(wording.passages[0], author=Author.RULES)
    assert by_rules.part is Part.IMPRESSION
    for other in (replace(wording, passages=(by_rules,)), kinds.wording("zh"), None):
        assert with_worded_impression(plain, other, ENGLISH) is plain
