"""What every page has: title, the notice, the colours' key and which bundle drew it."""

import numpy as np

from plugin.domain.identifiers import MODEL_NAME
from worker.findings.language import load_language
from worker.report.figures.canvas import (
    BACKGROUND,
    ENDOCARDIUM,
    EPICARDIUM,
    HEADING_PX,
    MUTED,
    RIGHT_VENTRICLE,
    SMALL_PX,
    TITLE_PX,
    WARNING,
    Canvas,
)
from worker.report.figures.typesetting import text_width
from worker.report.identity import NOT_VERIFIED, AnalysisIdentity

_LEFT = 20
_KEY = (
    ("LV endocardium", ENDOCARDIUM),
    ("LV epicardium", EPICARDIUM),
    ("RV endocardium", RIGHT_VENTRICLE),
)


def draw_header(canvas: Canvas, title: str) -> None:
    """Write the title and, in a box that cannot be overlooked, that no physician verified it."""
    canvas.text(_LEFT, 34, title, size=TITLE_PX - 3, weight="bold")
    size = SMALL_PX + 1
    width = text_width(NOT_VERIFIED, size, "bold") + 28
    x = canvas.width - _LEFT - width
    canvas.panel(x, 15, width, 38, WARNING)
    canvas.text(x + 14, 34, NOT_VERIFIED, size=size, weight="bold", color=BACKGROUND)


def draw_footer(canvas: Canvas, identity: AnalysisIdentity, *, with_key: bool = True) -> None:
    """Draw the key of the contour colours, where there are any, and name bundle and software.

    Pages are always in English: without a font that has its letters, a script would come out as
    empty boxes. Where the report is in another language the footer says so.
    """
    y = canvas.height - 26
    x = draw_key(canvas, y) if with_key else float(_LEFT)
    if identity.report_language != "en":  # the fonts of a server draw no other script for certain
        tag = load_language(identity.report_language).tag
        note = f"This page is in English, the report in {tag}."
        canvas.text(x, y, note, size=SMALL_PX, color=MUTED)
    made_by = f"bundle {identity.bundle}, {MODEL_NAME} {identity.software_version}"
    canvas.text(canvas.width - _LEFT, y, made_by, size=SMALL_PX, color=MUTED, ha="right")


def draw_key(canvas: Canvas, y: float) -> float:
    """Name the colours of the contours in a line; return where it ends."""
    x = float(_LEFT)
    for name, colour in _KEY:
        canvas.lines([np.array([[x, y], [x + 30, y]])], colour, 4.0)
        canvas.text(x + 38, y, name, size=SMALL_PX)
        x += 38 + text_width(name, SMALL_PX) + 28
    return x


def heading(canvas: Canvas, x: float, y: float, words: str) -> None:
    """Write the heading of a panel."""
    canvas.text(x, y, words, size=HEADING_PX - 2, weight="bold")
