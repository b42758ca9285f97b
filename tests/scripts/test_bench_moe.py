import importlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def subjects(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("moe_subjects")


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("bench_rounds")


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("moe_peers")


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("bench_moe_gpu")


def shape(subjects, **changes):
    sizes = {"tokens": 48, "width": 16, "hidden": 24, "experts": 4, "top_k": 2} | changes
    return subjects.Shape(**sizes)


def flops(work) -> int:
    # Not work.run: the counter's module hooks do not know torch.autograd.grad.
    with FlopCounterMode(display=False) as counter:
        work.forward(work.x).backward(work.above)
    return counter.get_total_flops()


def test_all_dispatches_give_the_same_output_and_the_same_gradients(subjects):
    case = shape(subjects)
    works = subjects.ours(case, subjects.layer(case))
    assert works.keys() == subjects.VARIANTS.keys() >= {"loop", "padded", "grouped"}
    first, *others = works.values()
    for work in others:
        torch.testing.assert_close(work.forward(work.x), first.forward(first.x))
        for ours, theirs in zip(work.run(), first.run(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_every_pass_makes_a_gradient_of_the_input_the_router_and_the_experts(subjects):
    case = shape(subjects)
    for work in subjects.ours(case, subjects.layer(case)).values():
        assert [tuple(grad.shape) for grad in work.run()] == [
            (48, 16),
            (4, 16),
            (4, 48, 16),
            (4, 16, 24),
        ]
        assert all((grad != 0).any() for grad in work.run())


def test_a_dispatch_that_refuses_a_case_is_left_out_of_it(subjects):
    odd = shape(subjects, width=17)  # grouped_mm wants multiples of 16 bytes
    works = subjects.ours(odd, subjects.layer(odd))
    assert "grouped" not in works
    assert "loop" in works


def test_the_dense_network_has_the_flops_of_the_experts_that_a_token_meets(subjects):
    case = shape(subjects)
    work = subjects.ours(case, subjects.layer(case))["loop"]
    router = 3 * 2 * 48 * 16 * 4  # forward, and two products in backward
    combine = 2 * 2 * 48 * 2 * 16  # gates times answers; the gradient of the gates
    experts = 3 * 2 * 48 * 2 * (3 * 16 * 24)
    assert flops(subjects.dense(case, 48)) == experts
    assert flops(work) == experts + router + combine


@pytest.mark.parametrize("rows", [7, 16, 48, 100])
def test_a_dense_network_in_chunks_gives_what_the_whole_gives_for_the_same_flops(subjects, rows):
    case = shape(subjects)
    chunks, whole = subjects.dense(case, rows), subjects.dense(case, 48)
    torch.testing.assert_close(chunks.forward(chunks.x), whole.forward(whole.x))
    for ours, theirs in zip(chunks.run(), whole.run(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert flops(chunks) == flops(whole)


def test_the_best_chunks_are_among_those_that_fit(subjects):
    rows, work = subjects.best_dense(shape(subjects, tokens=300), tries=1)
    assert rows in (300, 256)
    assert work.x.shape == (300, 16)


def test_a_skewed_layer_brings_the_first_expert_the_load_that_is_asked_for(subjects):
    loads = []
    for skew in (None, 2.8):
        case = shape(subjects, tokens=2000, experts=8, skew=skew)
        load = subjects.layer(case).router(subjects.batch(case)[0]).load()
        loads.append((load.max() / load.float().mean()).item())
    assert loads[0] < 1.3
    assert loads[1] == pytest.approx(2.8, abs=0.02)


def test_subjects_are_timed_in_every_round_and_slow_ones_in_few(timing):
    seconds = {"base": 1.0, "near": 2.0, "far": 3.0}
    calls = []

    def timer(name):
        return lambda: calls.append(name) or seconds[name]

    timers = {name: timer(name) for name in seconds}
    times = timing.interleaved(timers, rounds=30, baseline="base", shortest=0.0)
    assert {name: len(taken) for name, taken in times.items()} == {"base": 30, "near": 30, "far": 6}
    assert timing.ratios(times, "far", "base") == [3.0] * 6
    assert timing.fastest(times, ["near", "far"], "base") == "near"
    # after two warm-ups of each, the order changes from round to round
    assert calls[:6] == ["base", "base", "near", "near", "far", "far"]
    pairs = [name for name in calls[6:] if name != "far"]
    assert set(pairs[::2]) == {"base", "near"}


def test_short_subjects_are_repeated_within_a_round(timing):
    calls = []
    timers = {"base": lambda: calls.append(1) or 0.001}
    times = timing.interleaved(timers, rounds=6, baseline="base", shortest=0.01)
    assert len(calls) == 2 + 6 * 10
    assert times["base"][0] == pytest.approx(0.001)


def test_a_peer_that_is_not_installed_is_named_once(peers, subjects, monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    case = shape(subjects)
    assert peers.peers(case, subjects.layer(case)) == {}
    said = peers.absences({"a case": case})
    assert [line for line in said if "transformers" in line] == [
        "transformers is not installed and left out."
    ]


def test_a_peer_that_does_not_take_a_case_is_named_with_the_reason(peers, subjects):
    half = {"half": shape(subjects, dtype=torch.bfloat16), "whole": shape(subjects)}
    said = [line for line in peers.absences(half) if "is not installed" not in line]
    assert "st-moe-pytorch is left out of half: its masks are no torch.bfloat16." in said
    assert not any("whole" in line for line in said)


@pytest.mark.slow
def test_the_quick_benchmark_of_the_moe_writes_its_rows_and_what_a_reader_must_know(tmp_path):
    out = tmp_path / "moe.json"
    command = [sys.executable, str(SCRIPTS / "bench_moe.py"), "--quick", "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=500
    )
    report = json.loads(out.read_text())
    assert (report["schema"], report["name"]) == (2, "moe")
    rows = report["rows"]
    assert all(0 < row["low"] <= row["ratio"] <= row["high"] < math.inf for row in rows)
    single = [row for row in rows if "1 thread, CPU time" in row["case"]]
    assert any("2 threads, wall time" in row["case"] for row in rows)
    assert all(row["goal"] is None for row in rows if row not in single)
    # each case's goal stands in one row: that of our fastest dispatch
    aims = [row for row in single if row["baseline"].startswith("dense") and row["goal"]]
    assert [row["goal"] for row in aims] == [1.05, 1.15, 1.0, 1.4]
    assert all(row["subject"].startswith("ours") for row in aims)
    assert {row["goal"] for row in single if row["case"].startswith("skewed")} == {1.1, None}
    assert {row["goal"] for row in single if row["case"].startswith("backward")} == {1.5, None}
    assert "GPU" in report["notes"][-1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_cases_run_and_never_wait_for_the_device(gpu):
    rows, facts = gpu.gpu_rows(quick=True, rounds=6)
    assert any("CUDA graphs" in row.case for row in rows)
    assert "grouped, triton" in facts[0]
    assert {"ours, triton", "ours, grouped"} <= {row.subject for row in rows}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("script", ["bench_moe_gpu.py", "bench_sparse_gpu.py"])
def test_without_a_gpu_its_benchmarks_end_in_one_line(script):
    command = [sys.executable, str(SCRIPTS / script), "--quick"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "this benchmark needs a CUDA device, and torch sees none here"
    ]
