"""Starts the server of label-studio-ml 1.0.9: model.py:Class, port, folder for its state."""

import importlib
import sys
from pathlib import Path

from label_studio_ml.api import init_app  # type: ignore[import-not-found]


def main() -> None:
    place, port, folder = sys.argv[1:]
    path, _, name = place.rpartition(":")
    sys.path.insert(0, str(Path(path).parent))
    model = getattr(importlib.import_module(Path(path).stem), name)
    init_app(model_class=model, model_dir=folder).run(host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main()
