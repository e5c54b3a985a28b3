"""Write a run as a page to read: run directory → report.md with its pictures, and one self-contained report.html."""

from pathlib import Path

from data import store
from data.layout import REPORT
from pipelines.report.gather import Run, gather
from pipelines.report.pages.document import Page, Section
from pipelines.report.pages.markdown import to_markdown
from pipelines.report.pages.page import to_html
from pipelines.report.pages.pictures import standing_alone
from pipelines.report.sections import agreement, augmentation, chain, chosen, costs, files, learning, result, teacher

PAGE, TEXT = f"{REPORT}.html", f"{REPORT}.md"


def write_report(run: Path) -> Path:
    """Write `report.html`, `report.md` and `report/*.svg` into a run directory; return the HTML file.

    Whatever of a run exists is shown: examples alone, a cache without students, all. Errors: nothing finished is there
    (NO_INPUT).
    """
    page = page_of(gather(run))
    folder = run / REPORT
    for picture in page.pictures:
        path = folder / f"{picture.name}.svg"
        text = standing_alone(picture.svg, picture.name, picture.spoken)
        if not path.is_file() or path.read_text("utf-8") != text:  # equal drawings are equal bytes
            store.write_text(path, text)
    for path in set(folder.glob("*.svg")) - {folder / f"{picture.name}.svg" for picture in page.pictures}:
        path.unlink()  # of an earlier report
    store.write_text(run / TEXT, to_markdown(page, REPORT))
    store.write_text(run / PAGE, to_html(page))
    return run / PAGE


def page_of(run: Run) -> Page:
    """Put the sections of a run together."""
    links = chain.links_of(run)
    sections: list[Section | None] = [
        result.section(run),
        learning.section(run),
        augmentation.section(run),
        teacher.section(run),
        agreement.section(run),
        chosen.section(run),
        costs.section(run),
        files.section(run),
        chain.section(run, links),
    ]
    alerts = (*chain.alerts_of(links), *(f"{problem}." for problem in run.problems))
    return Page(run.path.resolve().name, _about(run), alerts, tuple(section for section in sections if section))


def _about(run: Run) -> str:
    task = run.task
    texts = "pairs of texts" if task.pair else "texts"
    labels = f" ({', '.join(task.labels)})" if 0 < len(task.labels) <= 12 else ""
    students = f", {len(run.arms)} student{'s' if len(run.arms) != 1 else ''}" if run.arms else ""
    rows = f", {run.examples.rows:,} rows" if run.examples else ""
    return f"{task.kind} on {texts}{labels}{rows}{students}"
