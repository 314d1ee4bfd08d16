"""CSV tables: reading, column types, encodings checked against scikit-learn's, and what is refused."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from data_paths import housing_csv
from nablanet.data.digits import load_digits
from nablanet.data.encoding import NumberColumn, TableEncoder, TextColumn, held_out_rows
from nablanet.data.tables import Table, parse_number, read_numbers, read_table
from nablanet.data.target import Target, infer_task, rows_with_target


def table(**columns: list[str]) -> Table:
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Table("t.csv", list(columns), rows, list(range(2, 2 + len(rows))))


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_ways_to_write_a_table(tmp_path: Path, delimiter: str, end: str, packed: bool, mark: str) -> None:
    lines = [["größe", "name"], ["1.5", "a, b; c"], [" 2 ", "two\nlines"]]
    quoted = [delimiter.join(f'"{cell}"' for cell in line) for line in lines]
    raw = (mark + end.join([*quoted[:2], "", quoted[2]])).encode()
    read = read_table(write(tmp_path, gzip.compress(raw) if packed else raw))
    assert read.columns == ["größe", "name"]
    assert read.rows == [["1.5", "a, b; c"], ["2", "two\nlines"]]
    np.testing.assert_array_equal(read.numbers("größe"), [1.5, 2])


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)


@given(
    st.integers(2, 5).flatmap(
        lambda n: st.tuples(
            st.lists(CELLS.filter(lambda c: parse_number(c) is None), min_size=n, max_size=n, unique=True),
            st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6),
        )
    ),
    st.sampled_from(",;\t"),
)
@settings(max_examples=100, deadline=None)
def test_what_python_writes_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[list[str], list[list[str]]], delimiter: str
) -> None:
    header, rows = content
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    read = read_table(path)
    assert read.columns == header
    assert read.rows == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no rows below"),
        ("a,b\n1,2\n1\n", "line 3: the header has 2 columns, this line has 1"),
        ("a,b\n1,2,3\n", "line 2: the header has 2 columns, this line has 3"),
        ("1,2\n3,4\n", "no header"),
        ("a,,c\n1,2,3\n", "column 2 has no name"),
        ("a,b,a\n1,2,3\n", "twice: a"),
        ('a,b\n1,"2\n', "not CSV"),
        (b"a,b\n1,\xff\n", "not UTF-8"),
        (gzip.compress(b"a,b\n1,2\n")[:-9], "gzip"),
        (b"\x1f\x8b\x08\x00garbage-that-is-no-deflate", "gzip"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(tmp_path, content))
    assert "t.csv" in str(caught.value)


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        read_table(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", 1.0),
        ("-2.5e3", -2500.0),
        ("1_000", None),
        ("inf", None),
        ("1,5", None),
        ("x", None),
        ("1e999", None),
    ],
)
def test_numbers_in_cells(cell: str, number: float | None) -> None:
    assert parse_number(cell) == number


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "None", "?", "N/A", "-"])
def test_missing_numbers(cell: str) -> None:
    value = parse_number(cell)
    assert value is not None
    assert np.isnan(value)


def test_plain_numbers(tmp_path: Path) -> None:
    for content in (
        "1,2\n3,4.5\n",
        "1;2\n3;4.5",
        "1\t2\n3\t4.5\n",
        " 1  2\n\n3 4.5 \n",
        "1, 2\r\n3, 4.5\r\n",
    ):
        numbers, header = read_numbers(write(tmp_path, content))
        np.testing.assert_array_equal(numbers, [[1, 2], [3, 4.5]])
        assert header is None
    for content in ("p0;p1\n1;2\n", "p0 p1\n1 2\n"):
        numbers, header = read_numbers(write(tmp_path, content))
        np.testing.assert_array_equal(numbers, [[1, 2]])
        assert header == ["p0", "p1"]
    for content, message in (
        ("1,2\n3\n", "line 2: wanted 2"),
        ("1 2\n1,2\n", "line 2: wanted 2"),
        ("1 2;3 4\n", "line 1: .* column 1"),
        ("1,5;2\n", "line 1: .* column"),
        ("1 x\n1 2\n", "line 1: .* column 2"),
        ("1,,2\n", "line 1: .* column 2, got ''"),
        ("1,2\n3,x\n", "line 2: .* column 2"),
        ("", "no"),
    ):
        with pytest.raises(ValueError, match=message):
            read_numbers(write(tmp_path, content))


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda x: round(x, 3))), min_size=4, max_size=40),
    st.data(),
)
@settings(max_examples=100, deadline=None)
def test_standardising_agrees_with_scikit_learn(values: list[float | None], data: st.DataObject) -> None:
    values = [0.0, 1.0, *values]
    m = data.draw(st.integers(2, len(values)))
    x = np.array([np.nan if v is None else v for v in values]).reshape(-1, 1)
    ours = table(x=["" if v is None else repr(v) for v in values])
    encoder = TableEncoder.fit(ours, np.arange(m), ["x"])
    imputer = SimpleImputer(keep_empty_features=True).fit(x[:m])
    scaler = StandardScaler().fit(x[:m])
    np.testing.assert_allclose(
        encoder.transform(ours), scaler.transform(imputer.transform(x)), rtol=1e-9, atol=1e-9
    )


@given(
    st.lists(st.sampled_from(["red", "green", "", "NA", "blue "]), min_size=4, max_size=30), st.integers(1, 4)
)
@settings(max_examples=60, deadline=None)
def test_one_hot_agrees_with_scikit_learn(values: list[str], m: int) -> None:
    values = ["red", *values]
    ours = table(x=values)
    encoder = TableEncoder.fit(ours, np.arange(m), ["x"])
    theirs = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    column = np.array(values, dtype=object).reshape(-1, 1)
    theirs.fit(column[:m])
    np.testing.assert_array_equal(encoder.transform(ours), theirs.transform(column))


def test_constant_and_empty_columns_give_zero() -> None:
    t = table(same=["0.1"] * 6, late=[""] * 5 + ["7"])
    encoder = TableEncoder.fit(t, np.arange(5), ["same", "late"])
    np.testing.assert_array_equal(encoder.transform(t), np.zeros((6, 2)))
    other = table(same=["5"], late=["1"])
    np.testing.assert_array_equal(encoder.transform(other), np.zeros((1, 2)))


@pytest.mark.parametrize("odd", ["4o", "inf", "-inf", "1_000", "1e999", "2,5", "#REF!"])
def test_a_slip_among_numbers_is_refused(odd: str) -> None:
    cells = [str(i) for i in range(100)]
    cells[41] = odd
    t = table(x=cells, y=["a", "b"] * 50)
    with pytest.raises(ValueError, match=f"line 43: column 'x' .*'{odd}'.*--ignore x"):
        TableEncoder.fit(t, np.arange(100), ["x"])
    with pytest.raises(ValueError, match=f"line 43: column 'x' .*'{odd}'.*--task classification"):
        Target.fit(t, np.arange(100), "x")


def test_missing_cells_do_not_hide_a_slip() -> None:
    t = table(x=[""] * 50 + ["1", "2"] * 10 + ["3x"])
    with pytest.raises(ValueError, match="line 72: column 'x'"):
        TableEncoder.fit(t, np.arange(71), ["x"])


def test_a_column_of_infinities_is_no_text() -> None:
    with pytest.raises(ValueError, match=r"line 2: column 'x' .*'inf'"):
        TableEncoder.fit(table(x=["inf", "1"] * 5), np.arange(10), ["x"])


def test_texts_with_some_numbers_stay_texts() -> None:
    t = table(x=["1", "2", "3", "4", "5", "6", "7", "8", "A"], y=["1"] * 9)
    assert TableEncoder.fit(t, np.arange(9), ["x"]).n_inputs == 9
    assert Target.fit(table(x=["1", "2", "x"] * 5), np.arange(15), "x").class_names == ["1", "2", "x"]
    slip = table(x=["1"] * 20 + ["2"] * 20 + ["x"])
    assert Target.fit(slip, np.arange(41), "x", "classification").class_names == ["1", "2", "x"]


def test_a_column_without_values_is_refused() -> None:
    t = table(empty=["", "NA"] * 3, x=["1"] * 6)
    with pytest.raises(ValueError, match=r"t\.csv: column 'empty' has no value in any row.*--ignore empty"):
        TableEncoder.fit(t, np.arange(6), ["empty", "x"])


def test_a_table_is_known_by_its_content(tmp_path: Path) -> None:
    same = [read_table(write(tmp_path, raw)).sha256 for raw in (b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n"))]
    assert len(set(same)) == 1
    assert read_table(write(tmp_path, "a,b\n1,3\n")).sha256 not in same


def test_an_encoder_comes_back_from_its_description() -> None:
    t = table(a=["1", "2", ""], b=["x", "", "y"])
    encoder = TableEncoder.fit(t, np.arange(3), ["b", "a"])
    again = TableEncoder.from_dict(encoder.to_dict())
    assert again.columns == encoder.columns
    assert again.feature_names == ["b", "a"]
    np.testing.assert_array_equal(again.transform(t), encoder.transform(t))


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"columns": []},
        {"columns": ["a"]},
        {"columns": [{"name": "a"}]},
        {"columns": [{"name": 1, "mean": 0, "scale": 1}]},
        {"columns": [{"name": "a", "mean": 0, "scale": -1}]},
        {"columns": [{"name": "a", "mean": "0", "scale": 1}]},
        {"columns": [{"name": "a", "categories": [1]}]},
    ],
)
def test_a_bad_description_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match="needs"):
        TableEncoder.from_dict(content)


def test_messages_name_the_column() -> None:
    t = table(a=["1", "2"], b=["x", "y"])
    encoder = TableEncoder.fit(t, np.arange(2), ["a", "b"])
    with pytest.raises(ValueError, match=r"lacks columns .* b; it has: a"):
        encoder.transform(table(a=["1"]))
    with pytest.raises(ValueError, match="line 3: column 'a' holds numbers, got 'one'"):
        encoder.transform(table(a=["1", "one"], b=["x", "y"]))
    with pytest.raises(ValueError, match="no column 'c'; it has: a, b"):
        t.column("c")
    many = table(**{"full name": [f"n{i}" for i in range(50)]})
    with pytest.raises(ValueError, match=r"'full name' has 50 different texts.*--ignore 'full name'"):
        TableEncoder.fit(many, np.arange(50), ["full name"])
    with pytest.raises(ValueError, match="needs a target of numbers, but column 'b' has 'x' in line 2"):
        Target.fit(t, np.arange(2), "b", "regression")
    with pytest.raises(ValueError, match="decimal point"):
        TableEncoder.fit(table(x=[f"{i},5" for i in range(50)]), np.arange(50), ["x"])
    with pytest.raises(ValueError, match="'x' has numbers too large"):
        TableEncoder.fit(table(x=["1e308", "-1e308", "1.5e308"]), np.arange(3), ["x"])
    with pytest.raises(ValueError, match="no column to predict from"):
        TableEncoder.fit(t, np.arange(2), [])


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b"] * 5, "classification"),
        (["0", "1"] * 5, "classification"),
        (["0.0", "1.0", ""] * 5, "classification"),
        ([str(i) for i in range(20)] * 3, "classification"),
        ([str(i) for i in range(21)] * 3, "regression"),
        ([str(i) for i in range(10)], "regression"),
        (["0.5", "1"] * 5, "regression"),
        (["1", "2", "x"] * 5, "classification"),
    ],
)
def test_the_task_follows_from_the_target(cells: list[str], task: str) -> None:
    assert infer_task(cells) == task


def test_classes_are_in_order_and_come_back() -> None:
    t = table(y=["10", "9", "9.0", "10", "2", "02"])
    target = Target.fit(t, np.arange(6), "y")
    assert target.class_names == ["2", "9", "10"]
    np.testing.assert_array_equal(target.encode(t), [2, 1, 1, 2, 0, 0])
    with pytest.raises(ValueError, match="line 2: column 'y' has the class '3'"):
        target.encode(table(y=["3"]))


def test_a_number_to_predict_is_standardised_and_undone() -> None:
    y = np.random.default_rng(0).normal(1000, 50, 30)
    t = table(y=[repr(float(v)) for v in y])
    target = Target.fit(t, np.arange(20), "y")
    scaler = StandardScaler().fit(y[:20, np.newaxis])
    encoded = target.encode(t)
    np.testing.assert_allclose(encoded, scaler.transform(y[:, np.newaxis]), rtol=1e-12)
    np.testing.assert_allclose(target.decode(encoded), y, rtol=1e-12)
    assert Target.from_dict("y", target.to_dict()) == target
    for bad in (None, {"mean": 0}, {"mean": 0, "scale": 0}, {"mean": 0, "scale": True}):
        with pytest.raises(ValueError, match="target"):
            Target.from_dict("y", bad)


def test_targets_with_nothing_to_learn_are_refused() -> None:
    rows = np.arange(10)
    for cells, message in (
        (["a"] * 10, "'y' has one class only, 'a'"),
        ([f"n{i}" for i in range(10)], "'y' has 10 different values in 10 rows"),
    ):
        with pytest.raises(ValueError, match=message):
            Target.fit(table(y=cells), rows, "y")
    with pytest.raises(ValueError, match=r"'y' is 1\.5 in every training row"):
        Target.fit(table(y=["1.5"] * 10), rows, "y", "regression")


def test_rows_without_a_target() -> None:
    np.testing.assert_array_equal(rows_with_target(table(y=["1", "", "NA", "2"]), "y"), [0, 3])
    np.testing.assert_array_equal(rows_with_target(table(y=["none", "", "mild"]), "y"), [0, 2])
    with pytest.raises(ValueError, match="empty in every row"):
        rows_with_target(table(y=["", "NA"]), "y")


@given(st.integers(10, 5000), st.integers(1, 12))
@settings(deadline=None)
def test_one_row_in_five_is_held_out_whatever_the_period(m: int, period: int) -> None:
    held_out = held_out_rows(m)
    assert abs(held_out.sum() - m / 5) < 3
    every = held_out[::period]
    if len(every) > 200:
        assert 0.1 < every.mean() < 0.3


def test_digits_hold_out_every_fifth_image() -> None:
    d = load_digits()
    assert d.X_train.shape == (1437, 64)
    assert d.X_test.shape == (360, 64)
    assert (len(d.y_train), len(d.y_test)) == (1437, 360)
    pixels = np.concatenate([d.X_train, d.X_test]) * 16
    np.testing.assert_array_equal(pixels, np.round(pixels))
    assert (pixels.min(), pixels.max()) == (0, 16)
    assert len(np.unique(np.concatenate([d.y_train, d.y_test]))) == 10


def test_the_housing_table() -> None:
    t = read_table(housing_csv())
    assert len(t) == 20640
    assert np.isnan(t.numbers("total_bedrooms")).sum() == 207
    features = [c for c in t.columns if c != "median_house_value"]
    encoder = TableEncoder.fit(t, np.arange(len(t)), features)
    assert [type(c) for c in encoder.columns] == [NumberColumn] * 8 + [TextColumn]
    assert encoder.n_inputs == 13
    X = encoder.transform(t)
    np.testing.assert_allclose(X[:, :8].mean(axis=0), 0, atol=1e-10)
    np.testing.assert_array_equal(X[:, 8:].sum(axis=1), 1)
    assert infer_task(t.column("median_house_value")) == "regression"
