"""Model directories that lie or attack: each is refused as BAD_DATA, soon and in little memory, and nothing is run."""

import ast
import base64
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from data.errors import BAD_DATA, PotstillError
from data.guards.model import check_model
from data.guards.sizes import Budget
from data.guards.tokenizer import check_tokenizer
from data.guards.untrusted import read_json, refusing
from data.guards.weights import MAX_HEADER, read_header
from data.tasks.task import Task
from teacher_cache.teacher.files import inspect_teacher
from teacher_cache.teacher.load import load_model, load_tokenizer
from tests.teacher_cache.conftest import load_teacher

SENTIMENT = Task("classify", ("negative", "positive"))
ROOT = Path(__file__).parents[3]
F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.fixture
def copied(teacher: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(teacher, tmp_path / "model"))


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def safetensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def refused(action: Callable[[], Any], match: str, *, seconds: float = 5) -> None:
    start = time.perf_counter()
    with pytest.raises(PotstillError, match=match) as caught:
        action()
    assert caught.value.code == BAD_DATA
    assert time.perf_counter() - start < seconds


LYING = {
    "an empty file": (b"", "header of 0 bytes in a file of 0"),
    "a length beyond the file": (safetensors({}, length=1 << 40), "header of 1,099,511,627,776 bytes in a file of"),
    "no JSON": (safetensors(b"not JSON"), "its header is no JSON"),
    "not UTF-8": (safetensors(b'{"\xff": 1}'), "its header is no JSON"),
    "a list": (safetensors([1]), "no table of tensors"),
    "lists a thousand deep": (safetensors(b"[" * 100_000), "its header is no JSON"),
    "a name twice": (safetensors(b'{"a": {}, "a": {}}'), "a name stands there twice"),
    "data beyond the file": (safetensors({"a": F32}, b"1234"), "take 8 bytes, the file holds 4"),
    "data nobody names": (safetensors({"a": F32}, b"x" * 12), "take 8 bytes, the file holds 12"),
    "two tensors in one place": (safetensors({"a": F32, "b": F32}, b"x" * 8), "begins at byte 0, the one before"),
    "a gap": (
        safetensors({"a": F32, "b": F32 | {"data_offsets": [12, 20]}}, b"x" * 20),
        "begins at byte 12, the one before it ends at 8",
    ),
    "a huge shape": (
        safetensors({"a": F32 | {"shape": [1 << 40, 1 << 20]}}, b"x" * 8),
        r"shape \[1099511627776, 1048576\] takes",
    ),
    "a shape of many dimensions": (safetensors({"a": F32 | {"shape": [1] * 100}}, b"x" * 8), "no shape and offsets"),
    "a negative shape": (safetensors({"a": F32 | {"shape": [-2]}}, b"x" * 8), "no shape and offsets"),
    "a shape of fractions": (safetensors({"a": F32 | {"shape": [2.0]}}, b"x" * 8), "no shape and offsets"),
    "offsets backwards": (safetensors({"a": F32 | {"data_offsets": [8, 0]}}, b"x" * 8), "its range has -8"),
    "an unknown type": (safetensors({"a": F32 | {"dtype": "OBJECT"}}, b"x" * 8), "is of type 'OBJECT'"),
    "a number for a tensor": (safetensors({"a": 1}), "no shape and offsets"),
}


@pytest.mark.parametrize("case", LYING)
def test_weights_that_lie_are_refused_by_their_header(copied: Path, case: str) -> None:
    content, match = LYING[case]
    (copied / "model.safetensors").write_bytes(content)
    refused(lambda: inspect_teacher(copied), match)


def test_a_header_above_the_limit_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", MAX_HEADER + 1))
        stream.truncate(MAX_HEADER + 100)  # a hole: no bytes on the disk
    refused(lambda: read_header(path), "a header of 16,777,217 bytes, above")


def test_a_sound_header_is_read_as_the_library_reads_it(teacher: Path) -> None:
    there = {name: list(tensor.shape) for name, tensor in load_file(teacher / "model.safetensors").items()}
    assert {name: entry["shape"] for name, entry in read_header(teacher / "model.safetensors").items()} == there


@pytest.mark.parametrize("name", ["../other.safetensors", "/etc/passwd", "model-2.safetensors"])
def test_an_index_of_files_that_are_not_in_the_directory_is_refused(copied: Path, name: str) -> None:
    shutil.copy(copied / "model.safetensors", copied.parent / "other.safetensors")
    (copied / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"classifier.bias": name}}))
    refused(lambda: inspect_teacher(copied), "which is not in")


@pytest.mark.parametrize("content", ["{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[]"])
def test_an_index_without_names_is_refused(copied: Path, content: str) -> None:
    (copied / "model.safetensors.index.json").write_text(content)
    refused(lambda: inspect_teacher(copied), "weight_map|no JSON object")


# --- pickles, links, pipes


class Marker:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.path),))


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """A path that a pickle would make if anybody loaded it; checked after the test."""
    yield tmp_path / "somebody-loaded-a-pickle"
    assert not (tmp_path / "somebody-loaded-a-pickle").exists()


def test_pickles_beside_good_weights_are_never_opened(copied: Path, marker: Path) -> None:
    attack = pickle.dumps(Marker(marker))
    for name in ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "optimizer.pt", "vocab.pkl"):
        (copied / name).write_bytes(attack)
    (copied / "training_args.bin").write_bytes(attack)
    (copied / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "pytorch_model.bin"}}')
    assert load_teacher(copied, task=SENTIMENT).files.depth == 3


def test_a_pickle_or_zip_called_safetensors_is_refused(copied: Path, marker: Path) -> None:
    (copied / "model.safetensors").write_bytes(pickle.dumps(Marker(marker)))
    refused(lambda: load_teacher(copied, task=SENTIMENT), "not a sound safetensors file")
    with zipfile.ZipFile(copied / "model.safetensors", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Marker(marker)))
    refused(lambda: load_teacher(copied, task=SENTIMENT), "not a sound safetensors file")


def test_code_in_the_directory_is_not_imported(copied: Path, marker: Path) -> None:
    for name in ("modeling_mine.py", "tokenization_mine.py", "configuration_mine.py", "__init__.py", "setup.py"):
        (copied / name).write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    edit(copied / "tokenizer_config.json", tokenizer_class="MineTokenizer")
    edit(copied / "config.json", architectures=["MineForSequenceClassification"])
    try:
        load_teacher(copied, task=SENTIMENT)
    except PotstillError as error:
        assert error.code == BAD_DATA


LINKS = (
    *("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "chat_template.jinja", "preprocessor_config.json", "generation_config.json", "vocab.txt"),
    *("model.safetensors.index.json", "spiece.model", "additional_chat_templates/x.jinja"),
)


@pytest.mark.parametrize("name", LINKS)
def test_no_file_may_be_a_link_out_of_the_directory(copied: Path, name: str) -> None:
    outside, link = copied.parent / "outside", copied / name
    link.parent.mkdir(exist_ok=True)
    if link.exists():
        link.rename(outside)
    else:
        outside.write_text("{}")
    link.symlink_to(outside)
    refused(lambda: inspect_teacher(copied), "is a link out of the model directory")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"])
def test_a_pipe_is_refused_and_not_waited_for(copied: Path, name: str) -> None:
    (copied / name).unlink(missing_ok=True)
    os.mkfifo(copied / name)
    refused(lambda: inspect_teacher(copied), "is not a file")


def test_dead_links_and_rings_of_links_are_refused(copied: Path) -> None:
    (copied / "vocab.txt").symlink_to(copied / "nothing")
    refused(lambda: inspect_teacher(copied), "leads nowhere")
    (copied / "vocab.txt").unlink()
    (copied / "vocab.txt").symlink_to("vocab.txt")
    refused(lambda: inspect_teacher(copied), "leads nowhere")


# --- config.json

CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "a width of 10^12": ({"hidden_size": 10**12}, "hidden_size 1000000000000, expected below"),
    "a width the weights lack": ({"hidden_size": 123_457}, "hidden_size 123457, expected a dimension of one of"),
    "a negative width": ({"hidden_size": -16}, "hidden_size -16"),
    "a width in words": ({"hidden_size": "16"}, "hidden_size 16, expected a dimension"),
    "a billion layers": ({"num_hidden_layers": 10**9}, r"num_hidden_layers 1000000000, expected between 1 and 1,024"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers 0, expected between 1"),
    "another vocabulary": ({"vocab_size": 10**9}, "vocab_size 1000000000, expected a dimension"),
    "a billion labels": ({"num_labels": 10**9, "id2label": None}, "num_labels 1000000000, expected between 1"),
    "not a number": ({"layer_norm_eps": float("nan")}, "layer_norm_eps nan, expected a finite number"),
    "infinity, nested": ({"rope": {"scale": [float("inf")]}}, "scale inf, expected a finite number"),
    "labels without numbers": ({"id2label": {"one": "negative"}}, "has labels that cannot be read"),
    "labels as a list": ({"id2label": ["negative"]}, "has labels that cannot be read"),
    "code": ({"auto_map": {"AutoModel": "mine.Model"}}, "asks to run code of its own"),
    "code, nested": ({"text_config": {"auto_map": {"AutoModel": "mine.Model"}}}, "asks to run code of its own"),
    "trust": ({"trust_remote_code": True}, "asks for trust_remote_code"),
    "a kernel of the hub": ({"_attn_implementation": "kernels-community/flash-attn"}, "asks for the attention kernel"),
    "a kernel by its public name": ({"attn_implementation": "me/mine:run"}, "asks for the attention kernel 'me/mine"),
    "a kernel that may be fetched": ({"attn_implementation": "flash_attention_2"}, "asks for the attention kernel"),
    "a kernel of a part": ({"text_config": {"_attn_implementation": {"": "me/mine"}}}, "asks for the attention"),
    "quantised weights": ({"quantization_config": {"quant_method": "gptq"}}, "holds quantised weights"),
    "weights elsewhere": ({"transformers_weights": "../other.safetensors"}, "names other weights"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_that_lies_or_asks_for_code_is_refused_before_torch_sees_it(copied: Path, case: str) -> None:
    values, match = CONFIGS[case]
    edit(copied / "config.json", **values)
    refused(lambda: inspect_teacher(copied), match)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff\xfe{}", b'{"a":' + b"[" * 200_000, b'{"a": ' + b"9" * 5_000 + b"}", b" " * (17 << 20)],
)
def test_a_config_that_is_no_plain_json_is_refused(copied: Path, content: bytes) -> None:
    (copied / "config.json").write_bytes(content)
    refused(lambda: inspect_teacher(copied), "readable JSON|holds no JSON object|has more than")


@pytest.mark.parametrize("name", ["processor_config.json", "generation_config.json", "preprocessor_config.json"])
def test_every_other_config_is_searched_for_code_too(copied: Path, name: str) -> None:
    (copied / name).write_text('{"auto_map": {"AutoProcessor": "mine.P"}}')
    refused(lambda: inspect_teacher(copied), f"{name} asks to run code of its own")


def test_notes_that_are_no_settings_of_transformers_may_have_any_form(copied: Path) -> None:
    (copied / "data_config.json").write_text('[{"name": "reddit", "lines": 7}]')  # as sentence-transformers writes
    assert inspect_teacher(copied).depth == 3


INNER: dict[str, tuple[dict[str, Any], str]] = {
    "a wide inner layer": ({"intermediate_size": 2**30}, "describes a model several times larger than its weights"),
    "many positions": ({"max_position_embeddings": 2**30}, "describes a model several times larger"),
    "many types": ({"type_vocab_size": 2**30}, "describes a model several times larger"),
    "many layers": ({"num_hidden_layers": 1_000}, "describes a model several times larger"),
    "no heads": ({"num_attention_heads": 0}, "cannot be loaded"),
    "heads that do not divide": ({"num_attention_heads": 7}, "cannot be loaded"),
    "an activation that is none": ({"hidden_act": "os.system"}, "cannot be loaded"),
    "an unknown family": ({"model_type": "nothing-of-the-kind"}, "cannot be loaded"),
    "another family": ({"model_type": "roberta"}, "cannot be loaded|lack"),
    "a type that is none": ({"layer_norm_eps": "x"}, "cannot be loaded"),
}


@pytest.mark.parametrize("case", INNER)
def test_sizes_that_only_the_model_knows_are_refused_while_it_is_built_without_memory(copied: Path, case: str) -> None:
    values, match = INNER[case]
    edit(copied / "config.json", **values)
    files = inspect_teacher(copied)
    refused(lambda: load_model(files, device="cpu", dtype="float32", attention="sdpa"), match, seconds=20)


def test_a_name_or_path_in_the_config_leads_nowhere(copied: Path, make_teacher: Any) -> None:
    other = make_teacher(seed=1)
    edit(copied / "config.json", _name_or_path=str(other))
    edit(copied / "tokenizer_config.json", name_or_path=str(other))
    ours = load_teacher(copied, task=SENTIMENT).model.classifier.weight
    assert ours.tolist() == load_file(copied / "model.safetensors")["classifier.weight"].tolist()


def test_a_tokenizer_file_elsewhere_is_not_read(copied: Path) -> None:
    (copied / "tokenizer.json").rename(copied.parent / "secret.json")
    edit(copied / "tokenizer_config.json", tokenizer_file=str(copied.parent / "secret.json"))
    refused(lambda: inspect_teacher(copied), r"names .*secret.json' \(tokenizer_file\), outside the directory")
    edit(copied / "tokenizer_config.json", tokenizer_file=None, fast_tokenizer_files=["tokenizer.1/../../x.json"])
    refused(lambda: inspect_teacher(copied), "names other fast_tokenizer_files")


def test_a_leftover_path_of_another_machine_is_harmless(copied: Path) -> None:
    edit(copied / "tokenizer_config.json", tokenizer_file="/home/somebody/.cache/huggingface/0123456789abcdef")
    assert inspect_teacher(copied).depth == 3


# --- tokenizer.json


def saved(path: Path, *, model: Any = None, normalizer: Any = None, pre_tokenizer: Any = None) -> Path:
    tokenizer = Tokenizer(model or models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not readable JSON"),
        (b"[]", "holds no JSON object"),
        (b"{}", "has no model"),
        (b'{"model":' + b'{"a":' * 100_000, "not readable JSON"),
        (b'{"model": {}, "padding": {"strategy": {"Fixed": 1000000000}}}', "pads every text to 1000000000"),
        (b'{"model": {}, "padding": {"pad_to_multiple_of": 1000000000}}', "pads every text"),
        (b'{"model": {"max_input_chars_per_word": 1000000000}}', "looks words of up to 1000000000 characters up"),
    ],
)
def test_a_tokenizer_json_that_is_none_is_refused(copied: Path, content: bytes, match: str) -> None:
    (copied / "tokenizer.json").write_bytes(content)
    refused(lambda: inspect_teacher(copied), match)


def test_a_tokenizer_json_of_gigabytes_is_not_read(copied: Path) -> None:
    with (copied / "tokenizer.json").open("wb") as stream:
        stream.truncate(1 << 40)
    refused(lambda: inspect_teacher(copied), "has more than 67,108,864 bytes")


@pytest.mark.parametrize("content", ['{"model": {}}', '{"version": "1.0", "model": {"type": "BPE", "vocab": 3}}'])
def test_what_the_rust_library_refuses_or_panics_over_is_bad_data(copied: Path, content: str) -> None:
    (copied / "tokenizer.json").write_text(content)
    files = inspect_teacher(copied)
    refused(lambda: load_tokenizer(files), "has no tokenizer that can be read")


def test_a_panic_of_a_rust_library_is_bad_data() -> None:
    with pytest.raises(PotstillError, match="panics: called `Option::unwrap"), refusing("panics"):
        raise type("PanicException", (BaseException,), {})("called `Option::unwrap()` on a `None` value")
    with pytest.raises(KeyboardInterrupt), refusing("never"):
        raise KeyboardInterrupt


HURTING = {
    "a pattern of exponential time": {"pre_tokenizer": pre_tokenizers.Split(Regex(r"(a+)+$"), "isolated")},
    "one in the normalizer": {"normalizer": normalizers.Replace(Regex(r"(x+x+)+y"), "")},
}


@pytest.mark.parametrize("case", HURTING)
def test_a_pattern_that_takes_exponential_time_is_refused(tmp_path: Path, case: str) -> None:
    path = saved(tmp_path / "tokenizer.json", **HURTING[case])
    refused(lambda: check_tokenizer(path), "has a pattern of its own: .*did not end well", seconds=60)


@pytest.mark.slow
def test_quadratic_patterns_and_texts_that_double_are_refused(tmp_path: Path) -> None:
    """Each takes the whole of its 5 s of CPU time, or its memory."""
    quadratic = saved(tmp_path / "quadratic.json", normalizer=normalizers.Replace(Regex(r"\s+$"), ""))
    refused(lambda: check_tokenizer(quadratic), "has a pattern of its own", seconds=60)
    doubling = normalizers.Sequence([normalizers.Replace("a", "aa")] * 40)
    path = saved(tmp_path / "doubling.json", normalizer=doubling)
    refused(lambda: check_tokenizer(path), "replaces 'a' by something longer", seconds=60)


def test_a_table_that_rewrites_a_character_to_a_long_text_is_tried_first(tmp_path: Path) -> None:
    path = saved(tmp_path / "tokenizer.json")
    table = base64.b64encode(struct.pack("<I", 4) + b"\0" * 4 + b"x" * 100_000 + b"\0").decode()
    edit(path, normalizer={"type": "Precompiled", "precompiled_charsmap": table})
    refused(lambda: check_tokenizer(path), "rewrites a character to a long text", seconds=60)


def test_known_and_simple_patterns_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **options: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", never)
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    for number, pattern in enumerate([gpt2, r"\s+", " {2,}", r"\p{N}{1,3}", "[0-9]", r"\d", "[\r\n]"]):
        path = saved(tmp_path / f"{number}.json", pre_tokenizer=pre_tokenizers.Split(Regex(pattern), "isolated"))
        check_tokenizer(path)


def test_an_odd_pattern_that_takes_linear_time_is_let_through(tmp_path: Path) -> None:
    odd = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "isolated")
    check_tokenizer(saved(tmp_path / "tokenizer.json", pre_tokenizer=odd))


def test_ids_beyond_the_word_table_are_refused_before_the_run(copied: Path) -> None:
    tokenizer = Tokenizer.from_file(str(copied / "tokenizer.json"))
    tokenizer.add_tokens(["potstill", "condenser"])
    tokenizer.save(str(copied / "tokenizer.json"))
    files = inspect_teacher(copied)
    refused(lambda: load_tokenizer(files), r"gives ids up to \d+, the teacher has 77 word vectors")


def test_ids_that_only_the_template_gives_are_found(copied: Path) -> None:
    values = read_json(copied / "tokenizer.json")
    values["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 10**6], "cls": ["[CLS]", 2]}
    (copied / "tokenizer.json").write_text(json.dumps(values))
    files = inspect_teacher(copied)
    try:
        load_tokenizer(files)
    except PotstillError as error:
        assert error.code == BAD_DATA and "gives ids up to 1,000,000" in error.message
    else:  # transformers put a template of its own in its place
        assert load_tokenizer(files).backend_tokenizer.encode("a").ids[-1] < 77


def test_the_checks_take_little_memory(copied: Path) -> None:
    """A width of 2^30 and a sparse terabyte: looked at under a limit of 1 GiB of address space."""
    edit(copied / "config.json", hidden_size=2**30)
    with (copied / "added.safetensors").open("wb") as stream:
        stream.write(struct.pack("<Q", 1 << 30))
        stream.truncate(1 << 40)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from pathlib import Path; from data.errors import PotstillError; from data.guards.model import check_model\n"
        "try: check_model(Path(sys.argv[1]))\n"
        "except PotstillError as error: sys.exit(error.code)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(copied)], check=False, timeout=30, cwd=ROOT)
    assert done.returncode == BAD_DATA


def test_a_budget_counts_only_what_is_not_yet_in_memory() -> None:
    import torch

    budget = Budget(Path("m"), 1, 10)
    budget.spend(None, "a", torch.zeros(100))
    budget.spend(None, "b", None)
    budget.spend(None, "c", torch.zeros(10, device="meta"))
    with pytest.raises(PotstillError, match=r"at d, shape \[1\]"):
        budget.spend(None, "d", torch.zeros(1, device="meta"))


def test_a_sound_directory_passes_in_milliseconds(teacher: Path) -> None:
    start = time.perf_counter()
    assert check_model(teacher)["hidden_size"] == 16
    check_tokenizer(teacher / "tokenizer.json")
    assert time.perf_counter() - start < 1


def test_weights_of_another_shape_than_the_config_are_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    weights["classifier.weight"] = weights["classifier.weight"][:, :8].contiguous()
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    files = inspect_teacher(copied)
    refused(lambda: load_model(files, device="cpu", dtype="float32", attention="sdpa"), "cannot be loaded", seconds=20)


# --- what must stand nowhere


def test_nothing_in_the_package_could_run_what_it_reads() -> None:
    """No pickle in any of its forms, no eval or exec, no trust_remote_code but False."""
    found = []
    for room in ("augment", "data", "pipelines", "student_train", "teacher_cache"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                found += [f"{path.name}:{getattr(node, 'lineno', 0)} {what}" for what in dangers(node)]
    assert found == []


PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def dangers(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLES)
    if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLES:
        yield str(node.module)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if name in ("eval", "exec", "torch.load", "torch.jit.load", "np.load", "numpy.load", "pd.read_pickle"):
            yield name
        for keyword in node.keywords:
            if keyword.arg in ("trust_remote_code", "allow_pickle") and ast.unparse(keyword.value) != "False":
                yield f"{name}({keyword.arg}=…)"


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from joblib import load", "torch.load(x)", "eval(x)", "np.load(x)"),
        *("f(trust_remote_code=True)", "np.savez(x, allow_pickle=yes)"),
    ],
)
def test_the_search_finds_what_it_looks_for(line: str) -> None:
    assert any(list(dangers(node)) for node in ast.walk(ast.parse(line)))
