"""The demo's numbers in README.md are those of the result file."""

from benchmarks.demo import BEGIN, END, PAGE, RESULT, table
from data import store


def test_the_table_of_the_readme_is_that_of_the_result() -> None:
    written = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written == table(store.read_json(RESULT))


def test_the_demo_shows_the_gain() -> None:
    """Distilled above labels alone by two standard errors over the seeds, not below TF-IDF on the teacher's labels."""
    rows = {row["model"]: row for row in store.read_json(RESULT)["rows"]}
    labels, distilled = rows["labels"], rows["distilled"]
    error = ((labels["test_std"] ** 2 + distilled["test_std"] ** 2) / distilled["seeds"]) ** 0.5
    assert distilled["seeds"] >= 3
    assert distilled["test"] - labels["test"] > 2 * error
    assert distilled["test"] >= rows["TF-IDF on the teacher's labels"]["test"]
