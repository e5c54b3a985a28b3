"""A recipe of transformer students, by a method in stages and by stages of its own: from texts to the report."""

import subprocess
import sys
from pathlib import Path

import pytest

from data import store
from data.manifest import read_manifest
from student_train.student import Student

ROOT = Path(__file__).parents[2]
RECIPE = """
[data]
train = "demo:train"
dev = "demo:dev"
test = "demo:test"

[teach]
model = "scratch:4x64"
max_steps = 8

[augment]
n_iter = 1

[train]
steps = 8
threads = 1

[arms.labels]
model = "dan"
losses = { ce = 1.0 }
rows = "original"

[arms.tiny]
model = "transformer"
method = "tinybert"
start = "teacher"
shape = { size = 2 }

[arms.mine]
model = "transformer"
start = "teacher"
shape = { size = 2 }

[[arms.mine.stages]]
losses = { relations = { weight = 1.0, heads = 4 }, nst = 1.0, emd = 0.1 }

[[arms.mine.stages]]
losses = { kl = { weight = 0.9, temperature = 2 }, ce = 0.1 }
frozen = ["bert.embeddings"]

[bench]
texts = 16
"""


@pytest.mark.slow
def test_methods_and_stages_of_a_recipe_run_from_texts_to_the_report(tmp_path: Path) -> None:
    (tmp_path / "layers.toml").write_text(RECIPE + f'\n[run]\nout = "{tmp_path / "run"}"\n')
    command = [sys.executable, "-m", "pipelines.cli", "run", str(tmp_path / "layers.toml")]
    for _ in range(2):  # the second time there is nothing to do
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2_000:]
    out = tmp_path / "run"
    signals = set(read_manifest(out / "cache", "cache").config["signals"])
    assert signals >= {"hidden.0", "hidden.2", "q.2", "k.4", "v.4", "gram.4", "hidden.1"} and "q.1" not in signals
    for arm, stages in (("tiny", 2), ("mine", 2)):
        made = read_manifest(out / f"student-{arm}", "student")
        assert len(made.config["stages"]) == stages and (out / f"student-{arm}" / "stage-1" / "MANIFEST.json").is_file()
        assert Student.load(out / f"student-{arm}").logits(["a fine film"]).shape == (1, 2)
    assert {row["model"] for row in store.read_json(out / "results.json")["rows"]} >= {
        "teacher",
        "labels",
        "tiny",
        "mine",
    }
    assert (out / "report.html").is_file()
