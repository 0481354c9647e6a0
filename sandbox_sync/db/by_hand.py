"""The SQL of projects that are practised on without a kind: added and removed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from projects.kit.errors import PlatformError
from projects.policy import Policy, policy_from_json, policy_to_json
from projects.vocabulary import Project
from sandbox_sync.db import production
from sandbox_sync.db.tables import ProductionProject

PREFIX = "project-"
"""Begins the name that such a project has in the place of a kind."""


class AlreadyPractised(PlatformError):
    """The project belongs to a kind, which says itself how its answers are compared."""

    status = 409

    def __init__(self, project_id: int, kind: str) -> None:
        super().__init__(project_id, kind)
        self.project_id = project_id
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"Project {self.project_id} is practised on already, as the kind {self.kind!r}; "
            "a kind is changed in its folder of projects/kinds."
        )


class NotAdded(PlatformError):
    """Nobody added this project by hand, or it was removed since."""

    status = 404

    def __init__(self, project_id: int) -> None:
        super().__init__(project_id)
        self.project_id = project_id

    def __str__(self) -> str:
        return f"Project {self.project_id} has no sandbox that was added by hand."


@dataclass(frozen=True)
class Added:
    """A project that was added by hand, also one that was removed since."""

    project_id: int
    kind: str
    """The name that it has in the place of a kind."""
    title: str
    policy: Policy
    label_config: str
    added_at: datetime
    removed_at: datetime | None

    @property
    def shown_title(self) -> str:
        """What people call it; the number keeps apart what production calls the same."""
        return f"{self.title} #{self.project_id}"


def name_of(project_id: int) -> str:
    """The name of a project in the place of a kind."""
    return f"{PREFIX}{project_id}"


def add(session: Session, project: Project, policy: Policy, *, now: datetime) -> bool:
    """Begin practice on a project, or practise under another policy; False when it was added.

    Raises
    ------
    AlreadyPractised
        When it is the project of a kind.
    """
    known = production.project(session, project.id)
    if known is not None and known.added_at is None:
        raise AlreadyPractised(project.id, known.kind)
    is_new = known is None or known.removed_at is not None
    row = production.save_project(session, project, kind=name_of(project.id))
    row.policy = policy_to_json(policy)
    row.added_at = now if is_new else row.added_at
    row.removed_at = None
    return is_new


def remove(session: Session, project_id: int, *, now: datetime) -> str:
    """End practice on a project and keep what was compared; returns its title.

    Raises
    ------
    NotAdded
        When nobody added it.
    """
    row = production.project(session, project_id)
    if row is None or row.added_at is None or row.removed_at is not None:
        raise NotAdded(project_id)
    row.removed_at = now
    return row.title


def everything(session: Session) -> Mapping[str, Added]:
    """Every project that was ever added, by the name it has in the place of a kind."""
    found = sa.select(ProductionProject).where(ProductionProject.added_at.is_not(None))
    rows = session.scalars(found.order_by(ProductionProject.id))
    return {row.kind: _added(row) for row in rows}


def _added(row: ProductionProject) -> Added:
    if row.added_at is None:
        raise NotAdded(row.id)
    return Added(
        project_id=row.id,
        kind=row.kind,
        title=row.title,
        policy=policy_from_json(row.policy),
        label_config=row.label_config,
        added_at=row.added_at,
        removed_at=row.removed_at,
    )
