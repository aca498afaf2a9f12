"""Small trees of the files in which the kernel tells of a machine, as found on boards and servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

PI_5 = {
    "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    "proc/loadavg": "0.12 0.30 0.28 1/234 5678\n",
    "proc/stat": "cpu  1000 200 300 90000 40 5 15 0 0 0\ncpu0 250 50 75 22500 10 1 4 0 0 0\nintr 1\n",
    "proc/meminfo": "MemTotal:        8245952 kB\nMemFree:         6000000 kB\nMemAvailable:    7000000 kB\n",
    "proc/pressure/cpu": "some avg10=1.53 avg60=0.92 avg300=0.31 total=123456\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/cpuinfo": "".join(
        f"processor\t: {cpu}\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid "
        "asimdrdm lrcpc dcpop asimddp\nCPU implementer\t: 0x41\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\n\n"
        for cpu in range(4)
    )
    + "Revision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "52350\n",
    "sys/class/thermal/cooling_device0/type": "pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": "2\n",
    **{
        f"sys/devices/system/cpu/cpu{cpu}/cpufreq/{name}": value
        for cpu in range(4)
        for name, value in {
            "scaling_governor": "ondemand\n",
            "scaling_cur_freq": "2400000\n",
            "cpuinfo_max_freq": "2400000\n",
            "stats/time_in_state": "1500000 1000\n2400000 250\n",
        }.items()
    },
    "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "proc/self/cgroup": "0::/user.slice/user-1000.slice\n",
}

PI_4 = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/loadavg": "3.90 2.00 1.00 5/200 999\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "84100\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "e0008\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
}

JETSON = {
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 3.0\n",
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nFeatures\t: fp asimd asimdhp asimddp\n"
    "CPU implementer\t: 0x41\nCPU part\t: 0xd42\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48031\n",
    "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "60000\n",
    "sys/class/thermal/thermal_zone2/type": "cv0-thermal\n",
    "sys/class/thermal/thermal_zone2/temp": "-256000\n",
    "sys/class/thermal/cooling_device0/type": "cpufreq-cpu0\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "sys/class/thermal/cooling_device1/type": "cpufreq-cpu4\n",
    "sys/class/thermal/cooling_device1/cur_state": "3\n",
    "sys/class/hwmon/hwmon2/name": "soctherm_oc\n",
    "sys/class/hwmon/hwmon2/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon2/oc3_event_cnt": "7\n",
    "var/lib/nvpmodel/status": "pmode:0002\n",
}

X86_VM = {
    "proc/loadavg": "0.00 0.01 0.05 2/110 321\n",
    "proc/stat": "cpu  100 0 50 1000 0 0 0 25 0 0\n",
    "proc/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763 64-Core Processor\n"
    "cpu MHz\t\t: 2445.434\nflags\t\t: fpu sse4_1 avx f16c fma avx2\n\n"
    "processor\t: 1\nmodel name\t: AMD EPYC 7763 64-Core Processor\n",
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
}

ROCKCHIP = {
    "proc/device-tree/model": "Radxa ROCK 5B\0",
    "proc/cpuinfo": "".join(
        f"processor\t: {cpu}\nCPU implementer\t: 0x41\nCPU part\t: {'0xd05' if cpu < 4 else '0xd0b'}\n"
        for cpu in range(8)
    ),
    **{
        f"sys/devices/system/cpu/cpu{cpu}/{name}": value
        for cpu in range(8)
        for name, value in {
            "cpu_capacity": "530\n" if cpu < 4 else "1024\n",
            "cpufreq/cpuinfo_max_freq": "1800000\n" if cpu < 4 else "2400000\n",
            "cpufreq/scaling_cur_freq": "1008000\n" if cpu < 4 else "2256000\n",
            "cpufreq/scaling_governor": "interactive\n" if cpu < 4 else "schedutil\n",
        }.items()
    },
    **{
        f"sys/class/thermal/thermal_zone{i}/{name}": value
        for i, (kind, temperature) in enumerate(
            [("soc-thermal", 55000), ("bigcore0-thermal", 61000), ("littlecore-thermal", 52000), ("gpu-thermal", 70000)]
        )
        for name, value in {"type": f"{kind}\n", "temp": f"{temperature}\n"}.items()
    },
}


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Write files by their paths below *root*, which is given back."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


class FakeTools:
    """Programs that answer as the table says; what is not in it is not installed.

    Attributes:
        asked: The commands that were run.
    """

    def __init__(self, answers: Mapping[str, str]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str]) -> str | None:
        self.asked.append(" ".join(command))
        return self._answers.get(" ".join(command))
