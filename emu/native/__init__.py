"""Programs on the bare kernel, traced by ptrace(2): the judge that emu's own runs are held against."""
