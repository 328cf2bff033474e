import io
import warnings

import pydicom
import pytest
from pydicom.dataset import Dataset

from worker.report.copying import copied_items, copy_attributes, empty_attributes


def read_back(dataset: Dataset) -> Dataset:
    """Return the dataset as it is after writing and reading: raw, in its own character set."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer, force=True)


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Zoë"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 192", "王^小東"),
    ],
)
def test_names_survive_the_change_of_character_set(character_set: object, name: str) -> None:
    source, item = Dataset(), Dataset()
    source.SpecificCharacterSet = character_set
    source.PatientName = name
    item.RequestedProcedureDescription = name.rsplit("=", maxsplit=1)[-1].replace("^", " ")
    source.RequestAttributesSequence = [item]
    target = Dataset()
    target.SpecificCharacterSet = "ISO_IR 192"
    raw = read_back(source)
    copy_attributes(raw, target, ("PatientName",))
    target.RequestAttributesSequence = copied_items(raw, "RequestAttributesSequence")
    written = read_back(target)
    assert str(written.PatientName) == name
    description = written.RequestAttributesSequence[0].RequestedProcedureDescription
    assert description == item.RequestedProcedureDescription


def test_unreadable_and_missing_values_are_left_out_without_a_word() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = Dataset()
        source.PatientID = "P1"
        source.add_new("PatientWeight", "LO", "eighty")  # written as text, read as a number
        raw = read_back(source)
    raw[0x00101030] = raw.get_item(0x00101030)._replace(VR="DS")
    target = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy_attributes(raw, target, ("PatientID", "PatientWeight", "PatientSize"))
    assert [element.keyword for element in target] == ["PatientID"]


def test_values_that_break_the_rules_are_copied_as_they_are() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = Dataset()
        source.PatientSex = "unknown"
        source.PatientBirthDate = "1970.01.01"
        source.AccessionNumber = "A" * 30
        raw = read_back(source)
    target = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy_attributes(raw, target, ("PatientSex", "PatientBirthDate", "AccessionNumber"))
    assert target.PatientSex == "unknown"
    assert target.PatientBirthDate == "1970.01.01"
    assert target.AccessionNumber == "A" * 30


def test_missing_type_2_attributes_become_empty() -> None:
    target = Dataset()
    empty_attributes(target, ("PatientID", "RequestedProcedureCodeSequence"))
    assert target.PatientID in ("", None)
    assert len(target.RequestedProcedureCodeSequence) == 0
