"""What was whole is changed on the disk: verify finds it, a repair or a rerun mends it, nothing is deleted."""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data import store
from data.errors import BAD_DATA, NO_INPUT
from data.progress import Silent
from teacher_cache.repair.verify import verify
from tests.faults.survival import Tries, check_survived, copy_of, whole_shards
from tests.faults.writers import End, Server, World

pytestmark = pytest.mark.slow

FLIPS = 400
CHECKS = {  # words of a finding -> the check that spoke
    "is damaged: its sha256": "sha256 of the file",
    "not readable JSON": "JSON",
    "was edited": "hash within the file",
    "is not a": "form",
    "has other fields": "form",
    "unknown task": "form",
    "made by another plan": "plan",
    "belongs to another plan": "plan",
    "names": "shard name",
    "format version": "version",
    "bytes": "size",
    "differs from": "record against seal",
    "holds": "kind",
}


def test_every_flipped_bit_is_found(world: World, tries: Tries, luck: random.Random, record_property: Any) -> None:
    out = copy_of(world, "flips")
    kinds = {
        "a shard": sorted(out.glob("part-*")),
        "a record": sorted((out / "commits").iterdir()),
        "PLAN.json": [out / "PLAN.json"],
        "MANIFEST.json": [out / "MANIFEST.json"],
        "files/": sorted((out / "files").iterdir()),
    }
    found_by: Counter[str] = Counter()
    for turn in range(FLIPS):
        kind = list(kinds)[turn % len(kinds)]
        path = luck.choice(kinds[kind])
        content = path.read_bytes()
        place, bit = luck.randrange(len(content)), luck.randrange(8)
        with tries.of(f"bit flip in {kind}", f"{path.name} byte {place} bit {bit}"):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
            findings = verify(out, progress=Silent())
            assert findings, "not found"
            found_by[check_of(findings[0].what)] += 1
        path.write_bytes(content)
    for check, count in found_by.most_common():
        record_property("check", (check, count))


def check_of(what: str) -> str:
    return next((check for words, check in CHECKS.items() if words in what), what)


def shard(out: Path, index: int) -> Path:
    (path,) = out.glob(f"part-{index:05d}-*.parquet")
    return path


def cut(path: Path, size: int) -> None:
    os.truncate(path, size if size >= 0 else path.stat().st_size + size)


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def edit(path: Path, *keys: str | int, value: Any) -> None:
    values = at = json.loads(path.read_text())
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_bytes(store.to_json(values))


def computed(end: End) -> bool:
    return any(step.startswith("parquet") for step in end.steps)


def short(path: Path) -> None:
    """A whole Parquet file of too few rows, as an exception within a writer leaves it."""
    table = pq.read_table(path)
    pq.write_table(table.slice(0, table.num_rows - 1), path)


SHARDS: dict[str, Callable[[Path], object]] = {
    **{f"cut to {size}": lambda out, size=size: cut(shard(out, 1), size) for size in (0, 1, 4, 100, -1, -8, -100)},
    "NUL-filled": lambda out: shard(out, 1).write_bytes(b"\0" * shard(out, 1).stat().st_size),
    "with bytes behind it": lambda out: shard(out, 1).write_bytes(shard(out, 1).read_bytes() + b"more"),
    "gone": lambda out: shard(out, 1).unlink(),
    "short": lambda out: short(shard(out, 1)),
    "foreign": lambda out: shutil.copy(out.parent / "foreign.parquet", shard(out, 1)),
    "swapped": lambda out: swap(shard(out, 0), shard(out, 1)),
    "renamed": lambda out: shard(out, 1).rename(out / f"part-00001-{'0' * 16}.parquet"),
    "a directory": lambda out: (shard(out, 1).rename(out / "aside"), (out / shard_name(out, 1)).mkdir()),
}


def shard_name(out: Path, index: int) -> str:
    return str(json.loads((out / "commits" / f"{index:05d}.json").read_text())["name"])


def record(out: Path) -> Path:
    return out / "commits" / "00001.json"


RECORDS: dict[str, Callable[[Path], object]] = {
    **{f"cut to {size}": lambda out, size=size: cut(record(out), size) for size in (0, 1, 2, 30, 150, 300, -1, -2, -3)},
    **{
        f"that is {text[:12]!r}": lambda out, text=text: record(out).write_text(text)
        for text in ("null", "[]", "7", '"x"', "{}", '{"name": 7}', "[" * 50_000)
    },
    "NUL-filled": lambda out: record(out).write_bytes(b"\0" * 400),
    "gone": lambda out: record(out).unlink(),
    "of another shard": lambda out: shutil.copy(out / "commits" / "00000.json", record(out)),
    "of another plan": lambda out: edit(record(out), "plan", value="0" * 64),
    "with other rows": lambda out: edit(record(out), "rows", value=4),
    "with rows as a text": lambda out: edit(record(out), "rows", value="3"),
    "with another hash": lambda out: edit(record(out), "sha256", value="0" * 64),
    "that names another file": lambda out: edit(record(out), "name", value="../../../etc/passwd"),
    "with another report": lambda out: edit(record(out), "report", "tokens", value=7),
    "that no shard has": lambda out: shutil.copy(record(out), out / "commits" / "00009.json"),
}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("kind", "table"), [("shard", SHARDS), ("record", RECORDS)])
def test_damaged_shards_and_records(
    server: Server, world: World, tries: Tries, kind: str, table: Any, sealed: bool
) -> None:
    shutil.copy(shard(world.undisturbed, 2), world.undisturbed.parent / "foreign.parquet")
    for turn, (name, damage) in enumerate(table.items()):
        out = copy_of(world, f"{kind}{sealed}{turn}")
        with tries.of(f"damaged {kind}, {'repair' if sealed else 'rerun before the seal'}", f"{kind} {name}"):
            if not sealed:
                (out / "MANIFEST.json").unlink()
            damage(out)
            whole = whole_shards(out)
            assert verify(out, progress=Silent()), "not found"
            if not sealed and name in ("renamed", "a directory", "that no shard has"):
                continue  # strays: a rerun leaves what it does not know
            check_survived(server, world, out, "repair" if sealed else "build", before=whole)


SEALS: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    **{f"cut to {size}": lambda path, size=size: cut(path, size) for size in (0, 1, 100, -1, -3)},
    "NUL-filled": lambda path: path.write_bytes(b"\0" * 900),
    **{f"that is {text!r}": lambda path, text=text: path.write_text(text) for text in ("null", "[]", "{}", "7")},
}
MANIFESTS = SEALS | {
    "with other rows": lambda path: edit(path, "parts", 0, "rows", value=7),
    "with a shard less": lambda path: edit(path, "parts", value=json.loads(path.read_text())["parts"][:2]),
    "with another root": lambda path: edit(path, "root", value="0" * 64),
    "of another kind": lambda path: edit(path, "kind", value="examples"),
    "with another config": lambda path: edit(path, "config", "max_length", value=64),
    "with another report": lambda path: edit(path, "report", "rows", value=9),
    "of a later version": lambda path: edit(path, "version", value=99),
    "with a task unknown": lambda path: edit(path, "task", "kind", value="nothing"),
}
PLANS = SEALS | {
    "with another field": lambda path: edit(path, "identity", "max_length", value=64),
    "with another digest": lambda path: edit(path, "digest", value="0" * 64),
    "with other provenance": lambda path: edit(path, "provenance", "torch", value="0.0"),
    "without provenance": lambda path: edit(path, "provenance", value=None),
    "with signals unknown": lambda path: edit(path, "identity", "signals", value=["logits", "nothing.3"]),
}


@pytest.mark.parametrize(("name", "table"), [("MANIFEST.json", MANIFESTS), ("PLAN.json", PLANS)])
def test_lost_or_edited_manifests_and_plans(server: Server, world: World, tries: Tries, name: str, table: Any) -> None:
    for turn, (what, damage) in enumerate(table.items()):
        out = copy_of(world, f"{name}{turn}")
        with tries.of(f"{name} lost or edited", what):
            damage(out / name)
            whole = whole_shards(out)
            assert verify(out, progress=Silent()), "not found"
            end = check_survived(server, world, out, "repair", before=whole)
            assert not computed(end), "rows were computed again"


def test_both_plan_and_seal_lost(server: Server, world: World, tries: Tries) -> None:
    out = copy_of(world, "lost")
    with tries.of("PLAN.json and MANIFEST.json lost"):
        (out / "PLAN.json").unlink()
        (out / "MANIFEST.json").write_text("{")
        assert server.run(world, out, "repair").code in (NO_INPUT, BAD_DATA)
        assert not computed(check_survived(server, world, out)), "rows were computed again"


def test_a_seal_cannot_name_files_outside(server: Server, world: World, tries: Tries) -> None:
    from dataclasses import replace

    from data.manifest import Part, read_manifest, write_manifest

    precious = world.undisturbed.parent / "precious.txt"
    for name in ("../precious.txt", str(precious)):
        precious.write_text("nobody may move this")
        out = copy_of(world, f"outside{len(name)}")
        with tries.of("a seal that names a file outside", name):
            manifest = read_manifest(out, "cache")
            lie = Part(name, 3, 20, store.sha256_file(precious), manifest.parts[0].ids)
            write_manifest(out, replace(manifest, parts=(lie, *manifest.parts[1:])))
            assert verify(out, progress=Silent()), "not found"
            check_survived(server, world, out, "repair")
            assert precious.read_text() == "nobody may move this"


def test_damaged_files_for_students(server: Server, world: World, tries: Tries) -> None:
    for turn, name in enumerate(("tokenizer.json", "tokenizer_config.json", "word_embeddings.safetensors")):
        for size in (0, -1, None):
            out = copy_of(world, f"files{turn}{size}")
            with tries.of("files/ damaged", f"{name} {size}"):
                cut(out / "files" / name, size) if size is not None else (out / "files" / name).unlink()
                assert verify(out, progress=Silent()), "not found"
                check_survived(server, world, out, "repair")


def test_foreign_files(server: Server, world: World, tries: Tries) -> None:
    places = ("notes.txt", "part-00009-0123456789abcdef.parquet", "commits/00007.json", "commits/x", "files/model.pkl")
    for turn, name in enumerate(places):
        out = copy_of(world, f"foreign{turn}")
        with tries.of("foreign files", name):
            (out / name).write_bytes(b"of somebody else")
            assert verify(out, progress=Silent()), "not found"
            check_survived(server, world, out, "repair")
            assert any((out / "quarantine").iterdir())
