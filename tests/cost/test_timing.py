from triptych.cost import side_by_side


def test_steps_take_turns_and_short_ones_are_repeated():
    calls: list[str] = []
    steps = {name: (lambda name=name: calls.append(name)) for name in ("a", "b")}
    times = side_by_side(steps, rounds=3)
    assert {name: len(taken) for name, taken in times.items()} == {"a": 3, "b": 3}
    assert calls.count("a") > 100
