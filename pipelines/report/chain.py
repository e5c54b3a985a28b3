"""The chain of a run: what was made from what, by their hashes, and where a link no longer holds."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import PotstillError
from data.identity import fingerprint
from data.manifest import Manifest, read_manifest
from pipelines.report.document import Block, Mark, Paragraph, Section, Table
from pipelines.report.gather import Run

WHOLE, STALE, GONE = "whole", "stale", "not here"
SHORT = 12  # hex digits shown of a hash
MEASURED = ("evaluate", "bench")  # steps whose inputs are models


@dataclass(frozen=True)
class Link:
    """made was made from source, whose hash it noted; now: the hash of what stands there today, "" if nothing does."""

    made: str
    source: str
    noted: str
    now: str
    needed: bool = True

    @property
    def state(self) -> str:
        if not self.now:
            return GONE
        return WHOLE if self.now == self.noted else STALE


def section(run: Run, links: list[Link]) -> Section | None:
    """Show every link with its mark. None where nothing was made from anything."""
    if not links:
        return None
    stale = [link for link in links if link.state == STALE]
    about = "Every directory carries the hash of what it was made from. "
    about += f"{len(stale)} of {len(links)} links are stale." if stale else "No link is stale."
    blocks: list[Block] = [Paragraph(about), Table("Made from", [_row(link) for link in links])]
    roots = [{"directory": name, "root": root} for name, root in _roots(run)]
    blocks.append(Table("Roots", roots, folded=True))
    return Section("The chain", tuple(blocks))


def alerts_of(links: list[Link]) -> list[str]:
    """Say of each stale link what follows from it."""
    return [
        f"Stale: {link.made} was made from {link.source} {link.noted[:SHORT]}, which is {link.now[:SHORT]} now."
        for link in links
        if link.state == STALE
    ]


def links_of(run: Run) -> list[Link]:
    """Find all links of a run, from the files it began with to the final table."""
    return [*_files(run), *_cache(run), *_students(run), *_measurements(run)]


def _files(run: Run) -> Iterator[Link]:
    """Input files, where the run noted their places and they are still there to look at."""
    for step, made in (("teach", "encoder"), ("augment", "examples")):
        for role, place in _inputs(run, step).items():
            if Path(place["path"]).is_file():
                yield Link(
                    made, f"{role.split(' ')[0]} {Path(place['path']).name}", _noted(place), _hash(place["path"])
                )


def _cache(run: Run) -> Iterator[Link]:
    if run.cache is None:
        return
    noted = run.cache.made_from
    encoder = "encoder" if run.encoder_path.parent == run.path else f"encoder {run.encoder_path.resolve().name}"
    yield Link("teacher", "examples", noted.get("examples", ""), run.examples.root if run.examples else "")
    yield Link("teacher", encoder, noted.get("teacher", ""), _encoder(run), needed=False)
    for name, other in _others(run).items():
        yield Link(name, "examples", other.made_from.get("examples", ""), run.examples.root if run.examples else "")


def _encoder(run: Run) -> str:
    """The hash of the teacher's files as the cache notes it; "" where they are no more (no student needs them)."""
    from teacher_cache.fingerprint import inspect_teacher

    try:
        return inspect_teacher(run.encoder_path).digest if run.encoder_path.is_dir() else ""
    except PotstillError:
        return ""


def _students(run: Run) -> Iterator[Link]:
    now, others = run.cache.root if run.cache else "", _others(run)
    for arm in run.arms:
        noted = {name: seed.made_from.get("teacher", "") for name, seed in arm.seeds.items()}
        if len(set(noted.values())) == 1:
            yield Link(arm.path.name, "teacher", next(iter(noted.values())), now, needed=False)
        else:
            yield from (
                Link(f"{arm.path.name}/{name}", "teacher", root, now, needed=False) for name, root in noted.items()
            )
        first = next(iter(arm.seeds.values()), None)
        further = [root for role, root in first.made_from.items() if role.startswith("teacher_")] if first else []
        for root in further:
            name = next((name for name, other in others.items() if other.root == root), "another cache")
            yield Link(arm.path.name, name, root, root if name in others else "", needed=False)


def _others(run: Run) -> dict[str, Manifest]:
    """The caches of further teachers, by directory name; what is unfinished or broken there is none."""
    found = {}
    for path in sorted(path for path in run.path.glob("teacher-*") if ".stale-" not in path.name):
        with suppress(PotstillError):
            found[path.name] = read_manifest(path, "teacher")
    return found


def _measurements(run: Run) -> Iterator[Link]:
    """What evaluate.json and bench.json were measured on: models of this run, and the files beside them."""
    for step in MEASURED:
        for role, place in sorted(_inputs(run, step).items(), key=lambda item: run.tone(item[0])):
            here = run.path / Path(place["path"]).name
            where = here if here.exists() else Path(place["path"])
            if where.exists():
                yield Link(f"{step}.json", role, _noted(place), _hash(where))


def _inputs(run: Run, step: str) -> dict[str, dict[str, str]]:
    return dict(run.phases.get(step, {}).get("inputs", {}))


def _noted(place: dict[str, str]) -> str:
    """The content that a step noted of an input; `hash` also says how a file was read."""
    return place.get("content", place["hash"])


def _hash(place: str | Path) -> str:
    try:
        return fingerprint(place)
    except (PotstillError, OSError):
        return ""


def _roots(run: Run) -> Iterator[tuple[str, str]]:
    held: list[tuple[str, Manifest | None]] = [
        ("encoder", run.encoder),
        ("examples", run.examples),
        ("teacher", run.cache),
        *((arm.path.name, arm.manifest) for arm in run.arms),
    ]
    for name, manifest in held:
        if manifest is not None:
            yield name, manifest.root


def _row(link: Link) -> dict[str, Any]:
    marks = {WHOLE: "✓ whole", STALE: "✗ STALE", GONE: "– not here"}
    good = link.state == WHOLE or (link.state == GONE and not link.needed)
    return {
        "made": link.made,
        "from": link.source,
        "link": Mark(marks[link.state], good),
        "noted": link.noted[:SHORT] or "–",
        "now": link.now[:SHORT] or "–",
    }
