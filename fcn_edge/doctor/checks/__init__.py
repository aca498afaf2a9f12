"""The checks, one module each: a function ``check`` from a host to findings. ``examination`` has the table of them."""
