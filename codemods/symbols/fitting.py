"""Whether a call fits a signature."""

from __future__ import annotations

import ast

from ..api import Signature


def refused(call: ast.Call, signature: Signature) -> str | None:
    """Why a call does not fit a signature. One that unpacks arguments is taken to fit."""
    if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
        return None
    kinds = {one.kind for one in signature}
    places = [one.name for one in signature if one.kind == "positional"]
    if len(call.args) > len(places) and "*" not in kinds:
        return f"{len(call.args)} by position, where {len(places)} are the most"
    given = places[: len(call.args)]
    for keyword in call.keywords:
        name = keyword.arg or ""
        if name in given:
            return f"{name}, which is given twice"
        given.append(name)
    known = {one.name for one in signature if one.kind in ("positional", "keyword")}
    unknown = [name for name in given if name not in known] if "**" not in kinds else []
    lacking = [one.name for one in signature if one.required and one.name not in given]
    return unknown[0] if unknown else f"{lacking[0]} is missing" if lacking else None


def means_the_same(call: ast.Call, old: Signature, new: Signature) -> bool:
    """Whether a call that fits one signature passes the same arguments to the other."""
    before, after = ([one.name for one in signature if one.kind == "positional"] for signature in (old, new))
    count = len(call.args)
    return before[:count] == after[:count] and refused(call, new) is None
