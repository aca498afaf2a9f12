"""Which processor a measurement is bound to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from machines import ROCKCHIP, write_tree

from fcn_edge.machine.processor import cpu_name, fast_cluster, fastest, int8_dot_products


def test_of_equal_processors_it_is_the_last_one_allowed(tmp_path):
    assert fastest({0, 1, 2}, root=tmp_path) == 2


def test_on_a_mixed_processor_it_is_a_fast_one(tmp_path):
    root = write_tree(tmp_path, ROCKCHIP)

    assert fastest(range(8), root=root) == 7
    assert fastest({0, 1, 5}, root=root) == 5
    assert fastest({2, 3}, root=root) == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a processor")
def test_a_measurement_stays_on_all_fast_processors_where_some_are_slow(tmp_path):
    root = write_tree(tmp_path, ROCKCHIP)

    assert fast_cluster(range(8), root) == (4, 5, 6, 7)
    assert fast_cluster({0, 4, 6}, root) == (4, 6)
    assert fast_cluster({4, 5}, root) is None
    assert fast_cluster({0, 3}, root) is None
    assert fast_cluster(range(8), tmp_path / "tells nothing") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("model name\t: Intel(R) Core(TM) i7\n", "Intel(R) Core(TM) i7"),
        ("model name\t: ARMv7 Processor rev 3\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n", "Cortex-A72"),
        ("CPU implementer\t: 0x99\nCPU part\t: 0x123\n", "ARM 0x99/0x123"),
        ("CPU implementer\t: ?\nCPU part\t:\n", None),
        ("processor\t: 0\nuarch\t\t: sifive,u74-mc\n", "sifive,u74-mc"),
    ],
)
def test_a_processor_is_named_as_it_tells(tmp_path, text, name):
    assert cpu_name(write_tree(tmp_path, {"proc/cpuinfo": text})) == name


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to a processor")
def test_a_pinned_process_has_one_processor_and_so_have_its_threads():
    code = """
import os, threading
from fcn_edge.machine.processor import pin_to_one
cpu = pin_to_one()
seen = []
thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
thread.start(); thread.join()
print(seen == [{cpu}] == [os.sched_getaffinity(0)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", ("avx512_vnni",)),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n", ("asimddp", "i8mm")),
        ("vendor_id : x\nflags : fpu avx2\nflags : fpu avx2 avx_vnni\n", ()),
        ("Hardware\t: something\n", None),
    ],
)
def test_int8_dot_products_are_told_as_the_kernel_lists_them(tmp_path, text, found):
    assert int8_dot_products(root=write_tree(tmp_path, {"proc/cpuinfo": text})) == found
    assert int8_dot_products(root=tmp_path / "absent") is None
