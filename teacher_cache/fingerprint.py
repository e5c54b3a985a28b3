"""A teacher's directory before anything of it is run: is it safe to open, what is in it, which exact files are these.

Path or hub name -> `TeacherFiles`. Reads JSON and hashes bytes; imports no torch, so that the rerun of a finished
cache costs nothing. A model directory is not trusted: no pickled weights, no code, no link that leads out of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, NO_INPUT, PotstillError
from data.tasks.task import Task

CONFIG = "config.json"
# What a fast tokenizer may be read from, besides `*.model` (SentencePiece).
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
# The same two numbers under the names that model families gave them.
WIDTHS = ("hidden_size", "dim", "d_model", "n_embd")
DEPTHS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")


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
        """One hash over all files: the teacher's identity in a manifest."""
        return store.digest_of(self.files)


def inspect_teacher(teacher: str | Path) -> TeacherFiles:
    """Find a teacher (a directory, or a name on the Hugging Face hub), refuse an unsafe one, hash its files.

    Errors: not found; pickled weights only; remote code asked for; a link out of the directory; no encoder config.
    """
    path = find_teacher(teacher)
    files = list_files(path)
    config = store.read_json(path / CONFIG)
    refuse_code(path, config)
    labels, outputs = read_labels(config)
    return TeacherFiles(
        path=path,
        files={
            name: {"bytes": (path / name).stat().st_size, "sha256": store.sha256_file(path / name)} for name in files
        },
        config=config,
        width=_first(config, WIDTHS, path),
        depth=_first(config, DEPTHS, path),
        labels=labels,
        outputs=outputs,
        positions=_positions(path, config),
    )


def find_teacher(teacher: str | Path) -> Path:
    """Return the directory of a teacher; a hub name is downloaded to (or found in) the hub's cache."""
    path = Path(teacher)
    if path.is_dir():
        return path
    if path.exists() or isinstance(teacher, Path) or str(teacher).count("/") > 1 or str(teacher)[:1] in "./~":
        raise PotstillError(
            f"teacher {teacher} is not a directory",
            hint="name a directory written by `potstill teach` or save_pretrained, or a model on the Hugging Face hub",
            code=NO_INPUT,
        )
    from huggingface_hub import snapshot_download

    patterns = [CONFIG, "*.safetensors", "*.safetensors.index.json", "*.model", *TOKENIZER]
    try:
        return Path(snapshot_download(str(teacher), allow_patterns=patterns))
    except Exception as error:  # the hub client raises a dozen kinds; all mean that the model is not here
        raise PotstillError(
            f"teacher {teacher!r} is no directory here and could not be had from the Hugging Face hub: {error}",
            hint="check the name and the network, or name a local directory",
            code=NO_INPUT,
        ) from None


def list_files(path: Path) -> list[str]:
    """Name the files that make the teacher, sorted; refuse pickled weights and links out of the directory."""
    if not (path / CONFIG).exists():
        raise PotstillError(f"{path} is no model directory: it has no {CONFIG}", code=NO_INPUT)
    weights = sorted(file.name for file in path.glob("*.safetensors"))
    if not weights:
        others = sorted(file.name for file in path.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".ckpt"))
        found = f" (only {', '.join(others)}: pickled weights can run code and are never read)" if others else ""
        raise PotstillError(
            f"{path} holds no *.safetensors weights{found}",
            hint="load the model where you trust it and save it again: model.save_pretrained(DIR)",
            code=BAD_DATA if others else NO_INPUT,
        )
    present = [name for name in (CONFIG, "model.safetensors.index.json", *TOKENIZER) if (path / name).exists()]
    names = sorted({*present, *weights, *(file.name for file in path.glob("*.model"))})
    root = _root(path)
    for name in names:
        if not (path / name).resolve().is_relative_to(root):
            raise PotstillError(f"{path / name} is a link out of the model directory", code=BAD_DATA)
    return names


def refuse_code(path: Path, config: dict[str, Any]) -> None:
    """Refuse a directory that asks for code of its own (`auto_map`), or for another model (a PEFT adapter)."""
    tokenizer = path / "tokenizer_config.json"
    for name, values in ((CONFIG, config), (tokenizer.name, store.read_json(tokenizer) if tokenizer.exists() else {})):
        if values.get("auto_map"):
            raise PotstillError(
                f"{path / name} asks to run code of its own (auto_map): {values['auto_map']}",
                hint="potstill runs no code from model directories: use an architecture that transformers has built in",
                code=BAD_DATA,
            )
    if (path / "adapter_config.json").exists():
        raise PotstillError(
            f"{path} is an adapter over another model", hint="merge it first: merge_and_unload()", code=BAD_DATA
        )


def read_labels(config: dict[str, Any]) -> tuple[tuple[str, ...] | None, int]:
    """Read label names in logit order and their number; generic names (LABEL_0 …) say nothing and give None."""
    names = {int(key): str(name) for key, name in (config.get("id2label") or {}).items()}
    if not names:
        return None, int(config.get("num_labels", 2))  # two is what transformers takes when nothing is said
    labels = tuple(names[index] for index in sorted(names))
    generic = all(name == f"LABEL_{index}" for index, name in enumerate(labels))
    return (None if generic else labels), len(labels)


def check_labels(files: TeacherFiles, task: Task) -> None:
    """Refuse a teacher whose logits do not mean what the task's labels say, in number, names or order.

    Logits in another class order train a student that is confidently wrong, and nothing else would show it.
    """
    if files.outputs != task.width:
        raise PotstillError(
            f"teacher {files.path} has {files.outputs} outputs, the {task.kind} task has {task.width}"
            + (f" labels: {', '.join(task.labels)}" if task.labels else ""),
            hint="take a teacher that was trained for this task: potstill teach TRAIN --dev DEV -m MODEL -o DIR",
        )
    if files.labels is None or not task.labels:
        return
    ours, theirs = [[name.casefold() for name in names] for names in (task.labels, files.labels)]
    if ours != theirs:
        what = "in another order" if sorted(ours) == sorted(theirs) else "and other labels"
        raise PotstillError(
            f"the teacher's classes stand {what}: teacher {', '.join(files.labels)}; examples {', '.join(task.labels)}",
            hint=f"make the examples with the teacher's labels, or correct id2label in {files.path / CONFIG}",
        )


def _root(path: Path) -> Path:
    """The directory that links may lead into: the model's own, or its repository in the hub's cache of blobs."""
    real = path.resolve()
    in_hub = real.parent.name == "snapshots" and real.parent.parent.name.startswith("models--")
    return real.parent.parent if in_hub else real


def _first(config: dict[str, Any], names: tuple[str, ...], path: Path) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    raise PotstillError(f"{path / CONFIG} has none of {', '.join(names)}: not a text encoder", code=BAD_DATA)


def _positions(path: Path, config: dict[str, Any]) -> int:
    tokenizer = path / "tokenizer_config.json"
    stated = store.read_json(tokenizer).get("model_max_length") if tokenizer.exists() else None
    limits = [
        value for value in (stated, config.get("max_position_embeddings")) if isinstance(value, int) and value > 0
    ]
    return min((value for value in limits if value < 1 << 30), default=0)
