"""One person or two, earlier or later: by identifiers and dates."""

import pytest

from plugin.domain.person import Moment, Person, Sameness

BORN = "19610203"


@pytest.mark.parametrize(
    ("other", "sameness"),
    [
        (Person("P1", "", BORN, "M"), Sameness.SAME),
        (Person(" P1", "HOSPITAL", "1961.02.03", ""), Sameness.SAME),
        (Person("P1", "", BORN, "O"), Sameness.SAME),
        (Person("P1", "", BORN, "F"), Sameness.CONTRADICTED),
        (Person("P1", "", "19610204", "M"), Sameness.CONTRADICTED),
        (Person("P1", "", "", "M"), Sameness.UNCONFIRMED),
        (Person("P1", "", "19000101", "M"), Sameness.UNCONFIRMED),
        (Person("P1", "", "about 60", "M"), Sameness.UNCONFIRMED),
        (Person("P2", "", BORN, "M"), Sameness.UNRELATED),
    ],
)
def test_a_person_is_known_by_id_and_birth_date_unless_something_contradicts(other, sameness):
    person = Person("P1", "", BORN, "M")
    assert person.compared_with(other) is sameness
    assert other.compared_with(person) is sameness


def test_one_id_of_two_issuers_is_two_people_and_no_id_is_nobody():
    person = Person("P1", "NORTH", BORN, "M")
    assert person.compared_with(Person("P1", "SOUTH", BORN, "M")) is Sameness.UNRELATED
    assert person.compared_with(Person("P1", "NORTH", BORN, "M")) is Sameness.SAME
    assert Person("").compared_with(Person("")) is Sameness.UNRELATED


@pytest.mark.parametrize(
    ("first", "second", "is_before"),
    [
        (Moment("20250101"), Moment("20250102"), True),
        (Moment("2025.01.02"), Moment("20250101", "01"), False),
        (Moment("20250101", "0915"), Moment("20250101", "091501"), True),
        (Moment("20250101", "091500.9"), Moment("20250101", "091501"), True),
        (Moment("20250101", "0915"), Moment("20250101", "091500"), None),
        (Moment("20250101", ""), Moment("20250101", "0915"), None),
        (Moment("20250101", "noon"), Moment("20250101", "0915"), None),
        (Moment(""), Moment("20250101"), None),
        (Moment("last year"), Moment("20250101"), None),
        (Moment("20241341"), Moment("20250101"), None),
    ],
)
def test_which_study_is_earlier_is_known_by_date_then_time_or_not_at_all(first, second, is_before):
    assert first.is_before(second) is is_before
