"""Putting the camera to the test: speed, honesty and endurance, each against its bar."""
