"""Transformer students: sizes, weights from an encoder's layers, an ordinary Hugging Face directory."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from data.errors import BAD_DATA, PotstillError
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from student_train.config import TrainConfig
from student_train.models.encoders.transformer import SIZES, TransformerShape, size_of
from student_train.models.sources import Sources
from student_train.models.table import build_model, count_parameters, start_model
from student_train.student import Student
from student_train.train import train
from tests.student_train.conftest import SAME, SENTIMENT

Cache = tuple[list[Path], Source]
TEXTS = ["a good film", "the plot was bad and the music is very bad", "film"]


@pytest.fixture
def tiny(small: TrainConfig) -> TrainConfig:
    sizes = dict.fromkeys(("hidden", "dense"))
    return replace(small, **sizes, model="transformer", max_words=60, shape={"size": 1}, min_count=0)


@pytest.fixture(scope="session")
def encoder(save_bert: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("encoder"), SENTIMENT, layers=4)


def parameters(layers: int, width: int, feed_forward: int, *, vocabulary: int, classes: int) -> tuple[int, int]:
    """Of a BERT, without its tables, and of its tables: words, positions and types."""
    layer = 4 * (width * width + width) + 2 * width * feed_forward + feed_forward + width + 4 * width
    body = layers * layer + 2 * width + width * width + width + width * classes + classes
    return body, (vocabulary + 512 + 2) * width


@pytest.mark.parametrize("size", ["2x192", "T4-tiny", "T3-small", "T12-nano", 3])
def test_parameters_are_those_of_a_bert_of_this_size(size: str | int) -> None:
    made = size_of(size)
    width = made.width or 64
    with torch.device("meta"):
        network = build_model(TransformerShape("transformer", 1_000, width, 3, size=size))
    forward = made.feed_forward or 4 * width
    assert count_parameters(network) == parameters(made.layers, width, forward, vocabulary=1_000, classes=3)


def test_named_sizes_have_heads_that_divide_their_width() -> None:
    assert {name: width % heads for name, (_, width, heads, _) in SIZES.items()} == dict.fromkeys(SIZES, 0)
    assert size_of("T6").layers == 6 and size_of("3x192").width == 192 and size_of(2).width == 0


@pytest.mark.parametrize("size", ["x", "0", "3x", "3x0", "-2", "T5", "3x192x2", "", "1025"])
def test_a_size_that_is_none_is_refused_with_those_there_are(size: str) -> None:
    with pytest.raises(PotstillError, match="no transformer of size") as caught:
        size_of(size)
    assert "T4-tiny" in caught.value.hint


def test_a_student_is_trained_saved_and_opened_by_hugging_face_too(
    tiny: TrainConfig, sentiment: Cache, encoder: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    config = replace(tiny, start=str(encoder), shape={"size": 2})
    manifest = train(config, *sentiment, tmp_path / "s", progress=Silent())
    student = Student.load(tmp_path / "s")
    found = student.logits(TEXTS)
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "s").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "s")
    with torch.inference_mode():
        wanted = theirs(**tokenizer(TEXTS, return_tensors="pt", padding=True)).logits.numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert theirs.config.num_hidden_layers == 2 and theirs.config.id2label == {0: "neg", 1: "pos"}
    assert manifest.report["parameters"] == count_parameters(student.model)[0]
    assert (
        'AutoModelForSequenceClassification.from_pretrained("this/directory")' in (tmp_path / "s/README.md").read_text()
    )
    assert train(config, *sentiment, tmp_path / "s", progress=Silent()).root == manifest.root


def test_pairs_say_which_text_a_sub_word_belongs_to(
    tiny: TrainConfig, make_cache: Any, pair_rows: Any, write_source: Any, save_bert: Any, tmp_path: Path
) -> None:
    cache, dev = make_cache(tmp_path, pair_rows(96)), write_source(tmp_path / "dev.tsv", pair_rows(20, 1))
    for start in ("", str(save_bert(tmp_path / "bert", SAME))):  # the tokenizer of the second gives no types
        out = tmp_path / f"s{bool(start)}"
        train(replace(tiny, start=start), [cache], dev, out, progress=Silent())
        student = Student.load(out)
        assert start or student.vocabulary.segments
        one, other = ["a good plot", "a bad plot"], ["the film was good", "the music"]
        assert not np.allclose(student.logits(one, other), student.logits(other, one), atol=1e-6)


def started(encoder: Path, layers: int, layer_map: str) -> dict[str, torch.Tensor]:
    from student_train.models.encoders.encoder import load_encoder
    from student_train.models.encoders.from_teacher import complete_transformer

    network, _ = load_encoder(str(encoder), SENTIMENT)
    sources = Sources(None, network, layer_map, True, SENTIMENT)
    shape = complete_transformer(TransformerShape("transformer", 71, 32, 2, size=layers), sources)
    return dict(start_model(shape, sources, seed=0).state_dict())


@pytest.mark.parametrize(
    ("layer_map", "layers"),
    [("spread", (1, 4)), ("first", (1, 2)), ("last", (3, 4)), ("skip", (2, 4)), ("3,1", (3, 1))],
)
def test_weights_are_those_of_the_mapped_layers_and_all_beside_them(
    encoder: Path, layer_map: str, layers: tuple[int, ...]
) -> None:
    made, there = started(encoder, 2, layer_map), load_file(encoder / "model.safetensors")
    stack = "bert.encoder.layer."
    for name, tensor in made.items():
        number, _, rest = name.removeprefix(stack).partition(".")
        source = f"{stack}{layers[int(number)] - 1}.{rest}" if name.startswith(stack) else name
        assert torch.equal(tensor, there[source]), name
    assert {name for name in there if not name.startswith(stack)} <= made.keys()


def test_without_an_encoder_the_word_vectors_are_the_teachers_narrowed(
    tiny: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    manifest = train(
        replace(tiny, shape={"size": "1x8"}, max_steps=1, lr=1e-9), *sentiment, tmp_path / "s", progress=Silent()
    )
    table = load_file(tmp_path / "s" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    wanted = load_file(sentiment[0][0] / "files" / "word_embeddings.safetensors")["weight"].float()[: len(table)]
    assert table.shape == (len(wanted), 8) and manifest.config["dimensions"] == 8
    assert abs(float(table.std()) - 0.02) < 1e-3
    one, other = (torch.nn.functional.normalize(vectors - vectors.mean(0)) for vectors in (wanted, table))
    assert np.corrcoef((one @ one.T).flatten(), (other @ other.T).flatten())[0, 1] > 0.6


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"start": "ENCODER", "dimensions": 8}, "has its width and its word vectors"),
        ({"start": "ENCODER", "shape": {"size": "2x8"}}, "has its width and its word vectors"),
        ({"start": "ENCODER", "shape": {"size": 5}}, "a student of 5 layers cannot be mapped to a teacher of 4"),
        ({"start": "ENCODER", "start_map": "1,9", "shape": {"size": 2}}, "names layer 9 of a teacher of 4"),
        ({"start": "ENCODER", "max_words": 100}, "above the 64 positions"),
        ({"table_dtype": "int8"}, "saved as Hugging Face saves it"),
        ({"min_count": 1}, "keeps all of the teacher's sub-words"),
        ({"vocabulary": "words"}, "reads texts cut into joint, not words"),
        ({"model": "dan", "shape": None, "start": "ENCODER"}, "for a student with layers, dan has none"),
        ({"model": "dan+transformer", "shape": None}, "no student 'transformer'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(
    tiny: TrainConfig, sentiment: Cache, encoder: Path, tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    change = {name: str(encoder) if value == "ENCODER" else value for name, value in change.items()}
    with pytest.raises(PotstillError, match=match):
        train(replace(tiny, **change), *sentiment, tmp_path / "s", progress=Silent())


def test_an_encoder_of_other_sub_words_is_refused(
    tiny: TrainConfig, sentiment: Cache, encoder: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    other = AutoTokenizer.from_pretrained(encoder)
    other.add_tokens(["qqq"])
    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    values = json.loads((tmp_path / "tokenizer.json").read_text())
    vocabulary = values["model"]["vocab"]
    vocabulary["goods"] = vocabulary.pop("good")
    (tmp_path / "tokenizer.json").write_text(json.dumps(values))
    with pytest.raises(PotstillError, match="has other sub-words than the teacher"):
        train(replace(tiny, start=str(tmp_path)), *sentiment, tmp_path / "s", progress=Silent())


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "intermediate_size"])
@pytest.mark.parametrize("value", [10**9, 10**30, -8, "8"])
def test_a_config_that_is_not_that_of_the_weights_is_refused(
    tiny: TrainConfig, sentiment: Cache, tmp_path: Path, key: str, value: Any
) -> None:
    from tests.student_train.test_hostile_student import edit, sealed_again

    train(replace(tiny, max_steps=1), *sentiment, tmp_path / "s", progress=Silent())
    edit(tmp_path / "s" / "config.json", **{key: value})
    with pytest.raises(PotstillError) as caught:
        Student.load(sealed_again(tmp_path / "s"))
    assert caught.value.code == BAD_DATA


def test_a_student_without_its_encoder_s_config_is_refused_at_once(
    tiny: TrainConfig, sentiment: Cache, tmp_path: Path
) -> None:
    from tests.student_train.test_hostile_student import sealed_again

    train(replace(tiny, max_steps=1), *sentiment, tmp_path / "s", progress=Silent())
    path = tmp_path / "s" / "config.json"
    values = json.loads(path.read_text())
    ours = {name: values[name] for name in ("shape", "task", "potstill")}
    ours["shape"]["size"] = "100000000x8"
    for left in ({}, {"hidden_size": 8}):
        path.write_text(json.dumps(ours | left))
        with pytest.raises(PotstillError, match=r"is no student that can be opened|describes no student") as caught:
            Student.load(sealed_again(tmp_path / "s"))
        assert caught.value.code == BAD_DATA


def test_a_teacher_that_only_fine_tunes_is_no_student(tiny: TrainConfig, sentiment: Cache, tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="hugging_face"):
        train(replace(tiny, model="hugging_face", shape=None), *sentiment, tmp_path / "s", progress=Silent())


def test_a_score_has_one_output(
    make_cache: Any, score_rows: Any, write_source: Any, tiny: TrainConfig, tmp_path: Path
) -> None:
    cache, dev = make_cache(tmp_path, score_rows(96)), write_source(tmp_path / "dev.tsv", score_rows(20, 1))
    train(tiny, [cache], dev, tmp_path / "s", progress=Silent())
    assert Student.load(tmp_path / "s").logits(TEXTS).shape == (3, 1)
    assert Task("regress").width == 1
