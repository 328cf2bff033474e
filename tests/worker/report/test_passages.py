"""What a language model worded stands in the report with whose words it is."""

from dataclasses import replace

from plugin.domain.findings import QualityNote
from plugin.domain.wording import Author, Part, Passage, Statement, Wording
from tests.worker.report import kinds, samples
from tests.worker.report.materials import material, sample
from tests.worker.report.test_structured_report import items
from worker.findings.language import load_language
from worker.report.fhir import fhir_bundle
from worker.report.figures.summary import compose_summary
from worker.report.passages import passage_items, with_worded_impression
from worker.report.structured_report import structured_report

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


def test_report_and_summary_tell_each_note_once_whoever_words_them():
    note = QualityNote("sex_unknown", ENGLISH.tables["quality"]["sex_unknown"])
    report, summary, conclusion = _told(replace(samples.assessment(), quality=(note,)))
    assert [words for words in report if "Sex is not known" in words] == [note.sentence]
    assert summary.count("Sex is not known") == summary.count("Note: Sex is not known") == 1
    assert conclusion.count("Sex is not known") == 1
    limits = next(words for words in report if words.startswith("What limits this study"))
    assert "Scar: not assessed." in limits


def test_a_worded_note_stays_where_the_assessment_has_no_such_note():
    report, summary, _ = _told(replace(samples.assessment(), quality=()))
    said = f"Please keep in mind: {ENGLISH.tables['quality']['sex_unknown']}"
    assert said in report
    assert "Please keep in mind: Sex is not known" in summary


def _told(assessment):
    """Return the texts of report and summary and the FHIR conclusion where a model tells a note."""
    told = ENGLISH.tables["quality"]["sex_unknown"]
    repeated = Statement(f"Please keep in mind: {told}", ("sex_unknown",))
    wording = kinds.wording()
    wording = replace(
        wording,
        passages=tuple(
            replace(one, statements=(*one.statements, repeated))
            for one in wording.passages
            if one.part in (Part.IMPRESSION, Part.LIMITS)
        ),
    )
    made = replace(material(*sample()), assessment=assessment, wording=wording)
    report = [i.TextValue for i in items(structured_report("sr", made)) if "TextValue" in i]
    pictured = with_worded_impression(assessment, wording, ENGLISH)
    page = compose_summary(made.stack, made.labels, pictured, made.identity)
    summary = [text.get_text() for axes in page.figure.axes for text in axes.texts]
    conclusion = fhir_bundle(made)["entry"][0]["resource"]["conclusion"]
    return report, " ".join(summary), conclusion


def test_an_impression_by_rules_or_in_another_language_is_left_as_it_is():
    plain = samples.assessment()
    wording = kinds.wording()
    by_rules = replace(wording.passages[0], author=Author.RULES)
    assert by_rules.part is Part.IMPRESSION
    for other in (replace(wording, passages=(by_rules,)), kinds.wording("zh"), None):
        assert with_worded_impression(plain, other, ENGLISH) is plain
