"""The Linux side of the line: what a guest may ask for, declared once."""
