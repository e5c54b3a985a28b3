"""Making new rows from texts against nlpaug and TextAttack, one core against one; two cores against one; growth.

    python -m benchmarks.augment

Comparable operations: masking or replacing words, deleting, cropping, swapping. Rows a second of new rows.
"""

from pathlib import Path
from typing import Any

from benchmarks.race import material
from benchmarks.race.arm import Arm
from benchmarks.race.options import Options, options_of, parser
from benchmarks.race.ratios import ratio
from benchmarks.race.results import add_aim, add_race, finish, result_of
from benchmarks.race.rounds import Race, race
from benchmarks.race.scale import grow, growth, slope_of
from data.errors import BAD_DATA, PotstillError

HERE = "benchmarks.arms.augment"
NLPAUG = ("substitute", "delete", "crop", "swap")
TEXTATTACK = ("delete", "swap")
NLPAUG_TEXTS, TEXTATTACK_TEXTS = 400, 40  # a few seconds of each
ALONE, ALONE_TEXTS = "ours, operations alone", 4_096
SIZES = (1_000, 3_160, 10_000, 31_600)  # originals; the largest make about 450,000 rows
QUICK_SIZES = (64, 128)


def main() -> None:
    made = parser(__doc__, rows=65_536)
    values = made.parse_args()
    options = options_of(values, quick_rows=128)
    result = result_of("augment", options)
    measure(result, options)
    finish(result, options)  # a run that is broken off later keeps what it has
    measure_scale(result, options)
    finish(result, options)


def measure(result: dict[str, Any], options: Options) -> None:
    examples = str(material.examples_directory(options, options.rows))
    arms = [*our_arms(options, examples), *rival_arms(options)]
    found = race(arms, rounds=options.rounds, threads=1)
    add_race(result, found, "ours, one core", {arm.name: arm.about for arm in arms}, unit="new rows/s")
    result["parity"] = gate(found, options)
    rivals = [arm.name for arm in arms if arm.rival and arm.name in result["ratios"]]
    if rivals:
        fastest = min(rivals, key=lambda name: result["ratios"][name]["median"])
        times = result["ratios"][fastest]["median"]
        add_aim(result, f"one core, the whole phase / the fastest rival ({fastest})", times, least=20)
        times = ratio(found.rounds, ALONE, fastest).median
        add_aim(result, f"one core, operations alone / the fastest rival ({fastest})", times, least=20)
    if "ours, two cores" in result["ratios"]:
        add_aim(result, "two cores / one", 1 / result["ratios"]["ours, two cores"]["median"], least=1.8)
    result["remarks"] = [
        "textattack runs with stand-ins for flair and stop words, which the measured operations do not use",
        "synonym operations are left out: they need a word net that is not on PyPI, and are slower still",
    ]


def our_arms(options: Options, examples: str) -> list[Arm]:
    def arm(name: str, cores: int, about: str, **config: Any) -> Arm:
        out = str(options.work / f"augmented-{cores}-{len(config)}")
        paths = {"examples": examples, "rows": options.rows, "out": out}
        return Arm(name, f"{HERE}:ours", {**paths, "cores": cores, "config": config}, about=about)

    few = {"chunk_rows": 32} if options.quick else {}
    return [
        arm("ours, one core", 1, "mask, replace by part of speech, n-gram; unique rows, sealed", **few),
        arm("ours, one core, no tagger", 1, "mask and n-gram only", tagger="none", p_pos=0.0, **few),
        arm("ours, two cores", 2, "as the first, two workers", **few),
        Arm(
            ALONE,
            f"{HERE}:operations",
            {"texts": material.texts(options.data, min(ALONE_TEXTS, options.rows))},
            about="mask and n-gram, unique rows, 20 of each of 4,096 originals, in memory like the rivals",
        ),
    ]


def rival_arms(options: Options) -> list[Arm]:
    texts = material.texts(options.data, min(NLPAUG_TEXTS, options.rows))
    few = texts[: TEXTATTACK_TEXTS if not options.quick else 2]
    return [
        *(_rival("nlpaug", action, texts) for action in NLPAUG),
        *(_rival("textattack", action, few) for action in TEXTATTACK),
    ]


def _rival(library: str, action: str, texts: list[str]) -> Arm:
    about = f"20 rows of each of {len(texts)} originals, in memory"
    settings = {"texts": texts, "action": action}
    return Arm(f"{library} {action}", f"{HERE}:{library}", settings, rival=True, about=about)


def gate(found: Race, options: Options) -> dict[str, Any]:
    """One core and two must make the same rows, every row once, and rivals about as many as were asked of them."""
    counts = {arm: found.of(arm)[-1]["rows"] for arm in dict.fromkeys(entry["arm"] for entry in found.rounds)}
    if counts.get("ours, two cores") != counts["ours, one core"]:
        raise PotstillError(f"one core and two made different rows: {counts}", code=BAD_DATA)
    import pyarrow.parquet as pq

    out = sorted((options.work).glob("augmented-1-*"))[0]
    rows = [tuple(row.values()) for path in sorted(out.glob("part-*.parquet")) for row in _texts(pq, path)]
    if len(set(rows)) != len(rows):
        raise PotstillError(f"{len(rows) - len(set(rows))} rows of {out} stand there twice", code=BAD_DATA)
    return {"new rows of the last round": counts, "all rows different": True}


def _texts(pq: Any, path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path, columns=["text"]).to_pylist()


def measure_scale(result: dict[str, Any], options: Options) -> None:
    """Time and anonymous memory over the number of originals, one core."""
    sizes = QUICK_SIZES if options.quick else SIZES
    examples = str(material.examples_directory(options, max(sizes)))

    def arm_of(size: int) -> Arm:
        settings = {"examples": examples, "rows": size, "out": str(options.work / "augmented-grown"), "cores": 1}
        return Arm("augment", f"{HERE}:ours", {**settings, "config": {}})

    points = grow(arm_of, sizes, threads=1, repeats=2)
    result["scale"] = {"augment": points}
    if len(points) > 1:
        add_aim(result, "augment: log-log slope of time over rows", slope_of(points), least=0.95, most=1.05)
        add_aim(result, f"augment: anonymous memory, {sizes[-1]:,} originals / {sizes[0]:,}", growth(points), most=1.10)
        megabytes = ", ".join(f"{point['size']:,}: {point['anonymous_mb']:.0f} MB" for point in points)
        result["remarks"].append(f"anonymous memory over originals: {megabytes}")


if __name__ == "__main__":
    main()
