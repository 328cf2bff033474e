"""RTF, HTML, HL7 escapes and hidden characters become plain lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clinical.markup import plain_text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (r"{\rtf1{\fonttbl{\f0 A;}}\f0\fs20 Known \b HCM\b0 .\par EF 35 %}", "Known HCM.\nEF 35 %"),
        (r"{\rtf1\ansi\ansicpg1252 Verdacht auf M\'fcdigkeit}", "Verdacht auf Müdigkeit"),
        (r"{\rtf1\ansi\ansicpg936 \'d0\'c4\'c1\'a6\'cb\'a5\'bd\'df}", "心力衰竭"),
        (r"{\rtf1\uc1 \u24515?\u21147?}", "心力"),
        (r"{\rtf1 \u-10179?\u-8704?}", "\N{GRINNING FACE}"),
        (r"{\rtf1 {\*\generator R;}{\info{\author Ann}}text \{braces\} \\}", "text {braces} \\"),
        (r"{\rtf1 cut in the mid{\b dle", "cut in the middle"),
        (r"}}{\rtf1 no start", r"}}{\rtf1 no start"),
        ("<html><head><title>x</title></head><body>Known&nbsp;HCM", "Known HCM"),
        ("<p>EF &lt; 35&#37;</p><p>EDV</p>", "EF < 35%\nEDV"),
        ("<b>DCM</b><br/>since <i>2019</i>", "DCM\nsince 2019"),
        ("&lt;b&gt;DCM&lt;/b&gt;", "DCM"),
        ("a<script>alert('x')</script>b<!-- hidden -->c", "a b c"),
        ("open <script>stays text", "open stays text"),
        ("EF < 35 % and EDV > 200 ml, p<0.05", "EF < 35 % and EDV > 200 ml, p<0.05"),
        ("R&D, AT&T, 5 & 6", "R&D, AT&T, 5 & 6"),
        (r"line one\.br\line two\T\three", "line one\nline two&three"),
        (r"\H\bold\N\ \E\ \X48495F\ \S\ ", "bold \\ HI_ ^"),
        ("a\x00b\x07c\x1bd\tE\x0b", "abcd E"),
        ("one\r\n\r\n  two \r three", "one\ntwo\nthree"),
        ("zero\u200bwidth \u202eturned\u202c \ufeffmark", "zerowidth turned mark"),
        ("ＥＦ　３５％ ｶﾞｿﾞｳ", "EF 35% ガゾウ"),
        ("Mu\u0308digkeit", "Müdigkeit"),
        ("", ""),
    ],
)  # fmt: skip
def test_plain_text_keeps_what_a_reader_sees(written, expected):
    assert plain_text(written)[0] == expected


@pytest.mark.parametrize("written", ["EF 35 %\nNYHA II", "EF < 35 %", "Müdigkeit", "心力衰竭"])
def test_plain_text_without_markup_is_not_said_to_have_any(written):
    assert plain_text(written) == (written, False)


@given(st.text(max_size=300))
def test_plain_text_has_no_control_character_and_stays_as_it_is(written):
    once, _ = plain_text(written)
    assert all(character == "\n" or character.isprintable() for character in once)
    assert not any(line != line.strip() or not line for line in once.splitlines())


@given(st.text(alphabet="{}\\rtf1u'b *ansicpg932 xy;-é\n", max_size=200))
def test_any_rtf_like_text_is_survived(written):
    text, _ = plain_text("{\\rtf1" + written)
    assert "\x00" not in text
