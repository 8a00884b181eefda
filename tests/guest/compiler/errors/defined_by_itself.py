A = B + 1
B = A + 1
