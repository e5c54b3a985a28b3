"""The committed English tagger: loads offline without torch, tags sensibly, stays small."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

spacy = pytest.importorskip("spacy")
from spacy.tokens import Doc  # noqa: E402

FOLDER = Path(__file__).resolve().parents[3] / "augment" / "tagger_en"
MODEL = FOLDER / "model"

OFFLINE_LOAD = """
import socket, sys
sys.modules["torch"] = None  # any import of torch fails
def refuse(*args, **kwargs):
    raise OSError("no network in this test")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import spacy
nlp = spacy.load(sys.argv[1])
print(" ".join(token.tag_ for token in nlp("She opened the door.")))
"""


@pytest.fixture(scope="module")
def nlp():
    return spacy.load(MODEL)


def test_loads_without_torch_and_network(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:spacy", "-c", OFFLINE_LOAD, str(MODEL)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["PRP", "VBD", "DT", "NN", "."]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("The quick fox jumps over the lazy dog .", "DT JJ NN VBZ IN DT JJ NN ."),
        ("She quickly opened the old door .", "PRP RB VBD DT JJ NN ."),
        ("Did Mary visit London in 2017 ?", "VBD NNP VB NNP IN CD ."),
        ("hide new secretions from the parental units", "VB JJ NNS IN DT JJ NNS"),
        ("saw how bad this movie was", "VBD WRB JJ DT NN VBD"),
        ("the greatest musicians", "DT JJS NNS"),
    ],
)
def test_tags_obvious_text(nlp, text, tags):
    doc = nlp(Doc(nlp.vocab, words=text.split()))
    assert [token.tag_ for token in doc] == tags.split()


@pytest.mark.parametrize("text", ["The children played in the garden .", "I really like this cheap phone ."])
def test_lower_casing_keeps_the_tags(nlp, text):
    docs = nlp.pipe(Doc(nlp.vocab, words=words.split()) for words in (text, text.lower()))
    original, lowered = ([token.tag_ for token in doc] for doc in docs)
    assert lowered == original


def test_every_label_is_readable(nlp):
    assert nlp.pipe_names == ["tok2vec", "tagger"]
    labels = nlp.get_pipe("tagger").labels
    assert {"NN", "NNS", "NNP", "VB", "VBD", "VBG", "VBN", "VBZ", "JJ", "RB"} <= set(labels)
    assert all(label in nlp.vocab.strings for label in labels)


def test_empty_doc_is_no_error(nlp):
    assert len(nlp(Doc(nlp.vocab, words=[]))) == 0


def test_folder_is_small():
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= 6_000_000


def test_no_local_paths_in_the_model():
    meta, config = ((MODEL / name).read_text(encoding="utf-8") for name in ("meta.json", "config.cfg"))
    assert json.loads(meta)["license"] == "CC BY-SA 4.0"
    assert not re.search(r"(^|[\s\"'=])/\w", meta + config)
    assert "train = null" in config and "dev = null" in config


def test_licence_notice():
    notice = (FOLDER / "LICENSE").read_text(encoding="utf-8")
    for wanted in (
        "CC BY-SA 4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "Universal Dependencies",
        "Natalia Silveira",
    ):
        assert wanted in notice
