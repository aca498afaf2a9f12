"""What a machine tells of itself, on small copies of the files of real ones."""

from __future__ import annotations

import dataclasses
import json

import pytest
from machines import JETSON, PI_4, PI_5, ROCKCHIP, X86_VM, FakeTools, write_tree

from fcn_edge.machine import processor
from fcn_edge.machine.environment import EnvironmentInfo, find_environment, installed
from fcn_edge.machine.quota import quota_cpus
from fcn_edge.machine.reading import Gauge, Reading, take_reading
from fcn_edge.machine.tool import run_tool

NO_TOOLS = FakeTools({})


@pytest.fixture(autouse=True)
def _eight_processors(monkeypatch):
    """The trees describe their own processors, not those of the machine that tests them."""
    for module in ("processor", "sensor", "environment"):
        monkeypatch.setattr(f"fcn_edge.machine.{module}.allowed_cpus", lambda: frozenset(range(8)))


def test_a_raspberry_pi_5_tells_everything_but_stolen_time_and_modes(tmp_path):
    tools = FakeTools(
        {"vcgencmd get_throttled": "throttled=0x0\n", "vcgencmd measure_clock arm": "frequency(0)=2400033792\n"}
    )

    assert take_reading(root=write_tree(tmp_path, PI_5), run=tools) == Reading(
        load_1m=0.12,
        pressure_cpu=pytest.approx(0.0153),
        steal_s=0.0,
        busy_s=15.2,
        temperature_c=52.35,
        clock_mhz=pytest.approx(2400.033792),
        governor="ondemand",
        throttled_now=False,
        throttled_since_boot=False,
        undervoltage_now=False,
        undervoltage_since_boot=False,
        memory_free_mb=7168.0,
        time_in_state_s={"1500": 10.0, "2400": 2.5},
    )


@pytest.mark.parametrize(
    ("word", "now", "since_boot"),
    [
        ("0x1", (False, True), (False, False)),
        ("0x2", (True, False), (False, False)),
        ("0x4", (True, False), (False, False)),
        ("0x8", (True, False), (False, False)),
        ("0x10000", (False, False), (False, True)),
        ("0x20000", (False, False), (True, False)),
        ("0x40000", (False, False), (True, False)),
        ("0x80000", (False, False), (True, False)),
        ("0x50005", (True, True), (True, True)),
    ],
)
def test_each_bit_of_a_raspberry_pi_means_what_its_makers_say(tmp_path, word, now, since_boot):
    tools = FakeTools({"vcgencmd get_throttled": f"throttled={word}\n"})
    reading = take_reading(root=write_tree(tmp_path, PI_5), run=tools)

    assert (reading.throttled_now, reading.undervoltage_now) == now
    assert (reading.throttled_since_boot, reading.undervoltage_since_boot) == since_boot


def test_a_raspberry_pi_without_its_program_tells_through_the_kernel(tmp_path):
    reading = take_reading(root=write_tree(tmp_path, PI_4), run=NO_TOOLS)

    assert (reading.throttled_now, reading.throttled_since_boot) == (True, True)
    assert (reading.undervoltage_now, reading.undervoltage_since_boot) == (False, False)
    assert (reading.temperature_c, reading.clock_mhz, reading.governor) == (84.1, 1500.0, "performance")


def test_its_voltage_alarm_is_the_last_resort(tmp_path):
    files = {path: text for path, text in PI_4.items() if "get_throttled" not in path}
    reading = take_reading(root=write_tree(tmp_path, files), run=NO_TOOLS)

    assert (reading.undervoltage_now, reading.undervoltage_since_boot) == (True, None)


def test_an_answer_that_is_no_number_is_no_answer(tmp_path):
    files = {path: text for path, text in PI_5.items() if "firmware" not in path}
    tools = FakeTools(
        {"vcgencmd get_throttled": "VCHI initialization failed\n", "vcgencmd measure_clock arm": "error=1\n"}
    )
    reading = take_reading(root=write_tree(tmp_path, files), run=tools)

    assert (reading.throttled_now, reading.undervoltage_now) == (None, None)
    assert reading.clock_mhz is not None


def test_a_jetson_tells_its_power_mode_and_what_slowed_it(tmp_path):
    tools = FakeTools({"nvpmodel -q": "NV Fan Mode:quiet\nNV Power Mode: 15W\n0\n"})
    reading = take_reading(root=write_tree(tmp_path, JETSON), run=tools)

    assert reading.power_mode == "15W"
    assert (reading.throttled_now, reading.throttled_since_boot, reading.throttle_events) == (True, True, 7)
    assert reading.temperature_c == 48.031
    assert tools.asked == ["nvpmodel -q"]


def test_a_jetson_that_will_not_say_has_it_noted(tmp_path):
    assert take_reading(root=write_tree(tmp_path, JETSON), run=NO_TOOLS).power_mode == "mode 2"


def test_a_virtual_machine_tells_of_stolen_time_and_starts_no_program(tmp_path):
    tools = FakeTools({})
    reading = take_reading(root=write_tree(tmp_path, X86_VM), run=tools)

    assert reading == Reading(load_1m=0.0, steal_s=0.25, busy_s=1.5, clock_mhz=2445.434)
    assert tools.asked == []


def test_of_mixed_cores_the_fast_ones_are_read(tmp_path):
    reading = take_reading(root=write_tree(tmp_path, ROCKCHIP), run=NO_TOOLS)

    assert (reading.clock_mhz, reading.governor, reading.temperature_c) == (2256.0, "schedutil", 61.0)


def test_a_machine_that_tells_nothing_gives_an_empty_reading(tmp_path):
    assert take_reading(root=tmp_path, run=NO_TOOLS) == Reading()
    assert find_environment(tmp_path).board


@pytest.mark.parametrize(
    "text", ["", "\n", "garbage\n", "cpu x y\n", ":::\n", "cpu  1 2\n", "-256000\n", "<unknown>\n"]
)
def test_whatever_the_files_hold_a_reading_comes(tmp_path, text):
    files = {path: text for tree in (PI_5, JETSON, X86_VM) for path in tree if path != "proc/device-tree/model"}
    root = write_tree(tmp_path, files)

    reading = take_reading(root=root, run=NO_TOOLS)
    assert reading.temperature_c is None
    assert quota_cpus(root) is None
    assert find_environment(root).isa == ()


def test_this_machine_can_be_read():
    reading = take_reading()

    assert json.loads(json.dumps(dataclasses.asdict(reading))) == dataclasses.asdict(reading)


def test_a_gauge_follows_the_files_without_opening_them_again(tmp_path):
    root = write_tree(tmp_path, PI_5)
    gauge = Gauge(root)
    assert (gauge.temperature_c(), gauge.clock_mhz()) == (52.35, 2400.0)

    write_tree(root, {"sys/class/thermal/thermal_zone0/temp": "61000\n"})
    for cpu in range(4):
        write_tree(root, {f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq": "1500000\n"})
    assert (gauge.temperature_c(), gauge.clock_mhz()) == (61.0, 1500.0)

    gauge.close()
    gauge.close()
    assert (gauge.temperature_c(), gauge.clock_mhz()) == (None, None)


def test_a_desktop_has_its_temperature_from_the_chip(tmp_path):
    files = {
        "sys/class/thermal/thermal_zone0/type": "acpitz\n",
        "sys/class/thermal/thermal_zone0/temp": "27800\n",
        "sys/class/hwmon/hwmon0/name": "nvme\n",
        "sys/class/hwmon/hwmon0/temp1_input": "41000\n",
        "sys/class/hwmon/hwmon3/name": "k10temp\n",
        "sys/class/hwmon/hwmon3/temp1_input": "66125\n",
    }
    assert Gauge(write_tree(tmp_path, files)).temperature_c() == 66.125


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000\n",
            },
            2.0,
        ),
        # The path outside the container is shown, only the group itself is mounted.
        ({"proc/self/cgroup": "0::/kube/pod7\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1.0),
        ({"proc/self/cgroup": "0::/../../../other\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (
            {
                "proc/self/cgroup": "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
    ],
)
def test_a_quota_is_the_smallest_on_the_way_up(tmp_path, files, quota):
    root = write_tree(tmp_path, files)

    assert quota_cpus(root) == quota
    assert processor.usable_cpus(root, allowed={0, 1, 2, 3}) == (4.0 if quota is None else quota)
    assert processor.usable_cpus(root, allowed={0}) == min(1.0, quota or 1.0)


def test_an_environment_names_the_processor_and_what_it_can(tmp_path):
    env = find_environment(write_tree(tmp_path, PI_5))

    assert (env.board, env.cpu) == ("Raspberry Pi 5 Model B Rev 1.0", "Cortex-A76")
    assert env.isa == ("asimd", "asimdhp", "asimddp")
    assert (env.quota_cpus, env.mixed_cores) == (None, False)


def test_an_environment_tells_of_quota_and_mixed_cores(tmp_path):
    vm = find_environment(write_tree(tmp_path / "vm", X86_VM))
    mixed = find_environment(write_tree(tmp_path / "mixed", ROCKCHIP))

    assert (vm.board, vm.cpu, vm.quota_cpus) == (vm.cpu, "AMD EPYC 7763 64-Core Processor", 1.5)
    assert vm.isa == ("sse4_1", "avx", "f16c", "fma", "avx2")
    assert (mixed.cpu, mixed.mixed_cores) == ("Cortex-A55 + Cortex-A76", True)


def test_what_older_results_say_of_their_machine_can_still_be_read():
    assert EnvironmentInfo("Pi", "aarch64", 4, "Linux", "3.11", {}).isa == ()


def test_installed_packages_are_found_by_their_own_names():
    assert list(installed(("numpy", "no-such-package"))) == ["numpy"]


def test_a_program_that_is_absent_fails_or_hangs_gives_no_answer(tmp_path, monkeypatch):
    for name, text in {"fails": "echo text; exit 3", "hangs": "sleep 30", "answers": "echo text"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("fcn_edge.machine.tool._LONGEST_S", 0.3)

    assert [run_tool([name]) for name in ("absent", "fails", "hangs", "answers")] == [None, None, None, "text\n"]
