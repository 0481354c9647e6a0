from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from projects.flow.display import byline, context, heading
from projects.flow.messages import CalendarEntry, Message, Turn

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def entry(start: str, end: str, title: str, place: str = "") -> CalendarEntry:
    return CalendarEntry(datetime.fromisoformat(start), datetime.fromisoformat(end), title, place)


def test_heading_and_byline() -> None:
    sent_at = datetime(2026, 5, 3, 9, 5, tzinfo=timezone(timedelta(hours=2)))
    message = Message("m", "x", subject=" Lease ", sender="Omid", sent_at=sent_at)
    assert heading(message) == "Lease"
    assert byline(message) == "Omid · Sun 3 May 2026, 09:05 UTC+02:00"


def test_what_is_not_known_is_said() -> None:
    message = Message("m", "x")
    assert (heading(message), byline(message)) == ("(no subject)", "Sender not known")
    shown = context(message)
    assert "this is the first message" in shown
    assert "No entries" in shown
    assert "None on record" in shown


def test_the_newest_turn_comes_first() -> None:
    shown = context(Message("m", "x", thread=(Turn("A", "older"), Turn("", "newer"))))
    assert shown.index("newer") < shown.index("older")


def test_the_calendar_is_by_day_in_order() -> None:
    shown = context(
        Message(
            "m",
            "x",
            calendar=(
                entry("2026-05-13T09:00", "2026-05-13T10:00", "Late", "B2"),
                entry("2026-05-12T23:00", "2026-05-13T01:00", "Night"),
                entry("2026-05-13T08:00+02:00", "2026-05-13T08:30+02:00", "Early"),
            ),
        )
    )
    assert shown.index("Tue 12 May") < shown.index("Night") < shown.index("Wed 13 May")
    assert shown.index("Wed 13 May") < shown.index("Early") < shown.index("Late")
    assert shown.count("Wed 13 May") == 1
    assert "23:00&ndash;13 May 01:00" in shown


def test_preferences_are_shown_plainly() -> None:
    shown = context(Message("m", "x", preferences={"Calls": True, "Length": 30, "Pets": False}))
    assert "<td>Calls</td><td>yes</td>" in shown
    assert "<td>Length</td><td>30</td>" in shown
    assert "<td>Pets</td><td>no</td>" in shown


@given(words=TEXT)
def test_nothing_of_a_message_becomes_markup(words: str) -> None:
    hostile = f"<script>{words}</script>\"'&"
    message = Message(
        "m",
        "x",
        thread=(Turn(hostile, hostile),),
        calendar=(entry("2026-05-12T09:00", "2026-05-12T10:00", hostile, hostile),),
        preferences={hostile: hostile},
    )
    shown = context(message)
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 6
