F = lambda x: x
