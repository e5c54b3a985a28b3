"""The data sets that nothing was tuned on, cut into train, dev and test files in a work folder.

Where a set has no labelled test file, its dev file is the test and the last tenth of its training rows is dev.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

FEW = 500  # labels of the sets that have few


@dataclass(frozen=True)
class Files:
    """A set as `potstill distil` is given it; unlabelled: None where there is none.

    model: an encoder that suits the language, where the one for all others does not
    """

    train: Path
    dev: Path
    test: Path
    unlabelled: Path | None = None
    options: tuple[str, ...] = ()
    model: str = ""


def single_emotions(data: Path, work: Path) -> Files:
    """GoEmotions' rows of one label, with names in the place of ids."""
    names = (data / "goemotions" / "labels.txt").read_text("utf-8").split()
    made = {}
    for split in ("train", "dev", "test"):
        rows = [line.split("\t") for line in lines_of(data / "goemotions" / f"{split}.tsv")]
        kept = [f"{row[0]}\t{names[int(row[1])]}" for row in rows if row[1].isdigit()]
        made[split] = write(work / f"{split}.tsv", ["text\tlabel", *kept])
    return Files(**made)


def given(name: str) -> Callable[[Path, Path], Files]:
    """A set that has train, dev and test files."""

    def files(data: Path, work: Path) -> Files:
        return Files(*(data / name / f"{split}.tsv" for split in ("train", "dev", "test")))

    return files


def without_test(name: str) -> Callable[[Path, Path], Files]:
    def files(data: Path, work: Path) -> Files:
        head, *rows = lines_of(data / name / "train.tsv")
        cut = len(rows) - len(rows) // 10
        return Files(
            write(work / "train.tsv", [head, *rows[:cut]]),
            write(work / "dev.tsv", [head, *rows[cut:]]),
            data / name / "dev.tsv",
        )

    return files


def phrases(labelled: int) -> Callable[[Path, Path], Files]:
    """SST-2's first 10,000 phrases, so many of them with labels and the others without."""

    def files(data: Path, work: Path) -> Files:
        head, *rows = lines_of(data / "sst2" / "train.tsv")[:10_001]
        return Files(
            write(work / "train.tsv", [head, *rows[:labelled]]),
            data / "sst2" / "dev.tsv",
            data / "sst2" / "test.tsv",
            write(work / "more.tsv", [head, *rows[labelled:]]) if labelled < len(rows) else None,
        )

    return files


def hotels(labelled: int) -> Callable[[Path, Path], Files]:
    """8,000 reviews of hotels in Chinese, so many of them with labels; the file named dev is the large one."""

    def files(data: Path, work: Path) -> Files:
        folder, rows = data / "hotel_zh", lines_of(data / "hotel_zh" / "dev.txt")
        more = [json.dumps({"1": line.split("\t", 1)[1]}, ensure_ascii=False) for line in rows[labelled:]]
        return Files(
            write(work / "train.txt", rows[:labelled]),
            folder / "train.txt",
            folder / "test.txt",
            write(work / "more.jsonl", more) if more else None,
            ("--no-header", "--text", "1", "--label", "0"),
            "scratch:3x192",
        )

    return files


def lines_of(path: Path) -> list[str]:
    return path.read_text("utf-8-sig").splitlines()


def write(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


SETS: Mapping[str, Callable[[Path, Path], Files]] = {
    "goemotions, one label": single_emotions,
    "mrpc": given("mrpc"),
    "qqp": without_test("qqp"),
    "mnli": without_test("mnli"),
    "stsb": without_test("stsb"),
    "hotel_zh": hotels(8_000),
    "sst2-10k": phrases(10_000),
    f"sst2, {FEW} labels": phrases(FEW),
    f"hotel_zh, {FEW} labels": hotels(FEW),
}
