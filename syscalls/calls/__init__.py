"""The system calls, one file a family."""
