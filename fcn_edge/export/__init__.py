"""Export: from a Keras model to files for a device, proven before they are named."""

from fcn_edge.export.config import DEFAULT_FORMATS, ExportConfig
from fcn_edge.export.diagnosis import DiagnosisConfig, LayerDiagnosis
from fcn_edge.export.diagnosis_run import diagnose
from fcn_edge.export.pipeline import export_model
from fcn_edge.export.report import ExportReport

__all__ = [
    "DEFAULT_FORMATS",
    "DiagnosisConfig",
    "ExportConfig",
    "ExportReport",
    "LayerDiagnosis",
    "diagnose",
    "export_model",
]
