"""What this machine can do, what is wrong with it, and how each fault is mended."""

from fcn_edge.doctor.examination import examine
from fcn_edge.doctor.finding import DoctorReport, Finding

__all__ = ["DoctorReport", "Finding", "examine"]
