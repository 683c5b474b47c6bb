"""The attention network as a diagram: its modules and the shapes between them, as they ran."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from neuralmusic.files import InputError
from neuralmusic.jobs import PROBES
from neuralmusic.plots.attention import counted, read_told
from neuralmusic.plots.run import REMARK, Run, say

Module = dict[str, Any]  # name, kind, from and to
Point = tuple[float, float]

# The order in which a decoder's modules run. What has no module of its own (positions, attention,
# relu, sums) is drawn between these.
BEFORE, AFTER = ["embedding"], ["norm", "hidden", "dense"]
BLOCK = ["attention_norm", "query", "key", "value", "out", "dropout"]
BLOCK += ["feed_forward_norm", "widen", "narrow", "dropout"]

WORDS = {"LayerNorm": "normalisation", "Embedding": "embedding", "Dropout": "dropout"}
FACES = {"LayerNorm": "#f6e3b4", "Embedding": "#cfe3f3", "Linear": "#cfe3f3"}
WHITE, INK, FRAME = "white", "#333333", "#f4f4f4"
# Of the drawing, in inches: the middles of its columns, where lines run up between them, and rows.
INPUT, ATTENTION, FORWARD, OUTPUT = 1.85, 5.1, 7.95, 10.2
UP_TO_ATTENTION, UP_TO_FORWARD, UP_TO_OUTPUT = 3.1, 6.82, 9.25
PAST_ATTENTION, PAST_FORWARD = 3.55, 7.15
CROSSING, FIRST, PITCH = 1.1, 1.78, 0.76
BOX, HIGH, WIDE, SUM = 1.2, 0.42, 2.6, 0.11
WIDTH, LEAST_HEIGHT, TABLE, LINE = 11.2, 6.1, 4.3, 0.24
COLUMNS = (0.3, 1.62, 2.06, 2.48, 3.0)  # of the table: left of names, right of numbers
LONGEST = 14  # characters of a model's name in the table


@dataclass(frozen=True)
class Network:
    """A decoder's modules as they ran, those of its first block for all of its blocks."""

    settings: dict[str, Any]
    blocks: int
    modules: dict[str, Module]  # by name, in a block without its number
    dropouts: list[Module]  # of a block, after attention and after the feed-forward module

    @property
    def heads(self) -> int:
        return int(self.settings["heads"])


def attention_network(run: Run) -> Figure:
    """The largest model's modules, and what the others have (thesis figure 5.12)."""
    networks = {model: read_network(run, model) for model in run.params["probed"]}
    rows = TABLE + LINE * (len(networks) + 1) + 0.3
    height = max(LEAST_HEIGHT, rows)
    figure = Figure(figsize=(WIDTH, height))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    title = f"The attention network, {run.experiment} experiment"
    if networks:
        # The first of those with the most heads in all.
        drawn = max(networks, key=lambda name: networks[name].blocks * networks[name].heads)
        title = f"The attention network, drawn as {drawn}, {run.experiment} experiment"
        _draw_network(axes, networks[drawn])
        _draw_table(axes, networks, drawn)
    else:
        say(axes, "no model has such attention to show")
    figure.suptitle(title, x=0.01, y=1 - 0.1 / height, ha="left", va="top")
    return figure


def read_network(run: Run, model: str) -> Network:
    """What `probe` saw run; InputError where that is no decoder as it is drawn here."""
    told = read_told(run, model, "modules.json")
    path = run.folder(PROBES, model) / "modules.json"
    outside: list[Module] = []
    blocks: dict[str, list[Module]] = {}
    try:
        for module in told["modules"]:
            if found := re.fullmatch(r"(?:network\.)?blocks\.(\d+)\.(.+)", module["name"]):
                blocks.setdefault(found[1], []).append(module | {"name": found[2]})
            else:
                outside.append(module | {"name": module["name"].removeprefix("network.")})
        names = [module["name"] for module in outside]
        if names != [*BEFORE, *AFTER] or not blocks:
            told_names = ", ".join(names)
            raise InputError(f"{path} has modules that the diagram does not know: {told_names}")
        block = next(iter(blocks.values()))
        if any(other != block for other in blocks.values()):
            raise InputError(f"{path} has blocks that differ, which the diagram does not show")
        if [module["name"] for module in block] != BLOCK:
            raise InputError(f"{path} has a block that is not {', '.join(BLOCK)}")
        dropouts = [module for module in block if module["name"] == "dropout"]
        modules = {module["name"]: module for module in [*outside, *block]}
        return Network(told["settings"], len(blocks), modules, dropouts)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} lacks {error}: probe the model again") from error


def _draw_network(axes: Axes, network: Network) -> None:
    """Four columns: what goes in, the two halves of a block, and what comes out."""
    of, settings = network.modules, network.settings
    rows = [FIRST + PITCH * row for row in range(6)]
    each = "" if network.blocks == 1 else ", each with weights of its own"
    left, right = UP_TO_ATTENTION + 0.15, UP_TO_OUTPUT - 0.15
    top, bottom = CROSSING - 0.2, rows[5] + 0.3
    frame = FancyBboxPatch(
        (left, top),
        right - left,
        bottom - top,
        boxstyle="round,pad=0,rounding_size=0.1",
        facecolor=FRAME,
        edgecolor="#bbbbbb",
        linewidth=0.8,
    )
    frame.set_zorder(0)
    axes.add_patch(frame)
    axes.text(
        left,
        top - 0.1,
        f"block × {network.blocks}{each}",
        fontsize=10,
        fontweight="bold",
    )

    key = "beside an arrow: (steps, width)\nfilled boxes have weights"
    axes.text(COLUMNS[0], top, key, fontsize=8, color=REMARK, va="top", linespacing=1.4)

    # What goes in.
    _text(axes, INPUT, rows[0], "steps", bold=True)
    _down(axes, INPUT, rows[0] + 0.1, rows[1] - HIGH / 2, _shape(of["embedding"]["from"]))
    _module(axes, INPUT, rows[1], of["embedding"])
    _down(axes, INPUT, rows[1] + HIGH / 2, rows[2] - SUM, _shape(of["embedding"]["to"]))
    _plus(axes, INPUT, rows[2])
    _box(axes, INPUT - 1.05, rows[2], f"positions\n{settings['positions']}", WHITE, width=1.0)
    _line(axes, [(INPUT - 0.55, rows[2]), (INPUT - SUM, rows[2])])

    # Attention, which reads all three of queries, keys and values.
    norm, forward = of["attention_norm"], of["feed_forward_norm"]
    _over(axes, (INPUT, rows[2]), UP_TO_ATTENTION, ATTENTION, _shape(norm["from"]))
    _module(axes, ATTENTION, rows[0], norm, width=WIDE)
    for name, x in (("query", -0.92), ("key", 0), ("value", 0.92)):
        x += ATTENTION
        _down(axes, x, rows[0] + HIGH / 2, rows[1] - HIGH / 2, _shape(of[name]["from"]))
        _module(axes, x, rows[1], of[name], width=0.76)
        _down(axes, x, rows[1] + HIGH / 2, rows[2] - HIGH / 2, _shape(of[name]["to"]))
    wide = of["out"]["from"][-1]
    told = f"attention of {counted(network.heads, 'head')}"
    if wide % network.heads == 0:
        told += f", {'each ' if network.heads > 1 else ''}{wide // network.heads} wide"
    _box(axes, ATTENTION, rows[2], f"{told}:\nto the step itself and those before", WHITE, WIDE)
    _down(axes, ATTENTION, rows[2] + HIGH / 2, rows[3] - HIGH / 2, _shape(of["out"]["from"]))
    _module(axes, ATTENTION, rows[3], of["out"])
    _drop_and_add(axes, ATTENTION, rows[3:], PAST_ATTENTION, network, 0)

    # Feed-forward.
    _over(axes, (ATTENTION, rows[5]), UP_TO_FORWARD, FORWARD, _shape(forward["from"]))
    _two_layers(
        axes, FORWARD, rows, [of[name] for name in ("feed_forward_norm", "widen", "narrow")]
    )
    _drop_and_add(axes, FORWARD, rows[3:], PAST_FORWARD, network, 1)

    # What comes out.
    _over(axes, (FORWARD, rows[5]), UP_TO_OUTPUT, OUTPUT, _shape(of["norm"]["from"]))
    _two_layers(axes, OUTPUT, rows, [of[name] for name in AFTER])
    _down(axes, OUTPUT, rows[3] + HIGH / 2, rows[4] - 0.1, _shape(of["dense"]["to"]))
    _text(axes, OUTPUT, rows[4], "classes of the next step", bold=True)


def _two_layers(axes: Axes, x: float, rows: Sequence[float], modules: Sequence[Module]) -> None:
    """A normalisation, a linear layer, relu, and another one."""
    norm, first, second = modules
    _module(axes, x, rows[0], norm)
    _down(axes, x, rows[0] + HIGH / 2, rows[1] - HIGH / 2, _shape(first["from"]))
    _module(axes, x, rows[1], first)
    _down(axes, x, rows[1] + HIGH / 2, rows[2] - HIGH / 2, _shape(first["to"]))
    _box(axes, x, rows[2], "relu", WHITE)
    _down(axes, x, rows[2] + HIGH / 2, rows[3] - HIGH / 2, _shape(second["from"]))
    _module(axes, x, rows[3], second)


def _drop_and_add(
    axes: Axes, x: float, rows: Sequence[float], past: float, network: Network, half: int
) -> None:
    """From a half's last layer through dropout to the sum with what came in past it."""
    dropout = network.dropouts[half]
    _down(axes, x, rows[0] + HIGH / 2, rows[1] - HIGH / 2, _shape(dropout["from"]))
    _module(axes, x, rows[1], dropout, f"dropout {network.settings['dropout']:g}")
    _down(axes, x, rows[1] + HIGH / 2, rows[2] - SUM, _shape(dropout["to"]))
    _plus(axes, x, rows[2])
    axes.add_patch(Circle((past, CROSSING), 0.035, facecolor=INK, linewidth=0, zorder=3))
    _line(axes, [(past, CROSSING), (past, rows[2]), (x - SUM, rows[2])])


def _draw_table(axes: Axes, networks: dict[str, Network], drawn: str) -> None:
    """What differs between the models; the one that is drawn in bold."""
    heads = ("model", "blocks", "heads", "width", "feed-\nforward")
    lines: list[tuple[str, ...]] = [heads]
    for name, network in networks.items():
        width, forward = (network.modules[m]["to"][-1] for m in ("embedding", "widen"))
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        lines.append((short, *map(str, (network.blocks, network.heads, width, forward))))
    names = ["", *networks]
    for number, (line, name) in enumerate(zip(lines, names, strict=True)):
        y = TABLE + LINE * number
        weight = "bold" if name == drawn else "normal"
        for column, (at, word) in enumerate(zip(COLUMNS, line, strict=True)):
            axes.text(
                at,
                y,
                word,
                ha="left" if column == 0 else "right",
                va="baseline",
                fontsize=8,
                fontweight=weight,
                color=REMARK if number == 0 else "black",
            )
    y = TABLE + LINE / 3
    axes.plot([COLUMNS[0], COLUMNS[-1]], [y, y], color="#bbbbbb", linewidth=0.8)


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def _module(
    axes: Axes, x: float, y: float, module: Module, told: str = "", width: float = BOX
) -> None:
    """A box with what the module is, a linear layer with its name; filled where it has weights."""
    kind = module["kind"]
    told = told or WORDS.get(kind) or f"{module['name']}\n{kind.lower()}"
    _box(axes, x, y, told, FACES.get(kind, WHITE), width)


def _box(axes: Axes, x: float, y: float, told: str, face: str, width: float = BOX) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - HIGH / 2),
            width,
            HIGH,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=face,
            edgecolor="#8a8a8a",
            linewidth=0.8,
            zorder=2,
        )
    )
    _text(axes, x, y, told)


def _text(axes: Axes, x: float, y: float, told: str, bold: bool = False) -> None:
    weight = "bold" if bold else "normal"
    axes.text(
        x,
        y,
        told,
        ha="center",
        va="center",
        fontsize=8,
        fontweight=weight,
        linespacing=1.1,
        zorder=4,
    )


def _plus(axes: Axes, x: float, y: float) -> None:
    face = {"facecolor": WHITE, "edgecolor": INK, "linewidth": 0.8}
    axes.add_patch(Circle((x, y), SUM, zorder=2, **face))
    for ends in (([x - 0.06, x + 0.06], [y, y]), ([x, x], [y - 0.06, y + 0.06])):
        axes.plot(*ends, color=INK, linewidth=0.9, zorder=3)


def _line(axes: Axes, points: Sequence[Point]) -> None:
    """A line around corners that ends in an arrow."""
    axes.add_patch(
        FancyArrowPatch(
            path=Path(points),
            arrowstyle="-|>",
            mutation_scale=7,
            color=INK,
            linewidth=0.9,
            fill=True,
            capstyle="butt",
            joinstyle="round",
            zorder=1.5,
        )
    )


def _down(axes: Axes, x: float, start: float, end: float, shape: str) -> None:
    """An arrow down, the shape of what goes along it on its right."""
    _line(axes, [(x, start), (x, end)])
    _beside(axes, x, (start + end) / 2 - 0.02, shape)


def _over(axes: Axes, start: Point, up: float, x: float, shape: str) -> None:
    """From a sum at the foot of one column to the head of the next."""
    end = FIRST - HIGH / 2
    _line(
        axes, [(start[0] + SUM, start[1]), (up, start[1]), (up, CROSSING), (x, CROSSING), (x, end)]
    )
    _beside(axes, x, (CROSSING + end) / 2, shape)


def _beside(axes: Axes, x: float, y: float, shape: str) -> None:
    axes.text(x + 0.06, y, shape, va="center", fontsize=7.5, color="#555555", zorder=4)
