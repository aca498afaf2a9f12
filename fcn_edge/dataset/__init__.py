"""Data folders: opening and checking them, reading masks, and bringing other layouts into theirs."""

from fcn_edge.dataset.check import DataReport, check_folder
from fcn_edge.dataset.coco import convert_coco
from fcn_edge.dataset.crop import crop_folder
from fcn_edge.dataset.folder import DataFolder, Sample, open_folder
from fcn_edge.dataset.mask import read_mask, write_mask
from fcn_edge.dataset.voc import convert_voc

__all__ = [
    "DataFolder",
    "DataReport",
    "Sample",
    "check_folder",
    "convert_coco",
    "convert_voc",
    "crop_folder",
    "open_folder",
    "read_mask",
    "write_mask",
]
