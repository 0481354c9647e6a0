"""A model in the style of label-studio-ml 2.x that asks Label Studio for all labels."""

import json
import os
from pathlib import Path

from label_studio_ml.model import LabelStudioMLBase
from label_studio_sdk._legacy import Client


class Fetching(LabelStudioMLBase):
    """Remembers whole texts; says how often it was told to train."""

    STATE = Path(os.environ["MODEL_DIR"]) / "texts.json"

    def fit(self, event, data, **kwargs):
        client = Client(os.environ["LABEL_STUDIO_URL"], os.environ["LABEL_STUDIO_API_KEY"])
        tasks = client.get_project(data["annotation"]["project"]).get_labeled_tasks()
        known = {task["data"]["text"]: task["annotations"][0]["result"] for task in tasks}
        self.STATE.write_text(json.dumps(known), encoding="utf-8")
        self.set("trainings", str(int(self.get("trainings") or 0) + 1))

    def predict(self, tasks, context=None, **kwargs):
        known = json.loads(self.STATE.read_text(encoding="utf-8")) if self.STATE.exists() else {}
        score = float(self.get("trainings") or 0) / 10
        return [
            {"result": known[task["data"]["text"]], "score": score}
            if task["data"]["text"] in known
            else {}
            for task in tasks
        ]
