"""A report as Markdown; its pictures lie beside it as files."""

import re

from pipelines.report.pages.document import Alert, Block, Facts, Mark, Page, Paragraph, Picture, Table, columns_of
from pipelines.screen.console import cell, is_number


def to_markdown(page: Page, pictures: str) -> str:
    """Write a page; `pictures` is the folder of the drawings, relative to the file."""
    parts = [f"# {escape(page.title)}", escape(page.about)]
    parts += [f"> **{escape(alert)}**" for alert in page.alerts]
    for section in page.sections:
        parts.append(f"## {escape(section.title)}")
        parts += [_block(block, pictures) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Make a text stand for itself: no markup, no HTML, no line breaks, no new column of a table."""
    flat = " ".join(text.split())
    quoted = re.sub(r"([\\`*_\[\]|~])", r"\\\1", flat)
    return quoted.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _block(block: Block, pictures: str) -> str:
    match block:
        case Paragraph(text):
            return escape(text)
        case Alert(text):
            return f"> **{escape(text)}**"
        case Facts(items):
            return " · ".join(f"**{escape(number)}** {escape(what)}" for number, what in items)
        case Picture():
            drawing = f"![{escape(block.spoken)}]({pictures}/{block.name}.svg)"
            return "\n\n".join(part for part in (f"### {escape(block.title)}", drawing, escape(block.about)) if part)
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    names = columns_of(table)
    right = [all(is_number(_plain(row.get(name))) for row in table.rows) for name in names]
    lines = [
        [escape(name) or " " for name in names],
        ["---:" if numeric else "---" for numeric in right],
        *([escape(cell(_plain(row.get(name)))) for name in names] for row in table.rows),
    ]
    return f"### {escape(table.title)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(value: object) -> object:
    return value.text if isinstance(value, Mark) else value
