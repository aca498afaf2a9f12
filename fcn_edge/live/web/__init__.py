"""The browser view: a page with the live picture and its figures, for a board without a display."""
