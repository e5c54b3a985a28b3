"""Check, describe and hash a teacher's directory without loading it. Path or hub name -> `TeacherFiles`.

Reads JSON and hashes bytes; imports no torch, so that a rerun of a finished cache is fast. A model directory is not
trusted: see `data.guards.model` and `data.guards.tokenizer`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, PotstillError
from data.guards.model import check_model, find_model
from data.guards.sizes import DEPTHS, WIDTHS
from data.guards.tokenizer import check_tokenizers
from data.guards.untrusted import read_json, refusing
from data.layout import CONFIG, MANIFEST, TOKENIZER_CONFIG
from data.manifest import open_sealed
from data.readers.identity import model_content
from data.text.families import position_limit


@dataclass(frozen=True)
class TeacherFiles:
    """A teacher on disk.

    path        its directory
    files       name -> {bytes, sha256} of config, weights and tokenizer files
    config      content of config.json
    width       hidden size D
    depth       number of layers L
    labels      label names in the order of the logits; None where config.json holds only generic ones
    outputs     number of logits
    positions   longest input in sub-words; 0 where unknown
    """

    path: Path
    files: dict[str, dict[str, Any]]
    config: dict[str, Any]
    width: int
    depth: int
    labels: tuple[str, ...] | None
    outputs: int
    positions: int

    @property
    def digest(self) -> str:
        """One hash over all files: identifies the teacher in a manifest."""
        return store.digest_of(self.files)


def inspect_teacher(teacher: str | Path) -> TeacherFiles:
    """Find a teacher (a directory, or a name on the Hugging Face hub), refuse an unsafe one, hash its files.

    Errors: not found (NO_INPUT); whatever `check_model` and `check_tokenizer` refuse; no encoder config.
    """
    path = find_model(teacher, role="teacher")
    config = check_model(path)
    check_tokenizers(path)
    with refusing(f"{path / CONFIG} has labels that cannot be read"):
        labels, outputs = read_labels(config)
    files = model_content(path)
    refuse_damaged(path, files)
    tokenizer = path / TOKENIZER_CONFIG
    stated = read_json(tokenizer).get("model_max_length") if tokenizer.exists() else None
    return TeacherFiles(
        path=path,
        files=files,
        config=config,
        width=_first(config, WIDTHS, path),
        depth=_depth(config, path),
        labels=labels,
        outputs=outputs,
        positions=position_limit(config, stated),
    )


def refuse_damaged(path: Path, files: dict[str, dict[str, Any]]) -> None:
    """Refuse a teacher made by `potstill teach` if a file differs from its manifest."""
    if (path / MANIFEST).is_file():
        try:
            open_sealed(path, "teacher", known={name: about["sha256"] for name, about in files.items()})
        except PotstillError as error:
            if error.code != BAD_DATA:
                raise
            again = f"run `potstill teach` again, or, if the change is meant, remove {path / MANIFEST}"
            raise PotstillError(error.message, hint=again, code=BAD_DATA) from None


def read_labels(config: dict[str, Any]) -> tuple[tuple[str, ...] | None, int]:
    """Read label names in logit order, and their number; generic names (LABEL_0 …) count as none and give None."""
    names = {int(key): str(name) for key, name in (config.get("id2label") or {}).items()}
    if not names:
        return None, int(config.get("num_labels", 2))  # 2 is the default of transformers
    labels = tuple(names[index] for index in sorted(names))
    generic = all(name == f"LABEL_{index}" for index, name in enumerate(labels))
    return (None if generic else labels), len(labels)


def _depth(config: dict[str, Any], path: Path) -> int:
    """Return the number of layers; Funnel lists one number for each of its blocks."""
    blocks, repeats = config.get("block_sizes"), config.get("block_repeats")
    if config.get("model_type") == "funnel" and isinstance(blocks, list) and all(type(size) is int for size in blocks):
        times = repeats if isinstance(repeats, list) and len(repeats) == len(blocks) else [1] * len(blocks)
        return sum(size * int(each) for size, each in zip(blocks, times, strict=True))
    return _first(config, DEPTHS, path)


def _first(config: dict[str, Any], names: tuple[str, ...], path: Path) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    raise PotstillError(f"{path / CONFIG} has none of {', '.join(names)}: not a text encoder", code=BAD_DATA)
