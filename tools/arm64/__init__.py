"""Parts of ``tools/test_arm64``: the device's software on arm64 packages and wheels, without a board."""
