"""The model card: what a student is, how good, how big, and how to use it, in its own directory."""

import re

from data.manifest import Manifest
from student_train.models.shape import Shape

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+.!|~&$^:@-])")  # a backslash before any of them gives the character itself


HUGGING_FACE = """
It is a Hugging Face model, too:

```python
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained("this/directory")
tokenizer = AutoTokenizer.from_pretrained("this/directory")
```
"""


def card(manifest: Manifest, shape: Shape) -> str:
    """Markdown made from a student's manifest and shape."""
    task, report, config = manifest.task, manifest.report, manifest.config
    losses = ", ".join(f"{name} × {_weight(loss['weight'])}" for name, loss in config["losses"].items())
    metrics = "\n".join(f"| dev {plain(name)} | {value:.4f} |" for name, value in report["dev"].items())
    positive = f"\n| f1 is of | {plain(task.positive_class)} |" if task.positive_class else ""
    labels = f" ({', '.join(map(plain, task.labels))})" if task.labels else ""
    theirs = HUGGING_FACE if shape.layers else ""
    texts = '["a text"], pairs=["another text"]' if task.pair else '["a text"]'
    return f"""# {shape.model}, distilled with potstill

A {shape.model} student for a {task.kind} task{labels}, trained from a
teacher's cached answers on {config["rows"]} rows with {losses}.

| | |
|---|---|
| parameters without embeddings | {report["parameters"]:,} |
| embedding parameters | {report["embedding_parameters"]:,} |
| bytes on disk | {report["bytes"]:,} |
{metrics}{positive}
| best step / steps | {report["best_step"]} / {report["steps"]} |
| seed | {config["seeds"][0]} |
| made from cache | `{manifest.made_from.get("cache", "")[:16]}` |

```python
from student_train.student import Student

student = Student.load("this/directory")
student.predict({texts})
```
{theirs}"""


def plain(text: str) -> str:
    """Spell a user's text so that Markdown shows it as it is, on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _weight(weight: float | dict[str, float]) -> str:
    """Write a loss's weight, or from where to where it went."""
    return f"{weight['start']:g} → {weight['end']:g}" if isinstance(weight, dict) else f"{weight:g}"
