"""Column names of common datasets, by which text, pair and label columns are found."""

# Names of common datasets (GLUE, SNLI, QNLI, SetFit, IMDB, Amazon, Yelp, …), compared without regard to case.
PAIRS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("#1 string", "#2 string"),
    ("question", "sentence"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("text", "pair"),
)
TEXTS = ("sentence", "text", "review", "content", "document", "sentence1", "question", "comment", "tweet", "utterance")
LABELS = (
    "label",
    "labels",
    "gold_label",
    "quality",
    "is_duplicate",
    "score",
    "class",
    "sentiment",
    "rating",
    "target",
    "polarity",
    "similarity_score",
    "relatedness_score",
    "stars",
    "category",
    "intent",
)
KNOWN = frozenset(TEXTS + LABELS + tuple(name for pair in PAIRS for name in pair))
