"""The environment with the genuine package, and a checkout of its repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from backend_ml.hosting.host import ENVIRONMENT
from tests.conftest import absent

CHECKOUT = "UNDERSTUDY_LABEL_STUDIO_ML_CHECKOUT"


@pytest.fixture(scope="package")
def genuine_python() -> str:
    """The interpreter of the environment that ``scripts/setup --label-studio-ml`` makes."""
    python = Path(sys.prefix).with_name(ENVIRONMENT) / "bin" / "python"
    if not python.exists():
        absent(f"{ENVIRONMENT} is not there: run scripts/setup --label-studio-ml")
    return str(python)


@pytest.fixture(scope="package")
def checkout() -> Path:
    """A checkout of HumanSignal/label-studio-ml-backend; there is none unless somebody says so."""
    named = os.environ.get(CHECKOUT, "")
    if not named:
        pytest.skip(f"{CHECKOUT} names no checkout of HumanSignal/label-studio-ml-backend")
    if not Path(named, "label_studio_ml", "examples").is_dir():
        pytest.fail(f"{CHECKOUT}: {named} has no label_studio_ml/examples", pytrace=False)
    return Path(named)
