"""A small finished run, made of real manifests and real Parquet parts, and a browser to look at its report with."""

import base64
import functools
import hashlib
import json
import os
import pickle
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data import store
from data.example import Example, example_id
from data.examples import describe, hash_ids, write_parts
from data.manifest import Manifest, read_manifest, write_manifest
from data.readers.identity import fingerprint
from data.row_groups import parquet_writer
from data.schema import Sizes, cache_schema
from data.tasks.metrics import SeedScores
from data.tasks.task import Task
from pipelines.report.pages import pictures
from pipelines.report.write import write_report
from pipelines.steps import results

CLASSES = Task("classify", ("bad", "good"))
SCORES = Task("regress")
NASTY = "<script>alert('x')</script> | *awful* $x$ https://example.org/a.png"


class FakeStudent:
    """Answers with the teacher's number for every text it knows, moved a little."""

    def __init__(self, logits: dict[str, list[float]]) -> None:
        self.known = logits
        self.asked = 0

    def logits(self, texts: list[str], pairs: list[str] | None = None) -> np.ndarray:
        self.asked += len(texts)
        return np.array([self.known[text] for text in texts], np.float32) + 0.01


def originals(task: Task) -> list[Example]:
    texts = ["a fine day", "not good at all", NASTY, "a film I would see again", "dull", "I smiled all the way"]
    rows = []
    for number, text in enumerate(texts):
        label = number % 2 if task.labels else number / 2
        rows.append(Example(example_id(task.kind, text), text, label=label))
    return rows


def augmented(rows: list[Example], task: Task) -> list[Example]:
    made = []
    for row, op, k in ((row, op, k) for row in rows for k, op in enumerate(("mask", "mask+ngram"))):
        text = f"{row.text} {k}"
        made.append(Example(example_id(task.kind, text), text, source_id=row.id, op=op, k=k))
    return made


def answers(rows: list[Example], task: Task) -> np.ndarray:
    """Logits [N, C]: a confident mistake on the third row, else what the label says, more or less."""
    rng = np.random.default_rng(0)
    if not task.labels:
        return np.array([[(row.label if row.label is not None else 1.0) + rng.normal(0, 0.2)] for row in rows])
    right = [row.label if row.label is not None else rng.integers(2) for row in rows]
    logits = np.array([[1.0, -1.0] if label == 0 else [-1.0, 1.0] for label in right]) * rng.uniform(
        0.2, 2, (len(rows), 1)
    )
    logits[2] = [-4.0, 4.0]
    return logits


def make_examples(out: Path, task: Task) -> list[Example]:
    first = originals(task)
    rows = first + augmented(first, task)
    parts = write_parts(out, rows, task)
    length = {"originals": 2, "rows": 6, "factor": 3.0}
    report = {
        "read": 6, "originals": 6, "synthetic": 12, "rows": 18, "factor": 3.0,
        "by_length": {"1": {"originals": 1, "rows": 3, "factor": 3.0}, "11-20": length, "3": length},
        "by_op": {"original": 6, "mask": 6, "mask+ngram": 6},
        "dropped": {"equals_original": 4, "all_mask": 1},
        "tagger": "own 1", "seconds": 0.5, "rows_per_second": 36,
    }  # fmt: skip
    write_manifest(out, Manifest("examples", task, tuple(parts), {"train:train.tsv": "0" * 64}, {"n_iter": 2}, report))
    return rows


def make_cache(out: Path, examples: Path, rows: list[Example], task: Task) -> np.ndarray:
    logits = answers(rows, task).astype(np.float32)
    schema = cache_schema(task, ("logits",), Sizes(4))
    path, ids = out / "part-00000.parquet", pa.chunked_array([[row.id for row in rows]])
    table = pa.table(
        [
            ids,
            [3] * len(rows),
            ["ok"] * len(rows),
            pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), task.width),
        ],
        names=schema.names,
    ).cast(schema)
    with parquet_writer(path, schema) as writer:
        writer.write_table(table)
    digest = hashlib.sha256()
    hash_ids(digest, ids)
    config = {"examples": "../examples", "teacher": "../teacher", "signals": ["logits"], "width": 4, "dtype": "float32"}
    report = {"rows": len(rows), "seconds": 2.0, "rows_per_second": 9.0, "status": {"ok": len(rows)}, "device": "cpu"}
    origins = {"examples": read_manifest(examples, "examples").root, "teacher": "t" * 64}
    part = describe(path, len(rows), digest.hexdigest())
    write_manifest(out, Manifest("cache", task, (part,), origins, config, report))
    return logits


def curve(metric: str, last: float) -> str:
    lines = [
        {"step": step, "epoch": 0, "loss": 1 / step, "rows_per_second": 9.0, "dev": {metric: last - 0.1 / step}}
        for step in (10, 20, 30)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def make_student(out: Path, cache: Path, *, loss: str, dev: float, seeds: int) -> None:
    manifest = read_manifest(cache, "cache")
    metric = manifest.task.rules.main_metric
    places = [out] if seeds == 1 else [out / f"seed-{seed}" for seed in range(seeds)]
    made = []
    for seed, place in enumerate(places):
        store.write_text(place / "metrics.jsonl", curve(metric, dev + seed / 100))
        report = {"dev": {metric: dev + seed / 100}, "best_step": 30, "steps": 30, "seconds": 4.0, "bytes": 2_000_000}
        report |= {"parameters": 700_000, "embedding_parameters": 100_000, "rows_per_second": 50.0}
        origins = {"cache": manifest.root, "dev": "d" * 64}
        made.append(
            Manifest(
                "student", manifest.task, (), origins, {"losses": {loss: {"weight": 1.0}}, "seeds": [seed]}, report
            )
        )
        write_manifest(place, made[-1])
    if seeds > 1:
        report = {"seeds": {place.name: one.report for place, one in zip(places, made, strict=True)}}
        report |= {"best": places[-1].name, "dev": {metric: {"mean": dev, "std": 0.01}}}
        roots = {place.name: one.root for place, one in zip(places, made, strict=True)}
        write_manifest(out, Manifest("students", manifest.task, (), made[0].made_from | roots, made[0].config, report))


def values(metric: str, score: float, alike: float | None) -> dict[str, float]:
    return {metric: score} | ({"agreement": alike} if alike else {})


def seeded(mean: float, seeds: int) -> list[float]:
    """Scores of one seed, or of two with a standard deviation of 0.004."""
    off = 0.004 / 2**0.5
    return [mean] if seeds == 1 else [mean - off, mean + off]


def measure(run: Path, task: Task) -> None:
    metric = task.rules.main_metric
    scores = {"teacher": (0.91, 1), "labels": (0.80, 1), "distilled": (0.88, 2)}
    alike = {"labels": 0.75, "distilled": 0.92}
    evaluated = {
        name: {
            split: SeedScores(
                {
                    f"seed-{seed}": {
                        key: seeded(value, seeds)[seed] for key, value in values(metric, score, alike.get(name)).items()
                    }
                    for seed in range(seeds)
                }
            ).to_json()
            for split in ("dev", "test")
        }
        for name, (score, seeds) in scores.items()
    }
    small = {"parameters": 700_000, "embedding_parameters": 100_000, "megabytes": 2.0, "p50_ms": 0.5, "p95_ms": 0.7}
    large = {
        "parameters": 10_000_000,
        "embedding_parameters": 12_000_000,
        "megabytes": 90.0,
        "p50_ms": 15.0,
        "p95_ms": 21,
    }
    speeds = {"teacher": large, "labels": small, "distilled": small}
    store.write_json(run / "evaluate.json", evaluated)
    store.write_json(
        run / "bench.json", {key: value | {"rows_per_second": 100.0, "threads": 1} for key, value in speeds.items()}
    )
    results.collect(run, task, list(scores))
    models = {"labels": run / "student-labels", "distilled": run / "student-distilled"}
    inputs = {name: {"path": str(place), "hash": fingerprint(place)} for name, place in models.items()}
    record = {"config": {}, "inputs": {}, "finished": True, "hash": "f" * 64, "seconds": 12.5, "peak_megabytes": 640.0}
    phases = dict.fromkeys(("augment", "cache", "train labels", "train distilled", "bench"), record)
    store.write_json(run / "phases.json", phases | {"evaluate": record | {"inputs": inputs}})
    store.write_text(run / "recipe.toml", "[arms.labels]\n\n[arms.distilled]\n")


def make_run(run: Path, task: Task) -> dict[str, list[float]]:
    """Make a run with two arms; return what the teacher says of each text."""
    rows = make_examples(run / "examples", task)
    logits = make_cache(run / "cache", run / "examples", rows, task)
    make_student(run / "student-labels", run / "cache", loss="ce", dev=0.80, seeds=1)
    make_student(run / "student-distilled", run / "cache", loss="logit_mse", dev=0.87, seeds=2)
    measure(run, task)
    return {row.text: list(map(float, row_logits)) for row, row_logits in zip(rows, logits, strict=True)}


DRAWN: dict[bytes, str] = {}
DRAWINGS = ("curves", "bars", "histogram", "models", "scatter")


def kept(draw: Callable[..., str]) -> Callable[..., str]:
    """The same drawing for the same numbers, drawn once: matplotlib takes nearly all the time of a report."""

    @functools.wraps(draw)
    def drawn(*numbers: Any, **named: Any) -> str:
        key = pickle.dumps((draw.__name__, numbers, named))
        if key not in DRAWN:
            DRAWN[key] = draw(*numbers, **named)
        return DRAWN[key]

    return drawn


@pytest.fixture(scope="module", autouse=True)
def drawings() -> Iterator[None]:
    """The reports of these tests take the drawings that an earlier one made."""
    with pytest.MonkeyPatch.context() as patch:
        for name in DRAWINGS:
            patch.setattr(pictures, name, kept(getattr(pictures, name)))
        yield


@pytest.fixture
def drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of the drawings themselves."""
    for name in DRAWINGS:
        monkeypatch.setattr(pictures, name, getattr(pictures, name).__wrapped__)


@pytest.fixture
def student(monkeypatch: pytest.MonkeyPatch) -> FakeStudent:
    """What `Student.load` gives in these tests."""
    fake = FakeStudent({})
    monkeypatch.setattr("student_train.student.Student.load", staticmethod(lambda path: fake))
    return fake


@pytest.fixture
def run(tmp_path: Path, student: FakeStudent) -> Path:
    """A finished run of a two-class task."""
    student.known = make_run(tmp_path / "x", CLASSES)
    return tmp_path / "x"


@pytest.fixture
def crowded(run: Path) -> Path:
    """The same run with six students of long names and operations on pairs of texts."""
    rows = store.read_json(run / "results.json")
    for number in range(4):
        name = f"a_student_with_a_very_long_name_number_{number}"
        shutil.copytree(run / "student-distilled", run / f"student-{name}")
        row = dict(rows["rows"][-1], model=name, test=0.85 + number / 300, dev=0.8, p50_ms=0.6 + number / 100)
        rows["rows"].append(row)
    store.write_json(run / "results.json", rows)
    manifest = read_manifest(run / "examples", "examples")
    sides = ("mask", "pos", "ngram", "mask+pos", "mask+pos+ngram")
    by_op = {f"A:{first}|B:{second}": 10 for first in sides for second in sides} | {"original": 6}
    write_manifest(run / "examples", replace(manifest, report=manifest.report | {"by_op": by_op, "rows": 256}))
    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with its report, for tests that only read."""
    made = tmp_path_factory.mktemp("finished") / "x"
    fake = FakeStudent(make_run(made, CLASSES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("student_train.student.Student.load", staticmethod(lambda path: fake))
        write_report(made)
    return made


@pytest.fixture
def scored(tmp_path: Path, student: FakeStudent) -> Path:
    """A finished run of a regression."""
    student.known = make_run(tmp_path / "scores", SCORES)
    return tmp_path / "scores"


@pytest.fixture
def retrained() -> Callable[[Path], None]:
    """Give a sealed directory another content hash."""

    def change(directory: Path) -> None:
        kind = store.read_json(directory / "MANIFEST.json")["kind"]
        manifest = read_manifest(directory, kind)
        write_manifest(directory, replace(manifest, made_from=manifest.made_from | {"again": "1"}))

    return change


PATIENCE = 120  # seconds for one answer, on a busy machine
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """A headless Chromium, spoken to through two pipes: JSON messages that end with a zero byte."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # The browser reads commands from its file 3 and answers on its file 4.
        shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", shell, program, *FLAGS, f"--user-data-dir={profile}"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), stdout=quiet, stderr=quiet)
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers, self._rest = count(1), b""
        target = self.ask("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True}, session=None)
        self.session = attached["sessionId"]
        self.ask("Page.enable")

    def ask(self, method: str, parameters: dict[str, Any] | None = None, *, session: str | None = "") -> dict[str, Any]:
        """Send a command and wait for its answer."""
        message: dict[str, Any] = {"id": next(self._numbers), "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session or self.session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._wait(lambda found: found.get("id") == message["id"])
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, page: Path, *, width: int, height: int, dark: bool = False) -> None:
        """Show a file in a window of that many CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        self.ask("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.ask("Page.navigate", {"url": page.as_uri()})
        self._wait(lambda found: found.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """Evaluate JavaScript in the page."""
        found = self.ask("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def picture(self, out: Path) -> None:
        """Write the whole page as a PNG."""
        found = self.ask("Page.captureScreenshot", {"captureBeyondViewport": True})
        out.write_bytes(base64.b64decode(found["data"]))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        os.close(self._write)
        os.close(self._read)

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            while b"\0" not in self._rest:
                ready, _, _ = select.select([self._read], [], [], PATIENCE)
                block = os.read(self._read, 1 << 16) if ready else b""
                assert block, "the browser is gone" if ready else f"the browser said nothing for {PATIENCE} s"
                self._rest += block
            message, _, self._rest = self._rest.partition(b"\0")
            found = json.loads(message)
            if wanted(found):
                return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with an empty profile; skips where none is installed."""
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser on PATH (looked for {', '.join(BROWSERS)}): apt-get install chromium")
    opened = Browser(program, tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()
