"""The student's answers against its teacher's and BERT-large's: many texts at once, and one by one.

    python -m benchmarks.infer

Texts are SST-2 dev sentences; all arms are float32, tokenise inside the measured time and have the same threads.
"""

from pathlib import Path
from typing import Any

from benchmarks.race import material
from benchmarks.race.arm import Arm
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.results import add_aim, add_race, finish, result_of
from benchmarks.race.rounds import race

HERE = "benchmarks.arms.infer"
BATCH = 256
SINGLES, LARGE_SINGLES = 200, 10
LARGE_TEXTS = 64  # half a second of a core each
LARGE = {"layers": 24, "width": 1024}


def main() -> None:
    made = parser(__doc__, rows=2_048)
    made.add_argument("--teacher", type=Path, help="a fine-tuned teacher; made when none is named")
    made.add_argument("--student", type=Path, help="a student directory; made when none is named")
    values = made.parse_args()
    options = options_of(values)
    teacher = values.teacher or material.teacher(options)
    rows = 1024 if options.quick else 16_384
    student = values.student or material.student(options, material.cache(options, rows, teacher))
    result = result_of("infer", options, settings={"teacher": Path(teacher).name, "student": about_student(student)})
    result["remarks"] = []
    for batch in (BATCH, 1):
        measure(result, options, (str(student), str(teacher)), batch)
        finish(result, options)  # a run that is broken off later keeps what it has


def about_student(student: Path) -> dict[str, Any]:
    from data.manifest import read_manifest
    from student_train.directory.sealed import best_student

    report = read_manifest(best_student(student), "student").report
    return {key: report.get(key) for key in ("parameters", "embedding_parameters", "bytes")}


def measure(result: dict[str, Any], options: Options, models: tuple[str, str], batch: int) -> None:
    """Race at one batch size; BERT-large answers fewer texts, for one takes it half a second."""
    arms = arms_of(options, models, batch)
    found = race(arms, rounds=options.rounds, threads=options.threads)
    ours, *others = (arm.name for arm in arms)
    add_race(result, found, ours, {arm.name: arm.about for arm in arms})
    wanted = {BATCH: (8, 200), 1: (5, None)}[batch]
    for name in others:
        least = wanted[1] if "BERT-large" in name else wanted[0]
        if name in result["ratios"] and least:
            add_aim(result, f"student / {name}", result["ratios"][name]["median"], least=least)
    if batch == 1:
        waits = {name: found.of(name)[-1] for name in (ours, *others) if found.of(name)}
        result["remarks"] += [
            "one text: "
            + ", ".join(f"{name} {w['p50_ms']:.2f} ms (p95 {w['p95_ms']:.2f})" for name, w in waits.items())
        ]


def arms_of(options: Options, models: tuple[str, str], batch: int) -> list[Arm]:
    student, teacher = models
    count = options.rows if batch > 1 else min(SINGLES, options.rows)
    large = min(max(1, options.rows // 8), LARGE_TEXTS if batch > 1 else LARGE_SINGLES)
    texts = material.sample(options.data, count)
    by_number = f"{count:,} texts, batch {batch}"
    size = {"layers": 2, "width": 64} if options.quick else LARGE
    arms = [
        Arm(
            f"ours, batch {batch}",
            f"{HERE}:student",
            {"directory": student, "texts": texts, "batch": batch},
            about=by_number,
        ),
        Arm(
            f"teacher, batch {batch}",
            f"{HERE}:encoder",
            {"directory": teacher, "texts": texts, "batch": batch, "by_length": False},
            about=f"transformers, {by_number}",
        ),
    ]
    if batch > 1:
        settings = {"directory": teacher, "texts": texts, "batch": batch, "by_length": True}
        arms.append(Arm(f"teacher, sorted, batch {batch}", f"{HERE}:encoder", settings, about=f"sorted, {by_number}"))
    settings = {"tokenizer": teacher, "texts": texts[:large], "batch": batch, **size}
    arms.append(Arm(f"BERT-large, batch {batch}", f"{HERE}:large", settings, about=f"random weights, {large} texts"))
    return arms


if __name__ == "__main__":
    main()
