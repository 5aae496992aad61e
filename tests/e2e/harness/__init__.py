"""What the end-to-end scenarios share. Python 3 standard library only."""
