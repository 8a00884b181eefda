"""The runtime that guest programs are built on."""
