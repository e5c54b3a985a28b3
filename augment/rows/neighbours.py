"""Find replacements that would join with a neighbour that has no blank before or after the word.

"great😀" must not become "greatfilm", nor "a(b" "a.b". Between blanks any word of the tag is allowed, as in the paper.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from augment.tagged import Texts
from data.example import MASK
from data.text.words import JOINERS, kind_of

_PART = r"^[\pM\x{200D}\x{1F3FB}-\x{1F3FF}]"  # half a character: it would join with whatever is before it


def sticking(texts: Texts, places: np.ndarray, words: pa.StringArray) -> np.ndarray:
    """Tell which new words would join with a neighbour: bool [N]. places: indices into all words, int64 [N]."""
    found = pc.match_substring_regex(words, _PART).to_numpy(zero_copy_only=False).astype(bool)
    glued = texts.glued[places]
    asked = np.flatnonzero(glued.any(axis=1) & pc.not_equal(words, MASK).to_numpy(zero_copy_only=False).astype(bool))
    old, new = texts.words.take(pa.array(places[asked])).to_pylist(), words.take(pa.array(asked)).to_pylist()
    for i, was, now, right in zip(asked.tolist(), old, new, glued[asked, 1].tolist(), strict=True):
        found[i] |= kind_of(now) != kind_of(was) or (right and now in JOINERS and was not in JOINERS)
    return found
