"""The table of students. Adding one is a file and a line here."""

from torch import nn

from data.errors import PotstillError
from data.tasks.task import Task
from student_train.models.bilstm import BiLSTM, SiameseBiLSTM
from student_train.models.shape import Shape

MODELS: dict[str, type[BiLSTM] | type[SiameseBiLSTM]] = {"bilstm": BiLSTM, "siamese_bilstm": SiameseBiLSTM}


def choose_model(name: str, task: Task) -> str:
    """Resolve "auto" and refuse a student that reads another number of texts than the task has."""
    texts = 2 if task.pair else 1
    fitting = [key for key, model in MODELS.items() if model.texts == texts]
    if name == "auto":
        return fitting[0]
    if name not in MODELS:
        raise PotstillError(f"no student {name!r}", hint=f"students: {', '.join(MODELS)}")
    if name not in fitting:
        raise PotstillError(
            f"{name} reads {MODELS[name].texts} text(s), the task's rows have {texts}",
            hint=f"students that fit: {', '.join(fitting)}",
        )
    return name


def build_model(shape: Shape) -> nn.Module:
    """Make an untrained student; its weights come from torch's current random state."""
    if shape.model not in MODELS:
        raise PotstillError(f"no student {shape.model!r}", hint=f"students: {', '.join(MODELS)}")
    return MODELS[shape.model](shape)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Parameters without embeddings, and those of embedding tables (static copies counted)."""
    tables = {
        id(module.weight): module.weight.numel() for module in model.modules() if isinstance(module, nn.Embedding)
    }
    everything = sum(parameter.numel() for parameter in model.parameters())
    frozen = sum(buffer.numel() for name, buffer in model.named_buffers() if name.endswith("embedding.static"))
    return everything - sum(tables.values()), sum(tables.values()) + frozen
