"""Students whose logits are added and trained together: what a table and n-grams know, no deep student need forget."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from student_train.batch import Inputs
from student_train.models.networks.embedding import WordEmbedding
from student_train.models.shape import Shape
from student_train.outputs import Outputs


@dataclass(frozen=True)
class SumShape(Shape):
    """parts: shapes of the students in the order of the name; one_table: those with word vectors share one table."""

    parts: tuple[Shape, ...] = ()
    one_table: bool = True

    FILLED = ("parts",)


class Sum(nn.Module):
    """Logits of all parts, added. Parameters: those of the parts, less the tables that are shared."""

    def __init__(self, parts: Sequence[nn.Module], *, one_table: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        if one_table:
            share_tables(parts)

    def forward(self, inputs: Inputs) -> Outputs:
        first, *others = (part(inputs).logits for part in self.parts)
        for logits in others:
            first = first + logits
        return Outputs(first)


def share_tables(parts: Sequence[nn.Module]) -> None:
    """Let the parts look words up in the table of the first that has one; a table with a static copy stays alone.

    The others hold it as a plain attribute, so that it is saved, moved and trained once.
    """
    first: WordEmbedding | None = None
    for part in parts:
        table = getattr(part, "embedding", None)
        if not isinstance(table, WordEmbedding) or table.static is not None:
            continue
        if first is None:
            first = table
        else:
            del part.embedding
            part.__dict__["embedding"] = first
