"""The parent of all tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from projects.kit.database import UtcTime


class Base(DeclarativeBase):
    """The parent of all tables."""

    type_annotation_map = {datetime: UtcTime(), dict[str, Any]: sa.JSON(), list[Any]: sa.JSON()}  # noqa: RUF012 - as SQLAlchemy wants
