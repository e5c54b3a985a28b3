"""A report as one self-contained HTML file: no script, no font, no external address.

Every text goes through `html.escape`, so HTML in a user's data is shown and never run.
"""

import re
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from pipelines.report.pages.document import (
    Alert,
    Block,
    Facts,
    Mark,
    Page,
    Paragraph,
    Picture,
    Section,
    Table,
    columns_of,
)
from pipelines.report.pages.pictures import inline
from pipelines.screen.console import cell, is_number

TEMPLATE = "page.html"
LONG = 48  # letters from which a cell wraps
WIDE = 16  # letters from which the name of a row wraps on a phone


def to_html(page: Page) -> str:
    """Fill the template `page.html`."""
    template = Template(files("pipelines.report.pages").joinpath(TEMPLATE).read_text("utf-8"))
    return template.substitute(
        title=escape(page.title),
        about=escape(page.about),
        alerts="".join(_alert(alert) for alert in page.alerts),
        contents="".join(
            f'<li><a href="#{anchor(section)}">{escape(section.title)}</a></li>' for section in page.sections
        ),
        sections="\n".join(_section(section) for section in page.sections),
    )


def anchor(section: Section) -> str:
    """The address of a section inside the page."""
    return re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")


def _section(section: Section) -> str:
    name, parts, pictures = anchor(section), [], list[str]()
    for block in (*section.blocks, None):  # pictures that follow each other stand side by side
        if isinstance(block, Picture):
            pictures.append(_picture(block))
            continue
        if pictures:
            parts.append(f'<div class="pictures">{"".join(pictures)}</div>')
            pictures = []
        if block is not None:
            parts.append(_block(block))
    inside = "\n".join(parts)
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.title)}</h2>\n{inside}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Alert(text):
            return _alert(text)
        case Facts(items):
            rows = (f"<div><dt>{escape(what)}</dt><dd>{escape(number)}</dd></div>" for number, what in items)
            return f'<dl class="facts">{"".join(rows)}</dl>'
        case Picture():
            return _picture(block)
        case Table():
            return _table(block)


def _alert(text: str) -> str:
    return f'<p class="alert" role="note">{escape(text)}</p>'


def _picture(picture: Picture) -> str:
    drawing = inline(picture.svg, picture.name, picture.spoken)
    about = f'<p class="about">{escape(picture.about)}</p>' if picture.about else ""
    return f"<figure><figcaption>{escape(picture.title)}</figcaption>{drawing}{about}</figure>"


def _table(table: Table) -> str:
    names = columns_of(table)
    right = {name: all(is_number(_plain(row.get(name))) for row in table.rows) for name in names}
    head = "".join(f'<th scope="col"{_side(right[name])}>{escape(name)}</th>' for name in names)
    forms = {name: _form(table, name, first=name == names[0], right=right[name]) for name in names}
    body = "".join(
        f"<tr>{''.join(forms[name].format(_cell(row.get(name))) for name in names)}</tr>" for row in table.rows
    )
    title = escape(table.title)
    box = (
        f'<div class="box" role="region" aria-label="{title}" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    if table.folded:
        return f"<details><summary>{title}</summary>{box}</details>"
    return f"<h3>{title}</h3>{box}"


def _form(table: Table, name: str, *, first: bool, right: bool) -> str:
    """How the cells of a column stand in a row: names of rows stay in sight, long texts wrap."""
    longest = max((len(cell(_plain(row.get(name)))) for row in table.rows), default=0)
    if longest >= LONG:
        return '<td class="long">{}</td>'
    wide = ' class="wide"' if longest >= WIDE else ""
    return f'<th scope="row"{wide}{_side(right)}>{{}}</th>' if first else f"<td{_side(right)}>{{}}</td>"


def _cell(value: Any) -> str:
    if isinstance(value, Mark):
        return f'<span class="{"good" if value.good else "bad"}">{escape(value.text)}</span>'
    return escape(cell(value))


def _side(right: bool) -> str:
    return " data-number" if right else ""


def _plain(value: Any) -> Any:
    return value.text if isinstance(value, Mark) else value
