"""The bench: loads an ELF, runs it on an emulated CPU, answers and records its system calls."""
