"""A linear machine as files: numbers without pickle, and notes with a digest of them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend_ml import embeddings
from backend_ml.calibration import Line, Several
from backend_ml.centroids import Blend
from backend_ml.linear import Floats, Inputs, Machine
from backend_ml.text_features import Weights
from backend_ml.word_means import WordMeans

FORMAT = 3
WITHOUT_WORDS = 2
"""The format before, which says the same and has no vectors of words."""
MACHINE_FILE = "machine.npz"
NOTES_FILE = "learner.json"
FIRST_SCALE = 1.5
"""Of machines that do not say."""

UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile
)  # fmt: skip
"""What reading a damaged or foreign folder raises."""


class Unfit(ValueError):
    """A saved machine that this process must not use."""


def save(machine: Machine | None, folder: Path, notes: Mapping[str, Any]) -> None:
    """Write ``machine.npz`` (numbers only) and ``learner.json``."""
    embedder = machine.inputs.embedder if machine is not None else None
    told: dict[str, Any] = {
        "format": FORMAT,
        "fitted": machine is not None,
        "embedding": "" if embedder is None else embedder.digest,
        **notes,
    }
    if machine is not None:
        weights = machine.inputs.weights
        numbers: dict[str, NDArray[Any]] = {
            "features": weights.features,
            "rarity": weights.rarity,
            "texts": np.array(weights.texts, dtype=np.int64),
            "coefficients": machine.coefficients,
            "offsets": machine.offsets,
        }
        if machine.blend is not None:
            numbers["means"] = machine.blend.means
            told["blend"] = [machine.blend.slope, machine.blend.offset]
            if machine.inputs.means is not None:
                numbers["words"] = machine.inputs.means.features
                numbers["word_rows"] = machine.inputs.means.rows
        np.savez(folder / MACHINE_FILE, allow_pickle=False, **numbers)
        told["scale"] = machine.inputs.scale
        told["digest"] = _digest(folder / MACHINE_FILE)
    (folder / NOTES_FILE).write_text(json.dumps(told), encoding="utf-8")


def load(folder: Path) -> tuple[Machine | None, dict[str, Any]]:
    """What :func:`save` wrote.

    Raises
    ------
    UNREADABLE
        When it is not that, or was learned with another embedding than this
        process has.
    """
    notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
    if notes["format"] not in (FORMAT, WITHOUT_WORDS):
        raise Unfit(f"its format is {notes['format']}, not {FORMAT}")
    if not notes["fitted"]:
        return None, notes
    if _digest(folder / MACHINE_FILE) != notes["digest"]:
        raise Unfit(f"{MACHINE_FILE} is not the file that was saved")
    embedder = embeddings.current()
    has = "" if embedder is None else embedder.digest
    if has != notes["embedding"]:
        raise Unfit(f"it was learned with {_named(notes['embedding'])}, and here is {_named(has)}")
    with np.load(folder / MACHINE_FILE, allow_pickle=False) as held:
        weights = Weights(held["features"], held["rarity"], int(held["texts"]))
        scale = float(notes.get("scale", FIRST_SCALE))
        inputs = Inputs(weights, embedder, scale=scale, means=_means(held))
        machine = Machine(inputs, held["coefficients"], held["offsets"], _blend(held, notes))
    return machine, notes


def _blend(held: Mapping[str, Floats], notes: Mapping[str, Any]) -> Blend | None:
    if "blend" not in notes:
        return None
    slope, offset = notes["blend"]
    return Blend(held["means"], float(slope), float(offset))


def _means(held: Mapping[str, NDArray[Any]]) -> WordMeans | None:
    return WordMeans(held["words"], held["word_rows"]) if "words" in held else None


def line(value: Any) -> Line:
    """A slope and an offset as they stand in ``learner.json``."""
    slope, offset = value
    return float(slope), float(offset)


def several(value: Any) -> Several:
    """The lines of several labels as they stand in ``learner.json``."""
    return Several(line(value["each"]), line(value["whole"]))


def why(error: Exception) -> str:
    """What :func:`load` raised, in words that may be logged: nothing that a file says."""
    return str(error) if isinstance(error, Unfit) else type(error).__name__


def _named(digest: str) -> str:
    return f"the embedding {digest[:12]}" if digest else "no embedding"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
