"""The pages: sign-in, who sees what, and that nothing in a message can run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from sandbox_sync.db import queries
from tests.sandbox_sync.house import (
    ADA,
    ADMIN,
    BEN,
    DETAILS,
    INTENT,
    OPERATOR,
    House,
    choice,
    running_house,
    spans,
)

HTML = {"accept": "text/html"}
XSS = "<script>alert('x')</script> & \"quotes\""
PASSWORD = "right-password"


class LoginForm:
    """Label Studio's own login, as far as it shows from outside."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if self.status != 200:
            return httpx.Response(self.status)
        if path == "/user/login/" and request.method == "GET":
            return httpx.Response(200, headers={"set-cookie": "csrftoken=c5; Path=/"})
        if path == "/user/login/":
            form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
            if form.get("csrfmiddlewaretoken") != "c5" or "csrftoken=c5" not in (
                request.headers.get("cookie", "")
            ):
                return httpx.Response(403)
            if form.get("password") != PASSWORD or form.get("email") not in self.ids:
                return httpx.Response(200, text="the form again")
            cookie = f"sessionid={form['email']}; Path=/"
            return httpx.Response(302, headers={"location": "/", "set-cookie": cookie})
        email = request.headers.get("cookie", "").partition("sessionid=")[2].partition(";")[0]
        return httpx.Response(200, json={"id": self.ids.get(email), "email": email})


@pytest.fixture
def login() -> LoginForm:
    return LoginForm()


@pytest.fixture
def house(tmp_path: Path, login: LoginForm) -> Iterator[House]:
    with running_house(tmp_path, sign_in=httpx.MockTransport(login)) as built:
        login.ids.update({u.email: u.id for u in built.sandbox.store.users.values()})
        yield built


def sign_in(house: House, email: str) -> TestClient:
    client = house.client
    client.cookies.clear()
    answer = client.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=HTML)
    assert answer.status_code == 200
    return client


def compared(house: House) -> None:
    """One comparison of ADA per kind, then one of BEN."""
    (task,) = house.publish("intent", [XSS])
    (other,) = house.publish("details", [f"{XSS} again"])
    house.reconcile()
    house.answer("intent", task, choice(INTENT.labels[0]))
    house.answer("details", other, spans((DETAILS.labels[0], 0, 8)))
    house.practise(ADA, "intent", task, choice(INTENT.labels[1]))
    house.practise(ADA, "details", other, spans((DETAILS.labels[0], 0, 4)))
    house.practise(BEN, "intent", task, choice(INTENT.labels[0]))
    house.reconcile()


@pytest.mark.parametrize("path", ["/", "/trainer", "/feedback/1", "/trainer/trainee/1"])
def test_a_stranger_is_asked_to_sign_in(house: House, path: str) -> None:
    answer = house.client.get(path, headers=HTML, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/")
    assert house.client.get(path).status_code == 401


def test_a_wrong_password_is_refused(house: House) -> None:
    answer = house.client.post("/sign-in", data={"email": ADA, "password": "wrong"}, headers=HTML)
    assert answer.status_code == 401
    assert "E-mail or password is not right." in answer.text
    assert "wrong" not in answer.text


def test_a_label_studio_that_is_down_is_named(house: House, login: LoginForm) -> None:
    login.status = 503
    answer = house.client.post("/sign-in", data={"email": ADA, "password": PASSWORD}, headers=HTML)
    assert answer.status_code == 503
    assert "Label Studio is not available" in answer.text


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", ""]
)
def test_sign_in_leads_to_this_server_only(house: House, path: str) -> None:
    answer = house.client.post(
        "/sign-in",
        data={"email": ADA, "password": PASSWORD, "next": path},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "/"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    answer = house.client.post(
        "/sign-in", data={"email": ADA, "password": PASSWORD}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert PASSWORD not in cookie


def test_a_trainee_sees_their_own_feedback_and_no_other(house: House) -> None:
    compared(house)
    ada = sign_in(house, ADA)
    page = ada.get("/", headers=HTML).text
    assert "Your feedback" in page
    assert page.count('href="/feedback/') == 2
    assert BEN not in page
    statuses = {
        number: ada.get(f"/feedback/{number}", headers=HTML).status_code
        for number in (1, 2, 3, 4, 2**70)
    }
    assert sorted(statuses.values()) == [200, 200, 404, 404, 404]
    for path in ("/trainer", f"/trainer/trainee/{house.sandbox.user_id(ADA)}"):
        assert ada.get(path, headers=HTML).status_code == 403


def test_a_trainer_sees_everybody(house: House) -> None:
    compared(house)
    trainer = sign_in(house, ADMIN)
    page = trainer.get("/", headers=HTML)
    assert page.url.path == "/trainer"
    for part in (ADA, BEN, "0%", "100%", "n = 1", "<svg", "whisker"):
        assert part in page.text
    for number in (1, 2, 3):
        assert trainer.get(f"/feedback/{number}", headers=HTML).status_code == 200
    own = trainer.get(f"/trainer/trainee/{house.sandbox.user_id(ADA)}", headers=HTML)
    assert f"Feedback for {ADA}" in own.text
    assert trainer.get("/trainer/trainee/424242", headers=HTML).status_code == 404


def test_feedback_page_shows_both_answers_and_runs_nothing(house: House) -> None:
    compared(house)
    ada = sign_in(house, ADA)
    pages = [ada.get("/", headers=HTML)]
    pages += [ada.get(f"/feedback/{number}", headers=HTML) for number in (1, 2, 3)]
    texts = [page.text for page in pages if page.status_code == 200]
    assert len(texts) == 3
    assert all("<script" not in text for text in texts)
    assert all("script-src" not in page.headers["content-security-policy"] for page in pages)
    chosen = next(text for text in texts if f"≠ {INTENT.labels[1]}" in text)
    assert f"≠ {INTENT.labels[0]}" in chosen
    marked = next(text for text in texts if "m-boundary" in text and "<mark" in text)
    assert marked.count("<mark") == 2
    assert "&lt;script&gt;" in marked


def test_nothing_compared_is_a_dash(house: House) -> None:
    house.reconcile()
    assert "\u2013" in sign_in(house, ADA).get("/", headers=HTML).text
    assert "\u2013" in sign_in(house, ADMIN).get("/trainer", headers=HTML).text


def test_a_trainer_is_not_told_that_they_missed_something(house: House) -> None:
    compared(house)
    ada = house.sandbox.user_id(ADA)
    paths = ("/feedback/1", "/feedback/2", "/feedback/3", f"/trainer/trainee/{ada}")
    trainer = sign_in(house, ADMIN)
    seen = [trainer.get(path, headers=HTML).text for path in paths]
    assert any(f"{ADA} chose {INTENT.labels[1]}; the reference answer is" in text for text in seen)
    for text in seen:
        words = set(re.findall(r"[a-z]+", text.split('<main id="main">')[1].lower()))
        assert not words & {"you", "your"}
    assert f"You chose {INTENT.labels[1]}" in sign_in(house, ADA).get("/", headers=HTML).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/sign-in", 405), ("GET", "/static/none.css", 404)],
)
def test_refusals_are_pages_for_people_and_json_for_programs(
    house: House, method: str, path: str, status: int
) -> None:
    page = house.client.request(method, path, headers=HTML)
    assert page.status_code == status
    assert "Back to the first page" in page.text
    answer = house.client.request(method, path)
    assert (answer.status_code, set(answer.json())) == (status, {"error", "detail"})
    assert answer.headers.get("allow") == page.headers.get("allow")


def test_an_unforeseen_error_is_a_page_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("insides that nobody should see")

    here = str(house.client.base_url)
    trainer = TestClient(house.client.app, base_url=here, raise_server_exceptions=False)
    trainer.post("/sign-in", data={"email": ADMIN, "password": PASSWORD}, headers=HTML)
    monkeypatch.setattr(queries, "counts", fail)
    page = trainer.get("/trainer", headers=HTML)
    assert page.status_code == 500
    assert "Back to the first page" in page.text
    assert "insides" not in page.text
    assert "content-security-policy" in page.headers
    assert trainer.get("/trainer").json()["error"] == "InternalError"


def test_looking_never_waits_for_a_writer(house: House) -> None:
    compared(house)
    trainer = sign_in(house, ADMIN)
    ada = house.sandbox.user_id(ADA)
    before = trainer.get("/metrics").text
    with house.room.transaction() as session:
        session.execute(sa.text("UPDATE trainee SET email = 'nobody' WHERE id = 0"))
        for path in ("/trainer", f"/trainer/trainee/{ada}", "/feedback/1", "/health"):
            assert trainer.get(path, headers=HTML).status_code == 200
        assert trainer.get("/metrics").text == before


def test_metrics_and_summary_count_the_same(house: House) -> None:
    compared(house)
    counted = house.summary()
    lines = dict(
        line.split(" ")
        for line in house.client.get("/metrics", headers=OPERATOR).text.splitlines()
        if line[0] != "#"
    )
    for name in ("trainees", "clones", "open_items", "submissions", "comparisons", "feedbacks"):
        assert float(lines[f"sandbox_sync_{name}"]) == counted[name], name
    assert counted["open_items"] == 1
    assert "sandbox_sync_feedback_latency_median_seconds" in lines


def test_signing_out_ends_the_session(house: House) -> None:
    ada = sign_in(house, ADA)
    ada.post("/sign-out", headers=HTML)
    assert ada.get("/").status_code == 401


def test_a_trainer_sees_what_production_changed_and_a_trainee_does_not(house: House) -> None:
    house.reconcile()
    config = INTENT.label_config.replace('value="Cancel"', 'value="&lt;b&gt;Off"')
    house.production.writer().update_project(house.projects["intent"], label_config=config)
    house.reconcile()
    assert sign_in(house, ADA).get("/trainer/changes", headers=HTML).status_code in (403, 404)
    page = sign_in(house, ADMIN).get("/trainer/changes", headers=HTML)
    assert page.status_code == 200
    assert "label Cancel of intent is now &lt;b&gt;Off" in page.text
    assert "<b>Off" not in page.text
