"""A project to try Label Studio with, and small makers of what goes into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from projects.kit import database
from projects.kit.label_studio import LabelStudioWriter
from projects.vocabulary import Json, Prediction, Project
from tests.support.receiver import Received

CONFIG = """
<View>
  <Text name="message" value="$text"/>
  <Choices name="intent" toName="message" choice="single">
    <Choice value="question"/><Choice value="order"/>
  </Choices>
  <Labels name="details" toName="message"><Label value="place"/><Label value="time"/></Labels>
</View>
"""
SECRET = {"X-Understudy-Secret": "one"}


@dataclass
class Studio:
    """A Label Studio, and how to get another person into it."""

    writer: LabelStudioWriter
    add_person: Callable[[str], str]

    def as_person(self, email: str) -> LabelStudioWriter:
        """A client of someone else; close it."""
        writer = self.writer
        http = writer._http if writer.url.endswith(".test") else None
        return LabelStudioWriter(writer.url, self.add_person(email), http=http)

    def close(self, other: LabelStudioWriter) -> None:
        if other._http is not self.writer._http:
            other.close()

    def someone(self) -> str:
        return f"person-{database.now().timestamp()}@example.com"


def choice(label: str) -> Json:
    value = {"choices": [label]}
    return {"from_name": "intent", "to_name": "message", "type": "choices", "value": value}


def prediction(
    task: int, *, label: str = "order", score: float = 0.5, version: str = "v1"
) -> Prediction:
    return Prediction(task, version, score, (choice(label),))


def import_texts(writer: LabelStudioWriter, project: Project, *texts: str) -> list[int]:
    return writer.import_tasks(project.id, [{"data": {"text": text}} for text in texts])


def of_project(action: str, project: Project) -> Callable[[Received], bool]:
    return lambda call: (
        call.body["action"] == action and call.body.get("project", {}).get("id") == project.id
    )
