"""Names, numbers, contacts and dates of birth leave the text; the medicine stays."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.clinical.names import USUAL_WORDS
from worker.clinical.people import People, split_name
from worker.clinical.redact import MARKS, Redactor


def redactor(*names, identifiers=(), births=()):
    known = frozenset(name for value in names for name in split_name(value))
    return Redactor(People(known, frozenset(identifiers), frozenset(births)))


@pytest.mark.parametrize(
    "written",
    [
        *("DOE^JOHN", "Doe^John^Quincy", "John Doe", "JOHN DOE", "john doe", "Doe, John"),
        *("Doe, J.", "Doe J", "J. Doe", "J. Q. Doe", "JohnDoe", "DoeJohn", "John-Doe", "john_doe"),
        *("John Quincy Doe", "D o e".replace(" ", ""), "Dóe", "Mr Doe", "Mr. J. Doe", "Quincy"),
    ],
)
def test_known_name_is_removed_in_every_notation(written):
    left = redactor("Doe^John^Quincy").redact(f"Seen {written} with HCM, EF 35 %")
    assert left.startswith("Seen ")
    assert left.endswith("with HCM, EF 35 %")
    assert not any(part in left.casefold() for part in ("doe", "john", "quincy", "dóe"))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Wang^XiaoMing=王^小明", "王小明"),
        ("Wang^XiaoMing=王^小明", "王 小明"),
        ("Wang^XiaoMing=王^小明", "小明"),
        ("Wang^XiaoMing=王^小明", "Xiaoming Wang"),
        ("Wang^XiaoMing=王^小明", "WANG Xiao Ming"),
        ("Wang^XiaoMing=王^小明", "Wang Xiao-Ming"),
        ("=王小明", "王小明"),
        ("王小明", "小明"),
        ("Ouyang^Na=欧阳^娜", "欧阳娜"),
        ("Ouyang^Na=欧阳^娜", "欧阳"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田 太郎"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "やまだ たろう"),
        ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", "ヤマダ タロウ"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "길동"),
        ("Müller^Jörg", "Mueller"),
        ("Müller^Jörg", "MULLER, JOERG"),
        ("Mueller^Joerg", "Müller"),
        ("Van der Berg^Anna-Maria", "Anna Maria van der Berg"),
        ("O'Brien^Pat", "O’Brien"),
        ("O'Brien^Pat", "Obrien"),
        ("Иванов^Иван", "ИВАНОВ Иван"),
        ("Παπαδόπουλος^Νίκος", "Νίκος Παπαδόπουλος"),
        ("Li^Na", "Li"),
        ("Li^Na", "LI NA"),
        ("Li^Na", "Li, N."),
        ("Long^White", "Long White"),
        ("Long^White", "White, Long"),
        ("Doe John", "John Doe"),
        ("DOE, JOHN", "John Doe"),
    ],
)
def test_names_of_other_languages_are_removed(name, written):
    assert redactor(name).redact(f"EF 35 %; {written}; DCM") == "EF 35 %; [name]; DCM"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Long^White", "long axis views, white matter"),
        ("Young^Max", "young woman, SAM of the mitral valve"),
        ("Mi^Li", "acute MI of the LV"),
        ("Stark^Heart", "heart failure"),
        ("Patient^Test", "patient had a stress test"),
        ("王^小明", "帝王切开"),
        ("ヤマ^リ", "ヤマイダレ リウマチ"),
        ("Mri^Cardiac", "cardiac MRI with contrast"),
        ("Dr^MR", "severe MR, no MS"),
    ],
)
def test_usual_words_that_are_names_too_stay(name, written):
    assert redactor(name).redact(written) == written


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("asked by Dr. med. Peter Müller-Lüdenscheidt, thanks", "asked by Dr. med. [name], thanks"),
        ("Mr. Smith and Mrs O'Neill", "Mr. [name] and Mrs [name]"),
        ("DR SMITH asks", "DR [name] asks"),
        ("Prof. van der Berg: EF?", "Prof. [name]: EF?"),
        ("Referring physician: Smith, Anna; HCM", "Referring physician: [name]; HCM"),
        ("Name: John Doe 56 y", "Name: [name] 56 y"),
        ("SMITH^ANNA^M^^DR 35 %", "[name] 35 %"),
        ("王医生，李小明先生", "[name]医生，[name]先生"),
        ("姓名:赵大海 男", "姓名:[name] 男"),
        ("佐藤さんは胸痛", "[name]さんは胸痛"),
        ("患者さんは胸痛", "患者さんは胸痛"),
        ("MR Stress Perfusion, severe MR Grade III", "MR Stress Perfusion, severe MR Grade III"),
    ],
)  # fmt: skip
def test_names_that_no_header_carries_are_removed_by_their_context(written, expected):
    assert redactor().redact(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("ID PAT0012345", "ID [id]"),
        ("pat0012345: DCM", "[id]: DCM"),
        ("MRN: 55-1234", "[id]"),
        ("Pat.-Nr 12345 DCM", "[id] DCM"),
        ("住院号:20231234", "[id]"),
        ("11010519491231002X", "[id]"),
        ("123-45-6789", "[id]"),
        ("mail a.b+c@clinic.example.org or", "mail [contact] or"),
        ("see https://pacs.example/study?id=1 now", "see [contact] now"),
        ("Tel. 030/1234567", "[contact]"),
        ("+49 (30) 123 45-67 DCM", "[contact] DCM"),
        ("(030) 123 4567", "[contact]"),
        ("555-123-4567", "[contact]"),
        ("03-1234-5678", "[contact]"),
        ("13812345678", "[contact]"),
        ("电话: 010-12345678", "[contact]"),
    ],
)
def test_numbers_and_contacts_are_removed(written, expected):
    assert redactor(identifiers=["PAT0012345"]).redact(written) == expected


@pytest.mark.parametrize(
    "written",
    [
        *("1950-01-02", "1950/01/02", "19500102", "2.1.1950", "02.01.50", "01/02/1950"),
        *("2 January 1950", "2. Januar 1950", "Jan 2, 1950", "2nd Jan 1950", "02-JAN-1950"),
        *("2 janvier 1950", "1950年1月2日", "昭和25年1月2日", "born 1950", "DOB: 3/4/61"),
        *("geb. 5.6.1970", "* 05.06.1970", "né le 5 juin 1970", "生年月日:昭和45年6月5日"),
    ],
)
def test_date_of_birth_is_removed_in_every_notation(written):
    found = redactor(births=[date(1950, 1, 2)]).redact(f"DCM ({written}), EF 35 %")
    assert found == "DCM ([date of birth]), EF 35 %"


@pytest.mark.parametrize(
    "written",
    [
        "MI 2019-03-04, CABG 3/2015, stent 05.06.2021, ICD 20190304",
        "RR 900 950 1000 ms, T1 1050 ms, BP 120/80, HR 65-70, NT-proBNP 35000, 250000/ul",
        "EF 35 % (28-42), EDV 240 ml, 118.5 ml/m2, wall 15.5 mm; LBBB, QRS 160 ms; NYHA III",
        "56-year-old man, 182 cm, 85 kg, 3 vessel disease, LAD 70-80 %, 2 stents",
        "左室射血分数 35 %，男，56岁，2019年3月心梗",
        "Z.n. Myokardinfarkt 2019, V. a. Kardiomyopathie, LVEF 35 %",
    ],
)
def test_medicine_stays(written):
    people = redactor("Doe^John", identifiers=["PAT0012345"], births=[date(1950, 1, 2)])
    assert people.redact(written) == written


_WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüéøñ", min_size=3, max_size=9).filter(
    lambda word: word not in USUAL_WORDS and word not in {"von", "van", "med", "prof", "mrs"}
)
_NOTATIONS = ["{f}^{g}", "{g} {f}", "{f}, {g}", "{f} {g}", "{f}, {i}.", "{i}. {f}", "{f}"]


@given(
    family=_WORDS,
    given_name=_WORDS,
    notation=st.sampled_from(_NOTATIONS),
    case=st.sampled_from([str.title, str.upper, str.lower]),
)
def test_no_part_of_any_name_survives_in_any_notation(family, given_name, notation, case):
    shown = notation.format(f=case(family), g=case(given_name), i=given_name[0].upper())
    left = redactor(f"{family.title()}^{given_name.title()}").redact(f"1: {shown}; EF 35 %")
    words = set(MARKS.sub(" ", left).casefold().replace(":", " ").replace(";", " ").split())
    assert not {family.casefold(), given_name.casefold()} & words
    assert "EF 35 %" in left


@given(st.text(max_size=200))
def test_redacted_text_stays_as_it_is(written):
    people = redactor("Doe^John", "王^小明", identifiers=["PAT0012345"], births=[date(1950, 1, 2)])
    once = people.redact(written)
    assert people.redact(once) == once
