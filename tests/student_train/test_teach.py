"""Fine-tuning a teacher: a plain Hugging Face directory comes out, from pretrained weights or from scratch."""

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from data.errors import BAD_DATA, STALE, TRY_AGAIN, PotstillError
from data.manifest import read_manifest
from data.progress import Silent
from data.readers.source import Source
from data.tasks.task import Task
from data.text.encoding import Feed, feed_of
from student_train.batch import Inputs
from student_train.config import TeachConfig
from student_train.models.encoders.encoder import load_encoder, new_encoder
from student_train.models.encoders.hugging_face import Transformer
from student_train.models.encoders.scratch import train_tokenizer
from student_train.teach import teach

ONE, PAIR, SCORE = Task("classify", ("neg", "pos")), Task("classify", ("other", "same"), pair=True), Task("regress")
QUICK = TeachConfig(epochs=1, batch_size=32, lr=1e-3, threads=1, precision="float32", device="cpu", max_length=32)


def test_a_pretrained_encoder_learns_its_task(taught: Any) -> None:
    assert taught.manifest.report["dev"]["accuracy"] > 0.95
    assert taught.manifest.task == ONE
    assert {taught.manifest.config[name] for name in ("precision", "device", "threads")} == {"float32", "cpu", 1}


def test_a_teacher_keeps_what_its_files_were_read_as(taught: Any) -> None:
    files = {values["role"]: values for values in taught.manifest.report["files"]}
    assert files.keys() == {"dev", "train"}
    assert files["train"]["labelled"] == files["train"]["rows"] == sum(count for _, count in files["train"]["classes"])


def test_what_comes_out_is_a_plain_hugging_face_directory(taught: Any) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(taught.out).eval()
    tokenizer = AutoTokenizer.from_pretrained(taught.out)
    inputs = tokenizer(["a good film", "the plot was bad"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        assert model(**inputs).logits.argmax(-1).tolist() == [1, 0]
    assert model.config.id2label == {0: "neg", 1: "pos"}
    assert not (taught.out / "last.safetensors").exists()


def test_padding_does_not_change_an_encoder_s_answer(taught: Any) -> None:
    network, tokenizer = load_encoder(str(taught.out), ONE)
    model = Transformer(network, feed_of(tokenizer, network, 64)).eval()
    rows = [tokenizer(text)["input_ids"] for text in ("good", "the plot was very bad")]
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    both = model(Inputs((ids,), (torch.tensor([len(row) for row in rows]),))).logits
    alone = model(Inputs((torch.tensor(rows[:1]),), (torch.tensor([len(rows[0])]),))).logits
    torch.testing.assert_close(both[:1], alone, rtol=0, atol=1e-5)


def test_encoders_without_segments_take_pairs_too() -> None:
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=20, dim=8, n_layers=1, n_heads=2, hidden_dim=16, max_position_embeddings=16)
    model = Transformer(DistilBertForSequenceClassification(config), Feed(None)).eval()
    ids, lengths = torch.tensor([[2, 5, 3, 6, 3], [2, 5, 3, 3, 0]]), torch.tensor([5, 4])
    plain = model(Inputs((ids,), (lengths,))).logits
    assert torch.equal(
        model(Inputs((ids,), (lengths,), torch.tensor([[0, 0, 0, 1, 1], [0, 0, 0, 1, 0]]))).logits, plain
    )


def test_segments_reach_an_encoder_that_has_them(taught: Any) -> None:
    model = Transformer(load_encoder(str(taught.out), ONE)[0], Feed(None, types=True)).eval()
    ids, lengths = torch.tensor([[2, 5, 3, 6, 3]]), torch.tensor([5])
    plain, typed = (model(Inputs((ids,), (lengths,), t)).logits for t in (None, torch.tensor([[0, 0, 0, 1, 1]])))
    assert not torch.equal(plain, typed)


def second_alone(rows: Any) -> Any:
    """The same pairs, labelled by what the second text says: only who knows which text is which can tell."""
    examples = [dataclasses.replace(example, label=int("good" in (example.pair or ""))) for example in rows.examples]
    return dataclasses.replace(rows, examples=examples)


def test_pairs_are_read_jointly(save_bert: Any, pair_rows: Any, write_source: Any, tmp_path: Path) -> None:
    source, dev = (write_source(tmp_path / f"{s}.tsv", second_alone(pair_rows(n, s))) for s, n in ((0, 300), (1, 60)))
    start = save_bert(tmp_path / "bert", PAIR)
    config = dataclasses.replace(QUICK, epochs=6, batch_size=16, lr=2e-3)
    manifest = teach(config, PAIR, source, dev, str(start), tmp_path / "t", progress=Silent())
    assert manifest.report["dev"]["accuracy"] > 0.95


def test_scores_are_learnt_too(save_bert: Any, score_rows: Any, write_source: Any, tmp_path: Path) -> None:
    source, dev = (write_source(tmp_path / f"{s}.tsv", score_rows(n, s)) for s, n in ((0, 300), (1, 60)))
    config = dataclasses.replace(QUICK, epochs=6, batch_size=16, lr=2e-3)
    start = save_bert(tmp_path / "bert", SCORE)
    manifest = teach(config, SCORE, source, dev, str(start), tmp_path / "t", progress=Silent())
    assert manifest.report["dev"]["pearson"] > 0.95
    assert json.loads((tmp_path / "t" / "config.json").read_text())["id2label"] == {"0": "score"}


def chinese(path: Path, count: int, seed: int) -> Source:
    """Hotel reviews of a few hundred different characters; 好 makes them good, 差 bad."""
    random = np.random.default_rng(seed)
    lines = ["text\tlabel"]
    for label in random.integers(0, 2, count):
        words = [chr(0x4E00 + int(number)) for number in random.integers(0, 1500, 5)]
        words.insert(int(random.integers(0, 6)), "好" if label else "差")
        lines.append("".join(words) + "。\t" + ("pos" if label else "neg"))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return Source(path)


def test_a_small_encoder_can_be_made_from_scratch_for_chinese(tmp_path: Path) -> None:
    source, dev = chinese(tmp_path / "a.tsv", 300, 0), chinese(tmp_path / "b.tsv", 40, 1)
    config = dataclasses.replace(QUICK, epochs=8, batch_size=16, lr=2e-3)
    manifest = teach(config, ONE, source, dev, "scratch:1x64", tmp_path / "t", progress=Silent())
    assert manifest.report["dev"]["accuracy"] > 0.95
    _, tokenizer = load_encoder(str(tmp_path / "t"), ONE)
    first = Path(source.path).read_text("utf-8").splitlines()[1].split("\t")[0]
    assert tokenizer.tokenize(first) == list(first)  # every character a word, and none unknown
    assert tokenizer("好", "差")["token_type_ids"] == [0, 0, 0, 1, 1]


@pytest.mark.parametrize(("size", "heads"), [("1x64", 1), ("1x128", 2), ("1x200", 2), ("2x40", 1)])
def test_heads_divide_the_width_of_a_new_encoder(
    size: str, heads: int, tmp_path: Path, make_cache: Any, sentiment_rows: Any
) -> None:
    from student_train.models.encoders.encoder import new_encoder

    make_cache(tmp_path, sentiment_rows(6))
    network, _ = new_encoder(size, ONE, train_tokenizer(tmp_path / "examples"), longest=32)
    assert network.config.num_attention_heads == heads
    assert network.config.num_hidden_layers == int(size[0])


@pytest.mark.parametrize("size", ["big", "4x", "x64", "0x64", "2x0", "-1x64", "2x64x3"])
def test_a_size_that_is_none_is_refused(size: str, tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match=f"scratch size '{size}' is not LAYERSxWIDTH"):
        new_encoder(size, ONE, None, longest=32)  # type: ignore[arg-type]


def sources(tmp_path: Path, sentiment_rows: Any, write_source: Any) -> tuple[Source, Source]:
    return write_source(tmp_path / "a.tsv", sentiment_rows(240)), write_source(
        tmp_path / "b.tsv", sentiment_rows(30, 1)
    )


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_stopped_teacher_goes_on_to_the_same_bits(
    ema: float | None, save_bert: Any, sentiment_rows: Any, write_source: Any, tmp_path: Path
) -> None:
    import signal

    class Stop(Silent):
        """Asks the run to end while its third step is reported."""

        done = 0

        def advance(self, amount: int, info: str = "") -> None:
            self.done += amount
            if self.done == 3:
                signal.raise_signal(signal.SIGINT)

    files, start = sources(tmp_path, sentiment_rows, write_source), str(save_bert(tmp_path / "bert", ONE))
    config = dataclasses.replace(QUICK, epochs=2, ema=ema)
    whole = teach(config, ONE, *files, start, tmp_path / "whole", progress=Silent())
    with pytest.raises(PotstillError, match="stopped by SIGINT") as caught:
        teach(config, ONE, *files, start, tmp_path / "broken", progress=Stop())
    assert caught.value.code == TRY_AGAIN
    broken = teach(config, ONE, *files, start, tmp_path / "broken", progress=Silent())
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert weights[0] == weights[1]
    assert broken.root == whole.root


def test_a_finished_teacher_is_returned_and_another_s_directory_refused(
    taught: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = Source(taught.out.parent / "train.tsv")
    config = dataclasses.replace(QUICK, epochs=6, batch_size=16, lr=2e-3)
    monkeypatch.delattr("student_train.teach.write_parts")
    again = teach(config, ONE, source, taught.dev, str(taught.start), taught.out, progress=Silent())
    assert again == taught.manifest == read_manifest(taught.out, "teacher")
    renamed = shutil.copy(source.path, tmp_path / "renamed.tsv")
    start = str(shutil.copytree(taught.start, tmp_path / "bert"))
    assert teach(config, ONE, Source(renamed), taught.dev, start, taught.out, progress=Silent()) == again
    tokenizer = Path(start) / "tokenizer_config.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    with pytest.raises(PotstillError, match="of another run: model") as caught:
        teach(config, ONE, source, taught.dev, start, taught.out, progress=Silent())
    assert caught.value.code == STALE
    with pytest.raises(PotstillError, match="holds a teacher of another run: batch_size") as caught:
        teach(QUICK, ONE, source, taught.dev, str(taught.start), taught.out, progress=Silent())
    assert caught.value.code == STALE


def test_files_that_cannot_teach_are_refused(
    tmp_path: Path, save_bert: Any, sentiment_rows: Any, write_source: Any
) -> None:
    source, dev = sources(tmp_path, sentiment_rows, write_source)
    start = str(save_bert(tmp_path / "bert", ONE))
    with pytest.raises(PotstillError, match=r"max_length 65 is above the 64 positions(?s:.)*teach\.max_length=64"):
        long = dataclasses.replace(QUICK, max_length=65)
        teach(long, ONE, source, dev, start, tmp_path / "t", progress=Silent())
    (tmp_path / "none.tsv").write_text("text\tlabel\na film\t\n")
    with pytest.raises(PotstillError, match="no labelled row to choose by"):
        teach(QUICK, ONE, source, Source(tmp_path / "none.tsv"), start, tmp_path / "t", progress=Silent())
    with pytest.raises(PotstillError, match="is not there"):
        teach(QUICK, ONE, Source(tmp_path / "gone.tsv"), dev, start, tmp_path / "t", progress=Silent())


def test_encoders_that_cannot_be_opened_are_refused(tmp_path: Path, save_bert: Any) -> None:
    with pytest.raises(PotstillError, match=r"cannot open encoder .*(?s:.)*tokenizer\.json"):
        load_encoder(str(tmp_path), ONE)
    three = save_bert(tmp_path / "three", Task("classify", ("a", "b", "c")))
    with pytest.raises(PotstillError, match="cannot open encoder") as caught:
        load_encoder(str(three), ONE)
    assert caught.value.code == BAD_DATA
    pickled = save_bert(tmp_path / "pickled", ONE)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(PotstillError, match="cannot open encoder"):
        load_encoder(str(pickled), ONE)


def test_files_may_be_read_by_whom_the_umask_says(taught: Any, trained: Any) -> None:
    """safetensors writes 0600 whatever the umask: a teacher that only its maker could read."""
    before = os.umask(0o022)
    os.umask(before)
    for directory in (taught.out, trained.out):
        for path in directory.rglob("*"):
            if path.is_file():
                assert path.stat().st_mode & 0o777 == 0o666 & ~before, path
