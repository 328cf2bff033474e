import pytest
from pydicom.sr._concepts_dict import concepts

from plugin.domain.findings import Code
from worker.findings.definitions import DEFINITIONS
from worker.findings.not_assessed import NOT_ASSESSED
from worker.report import codes


def module_codes() -> list[Code]:
    found: list[Code] = []
    for value in vars(codes).values():
        if isinstance(value, Code):
            found.append(value)
        elif isinstance(value, dict):
            found += [c for c in (*value.keys(), *value.values()) if isinstance(c, Code)]
    return found


def test_public_codes_exist_in_the_dictionary_of_the_standard() -> None:
    known = {
        (scheme, value)
        for scheme, names in concepts.items()
        for values in names.values()
        for value in values
    }
    missing = [
        code
        for code in module_codes()
        if code.scheme not in (codes.PRIVATE_SCHEME, "UMLS")
        and (code.scheme, code.value) not in known
    ]
    assert missing == []


def test_every_private_code_is_described() -> None:
    private = {code for code in module_codes() if code.scheme == codes.PRIVATE_SCHEME}
    assert private == set(codes.PRIVATE_CODES)


def test_codes_of_measurements_are_short_enough_for_code_value() -> None:
    """A longer one becomes Long Code Value, which many programs do not read."""
    given = [*DEFINITIONS.values(), *NOT_ASSESSED]
    assert [one.code.value for one in given if len(one.code.value) > 16] == []


@pytest.mark.parametrize("code", module_codes(), ids=lambda code: code.value)
def test_codes_fit_their_value_representation(code: Code) -> None:
    assert 1 <= len(code.meaning) <= 64
    assert len(code.value) <= 16
    made = codes.concept(code)
    assert (made.value, made.scheme_designator, made.meaning) == (
        code.value,
        code.scheme,
        code.meaning,
    )


def test_a_meaning_that_is_too_long_is_cut() -> None:
    assert len(codes.concept(Code("1", "SCT", "x" * 80)).meaning) == 64


def test_unknown_units_keep_their_symbol() -> None:
    assert codes.unit("mmHg").meaning == "mmHg"
    assert codes.unit("ml/m2").meaning == "milliliter per square meter"
