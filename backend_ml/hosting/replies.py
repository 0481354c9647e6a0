"""What a model's ``predict`` returned, as plain JSON. Runs in the model's own process."""

from __future__ import annotations

from typing import Any


def items(reply: Any) -> list[Any]:
    """One ``{"result": [...], "score": number or None}`` a task; ``None`` where it says nothing.

    A list, a ``ModelResponse`` or nothing at all; in it dictionaries, ``PredictionValue``
    objects, or lists of those, of which the surest counts.
    """
    if reply is None:
        return []
    if isinstance(reply, dict):
        reply = reply.get("results", reply.get("predictions", []))
    found = getattr(reply, "predictions", reply)
    return [_item(one) for one in found or []]


def _item(one: Any) -> dict[str, Any] | None:
    if isinstance(one, (list, tuple)):
        several = [item for item in map(_item, one) if item is not None]
        return max(several, key=lambda item: _sure(item["score"]), default=None)
    if one is None:
        return None
    if not isinstance(one, dict):
        one = _from_object(one)
    if "result" not in one or one["result"] is None:
        return None
    return {"result": [_region(region) for region in one["result"]], "score": one.get("score")}


def _from_object(one: Any) -> dict[str, Any]:
    """A ``PredictionValue``: its score is 0 unless somebody said otherwise."""
    given = getattr(one, "model_fields_set", None)
    score = None if given is not None and "score" not in given else getattr(one, "score", None)
    return {"result": getattr(one, "result", None), "score": score}


def _region(region: Any) -> Any:
    if isinstance(region, dict):
        return region
    for name in ("_dict", "model_dump", "dict"):
        if hasattr(region, name):
            return getattr(region, name)()
    return None


def _sure(score: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        return 0.0


def plain(value: Any) -> Any:
    """Numbers and arrays of NumPy and its kin, for JSON."""
    for name in ("tolist", "item", "isoformat"):
        if hasattr(value, name):
            return getattr(value, name)()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
