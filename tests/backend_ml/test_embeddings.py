"""Sentence embeddings from files on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from backend_ml import embeddings, linear, machine_files
from backend_ml.fit_process import Children
from backend_ml.fitting import Job
from backend_ml.labels import Label
from backend_ml.learners import choice_linear, choices_linear, number_ridge, taxonomy_linear
from backend_ml.learners.base import ModelUnreadable
from projects.kit.errors import BadInput
from projects.vocabulary import Answer, Mark
from tests.support import kinds

WORDS = {"[PAD]": 0, "[UNK]": 1, "red": 2, "blue": 3, "sky": 4}
# Rows of the words above. Padding is far off, so that a mean that counts it would be wrong.
TABLE = [[99.0, 99.0], [0.0, 0.0], [3.0, 4.0], [0.0, 5.0], [5.0, 0.0]]


def write_model(
    folder: Path, *, table: list[list[float]] = TABLE, name: str = "model.onnx", whole: bool = False
) -> Path:
    """An ONNX file that looks words up; ``whole`` gives the mean of a text and no tokens."""
    vectors = numpy_helper.from_array(np.array(table, dtype=np.float32), "table")
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])]
    shape: list[Any] = ["batch", "sequence", 2]
    output = "last_hidden_state"
    if whole:
        axis = numpy_helper.from_array(np.array([1], dtype=np.int64), "axis")
        arguments = ["last_hidden_state", "axis"]
        nodes.append(helper.make_node("ReduceMean", arguments, ["sentence"], keepdims=0))
        shape, output = ["batch", 2], "sentence"
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    found = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
    start = [vectors, *([axis] if whole else [])]
    graph = helper.make_graph(nodes, "words", [ids], [found], start)
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def write_tokenizer(folder: Path) -> None:
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sentence-transformers folder with an ONNX model."""
    home = tmp_path / "tiny"
    write_model(home, name="onnx/model.onnx")
    write_tokenizer(home)
    return home


@pytest.fixture(autouse=True)
def _none_afterwards() -> Iterator[None]:
    yield
    embeddings.configure("")


def test_rows_are_means_of_unit_length(folder: Path) -> None:
    found = embeddings.open_embedder(folder).embed(["red", "red blue", "sky red sky"])
    # (3, 4) / 5; (1.5, 4.5) / sqrt(22.5); (13/3, 4/3) / sqrt(185/9) = (13, 4) / sqrt(185).
    wanted = [[0.6, 0.8], [1.5 / 22.5**0.5, 4.5 / 22.5**0.5], [13 / 185**0.5, 4 / 185**0.5]]
    assert found == pytest.approx(np.array(wanted), abs=1e-6)
    assert found.dtype == np.float32


def test_company_in_the_batch_changes_nothing(folder: Path) -> None:
    embedder = embeddings.open_embedder(folder)
    together = embedder.embed(["red", "sky sky sky blue blue red"])[0]
    alone = embeddings.open_embedder(folder).embed(["red"])[0]
    assert together.tolist() == alone.tolist()


def test_no_words_are_a_row_of_zeros(folder: Path) -> None:
    embedder = embeddings.open_embedder(folder)
    assert embedder.embed(["", "red"])[0].tolist() == [0.0, 0.0]
    assert embedder.embed([" "]).tolist() == [[0.0, 0.0]]
    assert embedder.embed([]).shape == (0, 2)


def test_long_texts_are_cut(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 2}))
    found = embeddings.open_embedder(folder).embed(["red red " + "sky " * 5000])
    assert found[0] == pytest.approx([0.6, 0.8])


def test_first_token_pooling_is_read(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    modes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    found = embeddings.open_embedder(folder).embed(["sky red red"])
    assert found[0] == pytest.approx([1.0, 0.0])


def test_a_model_that_pools_by_itself(tmp_path: Path) -> None:
    path = write_model(tmp_path, whole=True)
    write_tokenizer(tmp_path)
    found = embeddings.open_embedder(path).embed(["red blue"])
    assert found[0] == pytest.approx([1.5 / 22.5**0.5, 4.5 / 22.5**0.5])


def test_digest_is_of_the_numbers_and_the_settings(folder: Path, tmp_path: Path) -> None:
    first = embeddings.open_embedder(folder).digest
    assert embeddings.open_embedder(folder / "onnx" / "model.onnx").digest == first
    write_model(folder, table=[[1.0, 0.0]] * 5, name="onnx/model.onnx")
    assert embeddings.open_embedder(folder).digest != first


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"BACKEND_ML_EMBEDDINGS: there is no file or folder"):
        embeddings.configure(str(tmp_path / "gone"))


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"neither onnx/model\.onnx nor a file of safetensors"):
        embeddings.open_embedder(tmp_path)


def test_a_model_without_a_tokenizer(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    with pytest.raises(BadInput, match=r"no tokenizer\.json"):
        embeddings.open_embedder(path)


def test_a_damaged_model(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="is no ONNX model"):
        embeddings.open_embedder(tmp_path)


def test_safetensors_need_the_other_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(BadInput, match="sentence-transformers is not installed"):
        embeddings.open_embedder(tmp_path)


def test_the_extra_that_is_not_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(BadInput, match=r"install understudy\[embeddings\]"):
        embeddings.open_embedder(folder)


LEARNERS = {
    "choice": choice_linear,
    "choices": choices_linear,
    "taxonomy": taxonomy_linear,
    "number": number_ridge,
}


@pytest.mark.parametrize("form", LEARNERS)
def test_a_model_belongs_to_its_embedder(form: str, folder: Path, tmp_path: Path) -> None:
    kind = kinds.kind_of(form)
    texts, answers = kinds.corpus(form, 40)
    embeddings.configure(str(folder))
    learner = LEARNERS[form].new(kind)
    learner.fit(texts, answers, seed=0)
    learner.save(tmp_path)
    again = LEARNERS[form].load(tmp_path, kind)
    assert again.predict(texts).items == learner.predict(texts).items
    embeddings.configure("")
    with pytest.raises(ModelUnreadable, match=r"learned with the embedding \w+, and here is no"):
        LEARNERS[form].load(tmp_path, kind)
    write_model(folder, table=[[1.0, 0.0]] * 5, name="onnx/model.onnx")
    embeddings.configure(str(folder))
    with pytest.raises(ModelUnreadable, match="learned with the embedding"):
        LEARNERS[form].load(tmp_path, kind)


def test_a_model_keeps_the_scale_that_it_was_learned_with(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one of when machines did not say it: they all had the first one."""
    kind = kinds.kind_of("choice")
    texts, answers = kinds.corpus("choice", 40)
    embeddings.configure(str(folder))
    first = partial(linear.Inputs, scale=machine_files.FIRST_SCALE)
    monkeypatch.setattr(linear, "Inputs", first)
    learner = choice_linear.new(kind)
    learner.fit(texts, answers, seed=0)
    learner.save(tmp_path)
    wanted = learner.predict(texts).items
    monkeypatch.undo()
    assert choice_linear.load(tmp_path, kind).predict(texts).items == wanted
    notes = json.loads((tmp_path / machine_files.NOTES_FILE).read_text(encoding="utf-8"))
    assert notes.pop("scale") == machine_files.FIRST_SCALE != linear.EMBEDDING_SCALE
    (tmp_path / machine_files.NOTES_FILE).write_text(json.dumps(notes), encoding="utf-8")
    assert choice_linear.load(tmp_path, kind).predict(texts).items == wanted


def test_the_process_that_fits_has_the_same_embedder(folder: Path, tmp_path: Path) -> None:
    kind = kinds.kind_of("choice")
    texts, answers = kinds.corpus("choice", 40)
    rows = enumerate(zip(texts, answers, strict=True))
    labels = tuple(Label(n, text, answer) for n, (text, answer) in rows)
    embeddings.configure(str(folder))
    children = Children(60.0, embeddings=str(folder))
    try:
        assert children.fit(Job(kind, "choice_linear", labels, seed=0), tmp_path) is not None
    finally:
        children.close()
    there = choice_linear.load(tmp_path, kind)
    here = choice_linear.new(kind)
    here.fit(texts, answers, seed=0)
    assert there.predict(texts).items == here.predict(texts).items


def test_embeddings_help_with_words_never_seen(folder: Path) -> None:
    """Only the embedding knows that the words of the test are like those of the training."""
    like = {word: i for i, word in enumerate(("[PAD]", "[UNK]", "aa", "bb", "cc", "dd"))}
    tokenizer = Tokenizer(WordLevel(like, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    near = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]]
    write_model(folder, table=near, name="onnx/model.onnx")
    kind = kinds.kind_of("choice")
    one, two = kind.labels[:2]
    answer_each: list[Answer] = [(Mark(kind.control, one),), (Mark(kind.control, two),)]
    embeddings.configure(str(folder))
    learner = choice_linear.new(kind)
    learner.fit(["aa", "bb"] * 10, answer_each * 10, seed=0)
    found = [guess.answer[0].label for guess in learner.predict(["cc", "dd"]).items if guess]
    assert found == [one, two]
