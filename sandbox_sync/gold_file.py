"""A file of gold, read whole or refused with line and field. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projects.flow.reading import Problem
from projects.kit.errors import BadInput
from projects.scheme import Scheme
from projects.vocabulary import Answer, Json, Mark, as_answer

MOST_LISTED = 50
LONGEST_NAME = 200

Decompose = Callable[[Mapping[str, Any]], Json]
"""The data of the task that a message becomes."""


class BadGoldFile(BadInput):
    """A file of gold that cannot be used; none of it was stored."""

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        noun = "problem" if len(problems) == 1 else "problems"
        super().__init__(f"{len(problems)} {noun}, so nothing was stored", where)
        self.args = (where, tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [super().__str__(), *(f"  {problem}" for problem in self.problems[:MOST_LISTED])]
        if len(self.problems) > MOST_LISTED:
            lines.append(f"  and {len(self.problems) - MOST_LISTED} more")
        return "\n".join(lines)


class _Bad(Exception):
    """What is wrong with one row: the field, and why."""


@dataclass(frozen=True)
class GoldRow:
    """One row: what is asked, and every acceptable answer, also as regions."""

    name: str
    data: Json
    answers: tuple[Answer, ...]
    regions: tuple[tuple[Json, ...], ...]
    suggestion: Json | None


def read(text: str, where: str, scheme: Scheme, decompose: Decompose) -> list[GoldRow]:
    """Every row of a JSONL file.

    Raises
    ------
    BadGoldFile
        When anything is wrong with any row; names every line and field.
    """
    rows: list[GoldRow] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line, scheme, decompose)
        except _Bad as error:
            problems.append(Problem(number, *error.args))
            continue
        first = seen.setdefault(row.name, number)
        if first != number:
            problems.append(Problem(number, "id", f"the id of line {first} again"))
        rows.append(row)
    if not rows and not problems:
        problems.append(Problem(1, "", "the file holds no gold"))
    if problems:
        raise BadGoldFile(where, problems)
    return rows


def _row(line: str, scheme: Scheme, decompose: Decompose) -> GoldRow:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise _Bad("", "it is not JSON") from error
    if not isinstance(row, dict):
        raise _Bad("", "it is not a JSON object")
    name = row.get("id")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
        raise _Bad("id", f"it should be a text of 1 to {LONGEST_NAME} characters")
    data = _data(row, decompose)
    given = row.get("answers")
    if not isinstance(given, list) or not given:
        raise _Bad("answers", "it should be a list of at least one acceptable answer")
    pairs = [
        _answer(f"answers.{position}", answer, scheme, data)
        for position, answer in enumerate(given, start=1)
    ]
    answers = [answer for answer, _ in pairs]
    for position, answer in enumerate(answers):
        if answer in answers[:position]:
            raise _Bad(f"answers.{position + 1}", "the same answer as one before it")
    return GoldRow(
        name.strip(),
        data,
        tuple(answers),
        tuple(regions for _, regions in pairs),
        _suggestion(row.get("suggestion"), row.get("confidence")),
    )


def _data(row: Mapping[str, Any], decompose: Decompose) -> Json:
    if isinstance(row.get("data"), dict) and row["data"]:
        return dict(row["data"])
    if "message" not in row:
        raise _Bad("data", "there is neither data nor a message")
    try:
        return decompose(row["message"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _Bad("message", "it is not a message as 'understudy intake' takes it") from error


def _suggestion(given: object, confidence: object) -> Json | None:
    is_share = type(confidence) in (int, float) and 0 <= confidence <= 1  # type: ignore[operator]
    if confidence is not None and (given is None or not is_share):
        raise _Bad("confidence", "it should be a number from 0 to 1, beside a suggestion")
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(region, dict) for region in given):
        raise _Bad("suggestion", "it should be a list of regions")
    return {"model_version": "", "confidence": confidence, "regions": given}


def _answer(
    where: str, given: object, scheme: Scheme, data: Json
) -> tuple[Answer, tuple[Json, ...]]:
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
        raise _Bad(where, "it should be a list of regions or of marks")
    if given and "from_name" in given[0]:
        answer, regions = scheme.read(given, data), tuple(given)
        if not answer:
            raise _Bad(where, "nothing in these regions fits the labelling config")
    else:
        answer = as_answer(list(_marks(where, given, scheme, data)))
        regions = () if scheme.kind is None else tuple(scheme.kind.write(answer, data))
        if scheme.read(regions, data) != answer:
            raise _Bad(where, "the labelling config has no place for it; give it as regions")
    if not answer and scheme.kind is not None and not scheme.kind.is_answer(answer):
        raise _Bad(where, "it says nothing")
    return answer, regions


def _marks(where: str, given: Sequence[Json], scheme: Scheme, data: Json) -> Iterator[Mark]:
    length = len(scheme.text(data))
    for position, mark in enumerate(given, start=1):
        here = f"{where}.{position}"
        plan = scheme.plans.get(str(mark.get("control")))
        if plan is None:
            known = ", ".join(scheme.plans)
            raise _Bad(f"{here}.control", f"no such control; the config has {known}")
        label = mark.get("label")
        if not isinstance(label, str) or (plan.control.labels and label not in plan.control.labels):
            known = ", ".join(plan.control.labels)
            raise _Bad(f"{here}.label", f"no such label; the config has {known}")
        start, end = mark.get("start"), mark.get("end")
        if (start, end) != (None, None):
            are_offsets = all(type(value) is int for value in (start, end))
            if not are_offsets or not 0 <= start < end <= length:  # type: ignore[operator]
                raise _Bad(here, f"start and end should lie in the text of {length} characters")
        yield Mark(plan.control.name, label, start, end)
