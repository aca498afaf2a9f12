"""The whole way on a shipped model and drawn scenes: export, compare, bench, camera, report.

It lies in the command line's layer because it uses export, measure and live, which do not know each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fcn_edge import scenes
from fcn_edge.atomic import write_report
from fcn_edge.dataset import DataFolder, open_folder
from fcn_edge.errors import UsageError
from fcn_edge.measure.accuracy import CompareConfig, CompareReport, compare
from fcn_edge.measure.accuracy.result import to_json
from fcn_edge.measure.bench import BenchConfig, BenchReport, bench
from fcn_edge.measure.bench.result import to_json as bench_json
from fcn_edge.measure.report import make_report, write_report_pages
from fcn_edge.model_file import parse_name, read_card, resolve

FORMATS = ("tflite-int8", "tflite-fp32", "onnx-int8", "onnx-fp32")
_MASKED_SCENES = 8
_SHORT_BENCH = BenchConfig(rounds=3, blocks=66, min_seconds=6.0, time_budget_s=30.0, extensions=0)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class QuickstartConfig:
    """What the quickstart does.

    Attributes:
        out: Folder for everything it makes.
        model: Name of a shipped model that knows the scenes' classes, a ``.keras`` file or a run folder.
        train: Scenes to calibrate int8 on.
        val: Scenes to compare on.
        seconds: Length of the film.
        fps: Its frame rate.
        size_hw: Height and width of scenes and film.
        formats: What to export.
        seed: Of the scenes.
        bench: How to time; shorter than the protocol, which the report says.
        quiet: Show no progress.
    """

    out: Path
    model: str = "nuclei"
    train: int = 64
    val: int = 24
    seconds: float = 8.0
    fps: float = 20.0
    size_hw: tuple[int, int] = (256, 320)
    formats: tuple[str, ...] = FORMATS
    seed: int = 0
    bench: BenchConfig = _SHORT_BENCH
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class StepStats:
    """One step: what it did, how long it took, and where its files lie."""

    name: str
    done: str
    seconds: float
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuickstartReport:
    """What a quickstart did and found.

    Attributes:
        model: The ``.keras`` it began with.
        out: Folder of everything it made.
        steps: In their order.
        comparison: Of the exported files with *model*.
        latency: Of the exported files.
        device_file: The exported file that segmented the film.
        film_fps: Frame rate of the film.
        camera_fps: Frames segmented a second.
        capture_to_result_ms: Median time from frame to mask.
        page: The report.
    """

    model: Path
    out: Path
    steps: tuple[StepStats, ...]
    comparison: CompareReport
    latency: BenchReport
    device_file: Path
    film_fps: float
    camera_fps: float | None
    capture_to_result_ms: float | None
    page: Path

    @property
    def seconds(self) -> float:
        """All steps together."""
        return sum(step.seconds for step in self.steps)


@dataclass(slots=True)
class _Steps:
    """Tells and times the steps, one after the other."""

    count: int
    tell: Tell
    finished: list[StepStats] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; the block appends what it did, then its files."""
        said: list[str] = []
        began_at = time.monotonic()
        yield said
        seconds = time.monotonic() - began_at
        done, *files = said
        self.finished.append(StepStats(name, done, round(seconds, 2), tuple(files)))
        self.tell(f"{len(self.finished)}/{self.count}  {name:<9} {seconds:5.1f} s  {done}")


def run_quickstart(config: QuickstartConfig, *, tell: Tell = print) -> QuickstartReport:
    """Draw scenes, export, compare, time, run the camera on a film, write masks and a report.

    Every step leaves its files finished, so an interrupted run keeps what it has.

    Args:
        config: What to do.
        tell: Takes a line for each finished step.

    Raises:
        UsageError: The model does not exist or does not know the scenes' classes.
        FcnEdgeError: Whatever a step raises.
    """
    model = find_model(config.model)
    steps = _Steps(7, tell)
    out = config.out
    with steps.step("scenes") as said:
        folder, film = _draw(config)
        drawn = (
            f"{config.train} to calibrate on, {config.val} with exact masks to compare on, {config.seconds:g} s film"
        )
        said += [drawn, str(folder.root), str(film)]
    with steps.step("export") as said:
        files = _export(model, config)
        said += [", ".join(path.name for path in files), *map(str, files), str(out / "models" / "export.json")]
    with steps.step("compare") as said:
        comparison = _compare([model, *files], folder, config)
        said += [f"{len(files) + 1} models on {comparison.images} scenes", str(out / "compare.json")]
    with steps.step("bench") as said:
        latency = _bench(files, config)
        said += [f"{len(files)} files side by side", str(out / "bench.json")]
    device_file = next((path for path in files if parse_name(path).precision == "int8"), files[0])
    with steps.step("camera") as said:
        fps, latency_ms = _camera(device_file, film, config)
        said += [f"the film with {device_file.name}", str(out / "film-segmented.avi"), str(out / "camera.json")]
    with steps.step("masks") as said:
        said += [f"masks and overlays of {_segment(device_file, folder, out / 'masks')} scenes", str(out / "masks")]
    page = out / "report.html"
    with steps.step("report") as said:
        results = [out / "compare.json", out / "bench.json", out / "models" / "export.json", out / "camera.json"]
        card = read_card(model)
        report = make_report(results, title=f"Quickstart: {card.name if card else parse_name(model).name}")
        write_report_pages(report, html=page, markdown=out / "report.md")
        said += ["accuracy, agreement, difference pictures, times", str(page), str(out / "report.md")]
    return QuickstartReport(
        model, out, tuple(steps.finished), comparison, latency, device_file, config.fps, fps, latency_ms, page
    )


def find_model(model: str) -> Path:
    """Find the ``.keras`` that a name, file or run folder means.

    Raises:
        UsageError: There is none, or its classes are not those of the scenes.
    """
    path = resolve(model) if Path(model).exists() else resolve(f"{model}.keras")
    if path.suffix != ".keras":
        hint = "give a run folder, a .keras file or the name of a shipped model"
        raise UsageError(f"{path}: is exported already; the quickstart begins with a .keras", hint=hint)
    card = read_card(path)
    names = tuple(spec.name for spec in card.classes) if card else ()
    if names != scenes.CLASS_NAMES:
        found = ", ".join(names) or "unknown: it has no card"
        wanted = ", ".join(scenes.CLASS_NAMES)
        raise UsageError(
            f"{path}: its classes are {found}; the scenes show {wanted}",
            hint="use --model nuclei; your own data goes through train, export and compare",
        )
    return path


def _draw(config: QuickstartConfig) -> tuple[DataFolder, Path]:
    root = scenes.write_data_folder(
        config.out / "data",
        train=config.train,
        val=config.val,
        seed=config.seed,
        size_hw=config.size_hw,
        quiet=config.quiet,
    )
    film = scenes.write_film(config.out / "film.avi", seconds=config.seconds, fps=config.fps, size_hw=config.size_hw)
    return open_folder(root), film.path


def _export(model: Path, config: QuickstartConfig) -> list[Path]:
    from fcn_edge.export import ExportConfig, export_model

    wish = ExportConfig(data=config.out / "data", out=config.out / "models", formats=config.formats)
    report = export_model(str(model), wish)
    return [report.out / file.path for file in report.files]


def _compare(models: list[Path], folder: DataFolder, config: QuickstartConfig) -> CompareReport:
    how = CompareConfig(reference=models[0], pictures=config.out / "pictures", quiet=config.quiet)
    report = compare(models, folder, "val", config=how)
    write_report(config.out / "compare.json", "compare", to_json(report, beside=config.out))
    return report


def _bench(files: list[Path], config: QuickstartConfig) -> BenchReport:
    report = bench(files, config=dataclasses.replace(config.bench, seed=config.seed, quiet=config.quiet))
    write_report(config.out / "bench.json", "bench", bench_json(report))
    return report


def _camera(model: Path, film: Path, config: QuickstartConfig) -> tuple[float | None, float | None]:
    from fcn_edge.live.config import CameraConfig
    from fcn_edge.live.run import run_camera
    from fcn_edge.live.source import SourceConfig

    stats = run_camera(
        CameraConfig(
            model=str(model),
            source=SourceConfig(str(film)),
            view="none",
            record=config.out / "film-segmented.avi",
            report=config.out / "camera.json",
        ),
        quiet=config.quiet,
    )
    return stats.fps.processed, stats.capture_to_result_ms.p50


def _segment(model: Path, folder: DataFolder, out: Path) -> int:
    from fcn_edge.runtime.segmenter import Segmenter
    from fcn_edge.runtime.still import segment_files

    images = [sample.image_path for sample in folder.samples("val")[:_MASKED_SCENES]]
    with Segmenter.open(model) as segmenter:
        segment_files(segmenter, images, out, quiet=True)
    return len(images)
