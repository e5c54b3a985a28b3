"""Operations on words and cuts of texts, one a file, and the tables of them."""

from augment.ops import mask, ngram, pos_replace
from augment.ops.op import CutOp, WordOp

# In the order in which they are applied: a word's one draw selects the first, the second, …; cuts come last.
WORD_OPS: dict[str, WordOp] = {"mask": mask.OP, "pos": pos_replace.OP}
CUT_OPS: dict[str, CutOp] = {"ngram": ngram.OP}
OPS: dict[str, WordOp | CutOp] = {**WORD_OPS, **CUT_OPS}
