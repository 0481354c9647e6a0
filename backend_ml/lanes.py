"""The names under which the web process hands work to the worker."""

from projects.kit.engine import Lane

APPLICATION = "understudy-backend-ml"
DIGEST = "digest"
TRAIN = "train"
PUBLISH = "publish"

EVENTS = Lane("backend-ml-events", concurrency=4, one_per_key=True, poll_seconds=0.2)
"""One digestion per project at a time; each handles all that waits."""
TRAINING = Lane("backend-ml-training", concurrency=2, one_per_key=True, poll_seconds=0.3)
"""One training or publication per project at a time."""
