from syscalls import numbers

X = numbers.no_such_call
