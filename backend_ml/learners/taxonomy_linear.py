"""Nodes of a tree of labels: a border at every fork, and the way down is a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from backend_ml import linear, machine_files
from backend_ml.calibration import (
    NO_SHARES,
    Line,
    Several,
    fit_several,
    fit_shares,
    log_loss,
    shares,
)
from backend_ml.learners.base import Guess, Guesses, ModelUnreadable
from backend_ml.linear import Machine
from backend_ml.pool import Matrix
from backend_ml.word_means import WordMeans
from projects.forms.base import STEP
from projects.kinds.base import Kind
from projects.vocabulary import Answer, Mark, as_answer

FORMS: tuple[str, ...] = ("taxonomy",)
HERE = STEP + "."
"""After an inner node that people answered with: the way ends here."""
SEVERAL_SHARE = 0.05
"""When so many answers name several nodes, several may be predicted."""


@dataclass(frozen=True)
class Tree:
    """The nodes that people answered with, and the ways to them from the root."""

    paths: tuple[str, ...]

    @cached_property
    def ways(self) -> dict[str, tuple[str, ...]]:
        """Every node on the way to each path, the path itself last."""
        inner = {prefix for path in self.paths for prefix in _prefixes(path)[:-1]}
        return {p: _prefixes(p) + ((p + HERE,) if p in inner else ()) for p in self.paths}

    @cached_property
    def columns(self) -> dict[str, int]:
        """A column for each node."""
        return {node: i for i, node in enumerate(sorted(set().union(*self.ways.values())))}

    @cached_property
    def forks(self) -> list[list[int]]:
        """The columns of nodes of the same parent."""
        forks: dict[str, set[int]] = {}
        for way in self.ways.values():
            for parent, node in zip(("", *way), way, strict=False):
                forks.setdefault(parent, set()).add(self.columns[node])
        return [sorted(fork) for fork in forks.values()]

    def places(self, path: str) -> list[int]:
        """The columns on the way to a path."""
        return [self.columns[node] for node in self.ways[path]]

    def targets(self, answers: Sequence[Answer]) -> linear.Targets:
        """Which nodes lie on the ways of each answer, shape (n_answers, n_nodes)."""
        ways = [[c for mark in answer for c in self.places(mark.label)] for answer in answers]
        return linear.as_targets(ways, len(self.columns))

    def ends(self, answers: Sequence[Answer]) -> linear.Targets:
        """Which paths each answer names, shape (n_answers, n_paths)."""
        place = {path: column for column, path in enumerate(self.paths)}
        named = [[place[mark.label] for mark in answer] for answer in answers]
        return linear.as_targets(named, len(self.paths))

    def proba(self, scores: Matrix, line: Line) -> Matrix:
        """Of each path the product of its shares at the forks, shape (n_texts, n_paths)."""
        taken = np.ones_like(scores)
        for fork in self.forks:
            taken[:, fork] = shares(scores[:, fork], line)
        return np.column_stack([taken[:, self.places(path)].prod(axis=1) for path in self.paths])

    def least(self, scores: Matrix) -> Matrix:
        """Of each path the least distance on its way: it is as likely as its unlikeliest step."""
        return np.column_stack([scores[:, self.places(path)].min(axis=1) for path in self.paths])


class TaxonomyLinear:
    """A linear support vector machine for each node, put together along the tree.

    Where people choose one node, its probability is the product of the shares at every
    fork on the way. An inner node is an answer only if it was one in training. Where
    people choose several, every path that is more probable than not is answered.
    """

    def __init__(self, control: str) -> None:
        self.control = control
        self._tree = Tree(())
        self._machine: Machine | None = None
        self._line: Line = NO_SHARES
        self._several: Several | None = None
        self._means: WordMeans | None = None

    @property
    def classes_(self) -> tuple[str, ...]:
        return self._tree.paths

    def read(self, texts: Sequence[str], *, seed: int) -> None:
        """Learn what their words are about, for the next :meth:`fit`."""
        self._means = linear.means_of(texts, seed=seed)

    def fit(self, texts: Sequence[str], answers: Sequence[Answer], *, seed: int) -> None:
        """Learn from every answer; from those of several nodes only where they are usual."""
        rows = [(t, a) for t, a in zip(texts, answers, strict=True) if a]
        many = sum(len(answer) > 1 for _, answer in rows) > SEVERAL_SHARE * len(rows)
        rows = rows if many else [(text, answer) for text, answer in rows if len(answer) == 1]
        paths = sorted({mark.label for _, answer in rows for mark in answer})
        self._tree, self._machine = Tree(()), None
        if len(paths) < 2:
            return
        inputs, given = [text for text, _ in rows], [answer for _, answer in rows]
        tree = Tree(tuple(paths))
        features = linear.inputs_of(inputs, labels=len(tree.columns), means=self._means)
        matrix, targets = features.matrix(inputs), tree.targets(given)
        machine, scores, held = linear.learn(features, matrix, targets, seed=seed)
        ends = tree.ends(given)
        machine, scores = linear.with_likeness(
            machine,
            features.embedded(matrix, inputs),
            targets,
            held,
            scores,
            loss=lambda some, rows: _loss(tree, some, ends[held[rows]], many=many),
        )
        self.use(machine, tree, *_calibrate(tree, scores, ends[held], many=many))

    def predict(self, texts: Sequence[str]) -> Guesses:
        """The most probable path of each text, or every probable one."""
        if self._machine is None or not texts:
            return Guesses(tuple(None for _ in texts))
        scores = self._machine.decide(texts)
        marks = [Mark(self.control, path) for path in self._tree.paths]
        if self._several is not None:
            return _all_probable(self._several, self._tree.least(scores), marks)
        proba = self._tree.proba(scores, self._line)
        best, sure = proba.argmax(axis=1).tolist(), proba.max(axis=1).tolist()
        items = [Guess((marks[at],), p, (p,)) for at, p in zip(best, sure, strict=True)]
        return Guesses(tuple(items), proba)

    def use(self, machine: Machine, tree: Tree, line: Line, several: Several | None) -> None:
        """Predict with this trained machine from now on."""
        self._machine, self._tree = machine, tree
        self._line, self._several = line, several

    def save(self, folder: Path) -> None:
        """Write ``machine.npz`` and ``learner.json``."""
        notes = {
            "paths": list(self._tree.paths),
            "line": list(self._line),
            "several": None if self._several is None else asdict(self._several),
        }
        machine_files.save(self._machine, folder, notes)


def new(kind: Kind) -> TaxonomyLinear:
    """An unfitted learner."""
    return TaxonomyLinear(kind.control)


def load(folder: Path, kind: Kind) -> TaxonomyLinear:
    """The learner saved in ``folder``."""
    learner = TaxonomyLinear(kind.control)
    try:
        machine, notes = machine_files.load(folder)
        if machine is not None:
            held = notes["several"]
            several = None if held is None else machine_files.several(held)
            tree = Tree(tuple(notes["paths"]))
            learner.use(machine, tree, machine_files.line(notes["line"]), several)
    except machine_files.UNREADABLE as error:
        raise ModelUnreadable(str(folder), machine_files.why(error)) from error
    return learner


def _prefixes(path: str) -> tuple[str, ...]:
    nodes = path.split(STEP)
    return tuple(STEP.join(nodes[: i + 1]) for i in range(len(nodes)))


def _calibrate(
    tree: Tree, scores: Matrix, ends: linear.Targets, *, many: bool
) -> tuple[Line, Several | None]:
    """From texts that were not trained on."""
    least = tree.least(scores)
    if many:
        return NO_SHARES, fit_several(least, ends)
    truth = _truth(least, ends)
    return fit_shares(linear.filled(scores), truth.tolist(), of=tree.proba), None


def _loss(tree: Tree, scores: Matrix, ends: linear.Targets, *, many: bool) -> float:
    """How surprising the true paths are under the best line."""
    line, several = _calibrate(tree, scores, ends, many=many)
    least = tree.least(scores)
    if several is not None:
        marginals = several.marginals(least)
        return log_loss(np.where(ends, marginals, 1.0 - marginals))
    truth = _truth(least, ends)
    rows = np.flatnonzero(truth >= 0)
    return log_loss(tree.proba(linear.filled(scores), line)[rows, truth[rows]])


def _truth(least: Matrix, ends: linear.Targets) -> linear.Places:
    """The path of each answer; -1 where a node on its way could not be learned."""
    truth = ends.argmax(axis=1)
    return np.where(np.isfinite(least[np.arange(len(truth)), truth]), truth, -1)


def _all_probable(several: Several, scores: Matrix, marks: Sequence[Mark]) -> Guesses:
    """Every path above one half, or the best one where none is: no node is no answer."""
    marginals = several.marginals(scores)
    items = []
    for row, confidence in zip(marginals, several.confidence(marginals).tolist(), strict=True):
        columns = np.flatnonzero(row > 0.5).tolist()
        if not columns:
            best = int(row.argmax())
            columns, confidence = [best], float(row[best])
        answer = as_answer([marks[column] for column in columns])
        items.append(Guess(answer, confidence, tuple(row[columns].tolist())))
    return Guesses(tuple(items), marginals=marginals)
