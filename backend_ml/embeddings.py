"""Sentence embeddings from a model on disk, for those who have one; nothing is downloaded.

Either an ONNX file with its ``tokenizer.json``, alone or in a sentence-transformers
folder (the extra ``embeddings``), or a sentence-transformers folder without ONNX where
that library is installed.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backend_ml.kept import Kept
from backend_ml.pool import Compact
from projects.kit.errors import BadInput

Floats = NDArray[np.float32]

KEPT_BYTES = 192 * 2**20
BATCH = 32
MOST_TOKENS = 256
"""Of a text, where the model's folder does not say."""
MOST_CHARACTERS = 20_000
WHERE = "BACKEND_ML_EMBEDDINGS"
MEAN, FIRST = "mean", "first token"
HIDDEN = ("last_hidden_state", "token_embeddings")


class Embedder(Protocol):
    """Texts in, rows of unit length out."""

    @property
    def digest(self) -> str:
        """Of the files and the settings: the same digest, the same rows."""

    @property
    def width(self) -> int:
        """Dimensions."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape (n_texts, n_dimensions); the row of a text without a token is zero."""


class _Keeping(ABC):
    """Rows of unit length that are worked out once a text."""

    def __init__(self, digest: str, width: int) -> None:
        self.digest = digest
        self.width = width
        self._kept: Kept[Floats] = Kept(self._rows, lambda row: row.nbytes, most_bytes=KEPT_BYTES)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape (n_texts, n_dimensions)."""
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        return np.stack(self._kept.of([text[:MOST_CHARACTERS] for text in texts]))

    def _rows(self, texts: Sequence[str]) -> list[Floats]:
        """One row a text, shortest texts first within the work, so that little is padding."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: dict[int, Floats] = {}
        for batch in (order[i : i + BATCH] for i in range(0, len(order), BATCH)):
            found = unit(self._raw([texts[i] for i in batch]))
            rows |= {i: row.copy() for i, row in zip(batch, found, strict=True)}
        return [rows[i] for i in range(len(texts))]

    @abstractmethod
    def _raw(self, texts: Sequence[str]) -> Floats:
        """What the model says, before rows are of unit length."""


class OnnxEmbedder(_Keeping):
    """An ONNX transformer and its tokenizer."""

    def __init__(self, model: Path, tokenizer: Path, *, pooling: str, most_tokens: int) -> None:
        self._session = _session(model)
        self._tokenizer = _tokenizer(tokenizer, most_tokens)
        self._pooling = pooling
        self._inputs = [one.name for one in self._session.get_inputs()]
        names = [one.name for one in self._session.get_outputs()]
        self._output = next((name for name in HIDDEN if name in names), names[0])
        files = [model, tokenizer, *sorted(model.parent.glob(f"{model.name}_data*"))]
        super().__init__(_digest(files, f"{pooling} {most_tokens}"), width=0)
        self.width = self._probe(model)

    def _probe(self, model: Path) -> int:
        try:
            found = self._raw(["hello"])
        except Exception as error:
            raise BadInput(f"{model} does not work: {type(error).__name__}", WHERE) from error
        if found.ndim != 2 or not np.isfinite(found).all():
            raise BadInput(f"{model} gives no sentence embedding", WHERE)
        return int(found.shape[1])

    def _raw(self, texts: Sequence[str]) -> Floats:
        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        if mask.shape[1] == 0:  # not one token in all of them
            return np.zeros((len(texts), self.width), dtype=np.float32)
        given = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        feed = {name: given[name] for name in self._inputs}
        hidden = np.asarray(self._session.run([self._output], feed)[0], dtype=np.float32)
        return hidden if hidden.ndim == 2 else _pooled(hidden, mask, self._pooling)


class SentenceTransformersEmbedder(_Keeping):
    """A folder that the library ``sentence_transformers`` reads, from the disk only."""

    def __init__(self, folder: Path) -> None:
        library = import_module("sentence_transformers")
        self._model = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        files = [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".json")]
        super().__init__(_digest(sorted(files), "sentence_transformers"), width=0)
        self.width = self._raw(["hello"]).shape[1]

    def _raw(self, texts: Sequence[str]) -> Floats:
        found = self._model.encode(list(texts), convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32)


def open_embedder(path: Path) -> Embedder:
    """The embedder in a file or a folder.

    Raises
    ------
    BadInput
        With what is missing: the path, a file in it, or a library.
    """
    if not path.exists():
        raise BadInput(f"there is no file or folder {path}", WHERE)
    model = _first(path, ("onnx/model.onnx", "model.onnx")) if path.is_dir() else path
    if model is None:
        return _open_folder(path)
    home = path if path.is_dir() else path.parent
    tokenizer = _first(home, ("tokenizer.json", "onnx/tokenizer.json", "../tokenizer.json"))
    if tokenizer is None:
        raise BadInput(f"there is no tokenizer.json beside {model}", WHERE)
    home = tokenizer.parent if home.name == "onnx" else home
    pooling, most_tokens = _pooling(home), _most_tokens(home)
    return OnnxEmbedder(model, tokenizer, pooling=pooling, most_tokens=most_tokens)


class _Current:
    """The embedder of this process."""

    embedder: Embedder | None = None


def configure(path: str) -> None:
    """Let this process use the embedder at ``path``, or none when it is empty."""
    _Current.embedder = open_embedder(Path(path)) if path else None


def current() -> Embedder | None:
    """The embedder that was configured."""
    return _Current.embedder


def _open_folder(folder: Path) -> Embedder:
    if not any(folder.rglob("*.safetensors")):
        what = f"{folder} has neither onnx/model.onnx nor a file of safetensors"
        raise BadInput(what, WHERE)
    try:
        return SentenceTransformersEmbedder(folder)
    except ImportError as error:
        what = f"{folder} has no onnx/model.onnx, and sentence-transformers is not installed"
        raise BadInput(what, WHERE) from error
    except Exception as error:
        raise BadInput(f"{folder} does not work: {type(error).__name__}", WHERE) from error


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        what = f"{name} is not installed; install understudy[embeddings]"
        raise BadInput(what, WHERE) from error


def _session(model: Path) -> Any:
    runtime = _library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BadInput(f"{model} is no ONNX model: {type(error).__name__}", WHERE) from error


def _tokenizer(path: Path, most_tokens: int) -> Any:
    library = _library("tokenizers")
    try:
        found = library.Tokenizer.from_file(str(path))
    except Exception as error:
        raise BadInput(f"{path} is no tokenizer: {type(error).__name__}", WHERE) from error
    padding = found.padding or {}
    found.enable_truncation(most_tokens)
    found.enable_padding(
        pad_id=padding.get("pad_id", 0), pad_token=padding.get("pad_token", "[PAD]")
    )
    return found


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _pooling(folder: Path) -> str:
    modes = _json(folder / "1_Pooling" / "config.json")
    wanted = [name for name, on in modes.items() if name.startswith("pooling_mode_") and on is True]
    if wanted in ([], ["pooling_mode_mean_tokens"]):
        return MEAN
    if wanted == ["pooling_mode_cls_token"]:
        return FIRST
    raise BadInput(f"{folder} wants {' and '.join(wanted)}, which is not offered here", WHERE)


def _most_tokens(folder: Path) -> int:
    found = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    return found if isinstance(found, int) and 0 < found <= 8192 else MOST_TOKENS


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON", WHERE) from error
    return found if isinstance(found, dict) else {}


def _pooled(hidden: Floats, mask: NDArray[np.int64], pooling: str) -> Floats:
    if pooling == FIRST:
        return hidden[:, 0]
    weight = mask[:, :, None].astype(np.float32)
    return np.asarray((hidden * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0))


def unit(rows: Compact) -> Floats:
    """Rows of length 1, or zero where they were; shape kept."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)


def _digest(files: Sequence[Path], settings: str) -> str:
    """Of every file's bytes, in order, and of how they are used."""
    whole = hashlib.sha256(settings.encode())
    for block in _blocks(files):
        whole.update(block)
    return whole.hexdigest()


def _blocks(files: Sequence[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            while block := file.read(2**20):
                yield block
