"""Refuses JSON whose shape alone is an attack. Knows nothing of what the fields mean.

llama.cpp keeps the members of an object in a list and looks through all of them at each new one: an object with a
million members keeps one of its threads busy for the better part of an hour, and nobody can call it off. Such a body
must not get there.
"""

from __future__ import annotations

import re

from batuta.errors import BadRequest

MOST_MEMBERS = 4096  # of one object; the longest tool schemas have some hundreds
MOST_IN_ALL = 200_000  # of all objects; ten thousand messages have a quarter of it
# A string that does not end is taken to the end of the body, so that no byte is looked at twice.
_TOKEN = re.compile(rb'([{}])|"(?:[^"\\]++|\\.)*+"?\s*+(:)?', re.DOTALL)


def refuse_crowded(body: bytes) -> None:
    """Refuse JSON that has an object with too many members. What is no JSON passes: its parser will say so.

    Raises:
        BadRequest: more than `MOST_MEMBERS` in one object, or `MOST_IN_ALL` in all of them.
    """
    if body.count(b":") <= MOST_MEMBERS:  # nearly every request: no member is without its colon
        return
    open_objects: list[int] = []
    total = 0
    for token in _TOKEN.finditer(body):
        brace, colon = token.groups()
        if brace == b"{":
            open_objects.append(0)
        elif brace and open_objects:
            open_objects.pop()
        elif colon and open_objects:
            total += 1
            open_objects[-1] += 1
            if open_objects[-1] > MOST_MEMBERS or total > MOST_IN_ALL:
                raise BadRequest(
                    f"the request body has too many fields: at most {MOST_MEMBERS} in one object and {MOST_IN_ALL} in "
                    "all are accepted"
                )
