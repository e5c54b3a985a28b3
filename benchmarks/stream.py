"""The stream of training batches against Hugging Face datasets and a DataLoader; its stall, memory and growth.

    python -m benchmarks.stream

One epoch of padded batches of 256 with labels and teacher logits; nothing is learnt but where the stall is measured.
"""

from pathlib import Path
from typing import Any

from benchmarks.race import material
from benchmarks.race.arm import Arm
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.parity import refuse_other_rows
from benchmarks.race.ratios import Spread, rates_of, ratio
from benchmarks.race.results import add_aim, add_race, draw_lines, finish, result_of
from benchmarks.race.rounds import race
from benchmarks.race.scale import QUICK_SIZES, SIZES, grow, growth, slope_of

HERE, THEIRS = "benchmarks.arms.stream", "benchmarks.arms.stream_rivals"
FIRST = "ours, first epoch"
SLOW = "datasets streaming"
TUNED = (f"{SLOW}, batched map", f"{SLOW}, Arrow")
OF_IDS = f"{SLOW}, Arrow, ids kept"
ENCODING = (SLOW, f"{SLOW}, batched map", f"{SLOW}, Arrow", "DataLoader over Arrow")  # tokenise as a first epoch does
STALL_ROWS = 32_768
EPOCHS = 6  # of the growing stream: one that encodes, the best of five that read ids


def main() -> None:
    made = parser(__doc__, rows=65_536)
    made.add_argument("--only", choices=("race", "stall", "scale"), help="measure one part, for profiling")
    values = made.parse_args()
    options = options_of(values, quick_rows=1024)
    result = result_of("stream", options)
    result["remarks"] = []
    cache = material.cache(options, options.rows, material.tiny_teacher(options))
    if values.only in (None, "race"):
        measure_race(result, options, cache)
        finish(result, options)  # a run that is broken off later keeps what it has
    if values.only in (None, "stall"):
        measure_stall(result, options)
        finish(result, options)
    if values.only in (None, "scale"):
        measure_scale(result, options)
    finish(result, options)


def measure_race(result: dict[str, Any], options: Options, cache: Path) -> None:
    """Rows a second of an epoch, and that all arms hand out the same rows."""
    arms = [*our_arms(cache), *rivals(material.flat_parquet(options, cache, options.rows), cache / "files")]
    found = race(arms, rounds=options.rounds, threads=options.threads)
    add_race(result, found, "ours", {arm.name: arm.about for arm in arms})
    refuse_other_rows({arm: found.of(arm)[0]["sums"] for arm in result["arms"]}, "ours")
    result["parity"] = {"sums of one epoch, alike in every arm": found.of("ours")[0]["sums"]}
    result["padding"] = {arm: round(found.of(arm)[-1]["padding"], 4) for arm in result["arms"]}
    if SLOW in result["ratios"]:
        add_aim(result, "ours / datasets streaming with shuffle", result["ratios"][SLOW]["median"], least=20)
    tuned = [name for name in TUNED if name in result["ratios"]]
    if tuned:
        best = min(tuned, key=lambda name: result["ratios"][name]["median"])
        times = result["ratios"][best]["median"]
        add_aim(result, f"ours / its best tuned form that reads texts ({best})", times, least=3)
    if OF_IDS in result["ratios"]:
        times = result["ratios"][OF_IDS]["median"]
        add_aim(result, "ours / its best tuned form over a file of ids made by hand", times, least=3)
    for name in ENCODING:
        if name in result["arms"] and FIRST in result["arms"]:
            result["remarks"].append(f"{FIRST} / {name}: {ratio(found.rounds, FIRST, name)} times")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["padding"].items())
    result["remarks"].append(f"padding in the batches handed out: {shares}")


def our_arms(cache: Path) -> list[Arm]:
    """Later epochs, the first epoch, and what is left where reading costs nothing."""
    settings = {"cache": str(cache)}
    about = {
        "ours": "Stream: plan, row groups, ids on disk after the cold round, a thread ahead",
        FIRST: "the same without ids on disk: encodes them and writes them",
        "ceiling: from memory": "our plan over encoded blocks in memory",
    }
    return [
        Arm("ours", f"{HERE}:ours", settings, about=about["ours"]),
        Arm(FIRST, f"{HERE}:ours", {**settings, "first": True}, about=about[FIRST]),
        Arm("ceiling: from memory", f"{HERE}:memory", settings, about=about["ceiling: from memory"]),
    ]


def rivals(flat: Path, tokenizer: Path) -> list[Arm]:
    """What others do with a Parquet file of texts, and where they tokenise once, with one of ids."""
    common = {"flat": str(flat), "tokenizer": str(tokenizer)}
    kept = "from a file of ids, padded without a step a row"
    made: list[tuple[str, str, dict[str, Any], str]] = [
        (SLOW, "datasets_default", {"batched": False}, "shuffle(10,000), map over rows, DataCollatorWithPadding"),
        (f"{SLOW}, batched map", "datasets_default", {"batched": True}, "the same, map over batches of 1,000"),
        (f"{SLOW}, Arrow", "datasets_tuned", {}, "shuffle(10,000) of Arrow tables, bare Rust tokenizer, pad_sequence"),
        (OF_IDS, "datasets_tuned", {"kept": True}, f"the same {kept}"),
        ("DataLoader over Arrow", "map_style", {"workers": 0}, "map-style, shuffled, bare Rust tokenizer"),
        ("DataLoader over Arrow, 2 workers", "map_style", {"workers": 2}, "the same with worker processes"),
        ("DataLoader over Arrow, ids kept", "map_kept", {}, f"a table of random rows for each batch, {kept}"),
    ]
    return [
        Arm(name, f"{THEIRS}:{place}", {**common, **settings}, rival=True, about=about)
        for name, place, settings, about in made
    ]


def measure_stall(result: dict[str, Any], options: Options) -> None:
    """How much longer training takes from the stream than from batches that lie ready: 1 - T_memory / T_stream.

    A whole epoch in blocks of one row group; the word table is as wide as MiniLM's, 30,522 x 384.
    """
    rows = min(STALL_ROWS, options.rows)
    cache = material.cache(options, rows, material.tiny_teacher(options, layers=1, width=384))
    settings = {"cache": str(cache), "rows": rows}
    arms = [
        Arm("training from the stream", f"{HERE}:stalled", {**settings, "from_memory": False}),
        Arm("training from memory", f"{HERE}:stalled", {**settings, "from_memory": True}),
        Arm(
            "training from the stream, first epoch",
            f"{HERE}:stalled",
            {**settings, "from_memory": False, "first": True},
        ),
    ]
    found = race(arms, rounds=options.rounds, threads=options.threads)
    if found.skipped:
        result["skipped"] |= found.skipped
        return
    result["rounds"] += found.rounds
    stream, memory, first = (arm.name for arm in arms)
    result["stall"] = {arm.name: Spread.of(list(rates_of(found.rounds, arm.name).values())).to_dict() for arm in arms}
    for name, share, most in ((stream, "share", 0.03), (first, "share of the first epoch", None)):
        slowed = ratio(found.rounds, name, memory)  # rates: stream / memory = T_memory / T_stream
        stall = Spread(1 - slowed.median, 1 - slowed.high, 1 - slowed.low)
        result["stall"][share] = stall.to_dict()
        if most is not None:
            add_aim(result, "stall with the real BiLSTM student", stall.median, most=most)
        result["remarks"].append(
            f"stall, {name}: {stall.median:.1%} ({stall.low:.1%} to {stall.high:.1%}), "
            f"{result['stall'][name]['median']:,.0f} rows/s, {result['stall'][memory]['median']:,.0f} from memory, "
            f"{options.threads} threads"
        )


def measure_scale(result: dict[str, Any], options: Options) -> None:
    """Time and anonymous memory of the cache phase (with a tiny teacher) and of the stream, over the rows."""
    sizes = QUICK_SIZES if options.quick else SIZES
    teacher = material.tiny_teacher(options)
    few = str(material.examples_directory(options, 256))

    def out(size: int) -> Path:
        return options.work / f"grown-{size}"

    def building(size: int) -> Arm:
        examples = str(material.examples_directory(options, size))
        paths = {"examples": examples, "few": few, "teacher": str(teacher), "out": str(out(size))}
        return Arm("cache phase, tiny teacher", f"{HERE}:built", {**paths, "threads": options.threads})

    def streaming(size: int) -> Arm:
        return Arm("stream", f"{HERE}:ours", {"cache": str(out(size))})

    found = {
        "cache": grow(building, sizes, threads=options.threads, repeats=2),
        "stream": grow(streaming, sizes, threads=options.threads, repeats=EPOCHS),
    }
    found["stream, first epoch"] = [{**point, "seconds": point["first_seconds"]} for point in found["stream"]]
    result["scale"] = found
    for name, points in found.items():
        if len(points) < 2:
            continue
        add_aim(result, f"{name}: log-log slope of time over rows", slope_of(points), least=0.95, most=1.05)
        if name.endswith("first epoch"):
            continue  # it was one of the epochs whose memory is the stream's
        add_aim(result, f"{name}: anonymous memory, {sizes[-1]:,} rows / {sizes[0]:,}", growth(points), most=1.10)
        megabytes = ", ".join(f"{point['size']:,}: {point['anonymous_mb']:.0f} MB" for point in points)
        result["remarks"].append(f"anonymous memory of the {name} phase: {megabytes}")
    options.out.mkdir(parents=True, exist_ok=True)
    times = {name: [(point["rows"], point["seconds"]) for point in points] for name, points in found.items()}
    memory = {name: [(point["rows"], point["anonymous_mb"]) for point in points] for name, points in found.items()}
    draw_lines(times, ("rows", "seconds"), options.out / "scale-time.svg")
    draw_lines(memory, ("rows", "anonymous memory, MB"), options.out / "scale-memory.svg")


if __name__ == "__main__":
    main()
