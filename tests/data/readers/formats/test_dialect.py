"""How files are cut that other programs wrote: delimiter, quoting, compression."""

import csv
import gzip
import io
from pathlib import Path

import pytest

from data.errors import BAD_DATA, PotstillError
from data.readers.formats.dialect import csv_delimiter, looks_quoted, tsv_delimiter
from data.readers.rows import rows_of
from data.readers.source import Row, Source

LONG = [f"text number {i}, about something; it is told" for i in range(12)]
ODD = ['he said "no"', "a\ttab", "two\nlines", '"', "plain", ' "quoted" ', "x" * 300, "end\\"]


def rows(path: Path, content: str | bytes, **said: object) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return list(rows_of(Source(path, **said)))  # type: ignore[arg-type]


def written(cells: list[tuple[str, str]], **how: object) -> str:
    """Write a table as pandas does: through the csv module."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", **how).writerows(cells)  # type: ignore[arg-type]
    return stream.getvalue()


def test_excel_of_half_of_europe_writes_semicolons_a_mark_and_windows_lines(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbftext;label\r\nfine, they said;1\r\n"a; b";0\r\n'
    read = rows(tmp_path / "f.csv", content)
    assert [row.values for row in read] == [
        {"text": "fine, they said", "label": "1"},
        {"text": "a; b", "label": "0"},
    ]


@pytest.mark.parametrize(("name", "sign"), [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")])
def test_the_delimiter_is_found_with_and_without_header_or_said(tmp_path: Path, name: str, sign: str) -> None:
    table = [(text, str(i % 2)) for i, text in enumerate(LONG)]
    plain, headed = written(table, delimiter=sign), written([("text", "label"), *table], delimiter=sign)
    assert [tuple(row.values.values()) for row in rows(tmp_path / "f.csv", plain)] == table
    assert [tuple(row.values.values()) for row in rows(tmp_path / "f.csv", headed)] == table
    for said in (name, sign):
        assert [tuple(row.values.values()) for row in rows(tmp_path / "f.csv", plain, delimiter=said)] == table


def test_the_line_with_which_excel_says_its_delimiter_is_no_row(tmp_path: Path) -> None:
    for name in ("f.csv", "f.tsv"):
        assert rows(tmp_path / name, "sep=;\ntext;label\na, b;1\n") == [Row(3, {"text": "a, b", "label": "1"})]


def test_a_said_delimiter_that_is_none_is_refused() -> None:
    for said in ("", "ab", '"', "x"):
        with pytest.raises(PotstillError, match="is no delimiter"):
            csv_delimiter(Source("f.csv", delimiter=said), ["a,b"])


def test_one_column_stays_one_column() -> None:
    assert csv_delimiter(Source("f.csv"), ["text", "fine; very fine", "bad"]) == ","
    assert tsv_delimiter(Source("f.tsv"), LONG) == "\t"
    assert tsv_delimiter(Source("f.tsv"), ["text;label", *LONG]) == ";"


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL])
@pytest.mark.parametrize("header", [True, False])
def test_a_tsv_file_with_quoted_cells_gives_the_cells_own_text(tmp_path: Path, quoting: int, header: bool) -> None:
    table = [(text, str(i % 2)) for i, text in enumerate([*LONG, *ODD * 3])]
    content = written([("text", "label")] * header + table, delimiter="\t", quoting=quoting)
    read = rows(tmp_path / "f.tsv", content)
    assert [tuple(row.values.values()) for row in read] == table
    assert rows_of(Source(tmp_path / "f.tsv")).about[0] == "TSV"  # type: ignore[attr-defined]


def test_the_index_column_that_pandas_writes_has_no_name(tmp_path: Path) -> None:
    read = rows(tmp_path / "f.tsv", '\ttext\tlabel\n0\t"a ""b"""\t1\n1\tc\t0\n')
    assert [row.values["text"] for row in read] == ['a "b"', "c"]


def test_quotes_that_come_late_are_judged_when_they_come(tmp_path: Path) -> None:
    plain = "".join(f"text {i}\t{i % 2}\n" for i in range(5_000))
    late = rows(tmp_path / "f.tsv", f'text\tlabel\n{plain}"a ""b""\tc"\t1\n"d\ne"\t0\nf\t1\n')
    assert [row.values["text"] for row in late[-3:]] == ['a "b"\tc', "d\ne", "f"]
    assert [row.line for row in late[-3:]] == [5_002, 5_003, 5_005]
    kept = rows(tmp_path / "f.tsv", f'text\tlabel\n{plain}"a "b" c\t1\n"d" e\t0\n')
    assert [row.values["text"] for row in kept[-2:]] == ['"a "b" c', '"d" e']


@pytest.mark.parametrize(
    ("lines", "quoted"),
    [
        (['"a ""b"" c"\t1'], True),
        (['"tab\there"\t1'], True),
        (['"line', 'break"\t1', "plain\t0"], True),
        (['"all"\t"1"', '"cells"\t"0"'], True),
        (['"Why me?"\t1', "plain\t0"], False),  # a quotation, as STS-B has them
        (['"a ""b"" c"\t1', '"he said\t0'], False),
        (['"a ""b"" c"\t1', 'she "said\t0'], False),
        (['"begins here\t1', 'and ends here"\t0'], False),  # as CSV it would be one row, and its tab a text
        (['"a\ttab"\t1', '"cut off ""at the end""', "of the window"], True),
    ],
)
def test_what_quotes_say(lines: list[str], quoted: bool) -> None:
    assert looks_quoted(lines, "\t", 2) is quoted


def test_a_said_format_decides_about_quotes(tmp_path: Path) -> None:
    content = 'text\tlabel\n"a ""b"""\t1\n'
    assert rows(tmp_path / "f.tsv", content, format="tsv")[0].values["text"] == '"a ""b"""'
    odd = 'text\tlabel\n"Why me?"\t1\n'
    assert rows(tmp_path / "f.tsv", odd, format="csv", delimiter="tab")[0].values["text"] == "Why me?"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("f.csv.gz", b"text,label\na b,1\n"),
        ("f.tsv.gz", b"text\tlabel\na b\t1\n"),
        ("f.jsonl.gz", b'{"text": "a b", "label": "1"}\n'),
        ("f.json.gz", b'[{"text": "a b", "label": "1"}]'),
    ],
)
def test_packed_files_are_read_whatever_their_name_says_of_it(tmp_path: Path, name: str, content: bytes) -> None:
    packed = gzip.compress(content)
    values = [{"text": "a b", "label": "1"}]
    assert [row.values for row in rows(tmp_path / name, packed)] == values
    assert [row.values for row in rows(tmp_path / name.removesuffix(".gz"), packed)] == values


def test_a_packed_file_that_is_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,label\n" + b"".join(b"text %d,1\n" % i for i in range(5_000)))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    for name in ("f.csv.gz", "f.jsonl.gz"):
        for broken in (whole[:-9], whole[:5], bytes(damaged), b"\x1f\x8b\x08 no"):
            with pytest.raises(PotstillError) as error:
                rows(tmp_path / name, broken)
            assert error.value.code == BAD_DATA


def test_a_line_of_gigabytes_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.readers.formats.lines.LONGEST", 1_000)
    for name in ("f.tsv.gz", "f.csv.gz", "f.jsonl.gz", "f.txt.gz"):
        with pytest.raises(PotstillError, match="more than 1,000 bytes in one line") as error:
            rows(tmp_path / name, gzip.compress(b'{"text": "a b"}\n' + b"x" * 100_000))
        assert error.value.code == BAD_DATA


def test_a_cell_of_gigabytes_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.formats.quoted.LONGEST", 1_000)
    with pytest.raises(PotstillError, match="line 2: field larger than field limit") as error:
        rows(tmp_path / "f.csv", 'text,label\n"' + "line\n" * 1_000 + '",1\n')
    assert error.value.code == BAD_DATA


def test_empty_lines_stay_inside_quoted_cells_and_count_outside(tmp_path: Path) -> None:
    content = '\n\ntext\tlabel\n\nfirst\t1\n"one\n\ntwo"\t1\n\nlast\t0\n'
    for name, sign in (("f.tsv", "\t"), ("f.csv", ",")):
        read = rows(tmp_path / name, content.replace("\t", sign))
        assert [row.values["text"] for row in read] == ["first", "one\n\ntwo", "last"]
        assert [row.line for row in read] == [5, 6, 10]
        assert read == rows(tmp_path / name, content.replace("\t", sign), skip_bad=True)
