"""Every form of answer in a real Label Studio: it keeps, shows and returns what we write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from projects import forms
from projects.kinds.base import Kind
from projects.kit import discovery
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Prediction, Project, annotation_from_json
from tests.support import kinds, live
from tests.support.receiver import Receiver
from tests.support.studio import SECRET, of_project

pytestmark = pytest.mark.live
COUNT = 6
FILLED = {
    "choices": "input[type=checkbox]:checked",
    "taxonomy": ".ant-select-selection-item",
    "number": ".ant-rate-star-full",
    "span_choices": ".htx-highlight, [class*=highlight]",
}
"""What is on the page for each mark of a suggestion."""
VERSION = "sample-0001"


@pytest.fixture(params=discovery.names(forms))
def kind(request: pytest.FixtureRequest) -> Kind:
    return kinds.kind_of(request.param)


@pytest.fixture
def project(kind: Kind, live_production: LabelStudioWriter) -> Project:
    return live_production.create_project(f"Form {kind.form}", label_config=kind.label_config)


def test_the_config_comes_back_as_it_was(kind: Kind, project: Project) -> None:
    assert project.label_config == kind.label_config
    assert kind.with_config(project.label_config) is kind


def test_predictions_are_kept_and_read_back(
    kind: Kind, project: Project, live_production: LabelStudioWriter
) -> None:
    texts, answers = kinds.corpus(kind.form, COUNT)
    ids = live_production.import_tasks(project.id, [{"data": {"text": text}} for text in texts])
    rows = [
        Prediction(
            number, VERSION, 0.5, tuple(kind.write(answer, {"text": text}, [0.25] * len(answer)))
        )
        for number, text, answer in zip(ids, texts, answers, strict=True)
    ]
    live_production.push_predictions(project.id, rows)
    live_production.update_project(project.id, model_version=VERSION)
    expected = dict(zip(ids, zip(texts, answers, strict=True), strict=True))
    stored = {task.id: task for task in live_production.tasks(project.id)}
    assert stored.keys() == expected.keys()
    for number, (text, answer) in expected.items():
        (prediction,) = stored[number].predictions
        assert prediction.confidence == 0.5
        assert {region["score"] for region in prediction.regions} <= {0.25}
        assert kind.read(prediction.regions, {"text": text}) == answer


def test_annotations_come_back_by_webhook_and_by_request(
    kind: Kind,
    project: Project,
    live_production: LabelStudioWriter,
    webhook_receiver: Receiver,
) -> None:
    texts, answers = kinds.corpus(kind.form, 1, seed=3)
    data: dict[str, Any] = {"text": texts[0]}
    (number,) = live_production.import_tasks(project.id, [{"data": data}])
    live_production.ensure_webhook(project.id, webhook_receiver.url, headers=SECRET)
    live_production.create_annotation(number, kind.write(answers[0], data))
    heard = webhook_receiver.wait_for(of_project("ANNOTATION_CREATED", project)).body
    told = annotation_from_json(heard["annotation"] | {"task": number})
    (asked,) = live_production.annotations(number)
    assert kind.read(told.regions, data) == kind.read(asked.regions, data) == answers[0]


@pytest.fixture
def page(chromium: Browser, live_production: LabelStudioWriter) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(f"{live_production.url}/user/login/")
    page.fill("input[name=email]", live.EMAIL)
    page.fill("input[name=password]", live.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    yield page
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("form", FILLED)
def test_the_editor_opens_filled_in_and_submits_the_same(
    form: str, page: Page, live_production: LabelStudioWriter
) -> None:
    kind, studio = kinds.kind_of(form), live_production
    project = studio.create_project(f"Open {form}", label_config=kind.label_config)
    text, answer = max(
        zip(*kinds.corpus(form, 5, seed=1), strict=True), key=lambda row: len(row[1])
    )
    (number,) = studio.import_tasks(project.id, [{"data": {"text": text}}])
    regions = tuple(kind.write(answer, {"text": text}, [0.4] * len(answer)))
    studio.push_predictions(project.id, [Prediction(number, VERSION, 0.5, regions)])
    studio.update_project(project.id, model_version=VERSION)
    page.goto(f"{studio.url}/projects/{project.id}/data")
    page.locator("button", has_text="Label All Tasks").first.click()
    expect(page.locator(FILLED[form]).first).to_be_visible()
    with page.expect_response(lambda found: "/annotations" in found.url and found.ok):
        page.locator("button", has_text="Submit").first.click()
    (annotation,) = studio.annotations(number)
    assert kind.read(annotation.regions, {"text": text}) == answer
    assert {region["origin"] for region in annotation.regions} == {"prediction"}
