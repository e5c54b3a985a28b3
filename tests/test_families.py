"""Any encoder: what is cached, and what is measured, is what transformers says of one row at a time, family by family.

Tiny models with large random weights, so that a wrong padding, position or token type shows in the first digits.
"""

import importlib.util
import inspect
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from data.errors import PotstillError
from data.example import Example, example_id
from data.examples import write_parts
from data.manifest import Manifest, write_manifest
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from data.text.encoding import cutting
from data.text.families import LAST, LEFT, PADDABLE, position_limit
from student_train.config import TeachConfig
from student_train.measure.opened import open_model
from student_train.models.answer import answer
from student_train.teach import teach
from teacher_cache.build import build
from teacher_cache.config import CacheConfig

CLASSES = ("no", "perhaps", "yes")
ONE, TWO = Task("classify", CLASSES), Task("classify", CLASSES, pair=True)
WORDS = ("a", "the", "film", "plot", "is", "was", "not", "very", "good", "bad", "great", "dull", "funny", "and", "but")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
VOCABULARY = (
    *SPECIAL,
    *WORDS,
    *"bcdefghijklmnopqrstuvwxyz",
    *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
)
TEXTS = ("good", "the plot is dull but the actor was very very good", "a bad film", "great", "not a very funny film")
PAIRS = ("the film", "bad", "a very very great plot and not dull", "bad film", "good")

# The same sizes under the names that families gave them.
SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "dim", "n_embd", "embedding_size", "emb_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layers", "num_layers", "n_layer", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_heads", "num_key_value_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_inner", "d_ff", "encoder_ffn_dim", "decoder_ffn_dim"), 48),
    **dict.fromkeys(("head_dim", "d_head", "d_kv"), 16),
    **dict.fromkeys(("max_position_embeddings", "n_positions"), 66),
    "vocab_size": len(VOCABULARY),
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
OWN: dict[str, dict[str, Any]] = {
    "big_bird": {"block_size": 4},
    "convbert": {"conv_kernel_size": 3, "head_ratio": 1},
    "deberta": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "funnel": {"block_sizes": [1, 1]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 8},
    "longformer": {"attention_window": 8},
    "mobilebert": {"intra_bottleneck_size": 16, "true_hidden_size": 16},
    "modernbert": {"local_attention": 8},
    "mt5": {"decoder_start_token_id": 0},
    "t5": {"decoder_start_token_id": 0},
}
FAST = (
    *("albert", "bert", "big_bird", "camembert", "convbert", "deberta", "deberta-v2", "distilbert", "electra", "fnet"),
    *("funnel", "gpt2", "llama", "longformer", "modernbert", "mpnet", "roberta", "roformer", "xlm-roberta", "xlnet"),
)
SLOW = (
    *("bloom", "biogpt", "data2vec-text", "ernie", "esm", "eurobert", "gemma", "gemma2", "gpt_neox", "ibert"),
    *("megatron-bert", "mistral", "mobilebert", "nomic_bert", "nystromformer", "opt", "phi", "phi3", "qwen2", "qwen3"),
    *("rembert", "roberta-prelayernorm", "squeezebert", "stablelm", "xlm-roberta-xl", "olmo", "olmo2"),
    *("bart", "t5", "mt5", "xlm", "flaubert", "openai-gpt", "ctrl", "gpt_neo", "mpt"),
)
EVERY = [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def tokenizer_of(kind: str = "bert", **changes: Any) -> Any:
    """WordPiece with special tokens at both ends, or (kind "gpt") without any."""
    backend = Tokenizer(models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if kind == "bert":
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    roles = {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>", "eos_token": "</s>"}
    names = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{"model_input_names": names, **roles, **changes})


def save(directory: Path, family: str, tokenizer: Any, **changes: Any) -> Path:
    """A model of a family with large random weights, and its tokenizer."""
    kind = type(AutoConfig.for_model(family))
    known = {*inspect.signature(kind.__init__).parameters, *kind.attribute_map, *kind().to_dict()}
    sizes = {name: value for name, value in SIZES.items() if name in known}
    if types := "type_vocab_size" in known:
        sizes["type_vocab_size"] = 2
    labels = {"id2label": dict(enumerate(CLASSES)), "label2id": {name: i for i, name in enumerate(CLASSES)}}
    config = AutoConfig.for_model(family, **{**sizes, **OWN.get(family, {}), **labels, **changes})
    assert types is not None
    torch.manual_seed(0)
    model = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)](config)
    for weights in model.parameters():
        if weights.dim() > 1:
            weights.data.normal_(0, 0.2)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def expected(directory: Path, texts: Any, pairs: Any = None) -> np.ndarray:
    """Logits [N, C] of transformers, one row at a time."""
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    takes = inspect.signature(model.forward).parameters
    found = []
    for text, pair in zip(texts, pairs or [None] * len(texts), strict=True):
        inputs = tokenizer(text, pair, return_tensors="pt")
        with torch.inference_mode():
            found.append(model(**{name: value for name, value in inputs.items() if name in takes}).logits[0].numpy())
    return np.stack(found)


def cached(
    directory: Path, out: Path, texts: Any, pairs: Any = None, states: Collection[str] = ("ok",), **options: Any
) -> tuple[np.ndarray, list[str]]:
    """Logits [N, C] of a cache, and the notes that were said."""
    task = ONE if pairs is None else TWO
    examples = out.with_name(f"{out.name}-examples")
    examples.mkdir(exist_ok=True)
    rows = [
        Example(example_id(task.kind, text, pair), text, pair)
        for text, pair in zip(texts, pairs or [None] * len(texts), strict=True)
    ]
    write_manifest(examples, Manifest("examples", task, tuple(write_parts(examples, rows, task))))

    class Heard(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    notes: list[str] = []
    config = CacheConfig(**{"max_length": 60, "dtype": "float32", **options})
    manifest = build(config, examples, directory, out, progress=Heard())
    assert manifest is not None
    table = pq.read_table(out / manifest.parts[0].name)
    assert set(table["status"].to_pylist()) <= set(states)
    return np.array(table["logits"].to_pylist()), notes


def measured(directory: Path, texts: Any, pairs: Any = None) -> np.ndarray:
    """Logits [N, C] as `evaluate` and `bench` get them."""
    return open_model(directory, ONE if pairs is None else TWO).logits(list(texts), pairs and list(pairs))


@pytest.mark.parametrize("family", EVERY)
def test_cached_and_measured_is_what_transformers_says_of_one_row(family: str, tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    wanted = expected(teacher, TEXTS)
    assert np.ptp(wanted, axis=0).min() > 0.01  # the texts do not get one answer
    np.testing.assert_allclose(cached(teacher, tmp_path / "cache", TEXTS)[0], wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(measured(teacher, TEXTS), wanted, rtol=0, atol=1e-3)
    low, _ = cached(teacher, tmp_path / "low", TEXTS, dtype="bfloat16")
    assert np.isfinite(low).all()


def test_a_short_row_changes_no_sparse_attention(tmp_path: Path) -> None:
    """BigBird: a row of 44 sub-words or fewer is computed with full attention, and so was every row behind it."""
    teacher = save(tmp_path / "teacher", "big_bird", tokenizer_of())
    texts = ["good", "a very very bad film and " * 9, "the plot is not great but " * 9, "bad"]
    wanted = np.concatenate([expected(teacher, [text]) for text in texts])
    full = AutoModelForSequenceClassification.from_pretrained(teacher, attention_type="original_full").eval()
    inputs = AutoTokenizer.from_pretrained(teacher)(texts[1], return_tensors="pt")
    with torch.inference_mode():
        assert np.abs(full(**inputs).logits.numpy() - wanted[1:2]).max() > 0.01  # the kinds of attention differ
    np.testing.assert_allclose(cached(teacher, tmp_path / "cache", texts)[0], wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(measured(teacher, texts), wanted, rtol=0, atol=1e-3)


def hidden_of(directory: Path, text: str) -> list[np.ndarray]:
    """Hidden states of each layer, [T, D], of transformers."""
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    inputs = AutoTokenizer.from_pretrained(directory)(text, return_tensors="pt")
    takes = inspect.signature(model.forward).parameters
    inputs = {name: value for name, value in inputs.items() if name in takes}
    with torch.inference_mode():
        return [state[0].numpy() for state in model(**inputs, output_hidden_states=True).hidden_states]


@pytest.mark.parametrize("family", ["big_bird", "convbert", "deberta-v2", "longformer", "roformer", "xlnet"])
def test_states_of_other_families_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    cached(teacher, tmp_path / "cache", TEXTS, signals=("logits", "cls.1", "hidden.2", "mean.2"))
    table = pq.read_table(next((tmp_path / "cache").glob("part-*.parquet"))).to_pylist()
    for text, row in zip(TEXTS, table, strict=True):
        states = hidden_of(teacher, text)
        whole = np.frombuffer(row["hidden.2"], np.float16).reshape(states[2].shape).astype(np.float32)
        np.testing.assert_allclose(whole, states[2], rtol=2e-3, atol=2e-3)
        for name, wanted in (("cls.1", states[1][0]), ("mean.2", states[2].mean(axis=0))):
            np.testing.assert_allclose(np.frombuffer(row[name], np.float16), wanted, rtol=2e-3, atol=4e-3)


@pytest.mark.parametrize("family", ["big_bird", "deberta", "fnet", "funnel", "longformer", "mpnet", "xlnet", "gpt2"])
def test_queries_that_a_family_does_not_hand_out_are_refused(family: str, tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    with pytest.raises(PotstillError) as caught:
        cached(teacher, tmp_path / "cache", TEXTS, signals=("logits", "q.1"))
    assert "leave q, k and v out" in str(caught.value) or "q.1" in str(caught.value)


def test_token_types_that_a_model_does_not_have_are_refused(tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", "roberta", tokenizer_of(), type_vocab_size=1)
    for ask in (lambda: measured(teacher, TEXTS, PAIRS), lambda: cached(teacher, tmp_path / "cache", TEXTS, PAIRS)):
        with pytest.raises(PotstillError, match=r"gives token types up to 1, the (encoder|teacher) has 1"):
            ask()


def test_a_tokenizer_with_a_step_in_python_is_refused(tmp_path: Path) -> None:
    class Step:
        def pre_tokenize(self, text: Any) -> None: ...

    backend = tokenizer_of().backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Step())
    with pytest.raises(PotstillError, match="the tokenizer cannot be copied"):
        cutting(backend, 8)


def test_what_is_padded_is_tried_here() -> None:
    assert {*FAST, *SLOW} >= PADDABLE | LAST | LEFT


def test_rows_are_fed_alike_whatever_the_batch(tmp_path: Path) -> None:
    """A pair, and a tokenizer whose model_input_names lack token types: none go in anywhere."""
    for number, names in enumerate(
        (["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"])
    ):
        teacher = save(tmp_path / f"teacher-{number}", "bert", tokenizer_of(model_input_names=names))
        wanted = expected(teacher, TEXTS, PAIRS)
        np.testing.assert_allclose(cached(teacher, tmp_path / f"cache-{number}", TEXTS, PAIRS)[0], wanted, atol=1e-5)
        np.testing.assert_allclose(measured(teacher, TEXTS, PAIRS), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("names", [["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"]])
def test_a_teacher_that_is_taught_is_measured_and_cached_alike(names: list[str], tmp_path: Path) -> None:
    start = save(tmp_path / "start", "bert", tokenizer_of(model_input_names=names))
    taught = teach_quickly(start, tmp_path, TWO)
    wanted = expected(taught, TEXTS, PAIRS)
    np.testing.assert_allclose(measured(taught, TEXTS, PAIRS), wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(cached(taught, tmp_path / "cache", TEXTS, PAIRS)[0], wanted, rtol=0, atol=1e-5)


def teach_quickly(start: Path, folder: Path, task: Task, notes: list[str] | None = None, **options: Any) -> Path:
    """Fine-tune a model for two steps on the texts of this module; the directory of the new one."""
    rows = [
        "\t".join([text, *([pair] if task.pair else []), task.labels[number % len(task.labels)]])
        for number, (text, pair) in enumerate(zip(TEXTS, PAIRS, strict=True))
    ]
    head = "text\tpair\tlabel" if task.pair else "text\tlabel"
    file = folder / "rows.tsv"
    file.write_text("\n".join([head, *rows]) + "\n", "utf-8")

    class Heard(Silent):
        def note(self, message: str) -> None:
            (notes if notes is not None else []).append(message)

    config = TeachConfig(**{"epochs": 1, "max_steps": 2, "batch_size": 4, "max_length": 60, "device": "cpu", **options})
    teach(config, task, Source(file), Source(file), str(start), folder / "taught", progress=Heard())
    return folder / "taught"


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "mpnet", "longformer"])
def test_the_limit_of_positions_that_begin_behind_the_padding_is_the_table_less_two(
    family: str, tmp_path: Path
) -> None:
    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    long = ["a good film " * 60, "bad"]
    with pytest.raises(PotstillError, match=r"max_length 65 is above(?s:.)* 64 positions(?s:.)*cache\.max_length=64"):
        cached(teacher, tmp_path / "cache-65", long, max_length=65)
    said, _ = cached(teacher, tmp_path / "cache-64", long, states={"ok", "truncated"}, max_length=64)
    assert np.isfinite(said).all()
    np.testing.assert_allclose(measured(teacher, long), said, rtol=0, atol=1e-3)
    with pytest.raises(PotstillError, match=r"max_length 65 is above(?s:.)* 64 positions(?s:.)*teach\.max_length=64"):
        teach_quickly(teacher, tmp_path, ONE, max_length=65)
    teach_quickly(teacher, tmp_path, ONE, max_length=64)


@pytest.mark.parametrize(
    ("config", "stated", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, None, 512),
        ({"model_type": "bert", "max_position_embeddings": 512}, 128, 128),
        ({"model_type": "bert", "max_position_embeddings": 512}, 10**30, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514}, None, 512),
        ({"model_type": "xlm-roberta-xl", "max_position_embeddings": 514, "pad_token_id": 1}, None, 512),
        ({"model_type": "esm", "max_position_embeddings": 1026, "pad_token_id": 1}, None, 1024),
        ({"model_type": "esm", "max_position_embeddings": 1026, "position_embedding_type": "rotary"}, None, 0),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512, "position_biased_input": False}, 512, 0),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512}, None, 512),
        ({"model_type": "gpt2", "n_positions": 1024}, None, 1024),
        ({"model_type": "xlnet"}, 512, 0),
        ({"model_type": "new"}, None, 0),
    ],
)
def test_the_longest_input_is_that_of_the_family(config: dict[str, Any], stated: int | None, limit: int) -> None:
    assert position_limit(config, stated) == limit


def test_a_relative_family_takes_rows_longer_than_its_config_says(tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", "deberta-v2", tokenizer_of(model_max_length=66))
    long = ["a good film " * 40, "bad"]
    said, _ = cached(teacher, tmp_path / "cache", long, max_length=200)
    np.testing.assert_allclose(said, expected(teacher, long), rtol=0, atol=1e-3)


def test_a_model_of_other_classes_gets_a_fresh_head_and_a_note(tmp_path: Path) -> None:
    teacher, notes = save(tmp_path / "teacher", "bert", tokenizer_of()), []
    taught = teach_quickly(teacher, tmp_path, Task("classify", ("bad", "good")), notes)
    assert [note for note in notes if "a fresh head for bad, good" in note and "no, perhaps, yes" in note]
    assert expected(taught, TEXTS).shape == (len(TEXTS), 2)


def test_a_model_of_as_many_other_classes_gets_a_fresh_head_too(tmp_path: Path) -> None:
    from student_train.models.encoders.encoder import load_to_teach

    teacher, notes = save(tmp_path / "teacher", "roberta", tokenizer_of()), []
    same, _ = load_to_teach(str(teacher), ONE, say=notes.append)
    assert not notes
    other, _ = load_to_teach(str(teacher), Task("classify", ("sad", "glad", "mad")), say=notes.append)
    assert len(notes) == 1
    old, new = same.classifier.out_proj.weight, other.classifier.out_proj.weight
    assert old.std() > 0.1 and new.std() < 0.05  # as transformers draws one, not what other classes learnt
    assert torch.equal(same.classifier.dense.weight, other.classifier.dense.weight)


PADS = {
    "in both": ({}, {}),
    "in none": ({"pad_token": None}, {"pad_token_id": None}),
    "in the config only": ({"pad_token": None}, {"pad_token_id": 2}),
    "in the tokenizer only": ({}, {"pad_token_id": None}),
    "two unlike": ({}, {"pad_token_id": 4}),
    "on the left": ({"padding_side": "left"}, {}),
}


@pytest.mark.parametrize("case", PADS)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_model_that_reads_the_last_sub_word_is_right_whatever_its_padding(
    case: str, family: str, tmp_path: Path
) -> None:
    roles, config = PADS[case]
    teacher = save(tmp_path / "teacher", family, tokenizer_of("gpt", **roles), **config)
    wanted = expected(teacher, TEXTS)
    np.testing.assert_allclose(cached(teacher, tmp_path / "cache", TEXTS)[0], wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(measured(teacher, TEXTS), wanted, rtol=0, atol=1e-3)


@pytest.mark.parametrize("family", ["gpt2", "xlnet", "fnet", "deberta-v2"])
def test_families_are_taught_and_cached_as_they_were_measured(family: str, tmp_path: Path) -> None:
    roles: dict[str, Any] = {"pad_token": None} if family == "gpt2" else {}
    changes = {"pad_token_id": None} if family == "gpt2" else {}
    start = save(tmp_path / "start", family, tokenizer_of("gpt" if family == "gpt2" else "bert", **roles), **changes)
    taught = teach_quickly(start, tmp_path, ONE)
    wanted = expected(taught, TEXTS)
    np.testing.assert_allclose(measured(taught, TEXTS), wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(cached(taught, tmp_path / "cache", TEXTS)[0], wanted, rtol=0, atol=1e-3)


@pytest.fixture
def deberta_v3(tmp_path: Path) -> Path:
    """A model directory as the hub's DeBERTa-v3 are: `spm.model`, and no tokenizer.json."""
    sentencepiece = pytest.importorskip("sentencepiece", reason="needs the extra potstill[sentencepiece]")
    teacher = save(tmp_path / "teacher", "deberta-v2", tokenizer_of())
    for file in teacher.glob("*token*"):
        file.unlink()
    roles = {"bos_piece": "[CLS]", "eos_piece": "[SEP]", "pad_piece": "[PAD]", "unk_piece": "[UNK]"}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*TEXTS, *PAIRS] * 20),
        model_prefix=str(teacher / "spm"),
        vocab_size=len(VOCABULARY) - 1,
        hard_vocab_limit=False,
        user_defined_symbols=["[MASK]"],
        minloglevel=2,
        **roles,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
    )
    (teacher / "tokenizer_config.json").write_text('{"do_lower_case": false, "vocab_type": "spm"}')
    return teacher


def test_a_sentencepiece_model_without_tokenizer_json_works(deberta_v3: Path, tmp_path: Path) -> None:
    wanted = expected(deberta_v3, TEXTS)
    np.testing.assert_allclose(cached(deberta_v3, tmp_path / "cache", TEXTS)[0], wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(measured(deberta_v3, TEXTS), wanted, rtol=0, atol=1e-3)
    assert (tmp_path / "cache" / "files" / "tokenizer.json").is_file()  # for students, which need no sentencepiece
    teach_quickly(deberta_v3, tmp_path, ONE)


@pytest.mark.parametrize("missing", ["sentencepiece", "google.protobuf"])
def test_the_extra_that_reads_sentencepiece_is_named(
    missing: str, deberta_v3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == missing else find(name, *more))
    with pytest.raises(PotstillError, match=r"no tokenizer\.json but spm\.model(?s:.)*potstill\[sentencepiece\]"):
        cached(deberta_v3, tmp_path / "cache", TEXTS)
    with pytest.raises(PotstillError, match=r"no tokenizer\.json but spm\.model(?s:.)*potstill\[sentencepiece\]"):
        measured(deberta_v3, TEXTS)


def test_what_a_config_says_of_how_it_is_run_is_ours(tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", "bert", tokenizer_of())
    wanted = expected(teacher, TEXTS)
    config = json.loads((teacher / "config.json").read_text())
    odd = {"return_dict": False, "chunk_size_feed_forward": 3, "output_hidden_states": True, "output_attentions": True}
    (teacher / "config.json").write_text(json.dumps(config | odd | {"torchscript": True, "torch_dtype": "float16"}))
    np.testing.assert_allclose(cached(teacher, tmp_path / "cache", TEXTS)[0], wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(measured(teacher, TEXTS), wanted, rtol=0, atol=1e-3)


def test_arithmetic_and_kernel_follow_the_model_and_say_so(tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", "fnet", tokenizer_of())
    said, notes = cached(teacher, tmp_path / "cache", TEXTS, dtype="bfloat16", attention="sdpa")
    np.testing.assert_allclose(said, expected(teacher, TEXTS), rtol=0, atol=1e-3)
    assert [note for note in notes if "fnet has no sdpa attention: eager is taken" in note]
    assert [note for note in notes if "fnet cannot be computed in bfloat16" in note and "float32 is taken" in note]
    again, notes = cached(teacher, tmp_path / "cache", TEXTS, dtype="bfloat16", attention="sdpa")
    assert not notes and np.array_equal(said, again)  # finished: the arithmetic that was asked for is the same


@pytest.mark.parametrize(("family", "signal"), [("bart", "hidden"), ("funnel", "hidden"), ("t5", "cls")])
def test_signals_that_a_family_does_not_have_are_refused_by_name(family: str, signal: str, tmp_path: Path) -> None:
    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    with pytest.raises(PotstillError, match=rf"{signal}\.2 cannot be had of \w+ForSequenceClassification"):
        cached(teacher, tmp_path / "cache", TEXTS, signals=("logits", signal))


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "distilbert", "electra", "modernbert", "mpnet", "deberta-v2", "albert"]
)
def test_a_student_with_all_layers_of_its_encoder_says_the_same(family: str, tmp_path: Path) -> None:
    from student_train.models.encoders.encoder import load_to_teach, reads_types
    from student_train.models.encoders.from_teacher import complete_transformer
    from student_train.models.encoders.transformer import TransformerShape
    from student_train.models.sizes import read_shape, spell_shape
    from student_train.models.sources import Sources
    from student_train.models.table import build_model, start_model
    from student_train.vocab.vocabulary import build_joint

    teacher = save(tmp_path / "teacher", family, tokenizer_of())
    network, tokenizer = load_to_teach(str(teacher), TWO, say=print)
    types = reads_types(60, teacher, network, tokenizer)
    vocabulary = build_joint(teacher, longest=60, types=types)
    depth, width = network.config.num_hidden_layers, network.config.hidden_size
    for layers in (depth, 1):
        sources = Sources(None, network, "spread", types, TWO)
        asked = TransformerShape("transformer", vocabulary.size, width, 3, texts=2, size=layers)
        shape = complete_transformer(asked, sources)
        spelled = json.loads(json.dumps(spell_shape(shape)))
        shape = read_shape(spelled["shape"], spelled)
        student = start_model(shape, sources, seed=0).eval()
        found = answer(student, vocabulary.encode(TEXTS, PAIRS), device=torch.device("cpu"), precision=torch.float32)
        assert found.shape == (len(TEXTS), 3)
        if layers == depth:
            np.testing.assert_allclose(found, expected(teacher, TEXTS, PAIRS), rtol=0, atol=1e-4)
        torch.testing.assert_close(build_model(shape).load_state_dict(student.state_dict()).missing_keys, [])


NO_DROPOUT = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"), 0.0)


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "modernbert"])
def test_what_a_student_gives_to_losses_on_layers_is_what_its_teacher_s_cache_holds(
    family: str, tmp_path: Path
) -> None:
    """A student with all layers of its teacher has nothing to learn, but for the rounding of the cache."""
    from student_train.feed.reader import open_caches
    from student_train.feed.stream import Stream
    from student_train.losses.layers import Stack
    from student_train.losses.objective import Objective
    from student_train.losses.table import read_losses
    from student_train.models.encoders.encoder import load_to_teach
    from student_train.models.encoders.from_teacher import complete_transformer
    from student_train.models.encoders.transformer import PLAIN, SmallTransformer, TransformerShape
    from student_train.models.sources import Sources
    from student_train.models.table import start_model
    from student_train.vocab.vocabulary import build_joint

    known = AutoConfig.for_model(family).to_dict()
    teacher = save(tmp_path / "teacher", family, tokenizer_of(), **{k: v for k, v in NO_DROPOUT.items() if k in known})
    out, attention = tmp_path / "cache", ("q", "k", "v") if family in PLAIN else ()
    layered = ["cls.1", *(f"{name}.{layer}" for name in ("hidden", "gram") for layer in (0, 1, 2))]
    layered += [f"{name}.{layer}" for name in attention for layer in (1, 2)]
    cached(teacher, out, TEXTS, signals=("logits", "input_ids", *layered))
    network, _ = load_to_teach(str(teacher), ONE, say=print)
    heads, width = network.config.num_attention_heads, network.config.hidden_size
    sources = Sources(None, network, "spread", True, ONE)
    shape = complete_transformer(TransformerShape("transformer", len(VOCABULARY), width, 3, size=2), sources)
    student = start_model(shape, sources, seed=0).train()
    assert isinstance(student, SmallTransformer)
    student.states = True
    names = ["hidden_mse", "cos", "pkd", "nst", "fsp", "emd", *(["attention_mse", "relations"] if attention else [])]
    if attention:
        student.keep_attention()
    else:
        with pytest.raises(PotstillError, match=f"the attention of a {family} student cannot be compared"):
            student.keep_attention()
    reader, _ = open_caches([out])
    reader = reader.with_columns(("input_ids", *layered))
    assert reader.heads == (heads if attention else 0)
    vocabulary = build_joint(
        out / "files", longest=60, types="token_type_ids" in known or family in ("bert", "electra")
    )
    [batch] = Stream(reader, vocabulary, 32, 1, 0).batches(0)
    stack = Stack(2, width, heads)
    given = student(batch.inputs)
    for name in names:
        options = {"heads": 2} if name == "relations" else {}
        made = Objective(read_losses({name: options}), ONE, student=stack, teacher=stack)
        scale = float((given.hidden[2].detach() ** 2).mean()) if name in ("hidden_mse", "fsp", "emd") else 1.0
        assert float(made(given, batch).detach()) < 2e-4 * max(1.0, scale), name
