"""Looking at a saved trace: in the terminal, and as a page for a browser."""
