"""The model card: what a student is, how good, how big, and how to use it, in its own directory."""

from data.manifest import Manifest
from student_train.models.shape import Shape


def card(manifest: Manifest, shape: Shape) -> str:
    """Markdown made from a student's manifest and shape."""
    task, report, config = manifest.task, manifest.report, manifest.config
    losses = ", ".join(f"{name} × {weight:g}" for name, weight in config["losses"].items())
    metrics = "\n".join(f"| dev {name} | {value:.4f} |" for name, value in report["dev"].items())
    texts = '["a text"], pairs=["another text"]' if task.pair else '["a text"]'
    return f"""# {shape.model}, distilled with potstill

A {shape.model} student for a {task.kind} task{f" ({', '.join(task.labels)})" if task.labels else ""}, trained from a
teacher's cached answers on {config["rows"]} rows with {losses}.

| | |
|---|---|
| parameters without embeddings | {report["parameters"]:,} |
| embedding parameters | {report["embedding_parameters"]:,} |
| bytes on disk | {report["bytes"]:,} |
{metrics}
| best step / steps | {report["best_step"]} / {report["steps"]} |
| seed | {config["seeds"][0]} |
| made from cache | `{manifest.made_from.get("teacher", "")[:16]}` |

```python
from student_train.student import Student

student = Student.load("this/directory")
student.predict({texts})
```
"""
