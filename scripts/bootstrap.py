"""Puts the kinds into both Label Studio instances and connects our services to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from projects.flow import intake
from projects.kinds import registry
from projects.kinds.base import Kind
from projects.kit.label_studio import LabelStudioWriter
from projects.kit.web import SECRET_HEADER
from projects.samples import generate
from projects.vocabulary import Project
from scripts.label_studio import invite_link, sign_up
from scripts.programs import BACKEND_USER, House

TRY_OUT = 5
"""Messages per kind in the sandbox for a look at the interface; nobody's practice items."""
TRY_OUT_SEED = 10_007
Report = Callable[[str], None]


def production_projects(writer: LabelStudioWriter) -> dict[int, str]:
    """Make sure that production has one project per kind; returns the kind of each project id."""
    kinds = registry.all_kinds()
    return {_ensure(writer, kind.title, kind).id: kind.name for kind in kinds}


def connect(writer: LabelStudioWriter, projects: Mapping[int, str], house: House) -> None:
    """Connect the ML backend and both services' webhooks to every production project."""
    backend_hook = f"{house.backend_url}/webhook"
    sync_hook = f"{house.sync_url}/webhooks/production"
    for number in projects:
        writer.ensure_ml_backend(
            number,
            house.backend_url,
            title="Understudy",
            user=BACKEND_USER,
            password=house.secrets.backend_password,
        )
        if writer.project(number).model_version == "Understudy":
            # Named after the backend, every "next task" would wait for a call to it.
            writer.update_project(number, model_version="")
        writer.ensure_webhook(
            number, backend_hook, headers={SECRET_HEADER: house.secrets.backend_webhook}
        )
        writer.ensure_webhooks(
            number, sync_hook, headers={SECRET_HEADER: house.secrets.sync_webhook_production}
        )


def load_samples(
    writer: LabelStudioWriter, projects: Mapping[int, str], *, count: int, seed: int
) -> intake.IntakeResult:
    """Load our own sample messages; those that are there already are left alone."""
    messages = [sample.message for sample in generate(count, seed=seed)]
    return intake.load(messages, writer=writer, projects=by_kind(projects))


def sandbox_examples(writer: LabelStudioWriter) -> None:
    """One project per kind in the sandbox with a few messages, to look at the interface."""
    messages = [sample.message for sample in generate(TRY_OUT, seed=TRY_OUT_SEED)]
    for kind in registry.all_kinds():
        project = _ensure(writer, f"{kind.title}: look around", kind)
        intake.load(messages, writer=writer, projects={kind.name: project.id})


def trainer_accounts(writer: LabelStudioWriter, house: House, emails: Sequence[str]) -> list[str]:
    """Give everybody who is named as a trainer an account; returns those who had none.

    Label Studio asks nobody to prove their address, and every member can read the link
    with which people join: whoever took the address first would see every reference.
    """
    there = {email.lower() for email in writer.emails().values()}
    missing = [email for email in emails if email.lower() not in there]
    for email in missing:
        invite = invite_link(house.sandbox.url, house.sandbox.token)
        sign_up(invite, email=email, password=house.secrets.trainers_password)
    return missing


def by_kind(projects: Mapping[int, str]) -> dict[str, int]:
    """The project id of each kind."""
    return {kind: number for number, kind in projects.items()}


def is_empty(writer: LabelStudioWriter, numbers: Sequence[int]) -> bool:
    """Whether none of these projects has a task."""
    return all(writer.project(number).task_count == 0 for number in numbers)


def _ensure(writer: LabelStudioWriter, title: str, kind: Kind) -> Project:
    wanted: dict[str, Any] = {
        "label_config": kind.label_config,
        "expert_instruction": kind.guidelines,
        "show_instruction": True,
        "show_collab_predictions": True,
        "sampling": "Uncertainty sampling",
    }
    project = writer.ensure_project(title, **wanted)
    if project.label_config != kind.label_config or project.guidelines != kind.guidelines:
        writer.update_project(project.id, **wanted)
    return project
