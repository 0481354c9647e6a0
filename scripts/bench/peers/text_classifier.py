"""The peer's model, as its users write one: a ``LabelStudioMLBase`` of label-studio-ml 1.0.9.

Runs in the environment of label-studio-ml, not in ours. The same features and the
same machine as our own learner of choices, and no work in a request that is not
needed: one call of the pipeline for all tasks.
"""

import os

import joblib
import numpy as np
from label_studio_ml.model import LabelStudioMLBase


class TextClassifier(LabelStudioMLBase):
    """A scikit-learn pipeline that was fitted before the server was started."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pipeline = joblib.load(os.environ["BENCH_PIPELINE"])
        (self.from_name, control), *_ = self.parsed_label_config.items()
        self.to_name = control["to_name"][0]
        self.field = control["inputs"][0]["value"]

    def predict(self, tasks, **kwargs):
        """The most probable choice of each task."""
        texts = [task["data"][self.field] for task in tasks]
        distances = self.pipeline.decision_function(texts)
        raised = np.exp(distances - distances.max(axis=1, keepdims=True))
        proba = raised / raised.sum(axis=1, keepdims=True)
        best = proba.argmax(axis=1)
        return [
            self._item(self.pipeline.classes_[column], float(proba[row, column]))
            for row, column in enumerate(best)
        ]

    def _item(self, label, confidence):
        region = {
            "from_name": self.from_name,
            "to_name": self.to_name,
            "type": "choices",
            "value": {"choices": [str(label)]},
            "score": confidence,
        }
        return {"result": [region], "score": confidence}
