"""All commits of a cache folded into one manifest, with the numbers of the run."""

import resource
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data import config as configs
from data import store
from data.errors import BAD_DATA, PotstillError
from data.layout import FILES
from data.manifest import Manifest
from data.text.encoding import OK, TRUNCATED
from teacher_cache.job import Job
from teacher_cache.shards import plan as plans
from teacher_cache.shards.commits import Commit
from teacher_cache.shards.plan import LIBRARIES, Plan
from teacher_cache.shards.student_files import KEPT

ALWAYS_ALLOWED = 10  # rows without an answer that no share forbids, so that a small data set may have some


def fold_commits(job: Job, plan: Plan, commits: Sequence[Commit], device: str, gold: dict[str, Any]) -> Manifest:
    """Fold the commits of all shards, in order, into one manifest; refuse too many rows without an answer.

    gold: how the stored answers agree with the labels, where that was measured.
    """
    totals = fold(commits)
    refuse_rejected(job, totals.status)
    versions = {name: plan.provenance[name] for name in (*LIBRARIES, "device", "attention")}
    where = {"device": device, "versions": versions, "peak_memory_bytes": peak_memory(device)}
    return Manifest(
        kind="cache",
        task=job.task,
        parts=tuple(commit.part for commit in commits),
        made_from={"examples": job.source.root, "teacher": job.files.digest},
        config=resolved(job, plan, device),
        report={**vars(totals), **({"agreement": gold} if gold else {}), **where},
    )


@dataclass(frozen=True)
class Totals:
    """The measurements of all shards together. seconds: of the teacher, start-up not counted."""

    rows: int
    seconds: float
    rows_per_second: float
    tokens: int
    tokens_per_second: float
    padding_waste: float
    status: dict[str, int]
    bytes: int
    reused: int


def fold(commits: Sequence[Commit]) -> Totals:
    """Add up the measurements of all shards."""
    reports = [commit.report for commit in commits]
    rows, seconds = sum(commit.part.rows for commit in commits), sum(report.seconds for report in reports)
    tokens, padded = sum(report.tokens for report in reports), sum(report.padded_tokens for report in reports)
    status: Counter[str] = Counter()
    for report in reports:
        status.update(report.status)
    return Totals(
        rows=rows,
        seconds=round(seconds, 3),
        rows_per_second=round(rows / max(seconds, 1e-9), 1),
        tokens=tokens,
        tokens_per_second=round(tokens / max(seconds, 1e-9), 1),
        padding_waste=round(1 - tokens / max(padded, 1), 4),
        status=dict(sorted(status.items())),
        bytes=sum(commit.part.bytes for commit in commits),
        reused=sum(report.reused for report in reports),
    )


def refuse_rejected(job: Job, status: dict[str, int]) -> None:
    """Refuse to seal when more rows than `max_rejected` have no answer: the texts or the teacher are broken."""
    without = {state: count for state, count in status.items() if state not in (OK, TRUNCATED)}
    allowed = max(ALWAYS_ALLOWED, int(job.config.max_rejected * job.source.rows))
    if sum(without.values()) > allowed:
        counts = ", ".join(f"{state} {count}" for state, count in without.items())
        raise PotstillError(
            f"{sum(without.values())} of {job.source.rows} rows have no answer ({counts}), {allowed} are allowed",
            hint="mend the examples or the teacher, or allow more: --set cache.max_rejected=0.01",
            code=BAD_DATA,
        )


def resolved(job: Job, plan: Plan, device: str) -> dict[str, Any]:
    """The config with every `auto` resolved, where the inputs lie, relative to the cache, and hashes of `files/`."""
    files = [job.out / FILES / name for name in KEPT]
    return {
        **configs.as_dict(job.config),
        "signals": list(job.columns),
        "layers": [],
        "teacher_labels": list(job.classes.names),
        "device": device,
        "dtype": plan.dtype,
        "token_budget": plan.token_budget,
        "attention": plan.provenance["attention"],
        **plans.places(job.examples, job.files.path, job.out),
        "files": {path.name: store.sha256_file(path) for path in files if path.is_file()},
        "width": job.files.width,
        "depth": job.files.depth,
    }


def peak_memory(device: str) -> dict[str, int]:
    """Most memory held at once by this process, in bytes, on the host and on the device."""
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    peak = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    if device.startswith("cuda"):
        import torch

        peak["device"] = torch.cuda.max_memory_allocated(device)
    return peak
