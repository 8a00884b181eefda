"""Python that becomes machine code: the language, its compiler, its runtime and programs."""
