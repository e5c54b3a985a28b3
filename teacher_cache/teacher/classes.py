"""Match a teacher's outputs to the classes of the task. Teacher on disk, task of the examples → `Classes`.

Logits in a wrong class order train a student that is confidently wrong, and no other check would find it. Outputs are
matched by name; their columns are reordered to the task's order when they are stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from data.errors import BAD_DATA, PotstillError
from data.labels.cells import WHOLE
from data.labels.names import ask_names, match_names, quoted
from data.tasks.task import Task
from teacher_cache.teacher.files import TeacherFiles

# `problem_type` in a config → the kind of task.
PROBLEMS = {
    "regression": "regress",
    "single_label_classification": "classify",
    "multi_label_classification": "multilabel",
}
TEACH = "take a teacher that was trained for this task: potstill teach TRAIN --dev DEV -m MODEL -o DIR"


@dataclass(frozen=True)
class Classes:
    """The classes of a teacher's logits.

    task     the examples' task; classes that only the teacher has come after those of the examples
    outputs  index of the teacher's output for each class of `task`
    named    whether outputs were matched by name; otherwise by order
    """

    task: Task
    outputs: tuple[int, ...]
    named: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Classes in the order of the teacher's outputs."""
        return tuple(name for _, name in sorted(zip(self.outputs, self.task.labels, strict=False)))


def match_classes(
    files: TeacherFiles, task: Task, said: Sequence[str] | None = None, *, option: str = "--teacher-labels"
) -> Classes:
    """Find each class of a task among a teacher's outputs.

    said: names of the outputs in their order, if the user gives them. Without any names the outputs are the classes in
    the task's order, or, if there are more, the ids from 0 on. option: the option that sets `said`, for hints.
    Errors: a teacher of another kind of task; a class that it lacks.
    """
    _refuse_problem(files, task)
    if not task.labels:
        if files.outputs != 1:
            raise PotstillError(
                f"teacher {files.path} has {files.outputs} outputs, the {task.kind} task has 1", hint=TEACH
            )
        return Classes(task, (0,))
    names = _names(files, task, said, option)
    found = match_names(task.labels, names)
    places = [place for place in found if place is not None]
    if len(places) < len(found):
        raise _other_classes(files, task, names, option)
    more = sorted(set(range(len(names))) - set(places), key=lambda place: names[place])
    whole = replace(task, labels=(*task.labels, *(names[place] for place in more)))
    return Classes(whole, (*places, *more), bool(said or files.labels))


def _names(files: TeacherFiles, task: Task, said: Sequence[str] | None, option: str) -> tuple[str, ...]:
    """Return names of the outputs: given by the user, else by the config, else the task's own classes, else the ids."""
    names = tuple(said or files.labels or ())
    if len(names) != len(set(names)):
        raise PotstillError(f"teacher {files.path} names an output twice: {', '.join(names)}", code=BAD_DATA)
    if said and len(names) != files.outputs:
        raise PotstillError(
            f"teacher {files.path} has {files.outputs} outputs, {len(names)} are named: {', '.join(names)}",
            hint=f"{option} A,B,… names each output, in their order",
        )
    ids = tuple(map(str, range(files.outputs)))
    if names:
        return names
    if files.outputs == task.width:
        return task.labels
    if set(task.labels) <= set(ids):
        return ids
    raise _other_number(files, task, option)


def _refuse_problem(files: TeacherFiles, task: Task) -> None:
    """Refuse a teacher whose config names another kind of task (`problem_type`)."""
    problem = files.config.get("problem_type")
    kind = PROBLEMS.get(problem) if isinstance(problem, str) else None
    if kind is not None and kind != task.kind:
        what = "several labels a row are not supported" if kind == "multilabel" else f"the task is {task.kind}"
        raise PotstillError(
            f"teacher {files.path} is for {problem} (problem_type in config.json), {what}",
            hint=TEACH if kind == "multilabel" else f"{TEACH}; or read the labels otherwise: --kind {kind}",
        )


def _other_number(files: TeacherFiles, task: Task, option: str) -> PotstillError:
    return PotstillError(
        f"teacher {files.path} has {files.outputs} outputs, the {task.kind} task has {task.width} labels: "
        f"{', '.join(task.labels)}",
        hint=f"{TEACH}; or name its outputs in their order: {option} A,B,…",
    )


def _other_classes(files: TeacherFiles, task: Task, names: tuple[str, ...], option: str) -> PotstillError:
    if all(WHOLE.fullmatch(name) for name in task.labels):
        first = "make the examples again: potstill augment TRAIN -o DIR; " if option != "--labels" else ""
        hint = first + ask_names(names)
    elif files.outputs == task.width:
        same = "if they are the same under other names, name its outputs in their order"
        hint = f"{same}: {option} {quoted(task.labels)}"
    else:
        return _other_number(files, task, option)
    return PotstillError(
        f"the teacher's classes are other ones: teacher {', '.join(names)}; examples {', '.join(task.labels)}",
        hint=hint,
    )
