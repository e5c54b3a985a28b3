"""What the files of a run were read as: the lines that the commands said, as the manifests keep them."""

from data.readers.said import KEY, FileReport
from pipelines.report.gather import Run
from pipelines.report.pages.document import Paragraph, Section


def section(run: Run) -> Section | None:
    """List each file once, in the order of the phases; nothing where no manifest names one."""
    seeds = [seed for arm in run.arms for seed in arm.seeds.values()]
    manifests = [manifest for manifest in (run.teacher, run.examples, *seeds) if manifest is not None]
    reports = [FileReport.from_dict(values) for manifest in manifests for values in manifest.report.get(KEY, [])]
    lines = dict.fromkeys(report.line for report in reports)
    return Section("What was read", tuple(Paragraph(f"{line}.") for line in lines)) if lines else None
