"""Compute random rows of a cache again and compare them with the stored answers. Cache -> findings.

Each row is computed alone, in the cache's dtype, on the CPU: batches, shards and their order differ from the run that
made the cache.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from data.manifest import read_manifest, whole_part
from data.progress import Progress
from data.row_groups import take_rows
from data.text.encoding import ANSWERED, feed_of, tokenise
from teacher_cache.inference.answers import answer
from teacher_cache.job import Job, open_job
from teacher_cache.launch.session import in_order
from teacher_cache.repair.notes import read_notes
from teacher_cache.repair.verify import Finding
from teacher_cache.shards import plan as plans
from teacher_cache.teacher.load import has_sdpa, load_model, load_tokenizer

Ask = Callable[[str, str | None], np.ndarray]

# Largest allowed difference of a logit as a share of 1 + |logit|, for other batch shapes and other machines.
TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}


def recompute(directory: Path, *, rows: int, teacher: str | None, seed: int, progress: Progress) -> list[Finding]:
    """Compute the logits of `rows` random answered rows again; return a finding for each row that differs.

    teacher: its directory, if not the one recorded in the cache. Errors: another teacher than the cache's (STALE).
    """
    manifest = read_manifest(directory, "cache")
    notes = read_notes(directory)
    examples = notes.place_of("examples")
    job = open_job(notes.config, examples, teacher or str(notes.place_of("teacher")), directory)
    plan = plans.read_plan(directory)
    if plan is not None:
        plans.refuse_difference(directory, {"teacher": plan.teacher}, {"teacher": job.files.files})
    chosen = np.random.default_rng(seed).choice(manifest.rows, min(rows, manifest.rows), replace=False)
    progress.start("recompute", total=len(chosen), unit="rows")
    ask = _asker(job)
    findings, start = [], 0
    for part, source in zip(manifest.parts, job.source.parts, strict=True):
        inside = np.sort(chosen[(chosen >= start) & (chosen < start + part.rows)] - start)
        start += part.rows
        if not len(inside):
            continue
        asked = take_rows(
            whole_part(examples, source), inside, ["id", "text", *(["pair"] if job.source.task.pair else [])]
        )
        said = take_rows(whole_part(directory, part), inside, ["id", "status", "logits"])
        for question, stored in zip(asked.to_pylist(), said.to_pylist(), strict=True):
            progress.advance(1)
            what = ""
            if question["id"] != stored["id"]:
                what = f"stands where {question['id']} is asked"
            elif stored["status"] in ANSWERED:
                theirs = ask(question["text"], question.get("pair"))
                what = _compare(np.array(stored["logits"]), theirs, TOLERANCE[job.config.dtype])
            if what:
                what = f"{directory / part.name}: row {stored['id']} {what}"
                findings.append(Finding("damaged", what, directory / part.name))
    progress.finish()
    return findings


def _asker(job: Job) -> Ask:
    """Return the teacher as a function: text, pair -> logits [C]."""
    tokenizer = load_tokenizer(job.files)
    model = load_model(
        job.files, device="cpu", dtype=job.config.dtype, attention="sdpa" if has_sdpa(job.files) else "eager"
    )
    feed = feed_of(tokenizer, model, job.config.max_length)
    widths = {"logits": job.task.width}

    def ask(text: str, pair: str | None) -> np.ndarray:
        tokens = tokenise(feed, [text], None if pair is None else [pair])
        answers = answer(model, tokens, widths, filler=feed.pad, budget=job.config.token_budget)
        return in_order(answers, job.classes.outputs).columns["logits"][0]

    return ask


def _compare(ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> str:
    """Say how stored logits [C] differ from the teacher's own; "" where they do not."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    difference = float(np.max(np.abs(ours - theirs) / (1 + np.abs(theirs))))
    if np.isfinite(difference) and difference <= tolerance:
        return ""
    return f"says {np.round(ours, 4).tolist()}, the teacher {np.round(theirs, 4).tolist()}"
