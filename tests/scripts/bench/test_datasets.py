from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from projects.kit.errors import BadInput
from projects.vocabulary import Mark
from scripts.bench.datasets import CONTROL, read


def write(folder: Path, rows: list[Any], *, name: str = "rows.jsonl") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "README.md").write_text("what it is")
    if name.endswith(".gz"):
        (folder / name).write_bytes(gzip.compress(text.encode()))
    else:
        (folder / name).write_text(text)


def labelled(count: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"text": f"text {i}", "label": "<a> & b" if i % 2 else "c", **more} for i in range(count)
    ]


def test_tasks_are_found_from_the_rows(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 4, "label": "word"}]
    write(tmp_path / "one", labelled(20, labels=["x", "y"], spans=spans), name="r.jsonl.gz")
    found = read(tmp_path, seed=0)
    by_name = {one.name: one for one in found.datasets}
    assert set(by_name) == {"one:label", "one:labels", "one:spans"}
    assert by_name["one:label"].kind.labels == ("<a> & b", "c")
    assert by_name["one:spans"].train[0].answer == (Mark(CONTROL, "word", 0, 4),)
    assert by_name["one:labels"].kind.form == "choices"


def test_a_path_is_a_node_of_a_tree(tmp_path: Path) -> None:
    paths = (["a", "<x>"], ["a", "y", "z"], ["b"])
    write(tmp_path / "one", [{"text": f"text {i}", "path": paths[i % 3]} for i in range(20)])
    [found] = read(tmp_path, seed=0).datasets
    assert (found.name, found.kind.form) == ("one:path", "taxonomy")
    assert {row.answer[0].label for row in found.train} == {"a > <x>", "a > y > z", "b"}
    assert found.kind.labels == ("a", "a > <x>", "a > y", "a > y > z", "b")


@pytest.mark.parametrize("path", ["mails/7.txt", None, [], [[0, 1], [2, 3]], ["always", "it"]])
def test_other_paths_and_one_for_all_are_no_tree(tmp_path: Path, path: Any) -> None:
    write(tmp_path / "one", labelled(20, path=path))
    assert [one.name for one in read(tmp_path, seed=0).datasets] == ["one:label"]


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    parts = [*labelled(12, split="train"), *labelled(4, split="dev"), *labelled(6, split="test")]
    write(tmp_path / "one", parts)
    [one] = read(tmp_path, seed=0).datasets
    assert (len(one.train), len(one.test)) == (12, 6)


def test_without_a_split_a_fifth_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    write(tmp_path / "one", labelled(20))
    [first], [second] = read(tmp_path, seed=5).datasets, read(tmp_path, seed=5).datasets
    assert (len(first.train), len(first.test)) == (16, 4)
    assert first.test == second.test
    assert not set(first.train) & set(first.test)


def test_folders_without_texts_are_skipped_with_a_word(tmp_path: Path) -> None:
    write(tmp_path / "crowd", [{"item": 0, "labels": [[0, 1]], "truth": 1}])
    write(tmp_path / "good", labelled(20))
    (tmp_path / "empty").mkdir()
    found = read(tmp_path, seed=0)
    assert [one.name for one in found.datasets] == ["good:label"]
    assert found.skipped == {"crowd": "its rows have no text", "empty": "it has no rows"}


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"text": 1, "label": "a"}, "'text'"),
        ({"text": "x", "label": 2}, "'label'"),
        ({"text": "x", "labels": ["a", 1]}, "'labels'"),
        ({"text": "x", "path": ["a", 1]}, "'path'"),
        ({"text": "x", "spans": [{"start": 0, "end": 5, "label": "a"}]}, "not inside"),
        ({"text": "x", "spans": [{"start": 0, "label": "a"}]}, "whole numbers"),
        ([1], "object"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: Any, word: str) -> None:
    write(tmp_path / "one", [*labelled(2), row])
    with pytest.raises(BadInput, match=word) as caught:
        read(tmp_path, seed=0)
    assert caught.value.where.endswith("rows.jsonl, line 3")


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    write(tmp_path / "one", labelled(2))
    with (tmp_path / "one" / "rows.jsonl").open("a") as file:
        file.write("{oh\n")
    with pytest.raises(BadInput, match="JSON") as caught:
        read(tmp_path, seed=0)
    assert caught.value.where.endswith("line 3")


def test_nothing_to_measure_with_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        read(tmp_path, seed=0)
    with pytest.raises(BadInput):
        read(tmp_path / "nowhere", seed=0)
