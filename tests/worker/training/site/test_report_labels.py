"""What a hospital's report says of each category: read by rules, in two languages."""

import pytest

from worker.model.language.categories import Category, categories_digest, read_categories
from worker.training.site.report_labels import ABSENT, MAXIMUM_BYTES, PRESENT, labels_of, read_text
from worker.training.site.report_labels import UNKNOWN as OPEN

CATEGORIES = [one for one in read_categories() if not one.measured]


def said(text, key):
    return labels_of(text, CATEGORIES)[key]


@pytest.mark.parametrize(
    ("text", "key", "label"),
    [
        ("Conclusion: dilated cardiomyopathy, LVEF 28 %.", "DCM", PRESENT),
        ("Findings typical of HCM.", "HCM", PRESENT),
        ("Dilated  cardio-\nmyopathy", "DCM", OPEN),
        ("No evidence of hypertrophic cardiomyopathy.", "HCM", ABSENT),
        ("Hypertrophic cardiomyopathy is excluded.", "HCM", ABSENT),
        ("Possible hypertrophic cardiomyopathy.", "HCM", OPEN),
        ("HCM cannot be excluded.", "HCM", OPEN),
        ("DCM vs. HCM.", "HCM", OPEN),
        ("Indication: ?HCM", "HCM", OPEN),
        ("Family history of HCM.", "HCM", OPEN),
        ("Not an infarct, but dilated cardiomyopathy.", "DCM", PRESENT),
        ("DCM. On review no DCM.", "DCM", OPEN),
        ("Wall of 9 mm.", "HCM", OPEN),
        ("诊断：扩张型心肌病。", "DCM", PRESENT),
        ("未见心肌梗死。", "MINF", ABSENT),
        ("肥厚型心肌病可能。", "HCM", OPEN),
        ("HCMX of the plan", "HCM", OPEN),
    ],
)
def test_label_follows_name_negation_and_hedge(text, key, label):
    assert said(text, key) == label


@pytest.mark.parametrize(
    ("text", "key", "label"),
    [
        ("No late gadolinium enhancement, findings consistent with DCM.", "DCM", OPEN),
        ("No LGE, dilated cardiomyopathy.", "DCM", OPEN),
        ("No LGE, findings consistent with DCM or HCM.", "DCM", OPEN),
        ("No LGE or oedema, dilated cardiomyopathy.", "DCM", OPEN),
        ("No infarction, dilated cardiomyopathy.", "DCM", OPEN),
        ("Dilated cardiomyopathy, no thrombus, old infarction.", "MINF", OPEN),
        ("Dilated cardiomyopathy, no thrombus, old infarction.", "DCM", PRESENT),
        ("No LGE, dilated cardiomyopathy. Conclusion: dilated cardiomyopathy.", "DCM", PRESENT),
        ("无血栓，扩张型心肌病。", "DCM", OPEN),
        ("No thrombus, oedema, or old infarction.", "MINF", ABSENT),
        ("No thrombus, infarction or oedema.", "MINF", ABSENT),
        ("No LGE, no infarction.", "MINF", ABSENT),
        ("No evidence of dilated or hypertrophic cardiomyopathy.", "HCM", ABSENT),
        ("未见血栓，水肿或心肌梗死。", "MINF", ABSENT),
        ("未见心肌梗死、扩张型心肌病。", "DCM", ABSENT),
    ],
)
def test_negation_reaches_over_a_comma_only_in_a_list(text, key, label):
    assert said(text, key) == label


def test_list_of_names_is_denied_as_a_whole():
    found = labels_of("No DCM, HCM, ARVC or infarction.", CATEGORIES)
    assert found == {"NOR": OPEN, "DCM": ABSENT, "HCM": ABSENT, "MINF": ABSENT, "RV": ABSENT}


@pytest.mark.parametrize(
    "text",
    [
        "No significant change of the known dilated cardiomyopathy.",
        "No interval change in dilated cardiomyopathy.",
        "There is no doubt about dilated cardiomyopathy.",
        "扩张型心肌病，较前无明显变化。",
        "较前无明显变化的扩张型心肌病。",
    ],
)
def test_no_change_and_no_doubt_deny_nothing(text):
    assert said(text, "DCM") == PRESENT


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("History of myocardial infarction.", OPEN),
        ("心肌梗死病史。", OPEN),
        ("History of myocardial infarction. Transmural inferior infarction.", PRESENT),
        ("History of myocardial infarction. No infarction.", ABSENT),
        ("No history of myocardial infarction.", ABSENT),
        ("Family history of myocardial infarction.", ABSENT),
    ],
)
def test_history_leaves_open_what_nothing_else_is_said_of(text, label):
    """What a report with another diagnosis does not name is not there."""
    assert said(f"{text} Dilated cardiomyopathy.", "MINF") == label


def test_what_a_report_with_a_diagnosis_leaves_out_is_not_there():
    found = labels_of("Hypertrophic cardiomyopathy. No myocardial infarction.", CATEGORIES)
    assert found == {"NOR": 0, "DCM": 0, "HCM": 1, "MINF": 0, "RV": 0}


def test_indication_of_one_disease_and_conclusion_of_another():
    text = "Indication: suspected HCM.\nFindings ...\nConclusion: dilated cardiomyopathy."
    found = labels_of(text, CATEGORIES)
    assert (found["DCM"], found["HCM"]) == (PRESENT, ABSENT)


def test_category_of_a_site_is_read_by_its_name_or_as_it_is_reported():
    plain = Category(key="amyloid", name="cardiac amyloidosis", present=("a",), absent=("b",))
    worded = plain.model_copy(update={"reported": ("ATTR", "淀粉样变")})
    assert labels_of("Cardiac amyloidosis.", [plain]) == {"amyloid": PRESENT}
    assert labels_of("心肌淀粉样变。", [worded]) == {"amyloid": PRESENT}
    assert labels_of("Cardiac amyloidosis.", [worded]) == {"amyloid": OPEN}
    assert categories_digest([plain]) == categories_digest([worded])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_report_is_read_in_the_encodings_that_hospitals_write(encoding):
    text = "结论：扩张型心肌病。左心室扩大，射血分数明显减低，室壁运动普遍减弱。"
    assert said(read_text(text.encode(encoding)), "DCM") == PRESENT


def test_latin_1_and_a_hundred_kilobytes_are_read_to_a_limit():
    raw = "Herzgröße: dilated cardiomyopathy. ".encode("latin-1")
    assert said(read_text(raw), "DCM") == PRESENT
    assert len(read_text(raw * 3000)) <= MAXIMUM_BYTES
