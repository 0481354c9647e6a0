"""The names under which the web process hands work to the worker."""

from projects.kit.engine import Lane

APPLICATION = "understudy-backend-ml"
DIGEST = "digest"
TRAIN = "train"
CHALLENGE = "challenge"
PUBLISH = "publish"

EVENTS = Lane("backend-ml-events", concurrency=4, one_per_key=True, poll_seconds=0.2)
"""One digestion per project at a time; each handles all that waits."""
PUBLISHING = Lane("backend-ml-publishing", concurrency=4, one_per_key=True, poll_seconds=0.2)
"""One publication per project at a time; none waits for a fit."""
TRAINING = Lane("backend-ml-training", concurrency=2, one_per_key=True, poll_seconds=0.3)
"""One regular training per project at a time."""
CHALLENGING = Lane("backend-ml-challenging", concurrency=1, one_per_key=True, poll_seconds=2.0)
"""Other learners, which may take long: one at a time, beside the regular trainings."""
