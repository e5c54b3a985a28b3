"""What was measured of a run's models, as one value: the final table, and the scores behind it (`results.json`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from data.tasks.metrics import SeedScores

Row = dict[str, Any]  # of the table, as it stands in the file: model, seeds, dev, test, … and what `bench` measured
Evaluated = dict[str, dict[str, SeedScores]]  # model -> split -> scores


@dataclass(frozen=True)
class Outcome:
    """metric: of the table; rows: one a model; evaluated: every metric of every seed. Empty before any is measured."""

    metric: str = ""
    rows: list[Row] = field(default_factory=list)
    evaluated: Evaluated = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.evaluated)

    def to_json(self) -> dict[str, Any]:
        return {"metric": self.metric, "rows": self.rows, "evaluated": json_of(self.evaluated)}

    @staticmethod
    def of_json(values: Mapping[str, Any]) -> "Outcome":
        return Outcome(values["metric"], values["rows"], evaluated_of(values["evaluated"]))


def json_of(evaluated: Evaluated) -> dict[str, Any]:
    """Scores of models as `evaluate.json` and `rivals.json` are to hold them."""
    return {model: {split: scores.to_json() for split, scores in splits.items()} for model, splits in evaluated.items()}


def evaluated_of(values: Mapping[str, Mapping[str, Any]]) -> Evaluated:
    """Scores of models as `evaluate.json` and `rivals.json` hold them."""
    return {
        model: {split: SeedScores.of_json(scores) for split, scores in splits.items()}
        for model, splits in values.items()
    }
