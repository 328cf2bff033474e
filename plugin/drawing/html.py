"""HTML text: tables, sections, figures, and a document that loads nothing and runs no script.

Every word is escaped here. The style sheet is part of the document and named by its hash in the
content security policy, so the page also opens where inline styles are forbidden by default.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

NOT_VERIFIED = "AI, not verified by a physician, not for diagnosis"


def paragraph(words: str, kind: str = "") -> str:
    """Return a paragraph."""
    return f"<p{_kind(kind)}>{escape(words)}</p>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return a table; all columns but the first are aligned as numbers. It scrolls by itself."""
    columns = "".join(f"<th{_number(k)}>{escape(word)}</th>" for k, word in enumerate(head))
    lines = (
        "".join(f"<td{_number(k)}>{escape(cell)}</td>" for k, cell in enumerate(row))
        for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(picture: str, caption: str) -> str:
    """Return a picture (SVG or ``img``) with its caption."""
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def side_by_side(parts: Iterable[str]) -> str:
    """Return parts next to each other, as many as the page is wide."""
    return f'<div class="row">{"".join(parts)}</div>'


def charts(figures: Iterable[str]) -> str:
    """Return figures of equal width in rows."""
    return f'<div class="charts">{"".join(figures)}</div>'


def png(data: bytes, description: str) -> str:
    """Return an image whose bytes are part of the page."""
    encoded = base64.b64encode(data).decode("ascii")
    return f'<img src="data:image/png;base64,{encoded}" alt="{escape(description)}">'


def section(title: str, lead: str, *content: str) -> str:
    """Return a section with what its terms mean below the heading."""
    return f"<section><h2>{escape(title)}</h2>{paragraph(lead, 'lead')}{''.join(content)}</section>"


def document(title: str, tiles: Iterable[tuple[str, str]], sections: Iterable[str]) -> str:
    """Return the whole page; ``tiles`` are the few figures that stand above everything."""
    style = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"
    shown = "".join(
        f"<li><b>{escape(value)}</b><span>{escape(name)}</span></li>" for name, value in tiles
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f'<body><header><h1>{escape(title)}</h1><span class="notice">{NOT_VERIFIED}</span></header>'
        f'<main><ul class="tiles">{shown}</ul>\n' + "\n".join(sections) + "</main></body></html>\n"
    )


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _number(column: int) -> str:
    return _kind("number" if column else "")
