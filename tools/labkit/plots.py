# SPDX-License-Identifier: BSD-2-Clause
"""Plots as SVG to stand in an HTML page: colours and fonts are the page's (labkit/page.py),
by the classes s0, s1, ... of a series, so that they suit a light and a dark screen."""

import html
import math

WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 62, 22, 14, 44
LEGEND_ROW, LEGEND_STEP = 20, 9
TICKS = 5
ROW = 26
NAMES_WIDTH = 210


def text(x, y, what, css="", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">'
            f"{html.escape(str(what))}</text>")


def line(x1, y1, x2, y2, css):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'


def box(x, y, width, height, css, title=""):
    inside = f"<title>{html.escape(title)}</title>" if title else ""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" '
            f'height="{max(height, 0.5):.1f}" class="{css}">{inside}</rect>')


def dot(x, y, css, title=""):
    return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="{css}">'
            f"<title>{html.escape(title)}</title></circle>")


def svg(parts, width, height, label):
    return (f'<svg viewBox="0 0 {width} {height:.0f}" role="img" '
            f'aria-label="{html.escape(label)}">\n' + "\n".join(parts) + "\n</svg>")


def number(value):
    """Short enough for an axis: 1200000 is 1.2M."""
    if 100 <= abs(value) < 1e4:
        return f"{value:.0f}"
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:.3g}"


def value_text(value):
    """Four digits that count, and never a power of ten beside them."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def nice_ticks(most, count=TICKS):
    """From 0 to at least `most` in round steps."""
    if most <= 0:
        return [0, 1]
    rough = most / count
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * n for n in (1, 2, 2.5, 5, 10) if unit * n >= rough * 0.999)
    return [step * at for at in range(math.ceil(most / step - 1e-9) + 1)]


def log_ticks(low, high, base=10):
    """Powers of the base that go around the values."""
    first = math.floor(math.log(low, base) + 1e-9)
    last = max(math.ceil(math.log(high, base) - 1e-9), first + 1)
    return [base ** at for at in range(first, last + 1)]


def legend(names, colours="s"):
    """(parts, how high they are): a row of names, or several. names: [(index, name)]"""
    parts, at, row = [], LEFT, 0
    for index, name in names:
        long = 22 + 6.6 * len(name)
        if at + long > WIDTH and at > LEFT:
            at, row = LEFT, row + 1
        top = TOP + row * LEGEND_ROW
        parts.append(box(at, top - 9, 11, 11, f"{colours}{index}"))
        parts.append(text(at + 16, top, name))
        at += long + LEGEND_STEP
    return parts, (row + 1) * LEGEND_ROW


class Frame:
    """A plot area with a scale each way; values become places by x() and y()."""

    def __init__(self, height, x_ticks, y_ticks, log_x=False, log_y=False, top=TOP):
        self.top, self.bottom = top, top + height
        self.left, self.right = LEFT, WIDTH - RIGHT
        self.x_ticks, self.y_ticks = x_ticks, y_ticks
        self.log_x, self.log_y = log_x, log_y

    @staticmethod
    def _share(value, ticks, log):
        low, high = ticks[0], ticks[-1]
        if log:
            return math.log(max(value, low) / low) / math.log(high / low)
        return (value - low) / (high - low)

    def x(self, value):
        return self.left + self._share(value, self.x_ticks, self.log_x) * (self.right - self.left)

    def y(self, value):
        return self.bottom - self._share(value, self.y_ticks, self.log_y) * (self.bottom - self.top)

    def axes(self, x_title, y_title, x_names=None):
        parts = []
        for tick in self.y_ticks:
            parts.append(line(self.left, self.y(tick), self.right, self.y(tick), "grid"))
            parts.append(text(self.left - 6, self.y(tick) + 4, number(tick), "tick", "end"))
        for tick in self.x_ticks if x_names is None else ():
            parts.append(line(self.x(tick), self.top, self.x(tick), self.bottom, "grid"))
            parts.append(text(self.x(tick), self.bottom + 16, number(tick), "tick", "middle"))
        parts.append(line(self.left, self.bottom, self.right, self.bottom, "axis"))
        parts.append(text((self.left + self.right) / 2, self.bottom + 34, x_title, "tick",
                          "middle"))
        middle = (self.top + self.bottom) / 2
        parts.append(f'<g transform="rotate(-90 12 {middle:.0f})">'
                     + text(12, middle + 4, y_title, "tick", "middle") + "</g>")
        return parts


def bars(groups, series, unit, height=230):
    """Bars side by side. groups: [(name, {series: (value, low, high)})]; series:
    [(index of its colour, name, key)]."""
    names, high = legend([(index, name) for index, name, _ in series])
    most = max((at[2] for _, values in groups for at in values.values()), default=1)
    frame = Frame(height, [0, len(groups)], nice_ticks(most), top=high + TOP)
    parts = names + frame.axes("", unit, x_names=True)
    wide = (frame.right - frame.left) / len(groups)
    bar = wide * 0.82 / max(len(series), 1)
    for at, (name, values) in enumerate(groups):
        begin = frame.left + at * wide + wide * 0.09
        parts.append(text(frame.left + (at + 0.5) * wide, frame.bottom + 16, name, "", "middle"))
        for place, (index, title, key) in enumerate(series):
            if key not in values:
                continue
            value, low, top = values[key]
            x = begin + place * bar
            parts.append(box(x, frame.y(value), bar * 0.9, frame.bottom - frame.y(value),
                             f"s{index}", f"{title}, {name}: {value:.4g} {unit} "
                             f"({low:.4g} to {top:.4g})"))
            parts.append(line(x + bar * 0.45, frame.y(low), x + bar * 0.45, frame.y(top),
                              "whisker"))
    return svg(parts, WIDTH, frame.bottom + 24, f"bars, {unit}")


def distribution(series, unit, height=230):
    """The share of samples up to a value, over a logarithmic scale. series: [(index, name,
    samples)]"""
    names, high = legend([(index, name) for index, name, _ in series])
    every = [sample for _, _, samples in series for sample in samples if sample > 0]
    frame = Frame(height, log_ticks(min(every), max(every)), [0, 25, 50, 75, 100], log_x=True,
                  top=high + TOP)
    parts = names + frame.axes(unit, "% of samples up to it")
    for index, name, samples in series:
        found = sorted(samples)
        points = [(frame.x(value), frame.y(100 * (at + 1) / len(found)))
                  for at, value in enumerate(found)]
        parts.append(path(points, f"l{index}", name))
    return svg(parts, WIDTH, frame.bottom + BOTTOM, f"distribution, {unit}")


def curves(series, x_title, y_title, height=260):
    """Lines over two logarithmic scales. series: [(index, name, [(x, y)])]"""
    names, high = legend([(index, name) for index, name, _ in series])
    xs = [x for _, _, points in series for x, _ in points]
    ys = [y for _, _, points in series for _, y in points if y > 0]
    frame = Frame(height, log_ticks(min(xs), max(xs)), log_ticks(min(ys), max(ys)), True, True,
                  top=high + TOP)
    parts = names + frame.axes(x_title, y_title)
    for index, name, points in series:
        parts.append(path([(frame.x(x), frame.y(y)) for x, y in points], f"l{index}", name))
    return svg(parts, WIDTH, frame.bottom + BOTTOM, f"{y_title} over {x_title}")


def path(points, css, title):
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (f'<polyline points="{places}" class="{css}"><title>{html.escape(title)}</title>'
            "</polyline>")


def stacks(rows, names, unit):
    """Bars of parts, one below the other. rows: [(name, [value of each part])]; the parts'
    names have the colours t0, t1, ... in their order."""
    parts, high = legend(enumerate(names), "t")
    most = max((sum(values) for _, values in rows), default=1)
    ticks = nice_ticks(most)
    top, bottom = high + TOP, high + TOP + len(rows) * ROW
    left, right = NAMES_WIDTH, WIDTH - 60

    def x(value):
        return left + value / ticks[-1] * (right - left)

    for tick in ticks:
        parts.append(line(x(tick), top, x(tick), bottom, "grid"))
        parts.append(text(x(tick), bottom + 16, number(tick), "tick", "middle"))
    for place, (name, values) in enumerate(rows):
        y, begin = top + place * ROW, 0
        parts.append(text(left - 8, y + 17, name, "", "end"))
        for index, value in enumerate(values):
            if value:
                parts.append(box(x(begin), y + 4, x(begin + value) - x(begin), ROW - 8,
                                 f"t{index}", f"{name}, {names[index]}: {value:.4g} {unit}"))
            begin += value
        parts.append(text(x(begin) + 5, y + 17, number(begin), "tick"))
    parts.append(text((left + right) / 2, bottom + 34, unit, "tick", "middle"))
    return svg(parts, WIDTH, bottom + BOTTOM, f"stacked bars, {unit}")


def ratios(rows, series):
    """Dots with intervals around 1, over a logarithmic scale. rows: [(name, {series: (value,
    low, high)})]; series as for bars()."""
    parts, high = legend([(index, name) for index, name, _ in series])
    values = [at for _, found in rows for three in found.values() for at in three if at > 0]
    ticks = log_ticks(min([*values, 0.5]), max([*values, 2]), 2)
    row = max(ROW, 9 * len(series) + 8)
    top, bottom = high + TOP, high + TOP + len(rows) * row
    left, right = NAMES_WIDTH, WIDTH - RIGHT

    def x(value):
        return left + math.log(max(value, ticks[0]) / ticks[0]) / \
            math.log(ticks[-1] / ticks[0]) * (right - left)

    for tick in ticks:
        parts.append(line(x(tick), top, x(tick), bottom, "axis" if tick == 1 else "grid"))
        parts.append(text(x(tick), bottom + 16, number(tick) if tick >= 1 else
                          f"1/{1 / tick:.0f}", "tick", "middle"))
    for place, (name, found) in enumerate(rows):
        y = top + place * row
        parts.append(line(left, y, right, y, "grid"))
        parts.append(text(left - 8, y + row / 2 + 4, name, "", "end"))
        for number_, (index, title, key) in enumerate(series):
            if key not in found:
                continue
            value, low, most = found[key]
            middle = y + row * (number_ + 1) / (len(series) + 1)
            parts.append(line(x(low), middle, x(most), middle, f"l{index}"))
            parts.append(dot(x(value), middle, f"s{index}",
                             f"{title}, {name}: {value:.3f} ({low:.3f} to {most:.3f})"))
    parts.append(text((left + right) / 2, bottom + 34, "ratio to native", "tick", "middle"))
    return svg(parts, WIDTH, bottom + BOTTOM, "ratios to native")


def beside_goal(value, low, high, goal, better):
    """One figure beside its goal, small, for a table: the goal in the middle, the good side
    tinted, a factor of four to each end."""
    width, height, reach = 170, 20, 4

    def x(at):
        share = math.log(max(at, 1e-12) / goal) / math.log(reach)
        return width / 2 + max(-1.0, min(1.0, share)) * (width / 2 - 6)

    good = 0 if better == "lower" else width / 2
    parts = [box(good, 2, width / 2, height - 4, "good"),
             line(width / 2, 1, width / 2, height - 1, "axis"),
             line(x(low), height / 2, x(high), height / 2, "whisker"),
             dot(x(value), height / 2, "mark", f"{value:.4g} ({low:.4g} to {high:.4g})")]
    return (f'<svg class="inline" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="beside its goal">' + "".join(parts) + "</svg>")
