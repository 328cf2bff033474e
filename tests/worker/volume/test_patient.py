from datetime import date, timedelta

import pytest
from pydicom.dataset import Dataset

from plugin.domain.errors import Reason, StudyRejectedError
from worker.series.attributes import without_complaints
from worker.volume.patient import check_one_patient, patient_context


def person(**attributes: object) -> Dataset:
    ds = Dataset()
    with without_complaints():
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(("stored", "sex"), [("M", "M"), ("F", "F"), ("O", None), ("", None)])
def test_patient_context_knows_only_male_and_female(stored: str, sex: str | None) -> None:
    assert patient_context(person(PatientSex=stored)).sex == sex


@pytest.mark.parametrize("year", range(2000, 2009))
@pytest.mark.parametrize("born", ["0101", "0229", "0301", "0615", "1231"])
def test_nobody_is_eighteen_before_the_birthday(year: int, born: str) -> None:
    if born == "0229" and year % 4:
        return
    birthday = date(year + 18, int(born[:2]), 1) + timedelta(int(born[2:]) - 1)
    for day, adult in ((birthday - timedelta(1), False), (birthday, True)):
        attributes = {"PatientBirthDate": f"{year}{born}", "StudyDate": f"{day:%Y%m%d}"}
        age = patient_context(person(**attributes)).age_years
        assert age is not None
        assert (age >= 18.0) is adult


@pytest.mark.parametrize(
    ("attributes", "age"),
    [
        ({"PatientAge": "063Y"}, 63.0),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "63"}, None),
        ({"PatientAge": "300Y"}, None),
        ({"PatientBirthDate": "19700701", "StudyDate": "20260101"}, 55.5),
        ({"PatientBirthDate": "19700701", "StudyDate": "20260101", "PatientAge": "055Y"}, 55.5),
        ({"PatientBirthDate": "19000101", "StudyDate": "20260101"}, None),
        ({"PatientBirthDate": "19500101", "StudyDate": "20260101", "PatientAge": "055Y"}, 55.0),
        ({"PatientBirthDate": "20270101", "StudyDate": "20260101"}, None),
        ({"PatientBirthDate": "20000231", "StudyDate": "20260101"}, None),
        ({}, None),
    ],
)
def test_patient_context_age_comes_from_dates_checked_by_the_stated_age(
    attributes: dict[str, object], age: float | None
) -> None:
    found = patient_context(person(**attributes)).age_years

    assert found == (None if age is None else pytest.approx(age, abs=0.02))


@pytest.mark.parametrize(
    ("stored", "height_cm"), [(1.75, 175.0), (175, 175.0), (0.5, 50.0), (0, None), (9.0, None)]
)
def test_patient_context_height_is_in_centimetres_or_unknown(
    stored: float, height_cm: float | None
) -> None:
    assert patient_context(person(PatientSize=stored)).height_cm == height_cm


@pytest.mark.parametrize(("stored", "weight_kg"), [(75, 75.0), (0, None), (75000, None)])
def test_patient_context_weight_is_plausible_or_unknown(
    stored: float, weight_kg: float | None
) -> None:
    assert patient_context(person(PatientWeight=stored)).weight_kg == weight_kg


@pytest.mark.parametrize(
    ("stored", "tesla"), [(1.5, 1.5), (3, 3.0), (15000, 1.5), (30000, 3.0), (0, None), (150, None)]
)
def test_patient_context_field_strength_is_in_tesla(stored: float, tesla: float | None) -> None:
    assert patient_context(person(MagneticFieldStrength=stored)).field_strength_t == tesla


@pytest.mark.parametrize(
    ("one", "other", "is_mixed"),
    [
        ({"PatientID": "1"}, {"PatientID": "2"}, True),
        ({"PatientID": "a1 "}, {"PatientID": "A1"}, False),
        (
            {"PatientID": "1", "PatientName": "A^B"},
            {"PatientID": "1", "PatientName": "C^D"},
            False,
        ),
        (
            {"PatientName": "A^B", "PatientBirthDate": "19700101"},
            {"PatientName": "C^D", "PatientBirthDate": "19800101"},
            True,
        ),
        (
            {"PatientName": "A^B", "PatientBirthDate": "19700101"},
            {"PatientName": "A^C", "PatientBirthDate": "19700101"},
            False,
        ),
        ({}, {}, False),
    ],
)
def test_check_one_patient_tells_people_apart_but_not_spellings(
    one: dict[str, object], other: dict[str, object], is_mixed: bool
) -> None:
    headers = [person(**one), person(**other)]
    if not is_mixed:
        check_one_patient(headers)
        return
    with pytest.raises(StudyRejectedError) as caught:
        check_one_patient(headers)
    assert caught.value.reason is Reason.MIXED_PATIENTS
