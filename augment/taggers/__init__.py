"""Parts of speech, one tagger a file, and the table of them."""

from augment.taggers import jieba, nltk, none, own, spacy_model
from augment.taggers.tagger import Tagger

TAGGERS: dict[str, Tagger] = {
    "own": own.TAGGER,
    "spacy": spacy_model.TAGGER,
    "nltk": nltk.TAGGER,
    "jieba": jieba.TAGGER,
    "none": none.TAGGER,
}
