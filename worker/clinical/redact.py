"""Free text without the people in it: names, numbers, contacts and dates of birth taken out.

Two ways: what the headers of the study carry is found in any notation (``names``, identifiers,
birth date), and what looks like a name with a title or label, an e-mail address, a telephone or
record number is taken out wherever it stands. Other dates, ages and measured values stay: they are
what the text is worth reading for.

Nothing finds every name that only the text knows ("seen with her daughter Ann"), which is why such
text stays inside the study that it came with.
"""

import re
from collections.abc import Iterable

from worker.clinical.birth import LABELLED_BIRTH_DATE, BirthDates
from worker.clinical.names import KnownNames, Span
from worker.clinical.people import People

NAME, IDENTIFIER, CONTACT, BIRTH_DATE = "[name]", "[id]", "[contact]", "[date of birth]"
MARKS = re.compile(r"\[(?:name|id|contact|date of birth)\]")
"""What redacted places read."""


def _any(*alternatives: str) -> str:
    return f"(?:{'|'.join(alternatives)})"


# Names by what stands before or behind them. Letters of Latin alphabets, by case.
_LOWER = "a-zß-öø-ÿāăąćčđēęěğīıłńňōőřśşšţťūůűźžż"
_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĐĒĘĚĞĪİŁŃŇŌŐŘŚŞŠŢŤŪŮŰŹŽŻ"
_HAN = "\u4e00-\u9fff"
_EAST = f"{_HAN}\u3040-\u30ff々"

_TITLE_CASE = (
    rf"(?:[{_UPPER}]['’])?[{_UPPER}][{_LOWER}]{{1,30}}(?:-?[{_UPPER}][{_LOWER}]{{1,30}}){{0,3}}"
)
_CAPITALS = rf"[{_UPPER}]{{2,30}}"
_NAME_WORD = _any(_TITLE_CASE, _CAPITALS, rf"[{_UPPER}]\.")
_PARTICLES = r"(?:(?:von|van|de|der|den|del|della|di|da|la|zu|al|el|bin)[ -]){0,2}"
_AFTER_TITLE = _PARTICLES + _any(rf"{_TITLE_CASE}(?:[ ,]{{1,2}}{_TITLE_CASE}){{0,2}}", _CAPITALS)

# MR and MS in capitals are not here: magnetic resonance, mitral regurgitation, mitral stenosis.
_TITLES = _any(
    *("[Dd]r", "DR", "Prof", "PROF", "[Pp]rofessor", "Mr", "Mrs", "MRS", "Ms", "Miss"),
    *("Mme", "Mlle", "Herrn?", "Frau", "Dott", "Dra", "Sig", "Señora?"),
)
_NAME_LABELS = _any(
    *("(?:patient(?:'?s)? )?name", "(?:referring |requesting |reading )?physician", "nom"),
    *("(?:referred|requested|reported|dictated|signed) by", "radiologist", "technologist"),
    *("operator", "zuweis(?:er|ender arzt)", "überweiser", "nombre", "nome"),
)
_CHINESE_NAME_LABELS = _any(
    *("姓名", "申请医[师生]", "送检医[师生]", "报告医[师生]", "审核医[师生]"),
)
_JAPANESE_NAME_LABELS = _any("氏名", "患者名", "依頼医", "担当医", "主治医")
_CHINESE_FAMILY_NAMES = (
    "王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何林罗羅郑鄭梁谢謝宋唐许許韩韓冯馮邓鄧曹彭曾"
    "肖田董潘袁蔡蒋蔣余于杜叶葉程苏蘇魏吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范石廖贾賈夏韦韋傅方邹鄒熊"
    "孟秦邱江尹薛闫段雷侯龙龍史陶黎贺賀顾顧毛郝龚龔邵万萬钱錢严嚴武戴莫孔向汤湯"
)
_CHINESE_TITLES = "先生|女士|小姐|医生|醫生|医师|醫師|大夫|主任|教授"
_NAMES_IN_CONTEXT = (
    re.compile(
        rf"(\b{_TITLES}\b\.?(?: ?(?:med|habil|rer|nat|Dr|univ)\.){{0,3}} ?)(?:{_AFTER_TITLE})"
    ),
    re.compile(rf"(\b(?i:{_NAME_LABELS}) ?[:=] ?){_NAME_WORD}(?:[ ,]{{1,2}}{_NAME_WORD}){{0,2}}"),
    re.compile(rf"({_CHINESE_NAME_LABELS} ?[:=] ?)[{_HAN}·]{{2,8}}"),
    re.compile(rf"({_JAPANESE_NAME_LABELS} ?[:=] ?)[{_EAST}・]{{2,8}}(?: [{_EAST}]{{1,4}})?"),
    re.compile(r"()[^\W\d_]{2,40}\^[^\W\d_]{1,40}(?:\^[^\W\d_]{0,40}){0,3}"),
    re.compile(rf"()[{_CHINESE_FAMILY_NAMES}][{_HAN}]{{0,2}}?(?={_CHINESE_TITLES})"),
    re.compile(rf"()(?<![{_HAN}])(?!患者|御家族|家族)[{_HAN}々]{{2,4}}(?=さん)"),
)
"""Each keeps its first group, the title or label, and loses the rest."""

# Contacts and numbers.
_DIGITS = r"\+?[\d(][\d ()/.\-]{4,22}\d"
_CONTACTS = (
    re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,64}(?:\.[\w\-]{1,32}){1,5}"),
    re.compile(r"\b(?:https?://|www\.)\S{1,300}"),
    re.compile(
        r"\b(?i:tel(?:efon|ephone)?|phone|fon|mobile?|cell|fax|handy|pager)\b[.:]{0,2} ?" + _DIGITS
    ),
    re.compile("(?:电话|電話|手机|手機|携帯|联系方式)[: ]{0,2}" + _DIGITS),
)
_IDENTIFIER_LABELS = _any(
    *("mrn", "uhid", "ssn", "nhs(?: (?:no|number))?", "(?:pat(?:ient)?[-. ]{0,2})?(?:id|nr)"),
    *("patient (?:no|number)", "acc(?:ession)?(?: (?:no|nr|number))?", "case (?:no|nr|number)"),
    *("fall-?nr", "order (?:no|nr|number)", "rut", "cpf", "dni"),
)
_EAST_IDENTIFIER_LABELS = _any(
    *("住院号", "门诊号", "病历号", "病案号", "检查号", "登记号", "身份证号?"),
    *("患者ID", "カルテ番号", "診察券番号"),
)
_LABELLED_IDENTIFIERS = (
    re.compile(
        rf"\b(?i:{_IDENTIFIER_LABELS})\b[.:#= ]{{0,3}}(?=[A-Za-z/\-]{{0,12}}\d)"
        r"[A-Za-z0-9][A-Za-z0-9/\-]{3,40}"
    ),
    re.compile(rf"{_EAST_IDENTIFIER_LABELS}[:=# ]{{0,3}}[A-Za-z0-9\-]{{3,40}}"),
)
_YEAR = r"(?:19|20)\d\d"
_DATE = _any(
    rf"(?<!\d){_YEAR}(?P<mark>[./\-])\d{{1,2}}(?P=mark)\d{{1,2}}(?!\d)",
    rf"(?<!\d)\d{{1,2}}(?P<point>[./\-])\d{{1,2}}(?P=point)(?:{_YEAR}|\d\d)(?!\d)",
    rf"(?<!\d){_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d)",
)
_NO_VALUE_BEFORE = r"(?<![\d.,/\-])"
_TELEPHONE = _any(
    r"\+\d{1,3}[ ().\-/]?\d[\d ().\-/]{5,18}\d",
    r"\(0?\d{2,5}\) ?\d{2,5}[ .\-]?\d{2,5}(?:[ .\-]?\d{2,5})?(?!\d)",
    _NO_VALUE_BEFORE + r"\d{3}[.\-]\d{3}[.\-]\d{4}(?!\d)",
    _NO_VALUE_BEFORE + r"0\d{1,4}[ /\-]\d{2,5}(?:[ \-]\d{2,5}){1,3}(?!\d)",
    _NO_VALUE_BEFORE + r"0\d{2,4}/\d{4,8}(?!\d)",
    r"(?<!\d)1[3-9]\d{9}(?!\d)",
)
_RECORD_NUMBER = _any(
    _NO_VALUE_BEFORE + r"\d{3}-\d{2}-\d{4}(?!\d)",
    r"(?<![\d.,])\d{7,24}[Xx]?(?![\d.,]\d)",
)
_NUMBERS = re.compile(
    # A date is no telephone number: it is matched first and kept.
    rf"(?P<date>{_DATE})|(?P<telephone>{_TELEPHONE})|(?P<record>{_RECORD_NUMBER})"
)
_SHORTEST_NUMBER = 5
_SHORTEST_IDENTIFIER = 4


class Redactor:
    """Takes the people of one study out of its texts; made once per study."""

    def __init__(self, people: People) -> None:
        self._names = KnownNames(people.names)
        self._identifiers = _identifier_pattern(people.identifiers)
        self._births = BirthDates(people.birth_dates)

    def redact(self, text: str) -> str:
        """Return ``text`` with everything that names a person replaced by what it was."""
        text = LABELLED_BIRTH_DATE.sub(BIRTH_DATE, text)
        text = self._births.replace(text, BIRTH_DATE)
        text = self._identifiers.sub(IDENTIFIER, text)
        for pattern in _CONTACTS:
            text = pattern.sub(CONTACT, text)
        for pattern in _LABELLED_IDENTIFIERS:
            text = pattern.sub(IDENTIFIER, text)
        text = _NUMBERS.sub(_replaced_number, text)
        text = _without(text, self._names.find(text))
        for pattern in _NAMES_IN_CONTEXT:
            text = pattern.sub(lambda match: match[1] + NAME, text)
        return text


def _replaced_number(match: re.Match[str]) -> str:
    if match["date"] is not None:
        return match[0]
    return IDENTIFIER if match["telephone"] is None else CONTACT


def _without(text: str, spans: Iterable[Span]) -> str:
    pieces, position = [], 0
    for start, end in spans:
        pieces += [text[position:start], NAME]
        position = end
    return "".join([*pieces, text[position:]])


def _identifier_pattern(identifiers: Iterable[str]) -> re.Pattern[str]:
    """Find identifiers as they are, and numbers without their leading zeros."""
    known = {identifier.strip() for identifier in identifiers}
    known |= {identifier.lstrip("0") for identifier in known}
    wanted = sorted((one for one in known if _is_telling(one)), key=lambda one: (-len(one), one))
    if not wanted:
        return re.compile(r"(?!)")
    alternatives = "|".join(re.escape(one) for one in wanted)
    return re.compile(rf"(?<![A-Za-z0-9])0*(?:{alternatives})(?![A-Za-z0-9])", re.IGNORECASE)


def _is_telling(identifier: str) -> bool:
    """Tell whether it is long enough not to be a year, a value or a word."""
    if identifier.isdigit():
        return len(identifier) >= _SHORTEST_NUMBER
    has_digit = any(character.isdigit() for character in identifier)
    return has_digit and len(identifier) >= _SHORTEST_IDENTIFIER
