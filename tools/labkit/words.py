# SPDX-License-Identifier: BSD-2-Clause
"""The words of a line of Caisson's configuration language: separated by blanks,
"quoted" where they hold blanks, ended by # (a comment). A word knows its column,
so that errors can point at it."""

import difflib


class Word(str):
    """A word's text, with the column (from 1) where it began."""

    column = 0

    def __new__(cls, text, column):
        word = super().__new__(cls, text)
        word.column = column
        return word


class WordError(Exception):
    def __init__(self, column, message):
        super().__init__(message)
        self.column = column


def split(line):
    """The words of one line. Raises WordError for a quote that does not end."""
    words = []
    at = 0
    while at < len(line):
        if line[at] in " \t\r\n":
            at += 1
        elif line[at] == "#":
            break
        else:
            text, end = _take(line, at)
            words.append(Word(text, at + 1))
            at = end
    return words


def _take(line, start):
    """One word from `start`: its text without quotes, and where it ends."""
    text = []
    quoted = False
    at = start
    while at < len(line):
        char = line[at]
        if char == '"':
            quoted = not quoted
        elif quoted and char == "\\" and line[at + 1:at + 2] in ('"', "\\"):
            at += 1
            text.append(line[at])
        elif not quoted and char in " \t\r\n":
            break
        else:
            text.append(char)
        at += 1
    if quoted:
        raise WordError(start + 1, 'a quote (") that does not end on its line')
    return "".join(text), at


def suggestion(word, known):
    """' (did you mean "x"?)' for a word that is nearly a known one, else ''."""
    near = difflib.get_close_matches(word, known, 1, 0.7)
    return f' (did you mean "{near[0]}"?)' if near else ""
