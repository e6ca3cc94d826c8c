#!/usr/bin/env python3
"""Follows one round through the JSON logs of a coordinator and of sites, by its trace alone.

    follow_round.py KIND COORDINATOR.log SITE ...     SITE: path of SITE.log without ".log"

Every line of every log has to be an object with ts, level, event and component.  Exit: 0 the first committed round of
the kind is whole: each step is there, in its order, at each end.
"""
import json
import os
import re
import sys

COORDINATOR = ["round_opened", "plan_accepted", "update_offered", "update_pulled", "round_summed", "round_ended"]
SITE = ["plan_accepted", "trained", "update_offered", "update_acknowledged", "round_ended"]


def need(truth, words):
    if not truth:
        sys.exit(f"follow_round.py: {words}")


def read(path):
    lines = []
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except ValueError as error:
                sys.exit(f"follow_round.py: {path}:{number}: {error}: {text}")
            need(all(isinstance(line.get(key), str) for key in ("ts", "level", "event", "component")),
                 f"{path}:{number}: a field is missing: {text}")
            need(isinstance(line.get("round", 0), int), f"{path}:{number}: round is no number")
            lines.append(line)
    return lines


def in_order(lines, steps, who):
    """The first of each step comes no earlier than the first of the step before."""
    at = -1
    for step in steps:
        found = [i for i, line in enumerate(lines) if line["event"] == step]
        need(found, f"{who} does not say {step}: {[line['event'] for line in lines]}")
        need(found[0] > at, f"{who} says {step} too early")
        at = found[0]


def main():
    kind, coordinator, sites = sys.argv[1], read(sys.argv[2]), sys.argv[3:]
    ended = [line for line in coordinator
             if line["event"] == "round_ended" and line["kind"] == kind and line["state"] == "COMMITTED"]
    need(ended, f"no round of kind {kind} was committed")
    trace, number = ended[0]["trace"], ended[0]["round"]
    need(re.fullmatch("[0-9a-f]{32}", trace), f"{trace} is no trace")
    here = [line for line in coordinator if line.get("trace") == trace]
    need({line["round"] for line in here} == {number}, "a trace of two rounds")
    in_order(here, COORDINATOR, "the coordinator")
    for path in sites:
        site = os.path.basename(path)
        there = [line for line in read(path + ".log") if line.get("trace") == trace]
        need({line["site"] for line in there} == {site}, f"lines of {site} name another site")
        need({line["round"] for line in there} == {number}, f"{site} means another round")
        in_order(there, SITE, site)
        for step in ("plan_accepted", "update_offered"):
            spans = {line["span"] for line in there + here if line["event"] == step and line["site"] == site}
            need(len(spans) == 1, f"{step} of {site} has {len(spans)} spans")
    print(f"round {number}, trace {trace}: {len(here)} lines here, and the steps of {len(sites)} sites")


main()
