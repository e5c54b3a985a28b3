"""A sealed cache opened for the arms of `benchmarks.stream` and `benchmarks.train`."""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

BATCH = 256


def open_stream(cache: str, *, groups: int = 0) -> Any:
    """The stream as `potstill train` opens it, its ids in a folder of this process beside the cache.

    groups: row groups of a block, where the usual eight are too many.

    The first block is read before the first step. A real set has many blocks; a short measurement must have some, too,
    or it pays for rows that it never trains on.
    """
    from data.progress import Silent
    from student_train.config import TrainConfig
    from student_train.feed.encoded import open_encoded
    from student_train.feed.reader import open_caches
    from student_train.feed.stream import Stream
    from student_train.vocab.start import build_vocabulary

    config = TrainConfig(batch_size=BATCH, block_groups=groups or TrainConfig().block_groups)
    reader, _ = open_caches([Path(cache)])
    vocabulary = build_vocabulary(config, reader.files, reader.chunks_of_texts(Silent()))
    folder = Path(tempfile.mkdtemp(prefix="encoded-", dir=Path(cache).parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    encoded = open_encoded(folder, reader, vocabulary, say=print)
    return Stream(reader, vocabulary, BATCH, config.block_groups, 0, encoded)
