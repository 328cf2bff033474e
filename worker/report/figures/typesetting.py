"""How wide text is and where its lines break, from the widths of the letters in the font.

Knows the font of all pages; draws nothing. Sizes are in pixels.
"""

import re
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

_UNBROKEN = re.compile(r"\d[\d.]* \S+|\S+")
"""What stays in one line: a number and its unit, or a word."""
_EM_PX, _POINTS_PER_INCH, _FIXED_POINT = 1000.0, 72.0, 65536.0


def font_path(weight: str = "normal") -> str:
    """Return the file of the font: it comes with matplotlib, so every machine has it."""
    return str(findfont(FontProperties(family="DejaVu Sans", weight=weight)))


def text_width(words: str, size: float, weight: str = "normal") -> float:
    """Return how many pixels wide one line of text is, before letters move together."""
    return size * sum(_advance(character, weight) for character in printable(words))


def wrap(words: str, width: float, size: float) -> list[str]:
    """Break text into lines that fit ``width`` pixels."""
    lines: list[str] = []
    used, space = 0.0, text_width(" ", size)
    for word in _UNBROKEN.findall(words):
        wide = text_width(word, size)
        if lines and used + space + wide <= width:
            lines[-1] += f" {word}"
            used += space + wide
        else:
            lines.append(word)
            used = wide
    return lines


def printable(words: str) -> str:
    """Return printable text only."""
    return "".join(character for character in words if character.isprintable())


@cache
def _advance(character: str, weight: str) -> float:
    """Return how wide a character is, as a share of the type size."""
    font = get_font(font_path(weight))
    font.set_size(_EM_PX, _POINTS_PER_INCH)
    glyph = font.load_char(ord(character), flags=LoadFlags.NO_HINTING)
    return float(glyph.linearHoriAdvance) / _FIXED_POINT / _EM_PX
