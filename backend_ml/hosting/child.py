"""A program that runs a user's model file unchanged and answers requests about it.

Started by path, with the interpreter that has what the model needs, so it imports
nothing but the standard library and the files beside it. Requests and answers are
JSON objects, one a line, on what were standard input and output; the model itself
gets an empty input, and what it prints goes to standard error.

    hello    {path, name, label_config, seed}        {style, package}
    predict  {tasks}                                 {results, failed, trace}
    fit      {tasks, project}, newest task last      {calls, failed, trace}

Anything that goes wrong is answered with {error, trace}.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from backend_ml.hosting import loading, replies, shelf
else:
    # The files of this folder, under a name that no model uses.
    package = ModuleType("_understudy")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["_understudy"] = package
    loading, replies, shelf = (
        importlib.import_module(f"_understudy.{name}") for name in ("loading", "replies", "shelf")
    )

TRAIN_OUTPUT = "train_output.json"
PLACE = "{MODEL_DIR}"
"""Stands for the model's folder in what ``fit`` returned: a saved model moves."""
TRACE_CHARACTERS = 6000
MOST_FAILURES = 10
"""Calls of ``fit`` that may fail before one succeeds; the others would fail too."""


class Runner:
    """One model class, and the folder that its state lives in."""

    def __init__(self, model_dir: Path, labels: shelf.Shelf) -> None:
        self._dir = model_dir
        self._labels = labels
        self._class: Any = None
        self._package = ""
        self._config = ""
        self._model: Any = None

    def hello(self, message: dict[str, Any]) -> dict[str, Any]:
        """Load the class; the genuine package where it fits the class, else our stand-in."""
        random.seed(message["seed"])
        self._config = message["label_config"]
        self._labels.label_config = self._config
        self._class, self._package = loading.load_class(Path(message["path"]), message["name"])
        for name in ("numpy", "torch"):
            _seed(sys.modules.get(name), message["seed"])
        return {
            "style": loading.style(self._class, self._package or "v2"),
            "package": self._package,
        }

    def predict(self, message: dict[str, Any]) -> dict[str, Any]:
        """One item a task. What fails for all together is asked one by one."""
        tasks = message["tasks"]
        if self._model is None:
            self._model = self._make()
        try:
            items = replies.items(self._ask(tasks))
            if len(items) == len(tasks):
                return {"results": items, "failed": 0, "trace": ""}
            trace = f"{len(items)} predictions for {len(tasks)} tasks"
            if not items:  # how many models say that they are not ready
                return {"results": [None] * len(tasks), "failed": 0, "trace": ""}
        except Exception:  # noqa: BLE001 - their code may raise anything
            trace = _trace()
        results, failed = [], 0
        for task in tasks:
            try:
                found = replies.items(self._ask([task]))
                results.append(found[0] if len(found) == 1 else None)
                failed += len(found) > 1
            except Exception:  # noqa: BLE001 - their code may raise anything
                trace = _trace()
                results.append(None)
                failed += 1
        return {"results": results, "failed": failed, "trace": trace}

    def fit(self, message: dict[str, Any]) -> dict[str, Any]:
        """Teach the model; what it keeps is in its folder afterwards."""
        tasks, project = message["tasks"], message["project"]
        self._labels.fill(tasks)
        calls = self._calls(tasks, project)
        self._model = None
        done, failed, trace, raised = 0, 0, "", ""
        for call in calls:
            before = self._labels.asked
            self._model = self._model or self._make()
            try:
                self._keep(call(self._model))
                done += 1
            except Exception as error:  # noqa: BLE001 - their code may raise anything
                trace, raised = _trace(), type(error).__name__
                failed += 1
                if failed == MOST_FAILURES and not done:
                    break
                continue
            if self._labels.asked > before:
                break  # it fetches all labels by itself: one call has taught it everything
        self._model = None
        if not done:
            return {"error": raised, "trace": trace}
        return {"calls": done, "failed": failed, "trace": trace}

    def _calls(self, tasks: list[Any], project: dict[str, Any]) -> list[Any]:
        """The calls of ``fit`` in the order in which they are tried.

        The old style gets all tasks at once. The new style is told to train; unless it
        then asks for the labels, it gets every label as the event it was, and is told
        to train once more.
        """
        parameters = loading.parameters(self._class.fit)
        bodies = [_body("ANNOTATION_CREATED", task, project) for task in tasks]
        if not loading.takes_events(self._class):
            workdir = self._dir / "workdir"
            workdir.mkdir(exist_ok=True)
            more = {"workdir": str(workdir), "event": "ANNOTATION_CREATED", "data": bodies[-1]}
            more = _accepted(more | {"job_id": "1"}, parameters)
            return [lambda model: model.fit(tasks, **more)]
        last = _body("START_TRAINING", tasks[-1], project)
        events = [last, *bodies, last]
        more = _accepted({"job_id": "1"}, parameters)
        return [
            lambda model, body=body: model.fit(event=body["action"], data=dict(body), **more)
            for body in events
        ]

    def _ask(self, tasks: list[Any]) -> Any:
        more = _accepted({"context": None}, loading.parameters(self._class.predict))
        return self._model.predict(json.loads(json.dumps(tasks)), **more)

    def _make(self) -> Any:
        """An instance made as its own package would; the stand-in takes both ways."""
        if self._class.__init__ is object.__init__:
            return self._class()
        given: dict[str, Any] = {"label_config": self._config}
        if self._package != "v2":
            given["train_output"] = self._train_output()
            given.update(hostname=self._labels.url, access_token=self._labels.token)
        if self._package != "v1":
            given["project_id"] = "1"
        return self._class(**_accepted(given, loading.parameters(self._class.__init__)))

    def _train_output(self) -> Any:
        path = self._dir / TRAIN_OUTPUT
        if not path.exists():
            return None
        return _moved(json.loads(path.read_text(encoding="utf-8")), PLACE, str(self._dir))

    def _keep(self, output: Any) -> None:
        """What ``fit`` returned is given to the next instance."""
        if isinstance(output, dict) and output:
            text = json.dumps(output, default=replies.plain)
            moved = _moved(json.loads(text), str(self._dir), PLACE)
            (self._dir / TRAIN_OUTPUT).write_text(json.dumps(moved), encoding="utf-8")
            self._model = None


def _accepted(given: dict[str, Any], parameters: dict[str, inspect.Parameter]) -> dict[str, Any]:
    """Those arguments that a function names, or all where it takes any."""
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return {name: value for name, value in given.items() if anything or name in parameters}


def _body(action: str, task: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
    """A webhook of Label Studio. Start Training names the newest label too, which many need."""
    bare = {key: value for key, value in task.items() if key not in ("annotations", "completions")}
    return {
        "action": action,
        "project": project,
        "task": bare,
        "annotation": task["annotations"][-1],
    }


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_moved(item, old, new) for item in value]
    if isinstance(value, dict):
        return {key: _moved(item, old, new) for key, item in value.items()}
    return value


def _seed(library: Any, seed: int) -> None:
    if library is not None and hasattr(library, "manual_seed"):
        library.manual_seed(seed)
    elif library is not None:
        library.random.seed(seed % 2**32)


def _trace() -> str:
    return traceback.format_exc()[-TRACE_CHARACTERS:]


def _take_pipes() -> tuple[TextIO, TextIO]:
    """Our ends of the pipes, under new numbers; the model's are harmless."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return os.fdopen(requests, encoding="utf-8"), os.fdopen(answers, "w", encoding="utf-8")


def _end_with(parent: int) -> None:
    """Nobody waits for the answer of a model whose service has gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main() -> None:
    """Answer until there are no more requests."""
    sys.path.pop(0)  # this folder: a model's "import parsing" means another file
    requests, answers = _take_pipes()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    labels = shelf.Shelf()
    os.environ.update(labels.environment())
    os.environ.setdefault("START_TRAINING_EACH_N_UPDATES", "1")
    runner = Runner(Path(os.environ["MODEL_DIR"]), labels)
    steps = {"hello": runner.hello, "predict": runner.predict, "fit": runner.fit}
    for line in requests:
        message = json.loads(line)
        try:
            answer = steps[message["do"]](message)
            text = json.dumps(answer, default=replies.plain)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - their code may raise anything
            text = json.dumps({"error": type(error).__name__, "trace": _trace()})
        answers.write(text + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
