"""Live segmentation: sources, the pipeline from frame to mask, and where the result goes."""
