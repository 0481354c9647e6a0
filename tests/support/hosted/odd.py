"""Models that do what models should not."""

import os
import time

from label_studio_ml.model import LabelStudioMLBase


class Odd(LabelStudioMLBase):
    """The text says what happens."""

    def fit(self, event, data, **kwargs):
        self.set("fitted", event)

    def predict(self, tasks, context=None, **kwargs):
        texts = [task["data"]["text"] for task in tasks]
        print("to standard output")
        os.write(1, b"and below Python's own\n")
        if "hang" in texts:
            time.sleep(60)
        if "die" in texts:
            os._exit(3)
        if "leave" in texts:
            raise SystemExit
        if "fail" in texts:
            raise ValueError("no good: " + texts[0])
        if "one for all" in texts:
            return [self._item("Cancel")]
        if "nothing" in texts:
            return None
        return [self._item(text) for text in texts]

    def _item(self, label):
        name, control = next(iter(self.parsed_label_config.items()))
        region = {
            "from_name": name,
            "to_name": control["to_name"][0],
            "type": "choices",
            "value": {"choices": [label]},
        }
        return {"result": [region], "score": 0.75}


class NeverLearns(Odd):
    def fit(self, event, data, **kwargs):
        raise KeyError("annotation")


class Duck:
    """Stands on no package at all."""

    def fit(self, event, data):
        pass

    def predict(self, tasks):
        return [[{"result": [], "score": 0.25}, {"result": [], "score": 0.5}] for _ in tasks]
