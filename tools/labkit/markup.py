# SPDX-License-Identifier: BSD-2-Clause
"""Pieces of HTML. What goes in is HTML already, except where it says `plain`."""

import html


def plain(text):
    return html.escape(str(text))


def para(text, css=""):
    return f'<p class="{css}">{text}</p>' if css else f"<p>{text}</p>"


def section(title, parts, anchor=""):
    inside = "\n".join(part for part in parts if part)
    return f'<section id="{plain(anchor)}">\n<h2>{plain(title)}</h2>\n{inside}\n</section>'


def titled(title, *parts):
    return "\n".join([f"<h3>{plain(title)}</h3>", *(part for part in parts if part)])


def figure(svg, kind):
    """A plot, with the kind of machine that it is of."""
    return f"<figure>{svg}<figcaption>{plain(kind)}</figcaption></figure>"


def table(rows):
    """The first row is the head. A cell is HTML, or (class, HTML)."""
    lines = []
    for number, row in enumerate(rows):
        tag = "th" if number == 0 else "td"
        cells = "".join(f'<{tag} class="{cell[0]}">{cell[1]}</{tag}>' if isinstance(cell, tuple)
                        else f"<{tag}>{cell}</{tag}>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    head, body = lines[0], "\n".join(lines[1:])
    return (f'<div class="table"><table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n'
            "</table></div>")
