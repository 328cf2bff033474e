"""Policies that cannot do what they say are refused with line, rule, key and a way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.triage import default_policy_text, parse_policy
from tests.plugin.domain.triage.policies import HEAD, group, lvef, policy_text, rule


def refused(text):
    with pytest.raises(ConfigurationError) as error:
        parse_policy(text)
    assert error.value.reason is Reason.POLICY_INVALID
    return error.value.detail


def test_policy_knows_its_version_and_its_text():
    policy = parse_policy(policy_text(rule()))
    other = parse_policy(policy_text(rule(source="Another 2025")))
    assert policy.label.startswith("1 (")
    assert policy.digest != other.digest


def test_rule_knows_its_line():
    lines = default_policy_text().splitlines()
    for one in parse_policy(default_policy_text()).rules:
        assert lines[one.line - 1] == "[[rule]]"
        assert lines[one.line] == f'name = "{one.name}"'


def test_empty_policy_is_allowed_and_promotes_nothing():
    assert parse_policy(HEAD).rules == ()


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ('{ measurment = "lv_mass", above = 3, unit = "g" }', "did you mean measurement?"),
        ('{ measurement = "lv_mas", above = 3, unit = "g" }', "did you mean lv_mass?"),
        ('{ measurement = "wall_thickness_ed", above = 3, unit = "mm" }', "there is no measure"),
        (lvef("at_or_bellow"), "did you mean at_or_below?"),
        (lvef(unit="ml"), 'lv_ejection_fraction is in "%", not "ml"'),
        ('{ measurement = "lv_mass", above = 300 }', 'key unit: lv_mass is in "g"'),
        ('{ measurement = "lv_mass", unit = "g" }', "needs one of below, at_or_below"),
        ('{ measurement = "lv_mass", above = "3", unit = "g" }', "key above: must be a number"),
        ('{ measurement = "lv_mass", above = nan, unit = "g" }', "key above: must be a number"),
        ('{ measurement = "lv_mass", above = true, unit = "g" }', "key above: must be a number"),
        (lvef(surely=1), "key surely: must be true or false"),
        ('{ finding = "lv_dilatation" }', "did you mean lv_dilation?"),
        ('{ stratum = "ejection_fraction_preserved" }', "there is no stratum"),
        ('{ text = "chestpain" }', "did you mean chest_pain?"),
        ('{ patient_class = "outpatient" }', "is none of emergency, inpatient"),
        ('{ order_priority = "URGENT" }', "is none of STAT, HIGH, ROUTINE, LOW"),
        ('{ group = "nothing" }', "there is no group 'nothing'"),
        ('{ text = "chest_pain", finding = "rv_dilation" }', "must be about one of"),
        ('"chest_pain"', "write a condition as { ... }"),
        ("", "a list of at least one condition"),
    ],
)
def test_condition_that_means_nothing_is_named(when, words):
    detail = refused(policy_text(rule("odd", when=when)))
    assert words in detail
    assert "line 4, rule odd" in detail


@pytest.mark.parametrize("level", ["LOW", "low", "ROUTINE", "Elective", "MEDIUM"])
def test_level_below_the_given_place_does_not_exist(level):
    detail = refused(policy_text(rule(level=level)))
    assert "line 4, rule a, key level" in detail
    assert "only promotes" in detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "key format: must be 1"),
        ("format = 2\n", "key format: must be 1"),
        (HEAD + "[[rules]]\n", "did you mean rule?"),
        (HEAD + "rule = 3\n", "under [[rule]]"),
        (HEAD + "[[rule]]\nlevle = 'STAT'\n", "did you mean level?"),
        (policy_text(rule(source="")), "key source"),
        (policy_text(rule(source="two\\nlines")), "key source"),
        (policy_text(rule("a"), rule("a", when=lvef())), "the name is taken by line 4, rule a"),
        (policy_text(rule("a b")), "key name"),
        (policy_text("[patient_class]\noutside = ['x']\n"), "key outside: unknown"),
        (policy_text("[patient_class]\nemergency = ['  ']\n"), "a list of words"),
        (policy_text("[patient_class]\nemergency = 'ED'\n"), "a list of words"),
        (policy_text("[fast_lane]\norder_priority = 'URGENT'\n"), "[fast_lane]: 'URGENT'"),
        (policy_text("[fast_lane]\npatient_class = 'emergency'\n"), "[fast_lane]"),
        ("format = 1\nformat = 1\n", "not TOML"),
        ("format = [1\nname = 2\n", "line 2"),
        ("a" * 200_000, "longer than"),
        ("x = " + "[" * 50_000, "not TOML"),
    ],
)
def test_file_that_is_no_policy_is_refused_with_the_place(text, words):
    assert words in refused(text)


def test_circle_of_groups_is_drawn():
    text = policy_text(
        group("g", '{ group = "h" }'), group("h", '{ group = "g" }'), rule(when='{ group = "g" }')
    )
    assert "in a circle: g -> h -> g" in refused(text)
    assert "circle" in refused(policy_text(group("g", '{ group = "g" }')))


def test_groups_within_groups_do_not_multiply():
    deep = [group(f"g{n}", ", ".join([f'{{ group = "g{n + 1}" }}'] * 9)) for n in range(30)]
    text = policy_text(*deep, group("g30", lvef()), rule(when='{ group = "g0" }'))
    assert len(parse_policy(text).rules[0].conditions) == 1


def test_group_that_no_rule_uses_is_unreachable():
    text = policy_text(group("g", '{ group = "h" }'), group("h", lvef()), rule())
    assert "group g: unreachable" in refused(text)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([rule("a", when=lvef()), rule("b", when=lvef(threshold=30))], "rule b: unreachable"),
        ([rule("b", when=lvef(threshold=30)), rule("a", when=lvef())], "rule b: unreachable"),
        ([rule("a", when=lvef()), rule("b", when=lvef())], "rule b: unreachable"),
        (
            [rule("a", "STAT", lvef()), rule("b", when=lvef() + ', { text = "myocarditis" }')],
            "rule b: unreachable, whenever it is met, rule a (line 4) is met too and gives STAT",
        ),
        ([rule("a", when=f"{lvef('below', 30)}, {lvef('above', 40)}")], "is above 40 and below 30"),
        ([rule("a", when=lvef("above", 120))], "no reported LV ejection fraction is above 120 %"),
        (
            [rule("a", when='{ patient_class = "emergency" }, { patient_class = "inpatient" }')],
            "no patient is emergency and inpatient at once",
        ),
        (
            [
                rule("a", when='{ order_priority = "HIGH" }'),
                rule("b", when='{ order_priority = "STAT" }'),
            ],
            "rule b: unreachable",
        ),
        (
            [rule("a", when="{ waiting_minutes = 5 }"), rule("b", when="{ waiting_minutes = 9 }")],
            "rule b: unreachable",
        ),
        ([rule("a", when=lvef()), rule("b", when=lvef(surely=True))], "rule b: unreachable"),
    ],
)
def test_rule_that_can_decide_nothing_is_refused(rules, words):
    assert words in refused(policy_text(*rules))


@pytest.mark.parametrize(
    "rules",
    [
        [rule("a", when=lvef()), rule("b", "STAT", lvef(threshold=20))],
        [rule("a", when=lvef(surely=True)), rule("b", when=lvef(threshold=20))],
        [rule("a", "REVIEW", lvef(threshold=40)), rule("b", when=lvef())],
        [rule("a", when=lvef("below")), rule("b", when=lvef())][:1],
        [rule("a", when=f"{lvef('at_or_above', 35)}, {lvef('at_or_below', 35)}")],
    ],
)
def test_rule_that_can_decide_something_is_taken(rules):
    assert len(parse_policy(policy_text(*rules)).rules) == len(rules)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    for candidate in (text, HEAD + text):
        try:
            parse_policy(candidate)
        except ConfigurationError as error:
            assert error.detail  # noqa: PT017
