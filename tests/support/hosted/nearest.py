"""A model in the style of label-studio-ml 2.x: answers like the most similar text it was told of.

Uses nothing but the standard library, so that any interpreter can run it.
"""

import json
import os
import re
from pathlib import Path

from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse


class Nearest(LabelStudioMLBase):
    """Keeps every annotation that an event brings; spans follow the words they were on."""

    def setup(self):
        self.set("model_version", "nearest-1")

    @property
    def memory(self):
        return Path(os.environ["MODEL_DIR"]) / "memory.jsonl"

    def fit(self, event, data, **kwargs):
        if event != "ANNOTATION_CREATED":
            return
        print("one more")  # a model may print; the protocol must not see it
        row = {"text": self._text(data["task"]), "result": data["annotation"]["result"]}
        with self.memory.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def predict(self, tasks, context=None, **kwargs):
        if not self.memory.exists():
            return []
        with self.memory.open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        predictions = [self._like(self._text(task), rows) for task in tasks]
        return ModelResponse(predictions=predictions, model_version=self.get("model_version"))

    def _text(self, task):
        _, control = next(iter(self.parsed_label_config.items()))
        return task["data"][control["inputs"][0]["value"]]

    def _like(self, text, rows):
        words = _words(text)

        def likeness(row):
            other = _words(row["text"])
            return len(words & other) / max(len(words | other), 1)

        best = max(rows, key=likeness)
        regions = [self._moved(region, best["text"], text) for region in best["result"]]
        return {
            "result": [region for region in regions if region is not None],
            "score": likeness(best),
            "model_version": self.get("model_version"),
        }

    def _moved(self, region, old, new):
        value = region["value"]
        if "start" not in value:
            return region
        start = new.find(old[value["start"] : value["end"]])
        if start < 0:
            return None
        end = start + value["end"] - value["start"]
        return dict(region, value=dict(value, start=start, end=end, text=new[start:end]))


def _words(text):
    return set(re.findall(r"\w+", text.lower()))
