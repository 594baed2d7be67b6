"""A soak: many rounds in one process against a site where a fifth of all answers go wrong."""

import os
from collections import Counter

import pytest
from crash_lab.faulty_site import BAD, FaultySite, content
from crash_lab.runs import Job, Run
from crash_lab.truth import whole

from airnub_core import open_store, verify

SECONDS = float(os.environ.get("AIRNUB_SOAK_SECONDS", "8"))
MAY_GROW = 40 * 1024 * 1024
"""Bytes of memory: what allocators keep, and far less than a leak of every round would come to."""


@pytest.mark.system
@pytest.mark.slow
def test_counts_add_up_and_nothing_leaks(tmp_path):
    """Every round has one outcome for each item, in agreement with what the site sent; what was called safe is safe;
    and open files, threads, processes and memory do not grow from round to round.
    """
    root = tmp_path / "store"
    events = []
    with FaultySite("soak", share=0.2) as site:
        paths = [f"/ROUND/{number}.bin" for number in range(60)]
        paths += ["/ROUND/large.bin", "/ROUND/missing.bin", "/always.bin", "/always-large.bin"]
        urls = [site.url(path) for path in paths]
        network = {"attempts": 2, "connections": 16, "connections_per_host": 16, "stall_timeout": 30}
        with Run(
            Job(str(root), {"soak": urls}, network, rounds=6, seconds=SECONDS),
            tmp_path / "runs",
            on_event=events.append,
        ) as run:
            run.succeed()
        site.settle()
        rounds = split(events)
        outcomes = [event for one, _ in rounds for event in one]
        for number, (one, _) in enumerate(rounds):
            asked = {url.replace("ROUND", str(number // 2)) for url in urls}
            assert Counter(event["url"] for event in one) == Counter(asked), "one item, one outcome"
            kinds = Counter(event["outcome"] for event in one)
            assert kinds["stored"] + kinds["unchanged"] + kinds["failed"] == len(asked), kinds

        answers = {}
        for path, came_to, _ in site.answers:
            answers.setdefault(site.url(path), []).append(came_to)
        safe = {event["url"] for event in outcomes if event["outcome"] != "failed"}
        sent = {url for url, all_of_it in answers.items() if not set(all_of_it).isdisjoint({200, 206})}
        assert safe == sent, "what the site sent whole was stored, and nothing else"
        attempts = Counter()
        for event in outcomes:
            attempts[event["url"]] += event["attempts"]
        # A connection that was kept and is closed by the other side is opened anew without being an attempt.
        assert all(len(answers[url]) >= attempts[url] for url in attempts)
        assert {came_to for all_of_it in answers.values() for came_to in all_of_it} >= {*BAD, 200, 304, 404}

        truth = {site.url(path): content(path) for path in site.files}
        assert whole(root, truth) == safe
        with open_store(root) as (store, index):
            assert verify(store).damaged == []
            assert {row.url for row in index.current("soak")} == safe
        check_leaks([held for _, held in rounds])


def split(events):
    """The outcomes of each round, with what the process held after it."""
    rounds, outcomes = [], []
    for event in events:
        if event["event"] == "outcome":
            outcomes.append(event)
        elif event["event"] == "round":
            rounds.append((outcomes, event))
            outcomes = []
    return rounds


def check_leaks(held):
    """The first rounds load what is loaded once; from then on nothing grows."""
    early, late = held[1], held[-1]
    assert late["files"] <= early["files"] + 4, held
    assert late["threads"] <= early["threads"] + 2, held
    assert late["children"] <= early["children"], held
    assert late["memory"] <= max(one["memory"] for one in held[:3]) + MAY_GROW, held
