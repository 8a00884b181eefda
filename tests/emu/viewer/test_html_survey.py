"""What a page says of all events: counts and loads that add up, a choice that is bounded and covers the whole run."""

from typing import Any

from emu.viewer.html_survey import BINS, LIMIT, Load, Survey


def call(index: int, duration: int = 100, blocked: int = 0, **members: Any) -> dict[str, Any]:
    record = {
        "event": "syscall",
        "sequence": index,
        "time": index * 1000,
        "duration": duration,
        "blocked": blocked,
    }
    return record | {"pid": 1, "tid": 1 + index % 3, "number": 0, "name": "read", "result": 5} | members


def test_load_keeps_what_it_counted_while_its_parts_widen() -> None:
    load = Load()
    whole = 0
    for index in range(2000):
        load.add(7, index * 10_000_000, 3_000_000, 1_000_000, index % 10 == 0)
        whole += 3_000_000
    lane = load.columns()["lanes"]["7"]
    busy, blocked, calls, errors = (sum(column) for column in lane)
    assert busy + blocked == whole
    assert abs(blocked - whole / 3) < whole / 100
    assert (calls, errors) == (2000, 200)
    assert len(lane[0]) <= BINS
    assert load.width * BINS >= 2000 * 10_000_000


def test_load_spreads_a_long_call_over_its_parts() -> None:
    load = Load()
    load.add(7, 0, load.width * 10, load.width * 10, False)
    assert load.columns()["lanes"]["7"][1] == [load.width] * 10


def test_small_traces_are_shown_whole() -> None:
    survey = Survey()
    for index in range(10):
        survey.add(call(index))
    assert survey.complete
    assert survey.chosen() is None


def test_choice_is_bounded_and_has_what_matters() -> None:
    survey = Survey(limit=1000)
    for index in range(20_000):
        match index:
            case 7777:
                survey.add(call(index, duration=900))
            case 8888:
                survey.add(call(index, duration=10_000, blocked=9_990))
            case _ if 10_000 <= index < 15_000:
                survey.add(call(index, error="EAGAIN", result=-11))
            case _:
                survey.add(call(index))
    chosen = survey.chosen()
    assert chosen is not None
    assert len(chosen) <= 1000
    assert {*range(500), *range(19_750, 20_000), 7777} <= chosen
    failed = sorted(index for index in chosen if 10_000 <= index < 15_000)
    assert failed[0] < 10_200
    assert failed[-1] > 14_800, "errors are from all over"
    assert (survey.count, survey.calls, survey.errors) == (20_000, 20_000, 5000)
    assert "20,000 events" in survey.words(len(chosen))


def test_threads() -> None:
    survey = Survey()
    survey.add(call(0, duration=500, blocked=200))
    survey.add({"event": "thread_start", "time": 600, "pid": 1, "tid": 9, "parent": 1})
    survey.add({"event": "thread_end", "time": 900, "pid": 1, "tid": 9, "status": 0})
    survey.add({"event": "process_end", "time": 1000, "pid": 1, "code": 0, "signal": None})
    first, second = survey.threads[1], survey.threads[9]
    assert (first["calls"], first["busy"], first["blocked"]) == (1, 300, 200)
    assert (second["parent"], second["first"], second["last"], second["ended"]) == (1, 600, 900, True)
    assert survey.end == 1000
    assert survey.summary()["call"][0][:2] == ["read", 1]


def test_parts_of_the_limit_add_up() -> None:
    survey = Survey()
    assert survey.limit == LIMIT
    parts = (survey._first, survey._last.maxlen or 0, survey._slow, survey._failed.most, survey._events.most)
    assert sum(parts) == LIMIT
