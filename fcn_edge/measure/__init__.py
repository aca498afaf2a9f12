"""Measuring what a model is worth: how right it is, how fast, whether that is enough, and reports of it.

Nothing here needs TensorFlow, except that a ``.keras`` file among the models does when it is opened.
"""
