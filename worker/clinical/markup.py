"""HTML, HL7 escapes and control characters to plain lines of text.

Reporting systems paste formatted text into DICOM attributes, often cut in the middle. Everything
here is linear in the length of the text and gives up on nothing: what is no markup stays text.
"""

import html
import re
import unicodedata

from worker.clinical.rtf import is_rtf, text_of_rtf

_HTML_HIDDEN = re.compile(r"<(?:(script|style|head|title)\b[^<>]{0,500}>|!--)", re.IGNORECASE)
_HTML_HIDDEN_END = {
    name: re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE)
    for name in ("script", "style", "head", "title")
} | {"": re.compile("-->")}
_HTML_BREAK = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|hr|/?ul|/?ol|/?table)(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_HTML_TAG = re.compile(
    r"</?(?:a|b|big|blockquote|body|center|code|col|colgroup|dd|dl|dt|em|font|form|html|i|iframe|"
    r"img|input|link|meta|object|pre|q|s|section|small|span|strike|strong|sub|sup|svg|tbody|td|"
    r"tfoot|th|thead|u)(?:\s[^<>]{0,500})?/?>|<!doctype[^<>]{0,200}>|<\?xml[^<>]{0,200}\?>",
    re.IGNORECASE,
)
_ENTITY_ROUNDS = 3

_HL7_ESCAPE = re.compile(
    r"\\(?:\.(br|sp|in|ti|ce|fi|nf|sk)([+-]?\d{1,4})?|([EFRSTHN])|X([0-9A-Fa-f]{2,64}))\\"
)
_HL7_SYMBOLS = {"E": "\\", "F": "|", "R": "~", "S": "^", "T": "&", "H": "", "N": ""}
_WIDE_FORMS = re.compile("[\uff00-\uffef]+")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn"}


def plain_text(text: str) -> tuple[str, bool]:
    """Return ``text`` as plain lines, and whether there was any markup or hidden character."""
    plain = text_of_rtf(text) if is_rtf(text) else text
    for _ in range(_ENTITY_ROUNDS):
        before = plain
        plain = html.unescape(_without_tags(plain)) if "<" in plain or "&" in plain else plain
        if plain == before:
            break
    plain = _HL7_ESCAPE.sub(_hl7_symbol, plain)
    visible, n_hidden = _without_invisible(plain)
    return tidy_lines(visible), n_hidden > 0 or plain != text


def tidy_lines(text: str) -> str:
    """Single spaces, no spaces at line ends, no empty lines."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_tags(text: str) -> str:
    return _HTML_TAG.sub("", _HTML_BREAK.sub("\n", _without_hidden_elements(text)))


def _without_hidden_elements(text: str) -> str:
    """Drop what a browser does not show; an element that never ends loses its start tag only."""
    pieces, position, never_ends = [], 0, set[str]()
    for start in _HTML_HIDDEN.finditer(text):
        if start.start() < position:
            continue
        name = (start[1] or "").lower()
        end = None if name in never_ends else _HTML_HIDDEN_END[name].search(text, start.end())
        if end is None:
            never_ends.add(name)
        pieces.append(text[position : start.start()])
        position = start.end() if end is None else end.end()
    return " ".join([*pieces, text[position:]])


def _hl7_symbol(match: re.Match[str]) -> str:
    if match[3]:
        return _HL7_SYMBOLS[match[3]]
    if match[4]:
        return bytes.fromhex(match[4][: len(match[4]) // 2 * 2]).decode("utf-8", errors="replace")
    return "\n"


def _without_invisible(text: str) -> tuple[str, int]:
    """Drop control, formatting and private characters; wide Latin and narrow kana to usual forms.

    Formatting characters can hide or reorder text (bidirectional overrides, zero-width, tags).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub("[\t\v\f\u2028\u2029\x85]", " ", text)
    text = _WIDE_FORMS.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text)
    kept = [c for c in text if c == "\n" or unicodedata.category(c) not in _INVISIBLE]
    return unicodedata.normalize("NFC", "".join(kept)), len(text) - len(kept)
