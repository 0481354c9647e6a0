"""Charts as plain data for plotly's JavaScript, which comes from the installed wheel.

Nothing is fetched from elsewhere, and Python's half of plotly (slow to import) is
not needed. Whatever people wrote goes through :func:`plain`: plotly reads a few
HTML tags in its texts.
"""

from __future__ import annotations

import html
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from backend_ml.evidence.pace import Pace
from backend_ml.evidence.reliability import Reliability
from backend_ml.selecting import ACTIVE, RANDOM
from projects.kit.errors import PlatformError

Figure = dict[str, Any]
Bars = Sequence[Mapping[str, Any] | None]

TEMPLATES = Path(__file__).parent / "templates"
COLOURS = ("#2f5d8a", "#c2571a", "#3d8055", "#7b4ea3", "#a3262a", "#5b6573", "#a98500", "#167d88")
SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "pentagon")
DASHES = ("solid", "dash", "dot", "dashdot")
GRID = "#dfe3e8"
UNIT = [-0.02, 1.04]


class NoPlotly(PlatformError):
    """The installed plotly lacks its JavaScript."""

    def __str__(self) -> str:
        return "The installed package plotly has no plotly.min.js; install it again."


def plain(text: object) -> str:
    """A text that plotly shows letter by letter."""
    return html.escape(str(text), quote=False)


@cache
def javascript() -> Path:
    """Where the wheel keeps plotly's JavaScript; raises :class:`NoPlotly`."""
    found = importlib.util.find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.exists():
            return path
    raise NoPlotly


def as_json(value: object) -> Markup:
    """JSON that can stand inside a ``script`` element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, default=str)
    for sign in "<>&'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def environment() -> Environment:
    """Templates in which everything is escaped unless it says otherwise."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    found.filters["as_json"] = as_json
    return found


def standalone(title: str, lead: str, figures: Sequence[tuple[str, Figure]]) -> str:
    """A page of charts that needs no other file and no network."""
    page = environment().get_template("charts.html")
    return page.render(
        title=title,
        lead=lead,
        figures=figures,
        style=Markup((TEMPLATES / "engineer.css").read_text("utf-8")),
        script=Markup((TEMPLATES / "engineer.js").read_text("utf-8")),
        plotly=Markup(javascript().read_text("utf-8")),
    )


def figure(data: Sequence[Figure], *, x: str, y: str, **layout: Any) -> Figure:
    """A chart in the house's look."""
    return {
        "data": list(data),
        "layout": {
            "xaxis": {"title": {"text": x}, "gridcolor": GRID, "zeroline": False},
            "yaxis": {"title": {"text": y}, "gridcolor": GRID, "zeroline": False},
            "margin": {"l": 62, "r": 14, "t": 14, "b": 48},
            "height": 320,
            "font": {"family": "system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif", "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hoverlabel": {"align": "left"},
        }
        | layout,
    }


def line(
    name: str, x: Sequence[Any], estimates: Bars, *, place: int = 0, mode: str = "lines+markers"
) -> Figure:
    """Estimates with their intervals as whiskers; where there is none the line has a gap."""

    def of(key: str) -> list[Any]:
        return [None if one is None else one[key] for one in estimates]

    values, lows, highs = of("value"), of("low"), of("high")
    up = [None if v is None else h - v for v, h in zip(values, highs, strict=True)]
    down = [None if v is None else v - low for v, low in zip(values, lows, strict=True)]
    texts = [
        "" if e is None else f"{e['value']:.3f} [{e['low']:.3f}, {e['high']:.3f}] n={e['n']}"
        for e in estimates
    ]
    colour = COLOURS[place % len(COLOURS)]
    return {
        "type": "scatter",
        "mode": mode,
        "name": plain(name),
        "x": list(x),
        "y": values,
        "error_y": {
            "type": "data", "symmetric": False, "array": up, "arrayminus": down,
            "thickness": 1.2, "width": 3, "color": colour,
        },
        "marker": {"symbol": SHAPES[place % len(SHAPES)], "size": 7, "color": colour},
        "line": {"color": colour, "dash": DASHES[place // len(COLOURS) % len(DASHES)]},
        "connectgaps": True,
        "text": texts,
        "hovertemplate": "%{x}: %{text}<extra>%{fullData.name}</extra>",
    }  # fmt: skip


def accuracy(course: Sequence[Mapping[str, Any]], random: Sequence[Mapping[str, Any]]) -> Figure:
    """Live accuracy by the number of labels, random arm beside active arm."""
    middles = [(row["from_labels"] + row["to_labels"]) / 2 for row in course]
    places = [row["labels"] for row in random]
    data = [
        line("chosen at random", places, [row[RANDOM] for row in random], place=0),
        line("chosen by the strategy", middles, [row[ACTIVE] for row in course], place=1),
    ]
    found = figure(data, x="labels at the time", y="agreement with the answer")
    found["layout"]["yaxis"]["range"] = UNIT
    return found


def reliability(found: Reliability) -> Figure:
    """How often suggestions of each confidence were accepted; on the diagonal it is honest."""
    diagonal = {
        "type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "hoverinfo": "skip",
        "line": {"color": "#8892a0", "dash": "dot"}, "name": "honest",
    }  # fmt: skip
    estimates = [vars(one.accepted) for one in found.bins]
    points = line("suggestions", [one.confidence for one in found.bins], estimates)
    points["hovertemplate"] = "confidence %{x:.2f}: %{text}<extra></extra>"
    chart = figure([diagonal, points], x="confidence shown", y="share accepted")
    chart["layout"]["xaxis"]["range"] = chart["layout"]["yaxis"]["range"] = UNIT
    return chart


def pace(found: Pace) -> Figure:
    """Labels over time."""
    bars = {
        "type": "bar",
        "x": [one.begins.isoformat() for one in found.bars],
        "y": [one.labels for one in found.bars],
        "width": found.bar_seconds * 900,
        "offset": 0,
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{x}: %{y}<extra></extra>",
        "name": "labels",
    }
    chart = figure([bars], x="time (UTC)", y=f"labels per {stretch(found.bar_seconds)}")
    chart["layout"]["xaxis"] |= {"type": "date", "automargin": True}  # the day is a second line
    chart["layout"]["yaxis"]["rangemode"] = "tozero"
    return chart


def training(versions: Sequence[Mapping[str, Any]]) -> Figure:
    """Held-out agreement of every version by the labels it knew; open marks never served."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in reversed(versions):
        groups.setdefault(str(row["learner"] or "unknown learner"), []).append(row)
    data = []
    for place, (learner, rows) in enumerate(groups.items()):
        one = line(learner, [r["labels"] for r in rows], [r["held_out"] for r in rows], place=place)
        symbol = one["marker"]["symbol"]
        one["marker"]["symbol"] = [
            f"{symbol}-open" if r["state"] == "rejected" else symbol for r in rows
        ]
        one["customdata"] = [plain(f"{r['version']}, {r['state']}") for r in rows]
        one["hovertemplate"] = "%{customdata}: %{text}<extra>%{fullData.name}</extra>"
        data.append(one)
    found = figure(data, x="labels known", y="held-out agreement")
    found["layout"]["yaxis"]["range"] = UNIT
    return found


def stretch(seconds: int) -> str:
    """A length of time in words."""
    for size, word in ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return word if count == 1 else f"{count} {word}s"
    return "second"
