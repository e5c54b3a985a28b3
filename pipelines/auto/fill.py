"""Recipe tables in which values say `auto` → the same tables with numbers, each with its reason. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from augment.config import AugmentConfig
from data import config as configs
from data.errors import PotstillError
from pipelines.auto.choice import AUGMENTING, CACHING, TEACHING, Choice, rows_after
from pipelines.auto.costs import (
    Pace,
    affordable_rows,
    affordable_steps,
    left_for_students,
    minutes,
    student_minutes,
)
from pipelines.auto.facts import Facts
from pipelines.auto.students import AIMS, AUTO, SOFT, TRAINING, WHY, Student, arms, short_list, usual_steps
from pipelines.recipes.recipe import ONLY
from pipelines.scores.trial import trial_config
from student_train.config import TeachConfig, TrainConfig
from teacher_cache.config import CacheConfig

# Parts of the usual steps: below the first, one student less is better than all of them half taught; below the second,
# a cheaper student is better than the most accurate one, which has not learnt its words by then.
LEAST_PART, LEAST_ALONE = 0.6, 0.25
TRIED = 3  # students of a trial
Tables = dict[str, Any]
Config = TypeVar("Config", TeachConfig, AugmentConfig, CacheConfig, TrainConfig)
CHOSEN: dict[str, dict[str, Callable[[Facts, Any, float], Choice]]] = {  # table -> what can be `auto` in it
    "teach": TEACHING,
    "augment": AUGMENTING,
    "cache": CACHING,
    "train": TRAINING,
}


@dataclass(frozen=True)
class Filled:
    """tables: of an ordinary recipe; choices: `teach.lr` -> value and reason; minutes: phase -> estimate."""

    tables: Tables
    choices: dict[str, Choice]
    minutes: dict[str, float]


def asks(tables: Mapping[str, Any]) -> bool:
    """Whether anything in a recipe is left to be chosen from the data."""
    arms_of = tables.get("arms", {})
    if arms_of == AUTO:
        return True
    places = [(name, tables.get(name, {})) for name in CHOSEN]
    places += [("train", arm) for arm in arms_of.values()] if isinstance(arms_of, Mapping) else []
    return any(
        isinstance(table, Mapping) and any(table.get(key) == AUTO for key in CHOSEN[name]) for name, table in places
    )


def without_open(tables: Mapping[str, Any]) -> Tables:
    """The tables without what is left open: its defaults stand there until it is chosen."""
    made = {key: dict(value) if isinstance(value, Mapping) else value for key, value in tables.items()}
    for name, keys in CHOSEN.items():
        made[name] = {key: value for key, value in made.get(name, {}).items() if value != AUTO or key not in keys}
    arms_of = made.pop("arms", {})
    if isinstance(arms_of, Mapping) and arms_of:
        made["arms"] = {
            name: {key: value for key, value in arm.items() if value != AUTO or key not in CHOSEN["train"]}
            for name, arm in arms_of.items()
        }
    return made


def everything() -> Tables:
    """Tables that leave everything to be chosen."""
    return {name: dict.fromkeys(keys, AUTO) for name, keys in CHOSEN.items()} | {"arms": AUTO}


def fill(
    tables: Mapping[str, Any],
    facts: Facts,
    pace: Pace,
    fitting: tuple[str, ...],
    bound: Mapping[str, Choice] | None = None,
) -> Filled:
    """Choose whatever is `auto`; what is named stays.

    fitting: the students that fit the task; bound: choices that are taken over, since something is made by them
    Errors: an aim that is none; whatever the configs refuse of what is named.
    """
    if facts.kind not in SOFT:
        known = ", ".join(SOFT)
        raise PotstillError(f"nothing is chosen for {facts.kind} tasks", hint=f"kinds: {known}; a recipe names numbers")
    made = {key: dict(value) if isinstance(value, Mapping) else value for key, value in tables.items()}
    run = made.get("run", {})
    filling = _Filling(facts, pace, float(run.get("budget", 0)), aim_of(run), {}, bound or {})
    if "teacher" in made:  # finished: nothing is asked of [teach]
        made.pop("teach", None)
    teach = filling.teach(made["teach"]) if "teach" in made else None
    augment = filling.table(
        AugmentConfig, made.setdefault("augment", {}), "augment", lambda known: affordable_rows(filling.budget, pace)
    )
    filling.table(CacheConfig, made.setdefault("cache", {}), "cache", lambda known: math.inf)
    filling = replace(filling, facts=replace(facts, transfer=rows_after(facts, augment.n_iter)))
    before = minutes(facts, pace, teach, augment.n_iter)
    left = left_for_students(filling.budget, before)
    if made.get("arms", {}) == AUTO:
        made["arms"] = filling.arms(made.get("train", {}), fitting, left, augmented=augment.n_iter > 0)
    students = filling.students(made, left)
    if (tried := filling.trial(made, students)) is not None:
        before["trial"] = TRIED * student_minutes(filling.facts, pace, tried)
    after = {"measure": before.pop("measure")}
    return Filled(
        made,
        filling.choices,
        before | {f"train {name}": student_minutes(filling.facts, pace, one) for name, one in students.items()} | after,
    )


def aim_of(run: Mapping[str, Any]) -> str:
    """What the students are chosen for. Errors: none of `AIMS`."""
    aim = str(run.get("aim", AIMS[0]))
    if aim not in AIMS:
        raise PotstillError(f"aim {aim!r} is none", hint=f"aims: {', '.join(AIMS)}")
    return aim


def fewer_and_fewer(most: tuple[Student, ...]) -> list[tuple[Student, ...]]:
    """All students of a short list, without the last, …, the first alone, the second alone, …, the last alone."""
    return [most[:count] for count in range(len(most), 1, -1)] + [(one,) for one in most]


@dataclass(frozen=True)
class _Filling:
    """What the rules are given, the choices so far, and those that are taken over (`bound`)."""

    facts: Facts
    pace: Pace
    budget: float
    aim: str
    choices: dict[str, Choice]
    bound: Mapping[str, Choice]

    def table(
        self, cls: type[Config], table: Tables, where: str, allowed: Callable[[Config], float], *, kind: str = ""
    ) -> Config:
        """Fill one table, in place. allowed: how many steps or rows the time allows; kind: of table, if not `where`."""
        rules = CHOSEN[kind or where]
        left = [key for key in rules if table.get(key) == AUTO]
        known = configs.build(cls, {key: table[key] for key in table if key not in left}, where=f"[{where}]")
        for key in left:
            choice = self.bound.get(f"{where}.{key}") or rules[key](self.facts, known, allowed(known))
            known = replace(known, **{key: choice.value})
            table[key], self.choices[f"{where}.{key}"] = choice.value, choice
        return known

    def teach(self, table: Tables) -> TeachConfig:
        model = table.pop("model", None)
        made = self.table(
            TeachConfig, table, "teach", lambda known: affordable_steps(self.budget, self.pace, known.batch_size)
        )
        table |= {"model": model} if model else {}
        return made

    def arms(self, base: Tables, fitting: tuple[str, ...], left: float, *, augmented: bool) -> Tables:
        """The short list of students as tables, no more of them than can be taught in `left` minutes.

        base: what [train] says for all of them
        """
        most = short_list(self.aim, fitting, pair=self.facts.pair)
        found: list[tuple[float, tuple[Student, ...], Tables]] = []
        for some in fewer_and_fewer(most):
            made = arms(some, labelled=self.facts.labelled > 0, augmented=augmented)
            part = self.part({name: base | table for name, table in made.items()}, left)
            found.append((part, some, made))
            if part >= (LEAST_PART if len(some) > 1 else LEAST_ALONE):
                break
        else:
            _, some, made = max(found, key=lambda one: one[0])
        why = WHY[self.aim] if len(some) > 1 else "the student that fits"
        why = f"labels alone to compare with; {why}{', in the time there is' if len(some) < len(most) else ''}"
        self.choices["arms"] = self.bound.get("arms") or Choice([*made.items()], why)
        return {name: dict(table) for name, table in self.choices["arms"].value}

    def students(self, made: Tables, left: float) -> dict[str, TrainConfig]:
        """Fill the table of each student; what [train] leaves open is chosen for each of them by itself.

        left: minutes for all of them; where that is less than usual, each gets the same part of its usual steps
        """
        base = made.pop("train", {})
        open_ones = {key: value for key, value in base.items() if value == AUTO and key in TRAINING}
        made["train"] = {key: value for key, value in base.items() if key not in open_ones}
        made["arms"] = {name: open_ones | dict(table) for name, table in (made.get("arms") or {ONLY: {}}).items()}
        part = self.part({name: made["train"] | table for name, table in made["arms"].items()}, left)
        found = {}
        for name, table in made["arms"].items():
            whole = made["train"] | table
            found[name] = self.student(name, whole, part)
            table |= {key: whole[key] for key in table}
        return found

    def part(self, tables: Mapping[str, Tables], left: float) -> float:
        """The part of their usual steps, at most 1, which students of these tables can take in `left` minutes."""
        freely = replace(self, choices={}, bound={})
        usual = {name: freely.student(name, dict(table), 1.0) for name, table in tables.items()}
        minutes_of = {name: student_minutes(self.facts, self.pace, config) for name, config in usual.items()}
        if waiting := {name: config for name, config in usual.items() if config.rows == AUTO}:
            minutes_of["trial"] = TRIED * student_minutes(self.facts, self.pace, trial_config(waiting))
        return min(1.0, left / sum(minutes_of.values()))

    def student(self, name: str, whole: Tables, part: float) -> TrainConfig:
        """Fill the table of one student, which gets a part of its usual steps."""

        def allowed(known: TrainConfig) -> float:
            return math.inf if part >= 1 else part * usual_steps(self.facts, known)

        return self.table(TrainConfig, whole, f"arms.{name}", allowed, kind="train")

    def trial(self, made: Tables, students: Mapping[str, TrainConfig]) -> TrainConfig | None:
        """The student that tries out augmented rows, where any student waits for that; its table is filled in."""
        waiting = {name: config for name, config in students.items() if config.rows == AUTO}
        if not waiting or "trial" in made:
            return configs.build(TrainConfig, made["trial"], where="[trial]") if waiting else None
        usual, config = configs.as_dict(TrainConfig()), configs.as_dict(trial_config(waiting))
        table = {key: config[key] for key in sorted(config) if usual.get(key) != config[key]}  # in the order of JSON
        why = (
            "by a small student on dev, without and with augmented rows and gold labels: what helps is not known before"
        )
        self.choices["trial"] = self.bound.get("trial") or Choice(table, why)
        made["trial"] = dict(self.choices["trial"].value)
        return configs.build(TrainConfig, made["trial"], where="[trial]")
