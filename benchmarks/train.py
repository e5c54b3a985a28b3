"""Training the student: our loop against the straightforward one, and an epoch with the teacher in the loop.

python -m benchmarks.train
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race import material
from benchmarks.race.arm import Arm
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.parity import compare, refuse_difference
from benchmarks.race.results import add_aim, add_race, finish, result_of
from benchmarks.race.rounds import race

HERE = "benchmarks.arms.train"
BATCH = 256
SLOWER = 4  # the arms with the teacher in every step take one step for this many of the others


def main() -> None:
    made = parser(__doc__, rows=16_384)
    made.add_argument("--teacher", type=Path, help="a fine-tuned teacher; made when none is named")
    values = made.parse_args()
    options = options_of(values, quick_rows=1024)
    teacher = values.teacher or material.teacher(options)
    result = result_of("train", options, settings={"teacher": Path(teacher).name, "batch": BATCH})
    cache = student_cache(options, values.teacher)
    measure(result, options, str(teacher), cache)
    finish(result, options)


def student_cache(options: Options, teacher: Path | None) -> Path:
    """A cache whose word table is MiniLM's, 30,522 x 384, as large as the epoch that is trained."""
    return material.cache(options, options.rows, teacher or material.teacher(options))


def measure(result: dict[str, Any], options: Options, teacher: str, cache: Path) -> None:
    steps = max(2, options.rows // BATCH)
    few = max(1, steps // SLOWER)
    answers = options.work / "train-parity.npy"
    answers.unlink(missing_ok=True)
    arms = arms_of(options, teacher, cache, (steps, few, answers))
    found = race(arms, rounds=options.rounds, threads=options.threads)
    add_race(result, found, "ours", {arm.name: arm.about for arm in arms})
    parity = compare(np.load(answers), np.load(answers.with_suffix(".ours.npy")))
    refuse_difference("ours", parity)
    result["parity"] = {"ours with the straightforward model's weights": parity}
    ratios = {name: value["median"] for name, value in result["ratios"].items()}
    add_aim(result, "ours / straightforward torch", ratios["straightforward torch"], least=3)
    loop = "TextBrewer, teacher in the loop"
    loop = loop if loop in ratios else "by hand, teacher in the loop"
    add_aim(result, f"an epoch from the cache / {loop}", ratios[loop], least=10)
    losses = {name: found.of(name)[-1].get("loss") for name in ("ours", "straightforward torch")}
    result["remarks"] = [
        f"parity with equal weights: mean cosine {parity['cosine_mean']:.6f}, same argmax {parity['same_argmax']:.4f}",
        "mean loss of the last ten steps: " + ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items() if loss),
        "ours streams the epoch in blocks of one row group, 8,192 rows; the first one is read before the first step",
        "the straightforward arm goes on training its model round after round; ours starts anew in each",
    ]


def arms_of(options: Options, teacher: str, cache: Path, sizes: tuple[int, int, Path]) -> list[Arm]:
    steps, few, answers = sizes
    common = {"cache": str(cache), "steps": steps}
    slow = {"cache": str(cache), "teacher": teacher, "steps": few}
    return [
        Arm(
            "ours",
            f"{HERE}:ours",
            common,
            about="train_steps from the sealed cache; sub-word ids from disk after the first round",
        ),
        Arm(
            "straightforward torch",
            f"{HERE}:straight",
            {**common, "answers": str(answers)},
            about="rows tokenised in memory, DataLoader, packed nn.LSTM, dense AdamW, float32",
        ),
        Arm(
            "by hand, teacher in the loop",
            f"{HERE}_rivals:in_the_loop",
            slow,
            about=f"the straightforward version with the teacher's float32 forward in each step; {few} steps",
        ),
        Arm(
            "TextBrewer, teacher in the loop",
            f"{HERE}_rivals:textbrewer",
            {**slow, "out": str(options.work / "textbrewer")},
            rival=True,
            about=f"GeneralDistiller on the same pair of models; {few} steps",
        ),
    ]


if __name__ == "__main__":
    main()
