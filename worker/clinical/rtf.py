"""The text of an RTF document (Rich Text Format 1.9), without its formatting.

One pass over the tokens, linear in their number; unbalanced or cut documents give what they have.
"""

import re

_START = re.compile(r"\s*\{\\rtf\d?")
_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?"
    r"|\\'(?P<byte>[0-9a-fA-F]{2})"
    r"|\\(?P<symbol>[^a-zA-Z])"
    r"|(?P<open>\{)|(?P<close>\})"
    r"|(?P<text>[^\\{}\r\n]+)"
)
_HIDDEN = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer"}
    | {"listtable", "listoverridetable", "generator", "themedata", "datastore", "xmlnstbl"}
    | {"fldinst"}
)
_SPACES = {"par": "\n", "line": "\n", "row": "\n", "tab": " ", "cell": " "} | {
    "emdash": "\N{EM DASH}",
    "endash": "\N{EN DASH}",
    "bullet": "\N{BULLET}",
    "lquote": "'",
    "rquote": "'",
    "ldblquote": '"',
    "rdblquote": '"',
}
_MAXIMUM_DEPTH = 64
_SURROGATES = re.compile("([\ud800-\udbff])([\udc00-\udfff])")


def is_rtf(text: str) -> bool:
    """Tell whether a text begins as an RTF document does."""
    return _START.match(text) is not None


def text_of_rtf(text: str) -> str:
    """Return the visible text, paragraphs as lines."""
    return _RtfReader().read(text)


class _RtfReader:
    """State of one pass over an RTF text: hidden groups, code page, characters to pass over."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.code_page = "cp1252"
        self._bytes = bytearray()
        self._hidden = [False]
        self._skip = 0
        self._fallback = 1

    def read(self, text: str) -> str:
        for token in _TOKEN.finditer(text):
            if token["byte"] is None:
                self._flush()
            self._take(token)
        self._flush()
        # Astral characters are written as two \u, which Python keeps as two surrogates.
        joined = "".join(self.pieces)
        return _SURROGATES.sub(_joined_surrogates, joined)

    def _take(self, token: re.Match[str]) -> None:
        if token["word"] is not None:
            self._word(token["word"], token["number"])
        elif token["byte"] is not None:
            self._byte(int(token["byte"], 16))
        elif token["open"] is not None:
            self._hidden.append(self._hidden[-1] or len(self._hidden) > _MAXIMUM_DEPTH)
        elif token["close"] is not None:
            if len(self._hidden) > 1:
                self._hidden.pop()
        elif token["symbol"] is not None:
            self._symbol(token["symbol"])
        else:
            self._emit(token["text"])

    def _word(self, word: str, number: str | None) -> None:
        if word in _HIDDEN:
            self._hidden[-1] = True
        elif word == "ansicpg" and number:
            self.code_page = _known_code_page(f"cp{number}")
        elif word == "uc" and number:
            self._fallback = min(max(int(number), 0), 8)
        elif word == "u" and number:
            self._skip = 0
            self._emit(chr(int(number) % 0x10000))
            self._skip = self._fallback
        elif word in _SPACES:
            self._emit(_SPACES[word])

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._hidden[-1] = True
        elif symbol in "\\{}":
            self._emit(symbol)
        elif symbol == "~":
            self._emit(" ")
        elif symbol in "\r\n":
            self._emit("\n")

    def _byte(self, value: int) -> None:
        if self._skip:
            self._skip -= 1
        elif not self._hidden[-1]:
            self._bytes.append(value)

    def _emit(self, text: str) -> None:
        if self._skip:
            n_passed = min(self._skip, len(text))
            self._skip -= n_passed
            text = text[n_passed:]
        if not self._hidden[-1]:
            self.pieces.append(text)

    def _flush(self) -> None:
        if self._bytes:
            self.pieces.append(self._bytes.decode(self.code_page, errors="replace"))
            self._bytes.clear()


def _known_code_page(name: str) -> str:
    try:
        b"".decode(name)
    except LookupError:
        return "cp1252"
    return name


def _joined_surrogates(match: re.Match[str]) -> str:
    return (match[1] + match[2]).encode("utf-16", "surrogatepass").decode("utf-16")
