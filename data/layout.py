"""What files and folders on the disk are called, and the words of `status.json`: written here once, read by every room.

docs/CACHE_FORMAT.md says what stands in the files of a cache. Files of a scratch folder that one module alone knows
are named there (`augment/crew/work.py`, `student_train/feed/encoded.py`).
"""

import re

# In any directory of ours
MANIFEST = "MANIFEST.json"  # the seal: written last, so a directory without it is unfinished
SETTINGS = "potstill.toml"  # the resolved config, kept by the commands
QUARANTINE = "quarantine"  # damaged files: nothing is deleted
CLAIMS, LOCK = "claims", ".lock"  # a folder of locks; with nothing before it, the lock on a whole directory

# Examples
PART, PARTS = re.compile(r"part-\d{5,}\.parquet"), "part-*.parquet"  # of examples; the glob finds shards, too
WORK = "work"  # files of an unfinished augmentation

# A cache
PLAN = "PLAN.json"
SHARD = re.compile(r"part-(\d{5,})-([0-9a-f]{16})\.parquet")
COMMITS = "commits"  # a record for each finished shard
RECORD = re.compile(r"\d{5,}\.json")
FILES = "files"  # what students start from: the teacher's tokenizer, and its word vectors in:
WORD_TABLE = "word_embeddings.safetensors"  # one tensor, `weight` [V, D]
STATUS = "status.json"  # its `state` is one of:
RUNNING, SEALED, WAITING, STOPPED, FAILED = "running", "sealed", "waiting", "stopped", "failed"

# A model, teacher or student; the first five are called so by Hugging Face
WEIGHTS, CONFIG = "model.safetensors", "config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
ROLES = ("mask_token", "unk_token", "pad_token", "cls_token", "sep_token")  # of special tokens, in these files
VOCABULARY = "vocabulary.json"
CARD = "README.md"
METRICS = "metrics.jsonl"  # the learning curve
LAST_STEP = "last"  # the student of the last step, a directory within that of the best one
STAGES = "stage-"  # the students of all stages but the last lie in stage-1, stage-2, …
SEED = "seed-"  # the students of several seeds lie in seed-0, seed-1, …

# A model while it is made
CHECKPOINT = "last.safetensors"
ENCODED = "encoded"  # texts as ids
SCRATCH = "scratch-{}.json"  # the tokenizer of a teacher from scratch; with the hash of the training rows
SEALING = "SEALING"  # names the folder whose files are being moved to their places:
STAGE = re.compile(r"sealing-\d+-[0-9a-f]{8}")

# A run
RECIPE, PHASES, RESULTS = "recipe.toml", "phases.json", "results.json"
CHOSEN, CHOICES = "recipe-chosen.toml", "recipe-chosen.json"  # what was chosen from the data, for people and for us
EVALUATED, BENCHED, RIVALS = "evaluate.json", "bench.json", "rivals.json"
CHECKED = "check.json"  # the teacher beside the most frequent class and TF-IDF
TRIED, TRIAL = "trial.json", "trial"  # which rows students learn from; the folder of the trial's students meanwhile
MEASURED = "measured"  # predictions, scores and speed of each model
REPORT = "report"  # report.html, report.md and the folder of pictures
ASIDE = ".stale-"  # student.stale-1 is a student that was moved aside


def part_name(index: int) -> str:
    return f"part-{index:05d}.parquet"


def shard_name(index: int, sha256: str) -> str:
    return f"part-{index:05d}-{sha256[:16]}.parquet"


def record_name(index: int) -> str:
    return f"{COMMITS}/{index:05d}.json"
