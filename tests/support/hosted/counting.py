"""A model in the style of label-studio-ml 1.0.9: the choice whose words a text has most of."""

import json
import os
import re

from label_studio_ml.model import LabelStudioMLBase


class Counting(LabelStudioMLBase):
    """Gets all tasks at once, writes a file into ``workdir`` and is given its path back."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.control, schema = next(iter(self.parsed_label_config.items()))
        self.field = schema["inputs"][0]["value"]
        self.to_name = schema["to_name"][0]
        self.counts = {}
        if self.train_output:
            with open(self.train_output["file"], encoding="utf-8") as file:
                self.counts = json.load(file)

    def fit(self, tasks, workdir=None, **kwargs):
        for task in tasks:
            (region,) = task["annotations"][0]["result"]
            counts = self.counts.setdefault(region["value"]["choices"][0], {})
            for word in _words(task["data"][self.field]):
                counts[word] = counts.get(word, 0) + 1
        path = os.path.join(workdir, "counts.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.counts, file)
        return {"file": path, "event": kwargs.get("event")}

    def predict(self, tasks, **kwargs):
        if not self.counts:
            return []
        return [self._item(_words(task["data"][self.field])) for task in tasks]

    def _item(self, words):
        found = {
            label: sum(counts.get(word, 0) / sum(counts.values()) for word in words)
            for label, counts in self.counts.items()
        }
        best = max(sorted(found), key=found.get)
        total = sum(found.values())
        region = {
            "from_name": self.control,
            "to_name": self.to_name,
            "type": "choices",
            "value": {"choices": [best]},
        }
        return {"result": [region], "score": found[best] / total if total else 0.0}


def _words(text):
    return re.findall(r"\w+", text.lower())
