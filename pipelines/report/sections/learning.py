"""Learning curves: the dev metric and the training loss of every seed over the steps."""

from collections.abc import Callable

from data.layout import SEED
from pipelines.report.gather import Arm, Line, Run
from pipelines.report.pages import pictures
from pipelines.report.pages.document import Block, Paragraph, Picture, Section, Table

FAR = 12  # students whose lengths differ more than this get a panel each


def section(run: Run) -> Section | None:
    """Draw the curves of the students, and of the teacher where it was fine-tuned here."""
    arms = [arm for arm in run.arms if arm.curves]
    blocks: list[Block] = []
    if arms:
        blocks.append(_dev(run, arms))
    if run.teacher_curve:
        blocks.append(_encoder(run))
    if arms:
        blocks += [_loss(run, arms), _best(run, arms)]
    if not blocks:
        return None
    about = (
        "A step is one batch. A line is one seed, a point one look at the dev set; the weights of the best look are "
        "kept. Losses of different kinds are not comparable."
    )
    return Section("Learning curves", (Paragraph(about), *blocks))


def _dev(run: Run, arms: list[Arm]) -> Picture:
    metric = run.metric
    drawn = {arm.name: _lines(run, arm, lambda line: 100 * line["dev"][metric]) for arm in arms}
    ends = [max(max(line.x) for line in lines) for lines in drawn.values()]
    level = ("teacher", 100 * run.teacher.report["dev"][metric]) if run.teacher is not None else None
    apart = max(ends) > FAR * min(ends)
    if apart:
        panels = [pictures.Panel(f"dev {metric} %: {name}", lines, level) for name, lines in drawn.items()]
    else:
        panels = [pictures.Panel(f"dev {metric} %", [line for lines in drawn.values() for line in lines], level)]
    said = "; ".join(f"{name} ends at {lines[0].y[-1]:.1f} %" for name, lines in drawn.items())
    height = 180 if apart else 260
    svg = pictures.curves(panels, x_label="steps", height=height)
    about = f"Dashed: the teacher, {level[1]:.1f} %." if level else ""
    return Picture("curve-dev", f"Dev {metric} over steps", about, svg, f"First seed: {said}.")


def _loss(run: Run, arms: list[Arm]) -> Picture:
    panels = [pictures.Panel(f"loss: {arm.name}", _lines(run, arm, lambda line: line["loss"])) for arm in arms]
    said = "; ".join(
        f"{panel.title} falls from {panel.lines[0].y[0]:.3g} to {panel.lines[0].y[-1]:.3g}" for panel in panels
    )
    svg = pictures.curves(panels, x_label="steps", height=165 if len(panels) > 1 else 230, legend=False)
    about = "Mean over the steps since the last look."
    return Picture("curve-loss", "Training loss over steps", about, svg, f"First seed: {said}.")


def _encoder(run: Run) -> Picture:
    steps = [line["step"] for line in run.teacher_curve]
    dev = [100 * line["dev"][run.metric] for line in run.teacher_curve]
    loss = [line["loss"] for line in run.teacher_curve]
    panels = [
        pictures.Panel(f"dev {run.metric} %", [pictures.Line("teacher", 0, steps, dev)]),
        pictures.Panel("loss", [pictures.Line("teacher", 0, steps, loss)]),
    ]
    svg = pictures.curves(panels, x_label="steps", height=165, legend=False)
    about = f"The best look at the dev set gave {max(dev):.1f} %, after step {steps[dev.index(max(dev))]}."
    return Picture("curve-teacher", "Fine-tuning the teacher", about, svg)


def _lines(run: Run, arm: Arm, value: Callable[[Line], float]) -> list[pictures.Line]:
    return [
        pictures.Line(arm.name, run.tone(arm.name), [line["step"] for line in curve], [value(line) for line in curve])
        for curve in arm.curves.values()
    ]


def _best(run: Run, arms: list[Arm]) -> Table:
    """One row a seed: where its best weights come from."""
    rows = []
    for arm in arms:
        for name, curve in arm.curves.items():
            best = max(curve, key=lambda line: line["dev"][run.metric])
            rows.append(
                {
                    "student": arm.name,
                    "seed": name.removeprefix(SEED) if name.startswith(SEED) else "–",
                    "steps": curve[-1]["step"],
                    "best step": best["step"],
                    f"best dev {run.metric} %": f"{100 * best['dev'][run.metric]:.2f}",
                    "loss there": round(best["loss"], 4),
                }
            )
    return Table("Best look of every seed", rows, folded=True)
