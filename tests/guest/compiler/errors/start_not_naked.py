def _start() -> None:
    pass
