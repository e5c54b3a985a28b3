"""The report of a small run: what stands in it, what it says of broken links, that texts are shown and never run."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import errors, store
from data.errors import PotstillError
from data.manifest import read_manifest, write_manifest
from pipelines.report.gather import gather
from pipelines.report.kinds import classify
from pipelines.report.pages import markdown, pictures
from pipelines.report.sections import agreement, augmentation
from pipelines.report.write import write_report

SECTIONS = [
    "Result",
    "Learning curves",
    "Augmentation",
    "The teacher",
    "Students and teacher",
    "What it cost",
    "The chain",
]
VOID = {"meta", "link", "br", "hr", "img", "path", "use", "rect"}


class Parsed(HTMLParser):
    """Tags with their attributes, headings in order, ids, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.stack.pop() == tag


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def test_a_finished_run_gives_all_sections_in_both_forms(finished: Path) -> None:
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", text_of(finished / "report.html")) == SECTIONS
    assert re.findall(r"^## (.*)$", text_of(finished / "report.md"), re.MULTILINE) == SECTIONS


def test_the_first_sentence_says_what_was_gained(finished: Path) -> None:
    text = text_of(finished / "report.html")
    sentence = (
        "The student distilled reaches 88.0 ± 0.4 % test accuracy: 73 % of the way from labels alone, 80.0 %, to the "
        "teacher, 91.0 %; "
        "it is 45.0 × smaller and 30.0 × faster on one text; "
        "it gains 8.0 points over the student trained on labels alone (labels, 80.0 %)."
    )
    assert sentence in text


def test_agreement_on_held_out_texts_stands_in_the_table_and_before_that_on_the_cache(finished: Path) -> None:
    text = text_of(finished / "report.md")
    assert re.search(r"^\| distilled \| 88\.00 ± 0\.40 \| 88\.00 ± 0\.40 \| 73 \| 92\.0 \|", text, re.MULTILINE)
    section = text.partition("## Students and teacher")[2].partition("\n## ")[0]
    assert "texts that no student has learned from (dev chose its best step): share of equal answers" in section
    assert "| distilled | 92.0 ± 0.4 | 92.0 ± 0.4 |" in section
    assert "| labels | 75.0 | 75.0 |" in section


def test_a_run_measured_before_there_was_agreement_still_has_its_report(run: Path) -> None:
    table = store.read_json(run / "results.json")
    for splits in table["evaluated"].values():
        for seeds in splits.values():
            for scores in seeds.values():
                scores.pop("agreement", None)
    for row in table["rows"]:
        for split in ("dev", "test"):
            row.pop(f"{split}_agreement", None)
    store.write_json(run / "results.json", table)
    text = text_of(write_report(run))
    assert "held-out" not in text and "Students and teacher" in text


def test_the_caches_of_further_teachers_stand_in_the_chain(run: Path) -> None:
    shutil.copytree(run / "cache", run / "cache-large")
    large = read_manifest(run / "cache-large", "cache")
    write_manifest(run / "cache-large", replace(large, made_from=large.made_from | {"teacher": "u" * 64}))
    student = read_manifest(run / "student-labels", "student")
    root = read_manifest(run / "cache-large", "cache").root
    write_manifest(run / "student-labels", replace(student, made_from=student.made_from | {"cache_2": root}))
    chain = text_of(write_report(run).with_suffix(".md")).partition("### Made from")[2]
    assert "| cache-large | examples | ✓ whole |" in chain
    assert f"| student-labels | cache-large | ✓ whole | {root[:12]} |" in chain


def test_a_student_that_lost_is_not_praised(run: Path) -> None:
    table = store.read_json(run / "results.json")
    for row in table["rows"]:
        if row["model"] == "distilled":
            row["test"] = 0.79
    store.write_json(run / "results.json", table)
    assert "it loses 1.0 points against the student trained on labels alone" in text_of(write_report(run))


def test_the_report_begins_with_the_model_to_take_for_what_it_is_for(run: Path) -> None:
    table = store.read_json(run / "results.json")
    small = dict(table["rows"][-1], model="small", dev=table["rows"][-1]["dev"] - 0.005, megabytes=0.1)
    store.write_json(run / "results.json", table | {"rows": [*table["rows"], small]})
    first = text_of(write_report(run).with_suffix(".md")).partition("## Result\n\n")[2].partition("\n")[0]
    assert first.startswith("Take \\`distilled\\`: ") and "of the teacher (dev accuracy" in first
    with (run / "recipe.toml").open("a") as recipe:
        recipe.write('[run]\naim = "size"\n')
    assert "Take \\`small\\`: " in text_of(write_report(run).with_suffix(".md"))


def test_what_was_chosen_stands_in_the_report_with_its_reasons(run: Path) -> None:
    from pipelines.auto.choice import Choice
    from pipelines.auto.costs import Pace
    from pipelines.auto.facts import Encoder, Facts
    from pipelines.auto.fill import Filled
    from pipelines.auto.kept import Chosen

    facts = Facts("classify", labelled=40, dev=9, teacher=Encoder(384, 1.0), classes={"bad": 20, "good": 20})
    choices = {"teach.lr": Choice(1e-4, "usual for such a width"), "arms.a.lr": Choice(0.002, "usual")}
    Chosen("x", facts, Pace(1.0), Filled({"teach": {"lr": 1e-4}}, choices, {"cache": 2.0})).keep(run)
    text = text_of(write_report(run).with_suffix(".md")).partition("## What was chosen")[2]
    assert "From 40 labelled and 0 unlabelled texts" in text
    assert re.search(r"\| teach\.lr \|.* 0\.0001 \| usual for such a width \|", text)
    assert "| cache | 2.0 | 0.2 |" in text


def test_a_teacher_that_is_no_better_than_tfidf_is_warned_of(run: Path) -> None:
    table = store.read_json(run / "results.json")
    rival = dict(table["rows"][0], model="TF-IDF on labels", dev=0.99, p50_ms=0.2, megabytes=30.0)
    store.write_json(run / "results.json", table | {"rows": [*table["rows"], rival]})
    text = text_of(write_report(run).with_suffix(".md"))
    assert "> **The teacher has dev accuracy" in text and "Look for a better teacher first" in text
    assert "TF-IDF on labels, 30 MB" in text_of(run / "report" / "by-latency.svg")


def test_the_student_to_speak_of_is_chosen_by_dev_and_not_by_test(run: Path) -> None:
    table = store.read_json(run / "results.json")
    other = dict(table["rows"][-1], model="lucky", dev=0.7, test=0.99)
    store.write_json(run / "results.json", table | {"rows": [*table["rows"], other]})
    assert "The student distilled reaches" in text_of(write_report(run))


def test_every_picture_is_in_the_page_and_beside_the_markdown(finished: Path) -> None:
    text = text_of(finished / "report.html")
    referenced = re.findall(r"\]\(report/([\w-]+)\.svg\)", text_of(finished / "report.md"))
    assert sorted(referenced) == sorted(path.stem for path in (finished / "report").glob("*.svg"))
    assert text.count("<svg ") == len(referenced)
    assert {"curve-dev", "curve-loss", "by-length", "by-op", "teacher-entropy", "agreement", "phases"} < set(referenced)
    assert {"by-parameters", "by-latency"} < set(referenced)


def test_a_script_in_a_text_is_shown_and_never_run(finished: Path) -> None:
    text = text_of(finished / "report.html")
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "<script" not in text_of(finished / "report.md")
    row = next(line for line in text_of(finished / "report.md").splitlines() if "alert" in line)
    assert r"\| \*awful\*" in row


def test_the_page_asks_nothing_of_others(finished: Path) -> None:
    parsed = Parsed(text_of(finished / "report.html"))
    addresses = [value for _, attrs in parsed.tags for name in ("src", "href", "action") if (value := attrs.get(name))]
    assert all(address.startswith("#") for address in addresses)
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _ in parsed.tags}
    style = re.sub(r"<(?:td|th|p)\b[^>]*>.*?</(?:td|th|p)>", "", text_of(finished / "report.html"))
    assert "http" not in re.sub(r'http-equiv="', "", style)
    assert "@import" not in style
    assert re.findall(r"url\((?!#)", style) == []


def test_the_page_is_well_formed_with_one_h1_named_pictures_and_ids_of_their_own(finished: Path) -> None:
    parsed = Parsed(text_of(finished / "report.html"))
    assert parsed.stack == []
    levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attrs.get("aria-label") for tag, attrs in parsed.tags if tag == "svg")
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert all(attrs["href"][1:] in ids for tag, attrs in parsed.tags if tag in ("a", "use"))


def test_a_stale_link_is_named(run: Path, retrained: Callable[[Path], None]) -> None:
    noted = gather(run).cache
    assert noted is not None
    retrained(run / "cache")
    text = text_of(write_report(run))
    assert f"Stale: student-distilled was made from cache {noted.root[:12]}" in text
    assert "✗ STALE" in text
    assert "✓ whole" in text  # examples → cache still holds


def test_results_of_a_student_that_was_trained_again_are_stale(run: Path, retrained: Callable[[Path], None]) -> None:
    retrained(run / "student-labels")
    assert "Stale: evaluate.json was made from labels" in text_of(write_report(run))


def test_a_cache_of_other_examples_is_not_shown_beside_them(run: Path, retrained: Callable[[Path], None]) -> None:
    retrained(run / "examples")
    text = text_of(write_report(run))
    assert "Stale: cache was made from examples" in text
    assert "The cache cannot be read beside its examples" in text
    assert "Accuracy against latency" in text


@pytest.mark.parametrize(
    ("gone", "sections"),
    [
        (["cache", "student*", "*.json"], ["Augmentation", "What it cost"]),
        (["student*", "*.json"], ["Augmentation", "The teacher", "What it cost", "The chain"]),
        (["examples"], SECTIONS[:2] + SECTIONS[3:]),
        (["*.json"], SECTIONS),
        (["examples", "cache", "*.json"], ["Result", "Learning curves", "What it cost", "The chain"]),
    ],
)
def test_whatever_is_there_is_reported(run: Path, gone: list[str], sections: list[str]) -> None:
    for pattern in gone:
        for path in run.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", text_of(write_report(run))) == sections


def test_an_unfinished_student_shows_its_curve_and_is_named(run: Path) -> None:
    (run / "student-labels" / "MANIFEST.json").unlink()
    text = text_of(write_report(run))
    assert "student-labels is unfinished." in text
    assert "labels ends at" in text


def test_a_broken_file_is_named_and_the_rest_is_reported(run: Path) -> None:
    (run / "results.json").write_text("{")
    (run / "student-labels" / "metrics.jsonl").write_text("{\n")
    text = text_of(write_report(run))
    assert "results.json is not readable JSON" in text
    assert "metrics.jsonl cannot be read" in text
    assert "these are the dev scores noted in training" in text


def test_what_a_run_moved_aside_is_no_part_of_it(run: Path) -> None:
    shutil.copytree(run / "student-labels", run / "student-labels.stale-1")
    assert [arm.name for arm in gather(run).arms] == ["labels", "distilled"]


def test_another_thing_where_the_cache_should_be_is_named(run: Path) -> None:
    shutil.rmtree(run / "cache")
    shutil.copytree(run / "examples", run / "cache")
    text = text_of(write_report(run))
    assert "cache holds examples, not cache." in text
    assert "Accuracy against latency" in text


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PotstillError, match="nothing finished to report on") as refused:
        write_report(tmp_path)
    assert refused.value.code == errors.NO_INPUT


def test_students_are_asked_once_and_again_only_when_they_change(
    run: Path, student: Any, retrained: Callable[[Path], None]
) -> None:
    first = text_of(write_report(run))
    assert student.asked == 2 * 18
    assert text_of(write_report(run)) == first
    assert student.asked == 2 * 18
    retrained(run / "student-labels")
    write_report(run)
    assert student.asked == 3 * 18


def test_agreement_kept_of_another_cache_is_not_used(run: Path, student: Any) -> None:
    write_report(run)
    path = run / "report" / agreement.NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"cache": "another"}))
    write_report(run)
    assert student.asked == 4 * 18


def test_a_sample_takes_originals_and_augmented_rows_evenly(finished: Path) -> None:
    few = agreement.take(finished / "cache", rows=6)
    assert (int(few.original.sum()), len(few.texts), few.pairs) == (3, 6, None)
    many = agreement.take(finished / "cache", rows=16)
    assert (int(many.original.sum()), len(many.texts)) == (6, 16)  # there are 6 originals: the rest are augmented


def test_a_student_that_equals_the_teacher_agrees_fully() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    assert classify.compare(logits, logits) == {"agreement": 1.0, "kl": 0.0, "table": [[1, 0], [0, 1]]}


def test_agreement_and_divergence_equal_numbers_by_hand() -> None:
    teacher, student = np.log([[0.8, 0.2], [0.6, 0.4]]), np.log([[0.5, 0.5], [0.3, 0.7]])
    found = classify.compare(teacher, student)
    assert found["table"] == [[1, 1], [0, 0]]  # equal logits count as the first class
    assert found["agreement"] == 0.5
    by_hand = (0.8 * np.log(1.6) + 0.2 * np.log(0.4) + 0.6 * np.log(2) + 0.4 * np.log(4 / 7)) / 2
    assert found["kl"] == pytest.approx(by_hand)


def test_a_regression_shows_scores_and_correlations(scored: Path) -> None:
    text = text_of(write_report(scored))
    assert "pearson of score and label" in text
    assert "spearman of score and label" in text
    assert "Student&#x27;s score against the teacher&#x27;s" in text
    assert "originals: pearson" in text
    assert "Largest errors" in text
    assert "Entropy" not in text


def test_operations_on_a_pair_count_whichever_text_they_hit() -> None:
    assert augmentation.family("A:mask|B:pos+mask") == augmentation.family("B:mask+pos") == "mask+pos"
    assert augmentation.family("original") == "original"


def test_equal_runs_give_equal_pages(run: Path, drawn_anew: None) -> None:
    first = text_of(write_report(run)), text_of(run / "report.md")
    assert (text_of(write_report(run)), text_of(run / "report.md")) == first


def test_a_drawing_of_an_earlier_report_does_not_stay(run: Path) -> None:
    write_report(run)
    (run / "results.json").unlink()
    write_report(run)
    assert not (run / "report" / "by-latency.svg").exists()


def test_drawings_follow_the_colours_of_the_page_and_files_bear_their_own(drawn_anew: None) -> None:
    svg = pictures.bars({"a": 1.0}, ["1"], x_label="rows")
    assert "var(--plain)" in pictures.inline(svg, "x", "one bar")
    assert not re.search(r"#[0-9a-f]{6}", pictures.inline(svg, "x", "one bar"))
    alone = pictures.standing_alone(svg, "x", 'a "bar" & more')
    assert "var(" not in alone
    assert 'aria-label="a &quot;bar&quot; &amp; more"' in alone


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were(drawn_anew: None) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    pictures.curves([pictures.Panel("dev", [pictures.Line("a", 1, [1, 2], [3.0, 4.0])])], x_label="steps")
    assert dict(matplotlib.rcParams) == before


def test_markdown_says_texts_as_they_are() -> None:
    assert markdown.escape("a|b\n<i>*c*</i> & `d` [e](f)") == (r"a\|b &lt;i&gt;\*c\*&lt;/i&gt; &amp; \`d\` \[e\](f)")


def test_what_the_files_were_read_as_is_listed_once(run: Path) -> None:
    said = {"role": "train", "path": "a.csv", "form": "CSV, semicolon", "columns": {"text": "text"}, "kind": "classify"}
    path = run / "examples"
    manifest = read_manifest(path, "examples")
    write_manifest(path, replace(manifest, report=manifest.report | {"files": [said | {"rows": 3}] * 2}))
    page = text_of(write_report(run))
    assert page.count("train a.csv: CSV, semicolon; text = text; classify, one text; 3 rows.") == 1
