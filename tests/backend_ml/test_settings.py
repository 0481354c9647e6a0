from pathlib import Path

import pytest
from pydantic import ValidationError

from backend_ml.settings import Settings, read_settings
from projects.kinds import registry
from projects.kinds.base import HostedModel
from tests.backend_ml.conftest import make_settings
from tests.support.kinds import HOSTED


def test_the_database_is_in_the_state_folder(tmp_path: Path) -> None:
    assert make_settings(tmp_path).database_url == f"sqlite:///{tmp_path}/backend_ml.sqlite"


def test_runs_are_kept_in_the_state_folder(tmp_path: Path) -> None:
    settings = Settings(**make_settings(tmp_path).model_dump(exclude={"tracking_url"}))
    assert settings.tracking_url == f"sqlite:///{tmp_path}/mlflow.sqlite"


def test_read_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    required = ("LABEL_STUDIO_TOKEN", "BASIC_USER", "BASIC_PASSWORD", "WEBHOOK_SECRET")
    for name in required:
        monkeypatch.setenv(f"BACKEND_ML_{name}", "x")
    monkeypatch.setenv("BACKEND_ML_PROJECTS", '{"3": "intent"}')
    monkeypatch.setenv("BACKEND_ML_STATE_DIR", str(tmp_path))
    settings = read_settings()
    kind = settings.kind_of(3)
    assert kind is not None
    assert kind.name == "intent"
    assert settings.kind_of(4) is None


def test_wrong_settings_end_with_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_ML_BASIC_PASSWORD", "hunter2")
    monkeypatch.setenv("BACKEND_ML_PORT", "many")
    with pytest.raises(SystemExit) as ended:
        read_settings()
    assert "BACKEND_ML_PORT: " in str(ended.value)
    assert "BACKEND_ML_LABEL_STUDIO_TOKEN: " in str(ended.value)
    assert "hunter2" not in str(ended.value)


def test_unknown_kinds_and_shares_are_refused(tmp_path: Path) -> None:
    good = make_settings(tmp_path).model_dump()
    with pytest.raises(ValidationError, match="unknown kinds"):
        Settings(**good | {"projects": {1: "nonsense"}})
    with pytest.raises(ValidationError, match="random_share"):
        Settings(**good | {"random_share": 1.5})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("low_water", -1),
        ("min_new_labels", -1),
        ("min_labels_to_serve", -1),
        ("quiet_seconds", 0),
        ("reconcile_seconds", 0),
        ("in_flight_seconds", -1),
        ("seed", -1),
        ("port", 70_000),
    ],
)
def test_numbers_out_of_bounds_are_refused(tmp_path: Path, name: str, value: int) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**make_settings(tmp_path).model_dump() | {name: value})


OWN = f"label_studio_ml:{HOSTED / 'nearest.py'}:Nearest"


def test_a_project_can_have_a_learner_of_its_own(tmp_path: Path) -> None:
    known = make_settings(tmp_path).model_dump()
    chosen = {"projects": {1: "intent", 2: "intent"}, "learners": {1: OWN}, "host_python": "py"}
    settings = Settings(**known | chosen | {"host_predict_seconds": 3})
    kind, other = settings.kind_of(1), settings.kind_of(2)
    assert kind is not None
    assert other == registry.load("intent")
    assert (kind.learner, kind.challengers) == ("label_studio_ml", ())
    assert kind.hosted == HostedModel(
        f"{HOSTED / 'nearest.py'}:Nearest", "py", predict_seconds=3, fit_seconds=600
    )
    assert (kind.hosted.path, kind.hosted.name) == (HOSTED / "nearest.py", "Nearest")


@pytest.mark.parametrize(
    ("learner", "sentence"),
    [
        ("choice_guess", "There is no 'choice_guess' here. Known: "),
        ("span_crf", "span_crf cannot give answers of the form choice"),
        ("label_studio_ml", "label_studio_ml:/path/to/model.py:ClassName is expected"),
        ("label_studio_ml:model.py", "label_studio_ml:/path/to/model.py:ClassName is expected"),
        ("label_studio_ml:/nowhere/model.py:Model", "there is no file /nowhere/model.py"),
        ("choice_linear:/x.py:X", "only label_studio_ml runs a file"),
    ],
)
def test_a_learner_that_cannot_be_is_refused(tmp_path: Path, learner: str, sentence: str) -> None:
    good = make_settings(tmp_path).model_dump() | {"projects": {1: "intent"}}
    with pytest.raises(ValidationError) as refused:
        Settings(**good | {"learners": {1: learner}})
    assert f"project 1: {sentence}" in str(refused.value)


def test_a_learner_for_nobodys_project_is_refused(tmp_path: Path) -> None:
    good = make_settings(tmp_path).model_dump() | {"projects": {1: "intent"}}
    with pytest.raises(ValidationError, match="project 2: it is not in BACKEND_ML_PROJECTS"):
        Settings(**good | {"learners": {2: "choice_linear"}})
