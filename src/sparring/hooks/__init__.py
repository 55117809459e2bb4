"""What looks on while the engine trains: a file per hook."""
