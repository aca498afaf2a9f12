"""Which processor a measurement is bound to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fcn_edge.machine.processor import fastest, int8_dot_products


def test_of_equal_processors_it_is_the_last_one_allowed(tmp_path):
    assert fastest({0, 1, 2}, root=tmp_path) == 2


def test_on_a_mixed_processor_it_is_a_fast_one(tmp_path):
    for cpu, capacity in enumerate((1024, 1024, 380, 380)):
        (tmp_path / f"cpu{cpu}").mkdir()
        (tmp_path / f"cpu{cpu}" / "cpu_capacity").write_text(f"{capacity}\n")

    assert fastest({0, 1, 2, 3}, root=tmp_path) == 1
    assert fastest({2, 3}, root=tmp_path) == 3


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
    (tmp_path / "cpuinfo").write_text(text)

    assert int8_dot_products(path=tmp_path / "cpuinfo") == found
    assert int8_dot_products(path=tmp_path / "absent") is None
