"""How samples are named."""

from __future__ import annotations


def named(ids: tuple[int, ...]) -> str:
    """`dataset index 17` of the first of them; nothing without any."""
    return f"dataset index {ids[0]}" if ids else ""
