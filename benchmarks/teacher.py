"""The teacher phase, texts to sealed Parquet, against plain and tuned loops, sentence-transformers and its ceilings.

    python -m benchmarks.teacher

Careful rivals do half of the rows and slow float32 arms a twelfth: rates are compared, and the rows stand in random
order. Ours does the whole phase in each round: it opens and hashes its inputs, loads the weights, answers, writes,
verifies and seals.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race import material
from benchmarks.race.arm import Arm
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.parity import compare, refuse_difference
from benchmarks.race.results import add_aim, add_race, finish, result_of
from benchmarks.race.rounds import Race, race
from data.schema import SIGNALS
from teacher_cache.config import CacheConfig
from teacher_cache.launch.machine import choose
from teacher_cache.teacher.files import inspect_teacher

SLOWER = 12  # the slow arms do one row for this many of the others
HIDDEN_SHARE = 4  # the arms that keep every token's state do one row for this many: 9 kB a row


def main() -> None:
    made = parser(__doc__, rows=24_576)
    made.add_argument("--teacher", type=Path, help="a fine-tuned teacher; made when none is named")
    made.add_argument("--dtype", default="auto", help="our arithmetic, as in potstill cache")
    values = made.parse_args()
    options = options_of(values)
    teacher = values.teacher or material.teacher(options)
    machine = settled(options, teacher, "float32" if options.quick else values.dtype)
    result = result_of("teacher", options, settings={"teacher": Path(teacher).name, **machine})
    measure_logits(result, options, str(teacher), machine)
    result["remarks"] = remarks(result)
    finish(result, options)  # a run that is broken off later keeps what it has
    measure_hidden(result, options, str(teacher), machine)
    result["remarks"] = remarks(result)
    finish(result, options)


def settled(options: Options, teacher: Path, dtype: str) -> dict[str, Any]:
    """What `auto` means here, so that ceilings and rivals run in the same precision."""
    found = choose(CacheConfig(dtype=dtype, threads=options.threads), inspect_teacher(teacher))
    return {"dtype": found.dtype, "attention": found.attention, "token_budget": found.token_budget}


def measure_logits(result: dict[str, Any], options: Options, teacher: str, machine: dict[str, Any]) -> None:
    """Logits of every text: the arms, the gate, the aims."""
    scratch = fresh(options.work / "teacher-scratch")
    arms = arms_of(options, teacher, machine, scratch)
    found = race(arms, rounds=options.rounds, threads=options.threads)
    add_race(result, found, "ours", {arm.name: arm.about for arm in arms})
    result["parity"] = gate(scratch, found)
    report = found.of("ours")[-1]["report"]
    result["ours"] = found.of("ours")[-1]
    ratios = {name: value["median"] for name, value in result["ratios"].items()}
    add_aim(result, "ours / plain transformers loop", ratios["plain transformers loop"], least=8)
    if "sentence-transformers tuned" in ratios:
        add_aim(result, "ours / sentence-transformers tuned", ratios["sentence-transformers tuned"], least=1.3)
    add_aim(result, "ours / forward-only ceiling", ratios["ceiling: forward only"], least=0.92)
    ceilings = ("ceiling: forward only", "ceiling: tokenise only", "ceiling: write only")
    slowest = min(result["arms"][name]["rate"]["median"] for name in ceilings)
    result["overlap_efficiency"] = round(result["arms"]["ours"]["rate"]["median"] / slowest, 4)
    add_aim(result, "padding waste", report["padding_waste"], most=0.03)


def arms_of(options: Options, teacher: str, machine: dict[str, Any], scratch: Path) -> list[Arm]:
    examples = str(material.examples_directory(options, options.rows))
    few, half = max(32, options.rows // SLOWER), max(32, options.rows // 2)
    config = {"dtype": machine["dtype"], "threads": options.threads}
    common = {"examples": examples, "teacher": teacher}
    here = "benchmarks.arms.teacher"

    def files(name: str) -> dict[str, str]:
        return {"out": str(scratch / name), "answers": str(scratch / f"{name}.npy")}

    encode = {**common, "dtype": machine["dtype"], "rows": half, "tune": True, "answers": str(scratch / "st-tuned.npy")}
    default = {**common, "dtype": "float32", "rows": few, "tune": False, "answers": str(scratch / "st-default.npy")}
    careful = {**common, **files("tuned"), "rows": half, "dtype": machine["dtype"]}
    ceiling = {**common, "rows": options.rows, "machine": machine}
    precision = machine["dtype"]
    return [
        Arm("ours", f"{here}:ours", {**common, **files("ours"), "config": config}, about=f"{precision}, to the seal"),
        Arm(
            "plain transformers loop",
            f"{here}:plain",
            {**common, **files("plain"), "rows": few},
            about=f"float32, file order, 32 a batch, Parquet; {few:,} rows",
        ),
        Arm(
            "tuned loop",
            f"{here}:tuned",
            careful,
            about=f"{precision}, whole corpus sorted, best batch, Parquet; {half:,} rows",
        ),
        Arm(
            "sentence-transformers",
            f"{here}:sentence_transformers",
            default,
            rival=True,
            about=f"encode as it comes, float32, vectors in memory; {few:,} rows",
        ),
        Arm(
            "sentence-transformers tuned",
            f"{here}:sentence_transformers",
            encode,
            rival=True,
            about=f"encode, {precision}, best batch, vectors in memory; {half:,} rows",
        ),
        Arm(
            "ceiling: forward only",
            f"{here}_ceilings:forward_only",
            ceiling,
            about="our batches as tensors, nothing stored",
        ),
        Arm(
            "ceiling: tokenise only",
            f"{here}_ceilings:tokenise_only",
            {**common, "rows": options.rows},
            about="texts to arrays",
        ),
        Arm(
            "ceiling: write only",
            f"{here}_ceilings:write_only",
            {"cache": str(scratch / "ours"), "out": str(scratch / "again")},
            about="the sealed columns written again",
        ),
    ]


def gate(scratch: Path, found: Race) -> dict[str, Any]:
    """Compare every arm's answers with those of the plain loop; refuse the benchmark where one differs."""
    parity = {}
    arms = {"ours": "ours", "tuned loop": "tuned", "ours: last hidden": "ours-hidden"}
    reference, vectors = np.load(scratch / "plain.npy"), np.load(scratch / "plain.vectors.npy")
    for arm, file in arms.items():
        if (scratch / f"{file}.npy").exists():
            parity[arm] = compare(reference, np.load(scratch / f"{file}.npy"))
            refuse_difference(arm, parity[arm])
    for arm, file in {"sentence-transformers": "st-default", "sentence-transformers tuned": "st-tuned"}.items():
        if arm not in found.skipped:
            parity[arm] = compare(vectors, np.load(scratch / f"{file}.npy"))
            refuse_difference(arm, parity[arm], argmax=False)
    return parity


def measure_hidden(result: dict[str, Any], options: Options, teacher: str, machine: dict[str, Any]) -> None:
    """The last hidden state of all tokens, where the cache phase can keep it."""
    if "hidden" not in SIGNALS:
        result["skipped"]["ours: last hidden"] = "the cache has no signal `hidden` yet"
        return
    rows = max(32, options.rows // HIDDEN_SHARE)
    scratch = fresh(options.work / "hidden-scratch")
    common = {"examples": str(material.examples_directory(options, rows)), "teacher": teacher}
    config = {"dtype": machine["dtype"], "threads": options.threads, "signals": ["logits", "hidden"]}
    few = max(32, rows // SLOWER * HIDDEN_SHARE)
    files = {
        name: {"out": str(scratch / name), "answers": str(scratch / f"{name}.npy")}
        for name in ("ours", "tuned", "plain")
    }
    arms = [
        Arm(
            "ours: last hidden",
            "benchmarks.arms.teacher:ours",
            {**common, **files["ours"], "config": config},
            about=f"logits and every token's last state, to the seal; {rows:,} rows",
        ),
        Arm(
            "tuned loop: last hidden",
            "benchmarks.arms.teacher:tuned",
            {**common, **files["tuned"], "rows": rows, "dtype": machine["dtype"], "hidden": True},
            about="the tuned loop, states as a list column of float16",
        ),
        Arm(
            "plain transformers loop: last hidden",
            "benchmarks.arms.teacher:plain",
            {**common, **files["plain"], "rows": few, "hidden": True},
            about=f"the plain loop, states as lists of lists of float32; {few:,} rows",
        ),
    ]
    found = race(arms, rounds=options.rounds, threads=options.threads)
    add_race(result, found, "ours: last hidden", {arm.name: arm.about for arm in arms})
    if found.skipped:
        return
    parity = compare(np.load(scratch / "tuned.npy"), np.load(scratch / "ours.npy"))
    refuse_difference("ours: last hidden", parity)
    result["parity"]["ours: last hidden"] = parity
    times = result["ratios"]["tuned loop: last hidden"]["median"]
    add_aim(result, "last hidden of all tokens: ours / tuned loop", times, least=3)


def remarks(result: dict[str, Any]) -> list[str]:
    report = result["ours"]["report"]
    found = [
        f"parity with the plain loop: {name}: {value['rows']:,} rows, mean cosine {value['cosine_mean']:.5f}"
        + (f", same argmax {value['same_argmax']:.4f}" if name.startswith(("ours", "tuned")) else "")
        for name, value in result["parity"].items()
    ]
    inside = report["seconds"] / result["ours"]["seconds"]
    found.append(f"of ours, {inside:.0%} of the time is teacher time as its manifest counts it; the rest is start-up")
    found.append(f"overlap efficiency (ours / slowest ceiling): {result['overlap_efficiency']:.3f}")
    return found


def fresh(folder: Path) -> Path:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    main()
