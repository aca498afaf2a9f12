"""Where results go: films, logs, masks, other machines. Each module has one sink."""
