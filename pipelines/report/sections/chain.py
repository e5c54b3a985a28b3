"""The chain of a run: what was made from what, by their hashes, and where a link no longer holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import PotstillError
from data.manifest import Manifest
from data.readers.identity import fingerprint
from pipelines.report.gather import Run
from pipelines.report.pages.document import Block, Mark, Paragraph, Section, Table

WHOLE, STALE, GONE = "whole", "stale", "not here"
SHORT = 12  # hex digits shown of a hash
MEASURED = ("check", "trial", "evaluate", "rivals", "bench")  # steps whose output is a file of numbers


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
    roots = [{"directory": _name(run, path), "root": manifest.root} for path, manifest in run.sealed.manifests.items()]
    blocks.append(Table("Roots", roots, folded=True))
    return Section("The chain", tuple(blocks))


def alerts_of(links: list[Link]) -> list[str]:
    """One warning per stale link: what it means for the results."""
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
    for step, made in (("teach", "teacher"), ("augment", "examples")):
        for role, place in _inputs(run, step).items():
            if Path(place["path"]).is_file():
                yield Link(
                    made, f"{role.split(' ')[0]} {Path(place['path']).name}", _noted(place), _hash(place["path"])
                )


def _cache(run: Run) -> Iterator[Link]:
    """Every cache and the examples it was made of, wherever these lie in the run; the report's own cache first."""
    caches = run.sealed.of("cache")
    for path, manifest in sorted(caches.items(), key=lambda item: item[0] != run.cache_path):
        noted = manifest.made_from
        yield Link(_name(run, path), "examples", noted.get("examples", ""), _examples(run, path, manifest))
        if path == run.cache_path:
            teacher = run.teacher_path.name
            where = teacher if run.teacher_path.parent == run.path else f"teacher {run.teacher_path.resolve().name}"
            yield Link(_name(run, path), where, noted.get("teacher", ""), _teacher(run), needed=False)


def _examples(run: Run, cache: Path, manifest: Manifest) -> str:
    """The root of a cache's examples now: of the ones with the noted root, else of those where it says they are."""
    noted = manifest.made_from.get("examples", "")
    if run.sealed.with_root("examples", noted) is not None:
        return noted
    there = (cache / str(manifest.config.get("examples", ""))).resolve()
    return next((found.root for path, found in run.sealed.of("examples").items() if path.resolve() == there), "")


def _name(run: Run, path: Path) -> str:
    return str(path.relative_to(run.path))


def _teacher(run: Run) -> str:
    """The hash of the teacher's files as the cache notes it; "" where they are no more (no student needs them)."""
    from teacher_cache.teacher.files import inspect_teacher

    try:
        return inspect_teacher(run.teacher_path).digest if run.teacher_path.is_dir() else ""
    except PotstillError:
        return ""


def _students(run: Run) -> Iterator[Link]:
    for arm in run.arms:
        noted = {name: seed.made_from.get("cache", "") for name, seed in arm.seeds.items()}
        if len(set(noted.values())) == 1:
            noted = {"": next(iter(noted.values()))}
        for name, root in noted.items():
            yield _learned(run, f"{_name(run, arm.path)}/{name}".rstrip("/"), root)
        first = next(iter(arm.seeds.values()), None)
        further = [root for role, root in first.made_from.items() if role.startswith("cache_")] if first else []
        yield from (_learned(run, _name(run, arm.path), root) for root in further)


def _learned(run: Run, student: str, root: str) -> Link:
    """A student and the cache it learned from; the main cache if none has the noted root."""
    place = run.sealed.with_root("cache", root)
    if place is not None:
        return Link(student, _name(run, place), root, root, needed=False)
    now = run.cache.root if run.cache is not None else ""
    return Link(student, run.cache_path.name, root, now, needed=False)


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
